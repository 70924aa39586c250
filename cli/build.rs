//! Passes on the linker arguments that the library's build script found for libtorch.

fn main() {
    println!("cargo::rerun-if-env-changed=DEP_CHIFFCHAFF_LINK_ARGS");
    for argument in std::env::var("DEP_CHIFFCHAFF_LINK_ARGS")
        .unwrap_or_default()
        .lines()
    {
        println!("cargo::rustc-link-arg={argument}");
    }
}

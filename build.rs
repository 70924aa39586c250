//! Says in one sentence what to run when libtorch is missing, and tells the linker where it lies.

#[path = "xtask/src/setup/installed.rs"]
mod installed;

use std::{
    env,
    path::{Path, PathBuf},
    process,
};

fn main() {
    println!("cargo::rerun-if-env-changed=LIBTORCH");
    println!("cargo::rerun-if-env-changed=LIBTORCH_USE_PYTORCH");
    println!("cargo::rerun-if-changed=xtask/src/setup/installed.rs");
    let uses_engine = env::var_os("CARGO_FEATURE_NN").is_some();
    let from_python = env::var_os("LIBTORCH_USE_PYTORCH").is_some();
    // Without LIBTORCH torch-sys looks for a system-wide installation.
    let Some(libtorch) = env::var_os("LIBTORCH").map(PathBuf::from) else {
        return;
    };
    if !uses_engine || from_python {
        return;
    }
    println!("cargo::rerun-if-changed={}", libtorch.join("lib").display());
    if let Err(reason) = installed::check(&libtorch) {
        println!("cargo::error={reason}: run `cargo xtask setup` once, then build again");
        process::exit(1);
    }
    let arguments = linker_arguments(&libtorch);
    for argument in &arguments {
        println!("cargo::rustc-link-arg={argument}");
    }
    // For packages that build programs from the library, see cli/build.rs.
    println!("cargo::metadata=link_args={}", arguments.join("\n"));
}

/// Arguments for programs that use the engine; none for the usual libtorch in the repository.
fn linker_arguments(libtorch: &Path) -> Vec<String> {
    let library_folder = libtorch.join("lib");
    let in_repository = env::var_os("CARGO_MANIFEST_DIR")
        .is_some_and(|root| libtorch == Path::new(&root).join(".libtorch"));
    let mut arguments = Vec::new();
    // The repository's own libtorch is found by the relative rpath in .cargo/config.toml.
    if !in_repository {
        arguments.push(format!("-Wl,-rpath,{}", library_folder.display()));
    }
    // No symbol of the CUDA library is named anywhere: it registers itself when loaded, so the
    // linker must not drop it as unused.
    if library_folder.join("libtorch_cuda.so").is_file() {
        arguments.push("-Wl,--push-state,--no-as-needed,-ltorch_cuda,--pop-state".to_owned());
    }
    arguments
}

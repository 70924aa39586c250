//! `cargo xtask demo`: from a bare machine to the report.

use crate::{
    repository::Repository,
    setup::{self, Flavour},
};
use anyhow::{Context, Result, bail};
use std::{env, process::Command};

const CLIPS: &str = "data/esc10";
const OUT: &str = "runs/demo";

/// Sets up, builds the program and lets it tell the whole story on the bundled clips.
///
/// # Errors
/// The first step that fails.
pub(crate) fn run(repository: &Repository) -> Result<()> {
    require_cpp_compiler()?;
    setup::run(repository, Flavour::Cpu)?;
    println!("building chiffchaff (release; minutes the first time)");
    let build = ["build", "--release", "--package", "chiffchaff-cli"];
    if !repository.cargo(build).status()?.success() {
        bail!("chiffchaff does not build; see the messages above");
    }
    let demo = ["demo", "--data", CLIPS, "--out", OUT];
    if !repository.chiffchaff(demo).status()?.success() {
        bail!(
            "`chiffchaff {}` failed; see its message above",
            demo.join(" ")
        );
    }
    Ok(())
}

/// The binding of libtorch is C++ that is compiled here.
///
/// # Errors
/// When no compiler runs.
pub(crate) fn require_cpp_compiler() -> Result<()> {
    let compiler = env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    let words: Vec<&str> = compiler.split_whitespace().collect();
    let (program, arguments) = words.split_first().context("`CXX` is set but empty")?;
    let runs = Command::new(program)
        .args(arguments)
        .arg("--version")
        .output();
    if !runs.is_ok_and(|output| output.status.success()) {
        bail!(
            "no C++ compiler was found (`{compiler}`)\n\nhint: install one (`apt install g++` on \
             Debian and Ubuntu, `xcode-select --install` on macOS)"
        );
    }
    Ok(())
}

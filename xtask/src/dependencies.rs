//! What we build on: licences, duplicates, sources and known faults of every crate, by `cargo deny` and `deny.toml`.

use crate::repository::Repository;
use anyhow::{Result, bail};
use std::{path::PathBuf, process::Stdio};

/// The version whose checks `deny.toml` is written for.
const VERSION: &str = "0.20.2";

/// Checks every crate in `Cargo.lock`. Known faults are checked where their database can be fetched, and otherwise are
/// said not to be.
///
/// # Errors
/// If a crate must not be used, or `cargo deny` cannot be installed.
pub(crate) fn check(repository: &Repository) -> Result<()> {
    install(repository)?;
    if !deny(repository, &["check", "licenses", "bans", "sources"], true)? {
        bail!(
            "a dependency must not be used, see above\n\nhint: use another, or write into `deny.toml` why it may stay"
        );
    }
    if !deny(repository, &["fetch", "db"], false)? {
        eprintln!("known faults of dependencies: not checked, as their database cannot be fetched");
        return Ok(());
    }
    match deny(
        repository,
        &["check", "--disable-fetch", "advisories"],
        true,
    )? {
        true => Ok(()),
        false => bail!(
            "a dependency has a known fault, see above\n\nhint: `cargo update -p CRATE`, or write into `deny.toml` why it cannot harm"
        ),
    }
}

/// Whether `cargo deny` with these arguments is content.
fn deny(repository: &Repository, arguments: &[&str], is_heard: bool) -> Result<bool> {
    let mut command = std::process::Command::new(program(repository));
    command.current_dir(repository.root());
    command.args(["--all-features", "--locked"]).args(arguments);
    if !is_heard {
        command.stdout(Stdio::null()).stderr(Stdio::null());
    }
    Ok(command.status()?.success())
}

fn install(repository: &Repository) -> Result<()> {
    if is_installed(repository) {
        return Ok(());
    }
    let root = folder(repository);
    eprintln!("cargo-deny {VERSION} → {}, once", root.display());
    // Without optimisation: it builds in a fraction of the time, and looks at a few hundred crates.
    let mut cargo = repository.cargo(["install", "--quiet", "--debug", "--locked"]);
    cargo.args(["--version", VERSION, "cargo-deny", "--root"]);
    cargo.arg(root);
    match cargo.status()?.success() {
        true => Ok(()),
        false => bail!("cargo-deny {VERSION} cannot be installed; see the messages above"),
    }
}

fn is_installed(repository: &Repository) -> bool {
    let mut command = std::process::Command::new(program(repository));
    let output = command.arg("--version").output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(VERSION))
}

fn folder(repository: &Repository) -> PathBuf {
    repository.root().join("target/tools")
}

fn program(repository: &Repository) -> PathBuf {
    let name = format!("cargo-deny{}", std::env::consts::EXE_SUFFIX);
    folder(repository).join("bin").join(name)
}

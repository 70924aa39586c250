//! `cargo xtask fuzz`: files nobody would write, for everything that reads one.

use crate::{
    repository::Repository,
    setup::{self, Flavour},
};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

/// The longest input a seed can lead to; sound files need more than tables.
const MAX_BYTES: u32 = 24_000;
/// A reader that takes longer for so few bytes, or more memory, has lost its bounds.
const MAX_SECS: u32 = 20;
const MAX_MEGABYTES: u32 = 4096;

/// Fuzzes one reader, or each in turn, for so many minutes.
///
/// # Errors
/// If nightly or cargo-fuzz is missing, if there is no such reader, or at the first finding.
pub(crate) fn run(repository: &Repository, target: Option<&str>, minutes: u32) -> Result<()> {
    let targets = targets(repository)?;
    let chosen: Vec<_> = match target {
        None => targets.iter().map(String::as_str).collect(),
        Some(name) if targets.iter().any(|known| known == name) => vec![name],
        Some(name) => bail!("there is no target `{name}`, only {}", targets.join(", ")),
    };
    require(
        &["+nightly", "--version"],
        "rustup toolchain install nightly",
    )?;
    require(
        &["+nightly", "fuzz", "--version"],
        "cargo install cargo-fuzz",
    )?;
    setup::run(repository, Flavour::Cpu)?;
    for name in chosen {
        println!("{name}: {minutes} min");
        fuzz(repository, name, minutes)
            .with_context(|| format!("the reader `{name}` has a finding, see above"))?;
    }
    println!("no finding");
    Ok(())
}

fn targets(repository: &Repository) -> Result<Vec<String>> {
    let folder = repository.root().join("fuzz/fuzz_targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        names.extend(path.file_stem().map(|n| n.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

fn require(arguments: &[&str], hint: &str) -> Result<()> {
    let mut command = cargo();
    command.args(arguments);
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    match quiet.status() {
        Ok(status) if status.success() => Ok(()),
        _ => bail!(
            "`cargo {}` does not run\n\nhint: `{hint}`",
            arguments.join(" ")
        ),
    }
}

fn fuzz(repository: &Repository, name: &str, minutes: u32) -> Result<()> {
    let root = repository.root();
    let corpus = root.join("fuzz/corpus").join(name);
    fs::create_dir_all(&corpus)?;
    let sounds = ["tests/audio", "fuzz/sounds"].map(|folder| root.join(folder));
    let mut command = cargo();
    command
        .current_dir(root)
        .args(["+nightly", "fuzz", "run", "--features", "libfuzzer", name])
        .arg(&corpus)
        .arg(root.join("fuzz/seeds").join(name))
        .args(sounds.iter().filter(|_| name == "audio"))
        .arg("--")
        .arg(format!("-max_total_time={}", u64::from(minutes) * 60))
        .arg(format!("-timeout={MAX_SECS}"))
        .arg(format!("-rss_limit_mb={MAX_MEGABYTES}"))
        .arg(format!("-max_len={MAX_BYTES}"))
        // cargo-fuzz takes the place of the rpath that `.cargo/config.toml` gives to programs.
        .env("LD_LIBRARY_PATH", root.join(".libtorch/lib"))
        // Our own readers, not what another program makes of damaged files.
        .env("CHIFFCHAFF_FFMPEG", "")
        // libtorch keeps what it allocates once.
        .env("ASAN_OPTIONS", "detect_leaks=0:detect_odr_violation=0");
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        command.env("TMPDIR", memory);
    }
    if !command.status()?.success() {
        bail!("mend it, and keep its file under fuzz/seeds/{name}/");
    }
    Ok(())
}

/// `cargo` as the user's shell finds it, since only rustup's understands `+nightly`.
fn cargo() -> Command {
    let mut command = Command::new("cargo");
    // Set for us by the Cargo that runs us, and would be obeyed by the one we start.
    for variable in ["CARGO", "RUSTUP_TOOLCHAIN", "RUSTC", "RUSTDOC"] {
        command.env_remove(variable);
    }
    command
}

//! Wheels from the package index, byte-exactly continued, checked against their pinned hashes.
//!
//! pip knows the index, its certificates and its passwords, so pip says where a wheel lies; as it
//! cannot continue a partial file, `fetch.py` downloads it. Where that way is barred, pip downloads
//! itself, wheel by wheel.

use super::{
    python::Python,
    wheel::{Platform, Wheel},
};
use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// Said wherever the disk runs full.
pub(super) const SPACE_HINT: &str =
    "hint: the set-up needs 1.1 GB for a moment and keeps 0.5 GB; with `--cuda` 7 and 5 GB";

const NETWORK_HINT: &str = "hint: check the connection, and proxy and index in pip's settings \
                            (`python3 -m pip config list`), then run the same command again: it continues";

/// From this release on pip reads a wheel's metadata without fetching the whole wheel.
const PIP_THAT_READS_METADATA: (u32, u32) = (23, 2);

/// A pip that does, for hosts with an older one: a wheel that runs without being installed.
const NEWER_PIP: Wheel = Wheel {
    package: "pip",
    version: "24.0",
    sha256: "ba0d021a166865d2265246961bec0152ff124de910c5cc39f1156ce3fa7c69dc",
};

/// What pip says it would install (`--report`): the parts we read.
#[derive(Deserialize)]
struct Report {
    install: Vec<ReportItem>,
}

#[derive(Deserialize)]
struct ReportItem {
    download_info: DownloadInfo,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct DownloadInfo {
    url: String,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
}

/// How `fetch.py` ended; see there.
enum Fetched {
    Done,
    /// By a server that pip may know how to speak to.
    Refused,
}

/// Fetches `wheels` into `folder`; those already there and whole are kept.
///
/// # Errors
/// No pip, no network, a full disk, or a file whose hash is not the pinned one.
pub(super) fn fetch_all(
    python: &Python,
    platform: Platform,
    wheels: &[Wheel],
    folder: &Path,
) -> Result<Vec<PathBuf>> {
    let missing = missing_wheels(wheels, folder)?;
    if !missing.is_empty() {
        let addresses = addresses(python, platform, &missing, folder)?;
        for wheel in missing {
            match addresses.get(wheel.package) {
                Some(url) => fetch(python, platform, wheel, url, folder)?,
                None => download_with_pip(python, platform, wheel, folder)?,
            }
        }
    }
    wheels
        .iter()
        .map(|wheel| file_of(wheel, folder)?.context("a wheel vanished"))
        .collect()
}

/// The wheels not yet in `folder`; files with a wrong hash are deleted.
fn missing_wheels<'a>(wheels: &'a [Wheel], folder: &Path) -> Result<Vec<&'a Wheel>> {
    let mut missing = Vec::new();
    for wheel in wheels {
        match file_of(wheel, folder)? {
            Some(file) if sha256(&file)? == wheel.sha256 => {}
            Some(file) => {
                fs::remove_file(file)?;
                missing.push(wheel);
            }
            None => missing.push(wheel),
        }
    }
    Ok(missing)
}

/// The finished file of a wheel.
fn file_of(wheel: &Wheel, folder: &Path) -> Result<Option<PathBuf>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.starts_with(&wheel.file_prefix()) && name.ends_with(".whl") {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Where pip would download each package from; empty where this pip cannot tell.
fn addresses(
    python: &Python,
    platform: Platform,
    wheels: &[&Wheel],
    folder: &Path,
) -> Result<HashMap<String, String>> {
    let Some(mut pip) = pip_that_reports(python, folder)? else {
        return Ok(HashMap::new());
    };
    let report = folder.join("report.json");
    pip.args([
        "install",
        "--dry-run",
        "--ignore-installed",
        "--quiet",
        "--report",
    ])
    .arg(&report);
    pip.arg("--target")
        .arg(folder.join("none"))
        .args(selection(platform));
    pip.args(wheels.iter().map(|wheel| wheel.requirement()));
    check_pip(&pip.output()?)?;
    let report: Report = serde_json::from_slice(&fs::read(&report)?)
        .context("the report of pip reads differently than expected")?;
    let by_package = |item: ReportItem| {
        (
            item.metadata.name.to_lowercase().replace('_', "-"),
            item.download_info.url,
        )
    };
    Ok(report.install.into_iter().map(by_package).collect())
}

/// The host's pip or, where it is too old, a newer one that runs from its wheel.
fn pip_that_reports(python: &Python, folder: &Path) -> Result<Option<Command>> {
    if python.pip_version()? >= PIP_THAT_READS_METADATA {
        return Ok(Some(python.run(["-m", "pip"])));
    }
    if file_of(&NEWER_PIP, folder)?.is_none() {
        let mut pip = python.run(["-m", "pip", "download", "--quiet", "--no-deps"]);
        pip.args(["--only-binary=:all:", "--dest"])
            .arg(folder)
            .arg(NEWER_PIP.requirement());
        check_pip(&pip.output()?)?;
    }
    Ok(match file_of(&NEWER_PIP, folder)? {
        Some(file) if sha256(&file)? == NEWER_PIP.sha256 => Some(python.run([file.join("pip")])),
        _ => None,
    })
}

/// The wheels of `platform` for Python 3.12, whatever the host's own version.
fn selection(platform: Platform) -> Vec<String> {
    let mut arguments: Vec<String> = [
        "--no-deps",
        "--only-binary=:all:",
        "--python-version=3.12",
        "--implementation=cp",
        "--abi=cp312",
        "--abi=abi3",
        "--abi=none",
    ]
    .map(str::to_owned)
    .into();
    arguments.extend(
        platform
            .tags()
            .into_iter()
            .map(|tag| format!("--platform={tag}")),
    );
    arguments
}

/// Downloads from `url`; a broken partial file is thrown away once and fetched from its start.
fn fetch(
    python: &Python,
    platform: Platform,
    wheel: &Wheel,
    url: &str,
    folder: &Path,
) -> Result<()> {
    let partial = folder.join(format!("{}{}.part", wheel.file_prefix(), wheel.sha256));
    let was_continued = partial.exists();
    if let Fetched::Refused = fetch_rest(python, wheel, url, &partial)? {
        return download_with_pip(python, platform, wheel, folder);
    }
    let mut found = sha256(&partial)?;
    if found != wheel.sha256 && was_continued {
        fs::remove_file(&partial)?;
        fetch_rest(python, wheel, url, &partial)?;
        found = sha256(&partial)?;
    }
    if found != wheel.sha256 {
        fs::remove_file(&partial)?;
        return Err(wrong_hash(wheel, &found));
    }
    fs::rename(
        partial,
        folder.join(format!("{}pinned.whl", wheel.file_prefix())),
    )?;
    Ok(())
}

fn fetch_rest(python: &Python, wheel: &Wheel, url: &str, partial: &Path) -> Result<Fetched> {
    let script = include_str!("fetch.py");
    let mut command = python.run(["-c", script, url]);
    let status = command.arg(partial).arg(wheel.requirement()).status()?;
    match status.code() {
        Some(0) => Ok(Fetched::Done),
        Some(3) => bail!(
            "the network failed while fetching `{}`\n\n{NETWORK_HINT}",
            wheel.package
        ),
        Some(4) => Err(io::Error::from(io::ErrorKind::StorageFull).into()),
        Some(5) => Ok(Fetched::Refused),
        _ => bail!(
            "fetching `{}` was interrupted: run the same command again, it continues",
            wheel.package
        ),
    }
}

/// The plain way: pip downloads and shows its own progress.
fn download_with_pip(
    python: &Python,
    platform: Platform,
    wheel: &Wheel,
    folder: &Path,
) -> Result<()> {
    let mut pip = python.run(["-m", "pip", "download", "--dest"]);
    pip.arg(folder)
        .args(selection(platform))
        .arg(wheel.requirement());
    if !pip.status()?.success() {
        bail!(
            "pip could not download `{}`; see its message above\n\n{NETWORK_HINT}",
            wheel.requirement()
        );
    }
    let file = file_of(wheel, folder)?
        .with_context(|| format!("pip did not download `{}`", wheel.requirement()))?;
    let found = sha256(&file)?;
    if found != wheel.sha256 {
        fs::remove_file(file)?;
        return Err(wrong_hash(wheel, &found));
    }
    Ok(())
}

fn wrong_hash(wheel: &Wheel, found: &str) -> anyhow::Error {
    anyhow!(
        "the file fetched for `{}` is not the one we trust: its SHA-256 is {found}, {} is required; it \
         was deleted\n\nhint: run the same command again; if it happens again, check the index in \
         pip's settings (`python3 -m pip config list`)",
        wheel.requirement(),
        wheel.sha256
    )
}

/// Turns a failure of pip into one sentence.
fn check_pip(output: &Output) -> Result<()> {
    if output.status.success() {
        return Ok(());
    }
    Err(anyhow!(explain_pip(&String::from_utf8_lossy(
        &output.stderr
    ))))
}

/// pip reports a broken connection as many warnings and then as a package that does not exist.
fn explain_pip(messages: &str) -> String {
    let network = [
        "onnection",
        "name resolution",
        "unreachable",
        "timed out",
        "ProxyError",
        "SSLError",
    ];
    if network.iter().any(|sign| messages.contains(sign)) {
        return format!("the package index cannot be reached\n\n{NETWORK_HINT}");
    }
    if messages.contains("No space left") {
        return format!("the disk is full\n\n{SPACE_HINT}");
    }
    let last = messages
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("ERROR: "));
    format!("pip failed: {}", last.unwrap_or("it gave no reason"))
}

/// SHA-256 of a file in hexadecimal digits.
fn sha256(path: &Path) -> Result<String> {
    let mut file = File::open(path).with_context(|| format!("cannot open `{}`", path.display()))?;
    let mut hasher = Sha256::new();
    let mut block = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut block)?;
        if read == 0 {
            break;
        }
        hasher.update(&block[..read]);
    }
    Ok(hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: Wheel = Wheel {
        package: "a-bc",
        version: "1.0",
        // FIPS 180-4, example of the one-block message "abc".
        sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    };

    #[test]
    fn hash_of_abc_is_that_of_the_standard() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("x"), b"abc").unwrap();
        assert_eq!(sha256(&folder.path().join("x")).unwrap(), ABC.sha256);
    }

    #[test]
    fn a_whole_wheel_is_kept_and_a_broken_one_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a_bc-1.0-py3-none-any.whl");
        fs::write(&file, b"abc").unwrap();
        assert!(missing_wheels(&[ABC], folder.path()).unwrap().is_empty());
        fs::write(&file, b"abd").unwrap();
        assert_eq!(missing_wheels(&[ABC], folder.path()).unwrap(), [&ABC]);
        assert!(!file.exists());
    }

    #[test]
    fn a_broken_connection_is_told_from_a_missing_package() {
        let connection = "WARNING: Retrying after connection broken by 'NewConnectionError'\n\
                          ERROR: No matching distribution found for torch==2.11.0";
        assert!(explain_pip(connection).starts_with("the package index cannot be reached"));
        let missing = "ERROR: No matching distribution found for torch==2.11.0";
        assert_eq!(
            explain_pip(missing),
            "pip failed: No matching distribution found for torch==2.11.0"
        );
    }
}

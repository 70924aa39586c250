//! `cargo xtask setup`: libtorch into `.libtorch/`, from the wheels of the Python package index.
//!
//! Order of events, each of which may be interrupted: wheels are fetched into `.libtorch/download/`
//! (partial files are continued) and checked against pinned hashes, unpacked into
//! `.libtorch/unpacking/`, moved into place, and last a receipt is written. Without the receipt, or
//! when it does not match the files, the set-up is done again.

mod download;
pub(crate) mod ffmpeg;
pub(crate) mod installed;
mod python;
mod receipt;
mod unpack;
mod wheel;

use crate::repository::Repository;
use anyhow::{Context, Result, anyhow};
pub(crate) use python::Python;
use receipt::Receipt;
use std::{
    env, fs, io,
    path::{Path, PathBuf},
    time::Instant,
};
use wheel::Platform;

/// What libtorch is to compute on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// The CPU, on macOS also its graphics processor.
    Cpu,
    /// NVIDIA cards too.
    Cuda,
}

impl Flavour {
    fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
        }
    }
}

/// Makes sure that libtorch is there, and says where.
///
/// # Errors
/// One sentence and a hint: what is missing on this machine, or what went wrong on the way.
pub(crate) fn run(repository: &Repository, flavour: Flavour) -> Result<()> {
    let folder = repository.root().join(".libtorch");
    if let Some(own) = own_libtorch(&folder) {
        installed::check(&own).map_err(|reason| {
            anyhow!(
                "{reason}\n\nhint: unset `LIBTORCH` to let `cargo xtask setup` fetch the right one"
            )
        })?;
        println!(
            "libtorch {} of your own is used: {}",
            installed::VERSION,
            own.display()
        );
        return Ok(());
    }
    if env::var_os("LIBTORCH_USE_PYTORCH").is_some() {
        println!("libtorch of your Python's PyTorch is used, as `LIBTORCH_USE_PYTORCH` is set");
        return Ok(());
    }
    if is_ready(&folder, flavour) {
        println!("libtorch {} is ready in .libtorch/", installed::VERSION);
        return Ok(());
    }
    install(&folder, flavour).map_err(explain_full_disk)
}

/// `LIBTORCH` where the user set it; `.cargo/config.toml` sets it to `folder` otherwise.
fn own_libtorch(folder: &Path) -> Option<PathBuf> {
    let path = PathBuf::from(env::var_os("LIBTORCH")?);
    (path != folder).then_some(path)
}

/// A folder with our receipt must match it; one without (a link, an unpacked archive) must be usable.
fn is_ready(folder: &Path, flavour: Flavour) -> bool {
    match Receipt::read(folder) {
        Ok(Some(receipt)) => receipt.serves(flavour) && receipt.matches(folder),
        Ok(None) => flavour == Flavour::Cpu && installed::check(folder).is_ok(),
        Err(_) => false,
    }
}

fn install(folder: &Path, flavour: Flavour) -> Result<()> {
    let started = Instant::now();
    let platform = Platform::of_this_machine()?;
    let wheels = platform.wheels(flavour)?;
    let python = Python::find()?;
    python.pip_version()?;
    let download = folder.join("download");
    fs::create_dir_all(&download)
        .with_context(|| format!("cannot make `{}`", download.display()))?;
    println!(
        "fetching libtorch {} for {} into .libtorch/ (once; continues if interrupted)",
        installed::VERSION,
        flavour.name()
    );
    let files = download::fetch_all(&python, platform, &wheels, &download)?;
    println!("unpacking");
    let receipt = unpack::unpack_all(&files, folder, platform, flavour)?;
    installed::check(folder)
        .map_err(|reason| anyhow!("the wheels hold something else: {reason}"))?;
    receipt.write(folder)?;
    fs::remove_dir_all(&download)?;
    println!(
        "libtorch {} is ready in .libtorch/ ({} MB, {:.0} s)",
        installed::VERSION,
        receipt.bytes() / 1_000_000,
        started.elapsed().as_secs_f64()
    );
    Ok(())
}

fn explain_full_disk(error: anyhow::Error) -> anyhow::Error {
    let is_full = error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::StorageFull)
    });
    if is_full {
        return anyhow!("the disk is full\n\n{}", download::SPACE_HINT);
    }
    error
}

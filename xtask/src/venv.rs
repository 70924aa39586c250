//! A Python with the packages we compare ourselves with, at exact versions.

use crate::{repository::Repository, setup::Python};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The peers of `cargo xtask bench`, which also make the golden files.
const PACKAGES: [&str; 9] = [
    "torch==2.11.0",
    "torchaudio==2.11.0",
    "torchvision==0.26.0",
    "librosa==0.11.0",
    "scikit-learn==1.9.1",
    "soundfile==0.14.0",
    "soxr==1.1.0",
    "PyWavelets==1.8.0",
    "imageio-ffmpeg==0.6.0",
];

/// The Python at `given`, else one under `target/` that is made when it is missing or incomplete.
///
/// # Errors
/// No Python, or pip cannot install the packages.
pub(crate) fn python(repository: &Repository, given: Option<PathBuf>) -> Result<PathBuf> {
    if let Some(given) = given {
        Python::at(&given)?;
        return Ok(given);
    }
    let folder = repository.root().join("target/bench-venv");
    let python = folder.join("bin/python");
    let finished = folder.join("installed.txt");
    let wanted = PACKAGES.join("\n");
    if fs::read_to_string(&finished).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    make(&folder, &python)?;
    fs::write(finished, wanted)?;
    Ok(python)
}

fn make(folder: &Path, python: &Path) -> Result<()> {
    println!(
        "installing the Python packages to compare with into {} (6 GB)",
        folder.display()
    );
    let made = Python::find()?
        .run(["-m", "venv", "--clear"])
        .arg(folder)
        .status()?;
    if !made.success() {
        bail!(
            "Python could not make a virtual environment\n\nhint: `apt install python3-venv` on Debian \
             and Ubuntu, or name a Python that has the packages: `--python PATH`"
        );
    }
    let pip = ["-m", "pip", "install", "--quiet"]
        .into_iter()
        .chain(PACKAGES);
    let installed = Python::at(python)?
        .run(pip)
        .status()
        .context("cannot run pip")?;
    if !installed.success() {
        bail!("pip could not install the packages; see its message above");
    }
    Ok(())
}

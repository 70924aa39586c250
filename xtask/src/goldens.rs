//! `cargo xtask goldens`: golden files anew, from the scripts that made them.

use crate::{repository::Repository, venv};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Runs every script in `tests/golden/`; each writes its own files beside itself.
///
/// # Errors
/// The first script that fails.
pub(crate) fn run(repository: &Repository, python: Option<PathBuf>) -> Result<()> {
    let scripts = scripts_in(&repository.root().join("tests/golden"))?;
    let python = venv::python(repository, python)?;
    for script in scripts {
        println!("{}", script.display());
        let status = Command::new(&python)
            .arg(&script)
            .current_dir(repository.root())
            .status()?;
        if !status.success() {
            bail!("`{}` failed; see its message above", script.display());
        }
    }
    println!("done; `git diff --stat tests/golden` shows what changed");
    Ok(())
}

fn scripts_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("no folder `{}`", folder.display()))?;
    let paths: Vec<PathBuf> = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    let mut scripts: Vec<PathBuf> = paths
        .into_iter()
        .filter(|path| path.extension().is_some_and(|it| it == "py"))
        .collect();
    scripts.sort();
    Ok(scripts)
}

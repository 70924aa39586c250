//! Where the repository lies, and Cargo run in it.

use anyhow::{Context, Result};
use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

/// The checkout that this program was built from.
pub(crate) struct Repository {
    root: PathBuf,
}

impl Repository {
    /// The folder above `xtask/`.
    pub(crate) fn of_this_program() -> Result<Self> {
        // Set by `cargo run`; the fallback is for a program called by its path.
        let xtask = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = xtask
            .parent()
            .context("`xtask/` has no parent folder")?
            .to_owned();
        Ok(Self { root })
    }

    /// The repository's root folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The same Cargo that runs us, in the root folder.
    pub(crate) fn cargo<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(arguments).current_dir(&self.root);
        command
    }

    /// `chiffchaff` as users build it, in the root folder; built first where it is not.
    pub(crate) fn chiffchaff<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = self.cargo([
            "run",
            "--release",
            "--quiet",
            "--package",
            "chiffchaff-cli",
            "--",
        ]);
        command.args(arguments);
        command
    }
}

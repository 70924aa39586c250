//! Where the repository lies, and Cargo run in it.

use anyhow::{Context, Result, bail};
use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
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

    /// Builds what `arguments` of Cargo say, and gives the path of the program `name` among it.
    ///
    /// # Errors
    /// What does not build.
    pub(crate) fn built(&self, arguments: &[&str], name: &str) -> Result<PathBuf> {
        let mut cargo = self.cargo(arguments);
        cargo.arg("--message-format=json-render-diagnostics");
        let output = cargo.stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            bail!("`{name}` does not build; see the messages above");
        }
        let messages = String::from_utf8_lossy(&output.stdout).into_owned();
        let is_it = |message: &serde_json::Value| {
            message["reason"] == "compiler-artifact" && message["target"]["name"] == name
        };
        messages
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .filter(is_it)
            .find_map(|message| message["executable"].as_str().map(PathBuf::from))
            .with_context(|| format!("Cargo does not say where `{name}` lies"))
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

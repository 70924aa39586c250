//! The host's Python and its pip.

use anyhow::{Context, Result, anyhow, bail};
use std::{
    env,
    ffi::{OsStr, OsString},
    path::Path,
    process::Command,
};

/// A Python 3 that runs.
pub(crate) struct Python {
    program: OsString,
}

impl Python {
    /// `PYTHON` where set, else `python3`, else `python`.
    ///
    /// # Errors
    /// When none of them runs and is a Python 3.
    pub(crate) fn find() -> Result<Self> {
        if let Some(program) = env::var_os("PYTHON") {
            let named = program.to_string_lossy().into_owned();
            return Self::probe(program).with_context(|| {
                format!("`PYTHON` is set to `{named}`, which is not a Python 3 that runs")
            });
        }
        ["python3", "python"].into_iter().find_map(|name| Self::probe(name.into()).ok()).context(
            "no Python 3 was found; its pip fetches libtorch\n\nhint: install it (`apt install python3 \
             python3-pip` on Debian and Ubuntu), name one with `PYTHON=/path/to/python3`, or set \
             `LIBTORCH` to a libtorch 2.11.0 of your own",
        )
    }

    /// The Python at `program`.
    pub(crate) fn at(program: &Path) -> Result<Self> {
        Self::probe(program.into())
            .with_context(|| format!("`{}` is not a Python 3 that runs", program.display()))
    }

    fn probe(program: OsString) -> Result<Self> {
        let script = "import sys; sys.exit(sys.version_info < (3, 7))";
        let status = Command::new(&program).args(["-c", script]).output()?.status;
        if !status.success() {
            bail!("Python 3.7 or newer is required");
        }
        Ok(Self { program })
    }

    /// A command of this Python.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments);
        // Settings for installing that get in the way of merely downloading.
        command
            .env("PIP_USER", "0")
            .env("PIP_REQUIRE_VIRTUALENV", "0");
        command
            .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
            .env("PIP_NO_INPUT", "1");
        command
    }

    /// Major and minor version of its pip.
    ///
    /// # Errors
    /// When this Python has no pip.
    pub(super) fn pip_version(&self) -> Result<(u32, u32)> {
        let output = self.run(["-m", "pip", "--version"]).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        parse_pip_version(&text)
            .filter(|_| output.status.success())
            .ok_or_else(|| {
                anyhow!(
                    "`{}` has no pip, which fetches libtorch\n\nhint: install it (`apt install \
                 python3-pip` on Debian and Ubuntu, `{} -m ensurepip` elsewhere)",
                    self.program.to_string_lossy(),
                    self.program.to_string_lossy()
                )
            })
    }
}

/// Reads `pip 23.0.1 from …`.
fn parse_pip_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text
        .strip_prefix("pip ")?
        .split_whitespace()
        .next()?
        .split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_old_and_new_pip_are_read() {
        assert_eq!(
            parse_pip_version("pip 23.0.1 from /usr/lib (python 3.11)"),
            Some((23, 0))
        );
        assert_eq!(parse_pip_version("pip 24.0 from /x"), Some((24, 0)));
        assert_eq!(parse_pip_version("No module named pip"), None);
    }
}

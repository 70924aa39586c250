//! Long work that keeps its finished parts beside its result, for the commands that have `--resume`.

use crate::printer::Printer;
use anyhow::bail;
use chiffchaff::output::{Journal, OutputError};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A file as it was when it was read, which tells it from a later one of its name.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileState {
    bytes: u64,
    changed: Option<SystemTime>,
}

impl FileState {
    /// Nothing if it has gone.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let about = path.metadata().ok()?;
        Some(Self {
            bytes: about.len(),
            changed: about.modified().ok(),
        })
    }
}

/// Where the parts of a file are kept until all are done: hidden beside it.
pub(crate) fn parts_of_file(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.parts"))
}

/// Opens the parts of `result`, which is what whoever waits for another process knows, not their folder.
pub(crate) fn open(parts: &Path, result: &Path, who: &str) -> Result<Journal, OutputError> {
    Journal::open(parts, who).map_err(|error| match error {
        OutputError::Claimed { holder, .. } => OutputError::Claimed {
            path: result.to_owned(),
            holder,
        },
        error => error,
    })
}

/// What the user asked for where there may be parts already.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begin<'a> {
    pub(crate) resume: bool,
    pub(crate) force: bool,
    /// What the work is called, such as `search`.
    pub(crate) work: &'a str,
    pub(crate) result: &'a Path,
}

impl Begin<'_> {
    /// Goes on, begins anew, or refuses, by what is there and what was asked for.
    pub(crate) fn check(&self, journal: &Journal, printer: &Printer) -> anyhow::Result<()> {
        match (journal.len(), self.resume, self.force) {
            (0, true, _) => printer.say(&format_args!(
                "nothing to resume: the {} starts from the beginning",
                self.work
            )),
            (0, false, _) | (_, true, _) => {}
            (_, false, true) => journal.clear()?,
            (done, false, false) => bail!(
                "{}: a {} was interrupted here, with {done} recordings done\n\nhint: `--resume` goes on, `--force` begins anew",
                self.result.display(),
                self.work
            ),
        }
        Ok(())
    }
}

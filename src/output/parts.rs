//! Where the parts of long work lie, and which files they were made of.

use super::{Journal, OutputError};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A file as it was when it was read, which tells it from a later one of its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileState {
    bytes: u64,
    changed: Option<SystemTime>,
}

impl FileState {
    /// Nothing if it has gone.
    pub fn of(path: &Path) -> Option<Self> {
        let about = path.metadata().ok()?;
        Some(Self {
            bytes: about.len(),
            changed: about.modified().ok(),
        })
    }
}

/// Where the parts of a file are kept until all are done: hidden beside it.
///
/// ```
/// use chiffchaff::output::parts_of_file;
///
/// let parts = parts_of_file("found/all.csv".as_ref());
/// assert_eq!(parts, std::path::Path::new("found/.all.csv.parts"));
/// ```
pub fn parts_of_file(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.parts"))
}

impl Journal {
    /// Opens the parts of `result`, which is what whoever waits for another process knows, not their folder; `who` as for
    /// [`Journal::open`].
    ///
    /// # Errors
    /// As [`Journal::open`]; [`OutputError::Claimed`] names `result`.
    pub fn of_result(parts: &Path, result: &Path, who: &str) -> Result<Self, OutputError> {
        Self::open(parts, who).map_err(|error| match error {
            OutputError::Claimed { holder, .. } => OutputError::Claimed {
                path: result.to_owned(),
                holder,
            },
            error => error,
        })
    }
}

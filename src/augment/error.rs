//! What can be wrong with augmentations.

use crate::{audio::AudioError, dataset::DatasetError};
use std::path::PathBuf;

/// Why augmentations could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AugmentError {
    /// The configuration asks for what cannot be; all problems at once.
    #[error("{}", lines(problems))]
    Config {
        /// What is wrong, in the order of the configuration.
        problems: Vec<Problem>,
    },
    /// A folder of room impulse responses that cannot be listed, or is empty.
    #[error(transparent)]
    Rooms(#[from] DatasetError),
    /// A folder in which no file could be read as a room impulse response.
    #[error("{}: none of {files} files can be read as a room impulse response", folder.display())]
    NoRoom {
        /// The folder.
        folder: PathBuf,
        /// How many files were tried.
        files: usize,
        /// What is wrong with the first of them.
        #[source]
        first: Box<AudioError>,
    },
}

/// One value that cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("`{key}` is {given}, but must be {required}")]
pub struct Problem {
    /// The key, as spelled in the file: `steps[1].area`.
    pub key: String,
    /// What was given.
    pub given: String,
    /// What is allowed.
    pub required: String,
}

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<_> = problems.iter().map(Problem::to_string).collect();
    lines.join("\n  ")
}

/// Collects the problems of one table of a configuration.
pub(super) struct Problems<'a> {
    pub(super) table: String,
    pub(super) found: &'a mut Vec<Problem>,
}

impl Problems<'_> {
    /// Notes a problem with `key` unless `holds`.
    pub(super) fn require(
        &mut self,
        holds: bool,
        key: &str,
        given: impl std::fmt::Display,
        required: impl std::fmt::Display,
    ) {
        if !holds {
            self.found.push(Problem {
                key: format!("{}.{key}", self.table),
                given: given.to_string(),
                required: required.to_string(),
            });
        }
    }
}

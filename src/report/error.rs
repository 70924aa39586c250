//! What can be wrong with a report.

use std::path::PathBuf;

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A directory without anything to report.
    #[error(
        "{path}: holds none of `experiment.toml`, `metrics.jsonl`, `evaluation.json` and `run.json`\n\n\
         hint: give the directory that `pretrain` or `evaluate` was given as `--out`"
    )]
    Empty {
        /// The directory.
        path: PathBuf,
    },
    /// A file could not be read or written.
    #[error("{path}: {action} failed: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// `reading` or `writing`.
        action: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not what its name says.
    #[error("{path}: is not a result of this program: {source}")]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// The page's template and its data do not fit, which is a bug.
    #[error("report page could not be filled in: {0}")]
    Template(#[from] minijinja::Error),
}

//! One error over all stages; each stage defines its own.

use crate::{
    audio::AudioError, dataset::DatasetError, evaluate::EvaluateError, report::ReportError,
};

/// Anything that can go wrong in the library, by the stage it went wrong in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Reading, resampling or writing sound.
    #[error(transparent)]
    Audio(#[from] AudioError),
    /// Finding clips and their labels.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// Measuring embeddings.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// Reading results and writing reports.
    #[error(transparent)]
    Report(#[from] ReportError),
}

/// The library's result type.
pub type Result<T, E = Error> = std::result::Result<T, E>;

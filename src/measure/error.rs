//! What can go wrong while an encoder is measured.

use std::error::Error;
use std::path::{Path, PathBuf};

use crate::corpus::CorpusError;
use crate::dataset::DatasetError;
use crate::encoder::EncoderError;
use crate::evaluate::{EvaluateError, Unlike};
use crate::features::FeaturesError;
use crate::output::OutputError;
use crate::report::ReportError;

/// Why an encoder could not be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MeasureError {
    /// A protocol that only clips of one class each can be measured by.
    #[error(
        "clips of {} have any number of classes each, which only `linear`, `knn` and `majority` measure", path.display()
    )]
    ProtocolOfOneClass {
        /// Where the clips lie.
        path: PathBuf,
    },
    /// An option that clips with any number of classes cannot be measured with.
    #[error("{options} need clips of one class each")]
    OptionOfOneClass {
        /// The options, for people.
        options: &'static str,
    },
    /// No clip has the features of both the encoder and the classic baseline.
    #[error("{dataset}: none of its clips can be measured")]
    NoneMeasurable {
        /// The dataset.
        dataset: String,
    },
    /// No protocol gave a score.
    #[error("nothing could be measured:\n  {}", reasons.join("\n  "))]
    Nothing {
        /// Why.
        reasons: Vec<String>,
    },
    /// There is an earlier measurement of something else.
    #[error("{}: {unlike}\n\nhint: `--force` replaces it; or choose another `--out`", path.display())]
    Unlike {
        /// The file of the earlier measurement.
        path: PathBuf,
        /// What differs.
        unlike: Unlike,
    },
    /// There is a file that is no measurement.
    #[error(
        "{}: is there already, and cannot be added to: {reason}\n\nhint: `--force` replaces it; or choose another `--out`",
        path.display()
    )]
    NotAddable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The system refused to read or write.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// The encoder cannot be used.
    #[error(transparent)]
    Encoder(#[from] EncoderError),
    /// The clips cannot be used.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    /// Folds cannot be dealt.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The clips cannot be shown.
    #[error(transparent)]
    Features(#[from] FeaturesError),
    /// The embeddings cannot be scored.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// Results cannot go where they should, or are claimed by another process.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The report cannot be written.
    #[error(transparent)]
    Report(#[from] ReportError),
}

/// The file that the system refused to read or write.
pub(super) fn file_error(path: &Path) -> impl Fn(std::io::Error) -> MeasureError + use<> {
    let path = path.to_owned();
    move |reason| MeasureError::File {
        path: path.clone(),
        reason,
    }
}

/// An error with what caused it, in one line.
pub(super) fn told(error: &MeasureError) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        said += &format!(": {error}");
        cause = error.source();
    }
    said
}

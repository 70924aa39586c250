//! One error over all stages; each stage defines its own.

use crate::{
    audio::AudioError, augment::AugmentError, corpus::CorpusError, dataset::DatasetError,
    detect::DetectError, evaluate::EvaluateError, features::FeaturesError, output::OutputError,
    report::ReportError,
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
    /// Computing or caching features.
    #[error(transparent)]
    Features(#[from] FeaturesError),
    /// Opening clips with their features.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    /// Setting up augmentations.
    #[error(transparent)]
    Augment(#[from] AugmentError),
    /// Building, loading or using a network.
    #[cfg(feature = "nn")]
    #[error(transparent)]
    Encoder(#[from] crate::encoder::EncoderError),
    /// Setting up a loss.
    #[cfg(feature = "nn")]
    #[error(transparent)]
    Loss(#[from] crate::loss::LossError),
    /// Training.
    #[cfg(feature = "nn")]
    #[error(transparent)]
    Train(#[from] crate::train::TrainError),
    /// Reading a configuration.
    #[cfg(feature = "nn")]
    #[error(transparent)]
    Experiment(#[from] crate::experiment::ExperimentError),
    /// Measuring embeddings.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// Measuring an encoder.
    #[cfg(feature = "nn")]
    #[error(transparent)]
    Measure(Box<crate::measure::MeasureError>),
    /// Finding, writing or scoring events.
    #[error(transparent)]
    Detect(#[from] DetectError),
    /// Claiming, trying or keeping places for results.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// Reading or writing results.
    #[error(transparent)]
    Report(#[from] ReportError),
}

#[cfg(feature = "nn")]
impl From<crate::measure::MeasureError> for Error {
    fn from(error: crate::measure::MeasureError) -> Self {
        Self::Measure(Box::new(error)) // the largest by far
    }
}

/// The library's result type.
pub type Result<T, E = Error> = std::result::Result<T, E>;

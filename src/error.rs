//! One error over all stages; each stage defines its own.

use crate::{audio::AudioError, augment::AugmentError, dataset::DatasetError};

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
    /// Setting up augmentations.
    #[error(transparent)]
    Augment(#[from] AugmentError),
    /// Setting up a loss.
    #[cfg(feature = "nn")]
    #[error(transparent)]
    Loss(#[from] crate::loss::LossError),
}

/// The library's result type.
pub type Result<T, E = Error> = std::result::Result<T, E>;

//! What can go wrong while training.

use crate::encoder::EncoderError;
use std::path::{Path, PathBuf};

/// Why training could not start, go on or be resumed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// Too few clips for one batch.
    #[error(
        "{patches} training patches are fewer than one batch of {batch_size}\n\nhint: make batches smaller with `--set train.batch_size=N`, or give more clips with `--data KIND:PATH`"
    )]
    TooFewPatches {
        /// Patches of an epoch.
        patches: usize,
        /// Patches of a batch.
        batch_size: usize,
    },
    /// More than the machine has.
    #[error(
        "the run would need about {needed} of memory, but there are {present}\n\nhint: lower {keys}"
    )]
    TooMuchMemory {
        /// An estimate.
        needed: String,
        /// What there is in all.
        present: String,
        /// What decides most of it.
        keys: &'static str,
    },
    /// Episodes need classes to tell apart.
    #[error(
        "the training patches are of {classes} class, but episodes need at least 2\n\nhint: give data with more classes, such as `--data fewshot:PATH` with several tables"
    )]
    TooFewClasses {
        /// Classes that have a patch.
        classes: usize,
    },
    /// The method attracts by label, but a clip has none.
    #[error(
        "{clip}: has no label, but the method learns from labels\n\nhint: choose a preset that needs no labels, such as `--preset small`"
    )]
    Unlabelled {
        /// The clip.
        clip: String,
    },
    /// A fold is to be left out of a dataset that has none.
    #[error(
        "{dataset}: has no official folds, so that none can be left out\n\nhint: give a table with a column `fold`, as `--data csv:TABLE`"
    )]
    NoFolds {
        /// The dataset.
        dataset: String,
    },
    /// A fold is to be left out that the dataset does not have.
    #[error("{dataset}: there is no fold {fold}, but {folds:?}")]
    NoSuchFold {
        /// The dataset.
        dataset: String,
        /// What was to be left out.
        fold: u32,
        /// The folds there are.
        folds: Vec<u32>,
    },
    /// The method uses labels, and there are several datasets.
    #[error("labels of several `--data` do not share their numbering; give one{otherwise}")]
    LabelsOfSeveral {
        /// What else the user can do.
        otherwise: &'static str,
    },
    /// The loss is not a number.
    #[error(
        "the loss is {loss} at step {step}; the batch holds {clips}\n\nhint: the last checkpoint is kept; learn more slowly in another run, with `--set train.learning_rate=RATE`, or look at the clips with `chiffchaff doctor --data KIND:PATH`"
    )]
    NotFinite {
        /// What it is instead.
        loss: f64,
        /// The step, from 1.
        step: u64,
        /// Names of the clips.
        clips: String,
    },
    /// There is a run already.
    #[error(
        "{}: there is a run already\n\nhint: continue it with `--resume`, or choose another `--out`", path.display()
    )]
    RunExists {
        /// The run directory.
        path: PathBuf,
    },
    /// A trained run whose checkpoint has been removed.
    #[error("{}: holds a trained encoder, but no checkpoint to resume\n\nhint: train anew into another `--out`", path.display())]
    NothingToResume {
        /// The run directory.
        path: PathBuf,
    },
    /// A checkpoint of another run.
    #[error("{}: {what} differs from the run that was interrupted: {given} instead of {saved}\n\nhint: resume with the same settings and data, or start anew in another `--out`", path.display())]
    CheckpointDiffers {
        /// The checkpoint.
        path: PathBuf,
        /// What differs.
        what: &'static str,
        /// In this call.
        given: String,
        /// In the checkpoint.
        saved: String,
    },
    /// A checkpoint of a run that heard other sound under the same names.
    #[error("{}: the clips sound other than those of the run that was interrupted: files of the same names and lengths were replaced, or their features computed on a machine of another kind\n\nhint: put the files back that it heard, or start anew in another `--out`", path.display())]
    SoundDiffers {
        /// The checkpoint.
        path: PathBuf,
    },
    /// A damaged checkpoint.
    #[error("{}: not a usable checkpoint: {reason}", path.display())]
    BadCheckpoint {
        /// The checkpoint.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Another run trains into the same directory, or it cannot be made.
    #[error(transparent)]
    Output(#[from] crate::output::OutputError),
    /// The system refused to read or write.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Building or saving the network.
    #[error(transparent)]
    Encoder(#[from] EncoderError),
    /// An augmentation that mixes, and nothing to mix in.
    #[error("the augmentation mixes two recordings, but there is one")]
    NothingToMix,
    /// Setting up the front end of augmented sound.
    #[error(transparent)]
    Features(#[from] crate::features::FeaturesError),
    /// Setting up the augmentation.
    #[error(transparent)]
    Augment(#[from] crate::augment::AugmentError),
    /// libtorch refused.
    #[error("tensor engine: {0}")]
    Engine(#[from] tch::TchError),
}

/// The file that the system refused to read or write.
pub(super) fn file_error(path: &Path) -> impl Fn(std::io::Error) -> TrainError + use<> {
    let path = path.to_owned();
    move |source| TrainError::File {
        path: path.clone(),
        source,
    }
}

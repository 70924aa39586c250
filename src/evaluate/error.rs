//! What can be wrong with a measurement.

/// Why embeddings could not be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// Lists that describe the same clips differ in length.
    #[error("{what}: {given} given for {clips} clips")]
    Length {
        /// Which list.
        what: &'static str,
        /// Its length.
        given: usize,
        /// Number of clips.
        clips: usize,
    },
    /// A clip without a class or without a fold.
    #[error(
        "{path}: clip has no {what}, but evaluation needs one\n\nhint: {}",
        where_it_is_said(what)
    )]
    Missing {
        /// The clip's file.
        path: String,
        /// `label` or `fold`.
        what: &'static str,
    },
    /// A label that is no index into the classes.
    #[error("clip {clip}: label is {label}, but there are {classes} classes")]
    Label {
        /// Index of the clip.
        clip: usize,
        /// Its label.
        label: usize,
        /// Number of classes.
        classes: usize,
    },
    /// Fewer than two folds: nothing to train on.
    #[error("dataset has {folds} folds with clips, but evaluation needs at least 2")]
    Folds {
        /// How many there are.
        folds: usize,
    },
    /// A fold was asked for that has no clips.
    #[error("fold {fold} has no clips; the dataset's folds are {known:?}")]
    UnknownFold {
        /// The fold asked for.
        fold: u32,
        /// The folds there are.
        known: Vec<u32>,
    },
    /// NaN or infinity in an embedding.
    #[error("embedding of clip {clip} holds {value} at dimension {dimension}, but must be finite")]
    NotFinite {
        /// Index of the clip.
        clip: usize,
        /// Index within the embedding.
        dimension: usize,
        /// What is there.
        value: f32,
    },
    /// A value of a protocol's configuration that cannot work.
    #[error("`{key}` is {given}, but must be {required}")]
    Config {
        /// The key, as in the experiment file.
        key: &'static str,
        /// What was given.
        given: String,
        /// What is allowed.
        required: &'static str,
    },
    /// MFCC matrices that cannot be summarised.
    #[error(
        "MFCC of clip {clip} has {frames} frames of {bands} coefficients, but must have at least 1 frame of {required}"
    )]
    Mfcc {
        /// Index of the clip.
        clip: usize,
        /// Its number of frames.
        frames: usize,
        /// Its number of coefficients.
        bands: usize,
        /// The first clip's number of coefficients.
        required: usize,
    },
    /// The eigendecomposition inside the linear probe failed.
    #[error("eigenvalues of {items} embeddings of dimension {dim} could not be found")]
    Eigen {
        /// Number of embeddings.
        items: usize,
        /// Their dimension.
        dim: usize,
    },
    /// A classifier of a library refused.
    #[error("{what}: {reason}")]
    Library {
        /// Which classifier.
        what: &'static str,
        /// What the library says.
        reason: String,
    },
    /// Fine-tuning ran away.
    #[cfg(feature = "nn")]
    #[error(
        "fine-tuning: the loss is {loss} in epoch {epoch} of fold {fold}, but must be finite\n\nhint: a smaller learning rate may help"
    )]
    Diverged {
        /// What it was.
        loss: f64,
        /// The scored fold, which is not learned from.
        fold: u32,
        /// The epoch, from 1.
        epoch: u32,
    },
    /// The encoder cannot be used.
    #[cfg(feature = "nn")]
    #[error(transparent)]
    Encoder(#[from] crate::encoder::EncoderError),
    /// The tensor engine refused.
    #[cfg(feature = "nn")]
    #[error(transparent)]
    Engine(#[from] tch::TchError),
}

/// How a user tells what a clip lacks.
fn where_it_is_said(what: &str) -> &'static str {
    match what {
        "label" => {
            "let sub-folders name what is heard, as `--data folder:DIR`, or give a table with a column `label`, as `--data csv:TABLE`"
        }
        _ => "give a table with a column `fold`, as `--data csv:TABLE`",
    }
}

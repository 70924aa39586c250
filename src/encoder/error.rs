//! What can be wrong with a network or a model file.

use crate::audio::AudioError;
use crate::features::FeaturesError;
use std::path::PathBuf;

/// Why an encoder could not be built, loaded, saved or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncoderError {
    /// A tensor that the network needs is not in the file.
    #[error("tensor `{name}` is missing")]
    MissingTensor {
        /// Its dotted name.
        name: String,
    },
    /// A tensor has another shape than the network's.
    #[error("tensor `{name}` has shape {given:?}, but this network needs {wanted:?}")]
    TensorShape {
        /// Its dotted name.
        name: String,
        /// The shape in the file.
        given: Vec<i64>,
        /// The network's.
        wanted: Vec<i64>,
    },
    /// A setting outside what the network can do.
    #[error("`encoder.{key}` is {given}, but must be {allowed}")]
    Setting {
        /// The key below `encoder`.
        key: &'static str,
        /// Its value.
        given: String,
        /// What would do.
        allowed: &'static str,
    },
    /// Images of channels that the network cannot take.
    #[error(
        "images have {given} channels, but this encoder takes {allowed}\n\nhint: choose another `encoder.type`, or a front end of other channels, such as `--set features.type=\"three-band\"`"
    )]
    Channels {
        /// Channels of the normalised features.
        given: usize,
        /// What would do.
        allowed: &'static str,
    },
    /// Images of fewer bands than the network's minimum.
    #[error("{given} bands are too few for this encoder, which needs at least {minimum}")]
    TooFewBands {
        /// Bands of the features.
        given: usize,
        /// The fewest it can hear.
        minimum: usize,
    },
    /// Images for a network whose input is the samples of sound.
    #[error(
        "images have {bands} bands, but this encoder hears sound as it is\n\nhint: give it sound with `--set features.type=\"samples\"`, or choose another `encoder.type`"
    )]
    NotSamples {
        /// Bands of the features.
        bands: usize,
    },
    /// An input shorter than the network's minimum.
    #[error("{given} frames are too few for this encoder, which needs at least {minimum}")]
    TooShort {
        /// Frames given.
        given: usize,
        /// The fewest it can hear.
        minimum: usize,
    },
    /// A stage that the network does not have.
    #[error("there is no stage {stage}, only 1 to {stages}")]
    NoSuchStage {
        /// The stage that was asked for.
        stage: usize,
        /// How many there are.
        stages: usize,
    },
    /// Sound without a single frame of features.
    #[error("is too short for this encoder: it does not fill one frame of its features")]
    NoFrame,
    /// A recording that could not be read, with its name.
    #[error(transparent)]
    Sound(#[from] AudioError),
    /// A model whose front end has a setting out of range.
    #[error(transparent)]
    FrontEnd(#[from] FeaturesError),
    /// A model file that could not be opened or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file that is no model of ours.
    #[error("{}: not a chiffchaff model: {reason}\n\nhint: `--model` takes a run directory or its `encoder.safetensors`", path.display())]
    NotAModel {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file without tensors by name.
    #[error("{}: no weights to start from: {reason}", path.display())]
    NotWeights {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Weights of another network.
    #[error(
        "{}: these weights do not fit the encoder: {problems}\n\nhint: give weights of the network that `encoder.type` names, with its width and channels", path.display()
    )]
    OtherWeights {
        /// The file.
        path: PathBuf,
        /// The tensors that differ.
        problems: String,
    },
    /// A device that no one knows.
    #[error("device is `{given}`, but must be cpu, cuda, cuda:N or mps")]
    DeviceName {
        /// What was asked for.
        given: String,
    },
    /// A device that is not there.
    #[error(
        "libtorch sees no device `{name}`\n\nhint: compute on `cpu`; `cargo xtask setup --cuda` installs libtorch with CUDA"
    )]
    NoDevice {
        /// What was asked for.
        name: super::DeviceName,
    },
    /// libtorch refused.
    #[error("tensor engine: {0}")]
    Engine(#[from] tch::TchError),
}

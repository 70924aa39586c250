//! What can go wrong where a network detects.

use crate::audio::AudioError;
use crate::dataset::Span;
use crate::encoder::EncoderError;
use crate::features::FeaturesError;
use std::path::PathBuf;

/// Why a detector that uses a network could not detect.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkDetectError {
    /// Nothing to look for.
    #[error(
        "{}: no shots, but a detector learns from at least one\n\nhint: mark five typical events", path.display()
    )]
    NoShots {
        /// The recording.
        path: PathBuf,
    },
    /// A shot after the end of the recording.
    #[error(
        "{}: the shot at {shot} lies after the end of the recording, which lasts {secs:.3} s\n\nhint: are these the marks of another recording?", path.display()
    )]
    ShotOutside {
        /// The recording.
        path: PathBuf,
        /// The shot.
        shot: Span,
        /// How long the recording is, in seconds.
        secs: f64,
    },
    /// Shots too short to be seen by the model's front end.
    #[error(
        "{}: every shot is shorter than one frame of this model, {frame_secs:.4} s", path.display()
    )]
    TooShort {
        /// The recording.
        path: PathBuf,
        /// Seconds from frame to frame.
        frame_secs: f64,
    },
    /// Shots everywhere, and nothing after them.
    #[error(
        "{}: nothing but shots was found to compare them with\n\nhint: the recording must go on after the last shot, or have room before or between them", path.display()
    )]
    NoNegatives {
        /// The recording.
        path: PathBuf,
    },
    /// A window shorter than the network can hear.
    #[error(
        "windows are {window} frames long, but this model hears at least {minimum}\n\nhint: use a model with more frames per second"
    )]
    Window {
        /// Frames of a window.
        window: usize,
        /// The fewest the network can hear.
        minimum: usize,
    },
    /// A value of a configuration that cannot work.
    #[error("`{key}` is {given}, but must be {required}")]
    Config {
        /// The key.
        key: &'static str,
        /// What was given.
        given: String,
        /// What is allowed.
        required: &'static str,
    },
    /// A recording that cannot be read.
    #[error(transparent)]
    Audio(#[from] AudioError),
    /// A front end that does not work here.
    #[error(transparent)]
    Features(#[from] FeaturesError),
    /// A network that does not work here.
    #[error(transparent)]
    Encoder(#[from] EncoderError),
    /// libtorch refused.
    #[error("tensor engine: {0}")]
    Engine(#[from] tch::TchError),
}

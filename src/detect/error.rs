//! What can be wrong with a detection, with its results, or with their measurement.

use crate::{
    audio::{AudioError, TimeScale},
    dataset::{DatasetError, Span},
    features::FeaturesError,
};
use std::{io, path::PathBuf};

/// Why events could not be found, written or scored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetectError {
    /// A recording that cannot be read.
    #[error(transparent)]
    Audio(#[from] AudioError),
    /// A table of marks that cannot be read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// It cannot be decided which found events are of which recording.
    #[error(transparent)]
    Match(#[from] Box<crate::dataset::MatchError>),
    /// A recording of so few samples per second that its spectrum has no bins to compare.
    #[error("{}: sample rate is {hz} Hz, but templates need at least {required} Hz", path.display())]
    Rate {
        /// The recording.
        path: PathBuf,
        /// Its rate, in Hz.
        hz: u32,
        /// The lowest rate that works, in Hz.
        required: u32,
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
    /// A precision that no threshold is expected to give.
    #[error(
        "`precision` is {wanted}, but no threshold is expected to give more than {highest:.2}: that of events that score as the shots do"
    )]
    PrecisionTooHigh {
        /// What was wanted.
        wanted: f32,
        /// What is expected of events that score 1.
        highest: f64,
    },
    /// A recording that is to be played slower or faster, for a method that takes it as it is.
    #[error("`--time-scale {given}`: only the method `frames` plays recordings slower or faster")]
    TimeScale {
        /// What was wanted.
        given: TimeScale,
    },
    /// A file or folder that cannot be read or written.
    #[error("{}: cannot be {action}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// `read` or `written`.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A kind of table that has no place for the name of a recording, and events of several.
    #[error(
        "{}: {format} holds the events of one recording, but there are {recordings}\n\nhint: write a file for each, such as with `--out found/`",
        path.display()
    )]
    OneRecording {
        /// The file that was to be written.
        path: PathBuf,
        /// The format.
        format: &'static str,
        /// Recordings with events to write.
        recordings: usize,
    },
    /// A value that the format cannot hold, which is a bug.
    #[error("{}: cannot be written as {format}: {reason}", path.display())]
    Table {
        /// The file that was to be written.
        path: PathBuf,
        /// The format.
        format: &'static str,
        /// What the format's library said.
        reason: String,
    },
    /// No table where some were expected.
    #[error("{}: holds no tables of events (.csv, .txt or .tsv)", path.display())]
    NoTables {
        /// The folder.
        path: PathBuf,
    },
    /// Events of a recording that has no reference.
    #[error(
        "{}: line {line}: there is no reference of `{recording}`\n\nhint: names are compared without ending, and with as many folders as both sides give",
        path.display()
    )]
    NoReference {
        /// The table of predictions.
        path: PathBuf,
        /// The line of its first such event.
        line: u64,
        /// The recording.
        recording: String,
    },
    /// Two tables with the same events of recordings of one name.
    #[error("{}: has the same events of `{recording}` as {}\n\nhint: take one of them away, if it is a copy", path.display(), first.display())]
    TwoReferences {
        /// The second table.
        path: PathBuf,
        /// The first table.
        first: PathBuf,
        /// The recording.
        recording: String,
    },
    /// Positive marks of several labels in the reference of one recording.
    #[error(
        "{}: has events of several kinds in `{recording}`: {}\n\nhint: score one kind at a time with `--label NAME`",
        path.display(),
        labels.join(", ")
    )]
    SeveralLabels {
        /// The table.
        path: PathBuf,
        /// The recording.
        recording: String,
        /// Their labels.
        labels: Vec<String>,
    },
    /// A table that does not say which of its found events are right.
    #[error(
        "{}: is no table of checked events: it needs a column `score`, as `detect` writes it, and a column `verdict` with `right` or `wrong` where you looked", path.display()
    )]
    NotChecked {
        /// The table.
        path: PathBuf,
    },
    /// A found event without a score that can be compared with others.
    #[error("{}: line {line}: its score is no number from 0 to 1", path.display())]
    NoScore {
        /// The table.
        path: PathBuf,
        /// The event's line.
        line: u64,
    },
    /// Recordings whose subset is not said.
    #[error("{}: does not say the subset of `{recording}`", path.display())]
    NoSubset {
        /// The table of subsets.
        path: PathBuf,
        /// The first such recording.
        recording: String,
    },
    /// A method that starts from a trained network, without one.
    #[error(
        "this method has no model built in\n\nhint: train one with `chiffchaff pretrain --preset {preset} --data fewshot:PATH --out RUN` and give `--model RUN`"
    )]
    NoModel {
        /// The preset that trains one.
        preset: &'static str,
    },
    /// Another number of marked recordings than the methods can learn from today.
    #[error("a detector learns from the marks of one recording, but {given} recordings were given")]
    MarkedRecordings {
        /// How many recordings.
        given: usize,
    },
    /// A recording that the detector was not fitted to. Every method measures the background and the level of the
    /// recording with the marks, and compares the rest of that recording with them.
    #[error(
        "{}: this detector was fitted to {}, and can only search that recording\n\nhint: fit one to marks of this recording",
        path.display(),
        fitted_to.display()
    )]
    OtherRecording {
        /// The recording that was to be searched.
        path: PathBuf,
        /// The recording that the detector was fitted to.
        fitted_to: PathBuf,
    },
    /// Marks beside which there may be events without, for a method that takes all else for background.
    #[error(
        "`--marked some`: only the method `frames` learns from marks beside calls without marks"
    )]
    SomeMarked,
    /// Marks of several kinds, for a method that learns one.
    #[error("`--label all`: only the method `frames` finds several kinds of call at once")]
    SeveralKinds,
    /// A recording whose rate is too low for the calls that a detector has learned.
    #[error(
        "{}: holds sound up to {held_hz:.0} Hz, but most of the calls that the detector learned lies above {lowest_hz:.0} Hz",
        path.display()
    )]
    RateTooLow {
        /// The recording.
        path: PathBuf,
        /// The highest frequency it can hold, Hz.
        held_hz: f64,
        /// Three quarters of the calls lie above, Hz.
        lowest_hz: f64,
    },
    /// A file that holds no detector.
    #[error(
        "{}: not a detector of chiffchaff: {reason}\n\nhint: `detect` writes one with `--keep FILE`", path.display()
    )]
    NotADetector {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A detector of a method whose detectors cannot be written.
    #[error("only detectors of the method `frames` can be kept in a file")]
    CannotKeep,
    /// A model whose network gives one embedding for a whole patch, where every frame is wanted.
    #[error(
        "the model `{preset}` does not tell frames apart\n\nhint: use it with `--method windows`, or train one with `chiffchaff pretrain --preset calls --data fewshot:PATH --out RUN`"
    )]
    NotFrames {
        /// The preset it was trained with.
        preset: String,
    },
    /// A recording that ends before the shots, whatever its header says, or is shorter than a frame.
    #[error("{}: holds not one frame of what is around the shots", path.display())]
    NoFrames {
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
    /// A front end that does not work here.
    #[error(transparent)]
    Features(#[from] FeaturesError),
    /// A network that does not work here.
    #[cfg(feature = "nn")]
    #[error(transparent)]
    Encoder(#[from] crate::encoder::EncoderError),
    /// libtorch refused.
    #[cfg(feature = "nn")]
    #[error("tensor engine: {0}")]
    Engine(#[from] tch::TchError),
}

impl DetectError {
    /// Refuses a threshold of scores outside 0..=1.
    #[cfg(feature = "nn")]
    pub(super) fn check_threshold(threshold: f32) -> Result<(), Self> {
        match (0.0..=1.0).contains(&threshold) {
            true => Ok(()),
            false => Err(Self::Config {
                key: "threshold",
                given: threshold.to_string(),
                required: "from 0 to 1",
            }),
        }
    }

    /// Whether a result could not be written, in which case no other will be; else a recording is to blame.
    pub fn is_of_writing(&self) -> bool {
        match self {
            Self::Audio(error) => matches!(error, AudioError::Write { .. }),
            Self::Io { action, .. } => *action == "written",
            _ => false,
        }
    }
}

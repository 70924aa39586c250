//! What can be wrong with sound.

use super::{AudioReader, SampleRate};
use std::{io, path::PathBuf};
use symphonia::core::errors::Error as DecodeError;

/// Why sound could not be read, converted or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AudioError {
    /// A sample rate of 0 Hz, or one beyond what [`SampleRate`] allows.
    #[error("sample rate is {hz} Hz, but must be between 1 and {max}", max = SampleRate::MAX_HZ)]
    SampleRate {
        /// The rate that was given, in Hz.
        hz: u32,
    },
    /// Channels that are no waveform: none at all, or of different lengths.
    #[error(
        "channels have {lens:?} samples, but there must be at least one channel, all of the same length"
    )]
    UnequalChannels {
        /// Samples in each channel that was given.
        lens: Vec<usize>,
    },
    /// Two rates with too small a common divisor: the filter between them would be unreasonably long.
    #[error(
        "cannot resample from {from} to {to}: the two rates are too far apart, or have no useful common divisor"
    )]
    Resample {
        /// The rate of the sound.
        from: SampleRate,
        /// The rate that was asked for.
        to: SampleRate,
    },
    /// A file that cannot be read as sound.
    #[error("{}: {problem}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: ReadProblem,
    },
    /// A file that could not be written.
    #[error("{}: cannot be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl AudioError {
    /// What is wrong with the file, without its name; `None` if this is not about a file's content.
    pub fn read_problem(&self) -> Option<&ReadProblem> {
        match self {
            Self::Read { problem, .. } => Some(problem),
            _ => None,
        }
    }

    /// The text without the file's name, for lists that have it: what is wrong with the file, or else the whole text.
    pub(crate) fn without_path(&self) -> String {
        match self.read_problem() {
            Some(problem) => problem.to_string(),
            None => self.to_string(),
        }
    }
}

/// What is wrong with a sound file. Its text leaves out the file's name: [`AudioError::Read`] has it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadProblem {
    /// The system would not open or read it: missing, no permission, a failing disk.
    #[error("cannot be read: {0}")]
    Io(io::Error),
    /// A folder, pipe or device.
    #[error("is not a regular file")]
    NotAFile,
    /// Zero bytes.
    #[error("is empty (0 bytes)")]
    Empty,
    /// No known container was recognised.
    #[error(
        "is not a sound file of a known format (WAV, FLAC, Ogg, MP3, AAC, M4A, AIFF, AU, CAF, Matroska)"
    )]
    NotAudio,
    /// A container without any sound in it: a video without an audio track, a picture.
    #[error("has no audio track")]
    NoTrack,
    /// A container was recognised, but its header does not make sense.
    #[error("has a broken header: {0}")]
    Header(DecodeError),
    /// Sound in an encoding that no decoder here understands.
    #[error("is encoded in a way that cannot be decoded ({0})")]
    UnknownCodec(DecodeError),
    /// No channel, or more than any microphone array has.
    #[error("has {channels} channels, but must have between 1 and {max}", max = AudioReader::MAX_CHANNELS)]
    Channels {
        /// Channels in the header.
        channels: usize,
    },
    /// A channel is to be heard that the file does not have.
    #[error("has {channels} channel{}, and no channel {wanted}", if *.channels == 1 { "" } else { "s" })]
    NoSuchChannel {
        /// The channel that is to be heard, from 1.
        wanted: u16,
        /// Channels of the file.
        channels: usize,
    },
    /// A sample rate of 0 Hz, or one beyond what [`SampleRate`] allows.
    #[error("has a sample rate of {hz} Hz, but must have one between 1 and {max}", max = SampleRate::MAX_HZ)]
    SampleRate {
        /// The rate in the header, in Hz.
        hz: u32,
    },
    /// A good header, and not one sample.
    #[error("holds no samples")]
    NoSamples,
    /// The data stops before the end that the header announces.
    #[error("is cut off: {read_secs:.3} s can be read{}", of_declared(*.declared_secs))]
    Truncated {
        /// What can be read, in seconds.
        read_secs: f64,
        /// What the header announces, in seconds, if it does.
        declared_secs: Option<f64>,
    },
    /// The data is damaged.
    #[error("is damaged after {read_secs:.3} s: {source}")]
    Damaged {
        /// What could be read before the damage, in seconds.
        read_secs: f64,
        /// What the decoder said.
        source: DecodeError,
    },
    /// Rate or channels change within the file (joined Ogg streams).
    #[error("changes its sample rate or channels after {read_secs:.3} s")]
    FormatChanges {
        /// What could be read before the change, in seconds.
        read_secs: f64,
    },
    /// Not a number, infinite, or too large to be sound.
    #[error(
        "has a sample of value {value} after {at_secs:.3} s, which is not sound (full scale is ±1)"
    )]
    NotSound {
        /// Where, in seconds.
        at_secs: f64,
        /// The value.
        value: f32,
    },
    /// Known, and decoded only by the program ffmpeg, which is not there.
    #[error(
        "is {format}, which only the program `ffmpeg` can decode here, and none was found; install it, or convert the file to FLAC"
    )]
    NeedsFfmpeg {
        /// What the file is.
        format: String,
    },
    /// Known, and nothing that anything here could decode.
    #[error("is {format}; unpack or convert it first")]
    NotDecodable {
        /// What the file is.
        format: &'static str,
    },
    /// The program ffmpeg gave no sound.
    #[error("cannot be decoded by ffmpeg: {text}")]
    Ffmpeg {
        /// Its last words.
        text: String,
    },
    /// More sound than should be held in memory at once.
    #[error("is longer than {max} samples, too long to be read at once", max = super::MAX_SAMPLES_AT_ONCE)]
    TooLong,
    /// A span that starts behind the end of the file.
    #[error("ends at {secs:.3} s, before the wanted part from {onset:.3} to {offset:.3} s")]
    OutsideFile {
        /// Start of the wanted part, in seconds.
        onset: f64,
        /// End of the wanted part, in seconds.
        offset: f64,
        /// Length of the file, in seconds.
        secs: f64,
    },
    /// A decoder broke down, which is a bug in it; the file is left alone and the run goes on.
    #[error(
        "makes the decoder fail after {read_secs:.3} s, which is a bug in it and not only in the file"
    )]
    DecoderFailed {
        /// What could be read before, in seconds.
        read_secs: f64,
    },
}

fn of_declared(declared_secs: Option<f64>) -> String {
    declared_secs.map_or_else(String::new, |secs| {
        format!(" of the {secs:.3} s that its header announces")
    })
}

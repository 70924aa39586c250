//! A dataset as a list of clips.

use crate::audio::{
    AudioError, SampleRate, SoundChannels, Waveform, read_mono, read_mono_span, read_stereo,
    read_stereo_span,
};
use std::path::PathBuf;

/// One item of a dataset: a file, or a span of one.
#[derive(Debug, Clone, PartialEq)]
pub struct Clip {
    /// The sound file.
    pub path: PathBuf,
    /// Index into [`Dataset::classes`], if the clip is labelled.
    pub label: Option<usize>,
    /// The official fold, numbered as the dataset's authors do (ESC-50: 1..=5).
    pub fold: Option<u32>,
    /// The recording the clip was cut from; clips of one source must not be split over folds.
    pub source: Option<String>,
    /// Onset and offset within the file, in seconds; the whole file if absent.
    pub span: Option<(f64, f64)>,
}

impl Clip {
    /// A whole file without label.
    pub fn unlabelled(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            label: None,
            fold: None,
            source: None,
            span: None,
        }
    }

    /// Reads the clip as one channel: its span, or the whole file.
    ///
    /// # Errors
    /// As [`read_mono`] and [`read_mono_span`].
    pub fn read_mono(&self, rate: SampleRate) -> Result<Waveform, AudioError> {
        match self.span {
            Some(span) => read_mono_span(&self.path, rate, span),
            None => read_mono(&self.path, rate),
        }
    }

    /// Reads the channels of the clip that are to be heard: its span, or the whole file.
    ///
    /// # Errors
    /// As [`read_mono`] and [`read_mono_span`].
    pub fn read(&self, rate: SampleRate, channels: SoundChannels) -> Result<Waveform, AudioError> {
        match (channels, self.span) {
            (SoundChannels::Mono, _) => self.read_mono(rate),
            (SoundChannels::Stereo, Some(span)) => read_stereo_span(&self.path, rate, span),
            (SoundChannels::Stereo, None) => read_stereo(&self.path, rate),
        }
    }
}

/// Clips with what is known about them, in a fixed order.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// What the dataset is called in tables and reports.
    pub name: String,
    /// The clips, sorted as the manifest lists them or else by path.
    pub clips: Vec<Clip>,
    /// Class names; a clip's label is an index into them.
    pub classes: Vec<String>,
}

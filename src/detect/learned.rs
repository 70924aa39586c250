//! What a detector learned from, so that it can be said when it is used again.

use super::MarkedRecording;
use crate::dataset::Span;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Range;

/// The marks that a detector learned from.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LearnedFrom {
    /// What they are of, if the tables say so.
    pub label: Option<String>,
    /// The recordings with their shots.
    pub recordings: Vec<LearnedRecording>,
}

/// The shots of one recording that a detector learned from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LearnedRecording {
    /// The name of its file, without folders.
    pub name: String,
    /// By onset.
    pub shots: Vec<Span>,
}

/// A shot as a detector hears it, with a little sound before and behind.
#[derive(Debug, Clone, PartialEq)]
pub struct ShotPicture {
    /// Bands of the front end.
    pub bands: usize,
    /// `[frames, bands]`, above the background, in standard deviations of the recording.
    pub values: Vec<f32>,
    /// The frames that are the shot.
    pub shot: Range<usize>,
}

impl LearnedFrom {
    pub(super) fn new(marked: &[MarkedRecording]) -> Self {
        let recording = |marked: &MarkedRecording| LearnedRecording {
            name: marked
                .path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default(),
            shots: marked.support.shots().to_vec(),
        };
        let label = marked.first().and_then(|marked| marked.support.label());
        Self {
            label: label.map(str::to_owned),
            recordings: marked.iter().map(recording).collect(),
        }
    }

    /// How many shots there are.
    pub fn shots(&self) -> usize {
        self.recordings.iter().map(|of| of.shots.len()).sum()
    }

    /// Mean length of a shot in each recording, averaged over the recordings, in seconds; 0 without any.
    pub fn typical_secs(&self) -> f64 {
        let mean = |of: &LearnedRecording| {
            of.shots.iter().map(Span::secs).sum::<f64>() / of.shots.len().max(1) as f64
        };
        self.recordings.iter().map(mean).sum::<f64>() / self.recordings.len().max(1) as f64
    }
}

/// `5 marks of 1 recording`
impl fmt::Display for LearnedFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = |count: usize| if count == 1 { "" } else { "s" };
        let (marks, of) = (self.shots(), self.recordings.len());
        write!(f, "{marks} mark{} of {of} recording{}", s(marks), s(of))
    }
}

//! What a detector learned from, so that it can be said when it is used again.

use super::MarkedRecording;
use super::kinds::Kinds;
use crate::dataset::Span;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Range;

/// The marks that a detector learned from.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LearnedFrom {
    /// What they are of, if the tables say so and they are of one kind.
    pub label: Option<String>,
    /// The labels of the kinds, where there are several; empty where they are of one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<Option<String>>,
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
    /// The number of each shot's kind, where there are several kinds; else empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<usize>,
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
    /// The number of its kind.
    pub kind: usize,
}

impl LearnedFrom {
    pub(super) fn new(marked: &[MarkedRecording]) -> Self {
        let kinds = Kinds::of(marked.iter());
        let has_several = kinds.len() > 1;
        let recording = |marked: &MarkedRecording| {
            let of_kinds = marked.support.kinds().iter();
            let mut shots: Vec<_> = of_kinds
                .flat_map(|kind| {
                    let number = kinds.number(kind.label.as_deref());
                    kind.shots.iter().map(move |&shot| (shot, number))
                })
                .collect();
            shots.sort_by(|(a, _), (b, _)| a.onset().total_cmp(&b.onset()));
            let (shots, numbers): (Vec<_>, Vec<_>) = shots.into_iter().unzip();
            LearnedRecording {
                name: marked
                    .path
                    .file_name()
                    .map(|name| name.to_string_lossy().into_owned())
                    .unwrap_or_default(),
                shots,
                kinds: if has_several { numbers } else { Vec::new() },
            }
        };
        let recordings = marked.iter().map(recording).collect();
        let mut labels = kinds.into_labels();
        Self {
            label: match has_several {
                true => None,
                false => labels.pop().flatten(),
            },
            kinds: labels,
            recordings,
        }
    }

    /// What each kind is called, if the tables say so: one label or more.
    pub fn labels(&self) -> Vec<Option<String>> {
        match self.kinds.as_slice() {
            [] => vec![self.label.clone()],
            several => several.to_vec(),
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

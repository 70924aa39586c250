use serde::{Deserialize, Serialize};
use std::fmt;

/// From an onset to an offset, in seconds from the start of a recording: `0 <= onset < offset`, both finite.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "(f64, f64)", into = "(f64, f64)")]
pub struct Span {
    onset: f64,
    offset: f64,
}

impl TryFrom<(f64, f64)> for Span {
    type Error = SpanProblem;

    fn try_from((onset, offset): (f64, f64)) -> Result<Self, SpanProblem> {
        Self::new(onset, offset)
    }
}

impl From<Span> for (f64, f64) {
    fn from(span: Span) -> Self {
        (span.onset, span.offset)
    }
}

impl Span {
    /// A span, checked.
    ///
    /// # Errors
    /// If a time is negative or not finite, or the offset is not after the onset.
    pub fn new(onset: f64, offset: f64) -> Result<Self, SpanProblem> {
        if !onset.is_finite() || !offset.is_finite() {
            Err(SpanProblem::NotFinite { onset, offset })
        } else if onset < 0.0 {
            Err(SpanProblem::BeforeStart { onset })
        } else if offset <= onset {
            Err(SpanProblem::Empty { onset, offset })
        } else {
            Ok(Self { onset, offset })
        }
    }

    /// When it starts, in seconds.
    pub fn onset(&self) -> f64 {
        self.onset
    }

    /// When it ends, in seconds; after the onset.
    pub fn offset(&self) -> f64 {
        self.offset
    }

    /// How long it lasts, in seconds; above 0.
    pub fn secs(&self) -> f64 {
        self.offset - self.onset
    }
}

/// Why two times are not a span.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum SpanProblem {
    /// One of the times is not a finite number.
    #[error("a time is not finite: {onset} to {offset} s")]
    NotFinite {
        /// As given, in seconds.
        onset: f64,
        /// As given, in seconds.
        offset: f64,
    },
    /// It would start before the recording.
    #[error("the onset {onset} s is before the start of the recording")]
    BeforeStart {
        /// As given, in seconds.
        onset: f64,
    },
    /// Nothing lies between the times.
    #[error("the offset {offset} s is not after the onset {onset} s")]
    Empty {
        /// As given, in seconds.
        onset: f64,
        /// As given, in seconds.
        offset: f64,
    },
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} to {:.3} s", self.onset, self.offset)
    }
}

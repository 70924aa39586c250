//! Marked events in a recording: spans of time with a label, read from the tables people keep them in.

mod span;

pub use span::{Span, SpanProblem};

/// How sure the annotator was that this is the sound in question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It is one (DCASE `POS`).
    Positive,
    /// It may be one (DCASE `UNK`).
    Unknown,
    /// It is none (DCASE `NEG`).
    Negative,
}

/// One row of a table of marks.
#[derive(Clone, Debug, PartialEq)]
pub struct MarkedEvent {
    /// The recording's name as the table gives it, where it gives one.
    pub recording: Option<String>,
    /// When it sounds.
    pub span: Span,
    /// What it is, where the table says so.
    pub label: Option<String>,
    /// How sure the annotator was.
    pub mark: Mark,
    /// The line of the table, from 1.
    pub line: u64,
}

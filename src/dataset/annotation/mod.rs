//! Marked events in a recording: spans of time with a label, read from the tables people keep them in.
//!
//! [`read_marks`] reads any of these, told apart by what is in them and never by the file's ending:
//!
//! | [`MarkFormat`] | recognised by | says of each event |
//! |---|---|---|
//! | `Dcase` | columns `Starttime`, `Endtime` | recording; every further column is a class with `POS`, `UNK` or `NEG`, `Q` one without a name |
//! | `Raven` | columns `Begin Time (s)`, `End Time (s)` | recording (`Begin Path`, `Begin File`), label (`Annotation` or as the user called it), frequencies |
//! | `Plain` | columns `onset`, `offset` or `duration` by any of their names, or numbers at once | recording, label, mark, frequencies, where there |
//! | `Audacity` | numbers at once, separated by tabs | label, frequencies |
//!
//! Which program calls which column how is listed in `docs/tables.md`. A column `Q` beside onset and offset holds marks, as does a
//! label `POS`, `UNK` or `NEG`; a row without times names a recording without events. What is not used of a table is a
//! [`MarkWarning`]. [`Matching`] says which marks are of which recording, and its [`RecordingMarks::support`] makes of them
//! the [`Support`] that a detector learns from.

mod called;
mod columns;
mod format;
mod layout;
mod matching;
#[cfg(test)]
mod programs_tests;
mod read;
mod span;
mod support;
#[cfg(test)]
mod tests;
mod warning;

use std::collections::BTreeSet;
use std::path::PathBuf;
use unicode_normalization::UnicodeNormalization;

pub(crate) use columns::USED_MARK;
pub use format::MarkFormat;
pub(crate) use matching::Named;
pub use matching::{MatchError, Matching, RecordingMarks};
pub use read::{parse_marks, read_found_events, read_marks};
pub use span::{Span, SpanProblem};
pub(super) use support::listed;
pub use support::{
    KindSupport, LabelChoice, Marked, NoShotCount, ShotChoice, ShotCount, Support, SupportError,
    SupportProblem, SupportWarning,
};
pub use warning::MarkWarning;

/// How sure the annotator was that this is the sound in question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mark {
    /// It is one (DCASE `POS`).
    Positive,
    /// It may be one (DCASE `UNK`).
    Unknown,
    /// It is none (DCASE `NEG`).
    Negative,
}

impl Mark {
    /// The mark that DCASE tables write so, in any case.
    fn parse(text: &str) -> Option<Self> {
        [
            ("POS", Self::Positive),
            ("UNK", Self::Unknown),
            ("NEG", Self::Negative),
        ]
        .into_iter()
        .find_map(|(name, mark)| name.eq_ignore_ascii_case(text).then_some(mark))
    }
}

/// One row of a table of marks.
#[derive(Clone, Debug, PartialEq)]
pub struct MarkedEvent {
    /// The recording's name as the table gives it, where it gives one.
    pub recording: Option<String>,
    /// When it sounds.
    pub span: Span,
    /// Between which frequencies, in Hz, where the table says so.
    pub band_hz: Option<(f64, f64)>,
    /// What it is, where the table says so.
    pub label: Option<String>,
    /// How sure the annotator was.
    pub mark: Mark,
    /// The line of the table, from 1.
    pub line: u64,
}

impl MarkedEvent {
    /// Whether it has this label, or none if that is `None`. Accents may be one letter or two.
    pub(crate) fn has_label(&self, label: Option<&str>) -> bool {
        match (&self.label, label) {
            (Some(own), Some(label)) => own.chars().eq(label.nfc()),
            (own, label) => own.is_none() && label.is_none(),
        }
    }
}

/// One row of a table of events that a program found, and what somebody who listened to it says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FoundEvent {
    /// How sure the program was; `None` where the row has no number.
    pub score: Option<f64>,
    /// Whether it is one; `None` where nobody checked.
    pub verdict: Option<Mark>,
    /// The line of the table, from 1.
    pub line: u64,
}

/// A table of marks, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Annotation {
    /// The table.
    pub path: PathBuf,
    /// How it is written.
    pub format: MarkFormat,
    /// Its events, in the order of their lines.
    pub events: Vec<MarkedEvent>,
    /// Recordings that it names in a row without times: nothing is marked in them there.
    pub silent: BTreeSet<String>,
    /// Whether they are events that a program found and somebody checked: of those that were not, it holds none, unless
    /// [`read_found_events`] has read it.
    pub checked: bool,
    /// Of such a table, all found events, those too that nobody checked.
    pub found: Vec<FoundEvent>,
    /// The column that holds the labels, where it has a name.
    pub label_column: Option<String>,
    /// What is odd about it, and no reason to refuse it.
    pub warnings: Vec<MarkWarning>,
}

impl Annotation {
    /// The recordings that it names, those without events too, by letters.
    pub fn recordings(&self) -> BTreeSet<&str> {
        let names = self.events.iter().map(|event| event.recording.as_deref());
        let silent = self.silent.iter().map(String::as_str);
        names.flatten().chain(silent).collect()
    }
}

//! Marked events in a recording: spans of time with a label, read from the tables people keep them in.
//!
//! [`read_marks`] reads any of these, told apart by what is in them and never by the file's ending:
//!
//! | [`MarkFormat`] | recognised by | says of each event |
//! |---|---|---|
//! | `Dcase` | columns `Starttime`, `Endtime` | recording; every further column is a class with `POS`, `UNK` or `NEG`, `Q` one without a name |
//! | `Raven` | columns `Begin Time (s)`, `End Time (s)` | recording (`Begin File`) and label (`Annotation`), where there |
//! | `Plain` | columns `onset`, `offset`, or numbers at once | recording and label, where there |
//! | `Audacity` | numbers at once, separated by tabs | label |
//!
//! Separators are commas, semicolons or tabs; byte-order marks and any line ends are fine. A label `POS`, `UNK` or `NEG`
//! of the last three is a [`Mark`]. Of the marks of one recording, [`Annotation::support`] makes the [`Support`] that a
//! detector learns from.

mod layout;
mod read;
mod span;
mod support;
#[cfg(test)]
mod tests;
mod text;
mod warning;

use super::folder::EXTENSIONS;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub use layout::MarkFormat;
pub use read::{parse_marks, read_marks};
pub use span::{Span, SpanProblem};
pub use support::{ShotChoice, ShotCount, Support, SupportError, SupportProblem, SupportWarning};
pub use warning::MarkWarning;

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
    /// What it is, where the table says so.
    pub label: Option<String>,
    /// How sure the annotator was.
    pub mark: Mark,
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
    /// What is odd about it, and no reason to refuse it.
    pub warnings: Vec<MarkWarning>,
}

impl Annotation {
    /// The recordings that it names, by letters.
    pub fn recordings(&self) -> BTreeSet<&str> {
        let names = self.events.iter().map(|event| event.recording.as_deref());
        names.flatten().collect()
    }

    /// Whether the table is called as `recording` is, as `dawn.csv` and `dawn.Table.1.selections.txt` are called as
    /// `dawn.wav`.
    fn has_name_of(&self, recording: &str) -> bool {
        let table = self.path.file_name().unwrap_or_default().to_string_lossy();
        let rest = table.strip_prefix(recording_stem(recording));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// Whether an event of the table names `recording`.
    fn names(&self, recording: &str) -> bool {
        let mut named = self.recordings().into_iter();
        named.any(|name| recording_stem(name) == recording_stem(recording))
    }
}

/// The table about `recording`: one that names it, or else the one called as it is.
///
/// ```
/// use chiffchaff::dataset::{parse_marks, table_about};
///
/// let unnamed = b"onset,offset\n1,2\n";
/// let tables = [parse_marks("dusk.csv".as_ref(), unnamed)?, parse_marks("dawn.csv".as_ref(), unnamed)?];
/// assert_eq!(table_about(&tables, "birds/dawn.wav".as_ref()), Some(&tables[1]));
/// assert_eq!(table_about(&tables, "birds/noon.wav".as_ref()), None);
/// # Ok::<(), chiffchaff::dataset::DatasetError>(())
/// ```
pub fn table_about<'a>(tables: &'a [Annotation], recording: &Path) -> Option<&'a Annotation> {
    let name = recording.file_name()?.to_string_lossy();
    let mut about = tables.iter().filter(|table| table.names(&name));
    let mut called = tables
        .iter()
        .filter(|table| table.recordings().is_empty() && table.has_name_of(&name));
    about.next().or_else(|| called.next())
}

/// A recording's name without folder and without the ending of a sound file: what tables and files are compared by.
///
/// ```
/// use chiffchaff::dataset::recording_stem;
///
/// assert_eq!(recording_stem("C:\\birds\\2021.05.01.WAV"), "2021.05.01");
/// assert_eq!(recording_stem("2021.05.01"), "2021.05.01");
/// ```
pub fn recording_stem(name: &str) -> &str {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let is_sound = |ending: &str| {
        EXTENSIONS
            .iter()
            .any(|known| ending.eq_ignore_ascii_case(known))
    };
    match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && is_sound(ending) => stem,
        _ => name,
    }
}

//! Found events → tables, and the sound of each.
//!
//! | [`TableFormat`] | read by | columns |
//! |---|---|---|
//! | `Dcase` | the DCASE evaluation | `Audiofilename,Starttime,Endtime` |
//! | `Raven` | Raven, one recording a file | `Selection`, `View`, `Channel`, times in seconds, frequencies in Hz if known, `Begin File`, `Score`, `Annotation` |
//! | `Audacity` | Audacity, one recording a file | onset, offset, label; no header |
//! | `Csv` | everything else | `recording,onset,offset,score,label`; `low_hz,high_hz` where a [`Band`] is given, `date,time` of the onset where [`Began`] is |
//! | `Parquet` | data tools | the same, typed |
//!
//! Where marks stand beside the events, a last column `verdict` says `mark` of them; they have no score. Read as marks, they
//! are marks again; read as found events, they are none.
//!
//! A further kind is a file with its `KIND`, and here its row above, its `mod` and its value.
//!
//! A name or label that a spreadsheet would take for a formula (`=HYPERLINK(…)`, `-song`) is written with a `'` before it.
//! Times are seconds, to the microsecond; [`crate::dataset::read_marks`] reads all but Parquet back as they were, but for the last bit
//! where a table has durations.

mod audacity;
mod cells;
mod clips;
mod csv;
mod dcase;
mod marked;
mod parquet;
mod raven;

use super::{DetectError, Event};
use crate::audio::RecordedAt;
use crate::choices::choices;
use jiff::SignedDuration;
use std::path::{Path, PathBuf};

pub use clips::{write_clips, written_clips};
pub use marked::{Band, UsedMark};

/// The events of one recording.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found<'a> {
    /// The name of the recording, as it is to stand in the table.
    pub recording: &'a str,
    /// What events and marks of each kind are called, where that has a name; [`Event::kind`] is their place.
    pub labels: &'a [Option<String>],
    /// Between which frequencies they lie.
    pub band: Band,
    /// In the order in which they are to be written.
    pub events: &'a [Event],
    /// The marks that they were found by, to be written among them by onset, if that is wanted; only where
    /// [`TableFormat::tells_marks`].
    pub marks: Option<&'a [UsedMark]>,
    /// When the recording began.
    pub began: Began,
}

impl<'a> Found<'a> {
    /// What an event or a mark of a kind is called, if that has a name.
    fn label_of(&self, kind: usize) -> Option<&'a str> {
        self.labels.get(kind)?.as_deref()
    }
}

/// When a recording began, for tables that say when its events were.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Began {
    /// The table has no columns for it, unless another recording needs them.
    #[default]
    NotShown,
    /// The columns stay empty.
    Unknown,
    /// By the clock of the recorder.
    At(RecordedAt),
}

impl Began {
    /// The day, such as `2023-05-01`, and the time of day, such as `04:30:07.250`, so many seconds later.
    fn later(self, secs: f64) -> Option<(String, String)> {
        let Self::At(at) = self else {
            return None;
        };
        let millis = SignedDuration::from_millis((secs * 1e3).round() as i64);
        let clock = at.clock.checked_add(millis).ok()?;
        let time = clock.time();
        let rest = time.subsec_nanosecond() / 1_000_000;
        let text = format!(
            "{:02}:{:02}:{:02}.{rest:03}",
            time.hour(),
            time.minute(),
            time.second()
        );
        Some((clock.date().to_string(), text))
    }

    /// Whether one of them wants the columns.
    fn is_shown(found: &[Found]) -> bool {
        found.iter().any(|of| of.began != Self::NotShown)
    }
}

choices! {
    /// A kind of table.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum TableFormat: TableKind {
        /// recording,onset,offset,score,label, and low_hz,high_hz or date,time where marks or recordings say them
        #[default]
        Csv = "csv" => csv::KIND,
        /// Audiofilename,Starttime,Endtime
        Dcase = "dcase" => dcase::KIND,
        /// A selection table of Raven; one recording a file
        Raven = "raven" => raven::KIND,
        /// A label track of Audacity; one recording a file
        Audacity = "audacity" => audacity::KIND,
        /// Apache Parquet
        Parquet = "parquet" => parquet::KIND,
    }
}

/// What a kind of table is called, what its files end in, and how it is written.
#[derive(Debug)]
struct TableKind {
    /// What messages call it: `a Raven table`.
    title: &'static str,
    /// What its files have between the name of the recording and the extension, such as `.selections`.
    suffix: &'static str,
    /// Without dot.
    extension: &'static str,
    /// Whether each row says which recording its event is of, so that the events of many can share a table.
    names_recordings: bool,
    /// Whether rows of marks can be told from those of events.
    tells_marks: bool,
    writer: Writer,
}

/// The function that makes a table of events.
#[derive(Debug)]
enum Writer {
    Text(fn(&[Found]) -> String),
    Bytes(fn(&[Found]) -> Result<Vec<u8>, String>),
}

impl TableFormat {
    /// What messages call such a table: `a Raven table`.
    pub fn title(self) -> &'static str {
        self.own().title
    }

    /// What the name of such a file ends in, without the dot: `csv`.
    pub fn extension(self) -> &'static str {
        self.own().extension
    }

    /// [`Self::extension`] as a list of all endings that such a file may have.
    pub fn extensions(self) -> &'static [&'static str] {
        std::slice::from_ref(&self.own().extension)
    }

    /// What such a file is called for the stem of an [`OutputName`](crate::dataset::OutputName): `A01/dawn.csv`, for Raven
    /// `A01/dawn.selections.txt`.
    pub fn file_name(self, stem: &Path) -> PathBuf {
        let mut name = stem.as_os_str().to_owned();
        name.push(format!("{}.{}", self.own().suffix, self.own().extension));
        name.into()
    }

    /// Whether a table says which recording an event is of, so that those of many can share one.
    pub fn holds_many_recordings(self) -> bool {
        self.own().names_recordings
    }

    /// Whether a table tells marks from found events, so that both can share one.
    pub fn tells_marks(self) -> bool {
        self.own().tells_marks
    }

    /// Whether such a table is text, which a terminal can show.
    pub fn is_text(self) -> bool {
        matches!(self.own().writer, Writer::Text(_))
    }
}

/// Writes a table of events, whole or not at all; without any events, one without rows.
///
/// ```
/// use chiffchaff::dataset::{Span, read_marks};
/// use chiffchaff::detect::{Event, write::{Band, Began, Found, TableFormat, write_events}};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("a.selections.txt");
/// let events = [Event { span: Span::new(1.25, 1.5)?, score: 0.9, kind: 0 }];
/// let labels = [Some("song".to_owned())];
/// let found = Found {
///     recording: "a.wav",
///     labels: &labels,
///     band: Band::Hz(2000.0, 5000.0),
///     events: &events,
///     marks: None,
///     began: Began::NotShown,
/// };
/// write_events(&path, TableFormat::Raven, &[found])?;
/// let read = read_marks(&path)?;
/// assert_eq!((read.events[0].span, read.events[0].band_hz), (events[0].span, Some((2000.0, 5000.0))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the file cannot be written, or if there are several recordings and the format has no place for their names.
pub fn write_events(path: &Path, format: TableFormat, found: &[Found]) -> Result<(), DetectError> {
    let bytes = event_table(path, format, found)?;
    crate::write_whole(path, &bytes).map_err(|source| DetectError::Io {
        path: path.to_owned(),
        action: "written",
        source,
    })
}

/// The bytes of a table of events; `path` stands for it in messages.
///
/// # Errors
/// If there are several recordings and the format has no place for their names.
pub fn event_table(
    path: &Path,
    format: TableFormat,
    found: &[Found],
) -> Result<Vec<u8>, DetectError> {
    if found.len() > 1 && !format.holds_many_recordings() {
        return Err(DetectError::OneRecording {
            path: path.to_owned(),
            format: format.title(),
            recordings: found.len(),
        });
    }
    match format.own().writer {
        Writer::Text(text) => Ok(text(found).into_bytes()),
        Writer::Bytes(bytes) => bytes(found).map_err(|reason| DetectError::Table {
            path: path.to_owned(),
            format: format.title(),
            reason,
        }),
    }
}

#[cfg(test)]
mod tests;

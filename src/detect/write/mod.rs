//! Found events → tables, and the sound of each.
//!
//! | [`TableFormat`] | read by | columns |
//! |---|---|---|
//! | `Dcase` | the DCASE evaluation | `Audiofilename,Starttime,Endtime` |
//! | `Raven` | Raven, one recording a file | `Selection`, `View`, `Channel`, times in seconds, frequencies in Hz if known, `Begin File`, `Score`, `Annotation` |
//! | `Audacity` | Audacity, one recording a file | onset, offset, label; no header |
//! | `Csv` | everything else | `recording,onset,offset,score,label` |
//! | `Parquet` | data tools | the same, typed |
//!
//! A name or label that a spreadsheet would take for a formula (`=HYPERLINK(…)`, `-song`) is written with a `'` before it.
//! Times are seconds, to the microsecond; [`crate::dataset::read_marks`] reads all but Parquet back as they were.

mod clips;
mod parquet;
mod tables;

use super::{DetectError, Event};
use std::path::{Path, PathBuf};

pub use clips::{write_clips, written_clips};

/// The events of one recording.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found<'a> {
    /// The name of the recording, as it is to stand in the table.
    pub recording: &'a str,
    /// What they are, if that has a name.
    pub label: Option<&'a str>,
    /// Between which frequencies they lie, in Hz, if that is known.
    pub band_hz: Option<(f64, f64)>,
    /// In the order in which they are to be written.
    pub events: &'a [Event],
}

/// A kind of table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableFormat {
    /// `Audiofilename,Starttime,Endtime`: what the DCASE few-shot task evaluates.
    Dcase,
    /// A selection table of Raven.
    Raven,
    /// Labels of Audacity.
    Audacity,
    /// Comma-separated, with score and label.
    Csv,
    /// Apache Parquet, with score and label.
    Parquet,
}

impl TableFormat {
    /// What such a file is called for the stem of an [`OutputName`](crate::dataset::OutputName): `A01/dawn.csv`, for Raven
    /// `A01/dawn.selections.txt`.
    pub fn file_name(self, stem: &Path) -> PathBuf {
        let ending = match self {
            Self::Dcase | Self::Csv => "csv",
            Self::Raven => "selections.txt",
            Self::Audacity => "txt",
            Self::Parquet => "parquet",
        };
        let mut name = stem.as_os_str().to_owned();
        name.push(".");
        name.push(ending);
        name.into()
    }

    /// Whether a table says which recording an event is of, so that those of many can share one.
    pub fn holds_many_recordings(self) -> bool {
        !matches!(self, Self::Raven | Self::Audacity)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Dcase => "DCASE CSV",
            Self::Raven => "a Raven table",
            Self::Audacity => "an Audacity label track",
            Self::Csv => "CSV",
            Self::Parquet => "Parquet",
        }
    }
}

/// Writes a table of events, whole or not at all; without any events, one without rows.
///
/// ```
/// use chiffchaff::dataset::{Span, read_marks};
/// use chiffchaff::detect::{Event, write::{Found, TableFormat, write_events}};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("a.selections.txt");
/// let events = [Event { span: Span::new(1.25, 1.5)?, score: 0.9 }];
/// let found = Found { recording: "a.wav", label: Some("song"), band_hz: None, events: &events };
/// write_events(&path, TableFormat::Raven, &[found])?;
/// assert_eq!(read_marks(&path)?.events[0].span, events[0].span);
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
            format: format.name(),
            recordings: found.len(),
        });
    }
    Ok(match format {
        TableFormat::Dcase => tables::dcase(found),
        TableFormat::Raven => tables::raven(found),
        TableFormat::Audacity => tables::audacity(found),
        TableFormat::Csv => tables::csv(found),
        TableFormat::Parquet => parquet::parquet(found).map_err(|error| DetectError::Parquet {
            path: path.to_owned(),
            reason: error.to_string(),
        })?,
    })
}

#[cfg(test)]
mod tests;

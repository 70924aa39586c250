//! Tables of true and of predicted events → files to score.

use super::ScoredFile;
use crate::dataset::{
    Annotation, DatasetError, Mark, MarkedEvent, Span, read_marks, read_pairs, recording_stem,
};
use crate::detect::DetectError;
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    path::{Path, PathBuf},
};

/// Which subset a recording belongs to.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Subsets {
    /// The folder, under that of the references, that its table lies in; `all` for those that lie in none.
    #[default]
    Folders,
    /// By the recording's name without its ending.
    Listed {
        /// The table that says so, for messages.
        path: PathBuf,
        /// Subsets by name.
        subsets: BTreeMap<String, String>,
    },
}

impl Subsets {
    /// Reads a table of two columns with the header `file,subset`.
    ///
    /// # Errors
    /// If it cannot be read, or has other columns.
    pub fn read(path: &Path) -> Result<Self, DetectError> {
        let rows = read_pairs(path, ["file", "subset"])?;
        let rows = rows
            .into_iter()
            .map(|[file, subset]| (recording_stem(&file).to_owned(), subset));
        Ok(Self::Listed {
            path: path.to_owned(),
            subsets: rows.collect(),
        })
    }

    fn of(&self, reference: &Reference, root: &Path) -> Result<String, DetectError> {
        match self {
            Self::Folders => {
                let inside = reference.table.strip_prefix(root).ok();
                let folder = inside.and_then(Path::parent).and_then(|p| p.iter().next());
                let name = folder.map(|name| name.to_string_lossy().into_owned());
                Ok(name.unwrap_or_else(|| "all".to_owned()))
            }
            Self::Listed { path, subsets } => {
                let subset = subsets.get(&reference.stem);
                subset.cloned().ok_or_else(|| DetectError::NoSubset {
                    path: path.clone(),
                    recording: reference.recording.clone(),
                })
            }
        }
    }
}

/// What [`read_scored_files`] found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScoredFiles {
    /// One per reference, by name.
    pub files: Vec<ScoredFile>,
    /// Tables in the folders that hold no marks, and were passed over.
    pub skipped: Vec<PathBuf>,
}

/// Reads references and predictions, each a table or a folder of tables (`.csv`, `.txt`, `.tsv`, in sub-folders too), and
/// brings them together by the name of the recording. Where a table names none, it is the table's own name.
///
/// With a `label`, only marks of that label or of none count, in references and predictions.
///
/// # Errors
/// If a table cannot be read, if a recording has two references or positive marks of several labels, or if a prediction is
/// of a recording without reference.
pub fn read_scored_files(
    references: &Path,
    predictions: &Path,
    subsets: &Subsets,
    label: Option<&str>,
) -> Result<ScoredFiles, DetectError> {
    let mut files: BTreeMap<String, (Reference, Vec<Span>)> = BTreeMap::new();
    let mut skipped = Vec::new();
    for table in read_tables(references, &mut skipped)? {
        for reference in of_recordings(&table, label)? {
            let stem = reference.stem.clone();
            if let Some((first, _)) = files.get(&stem) {
                return Err(DetectError::TwoReferences {
                    path: reference.table,
                    first: first.table.clone(),
                    recording: reference.recording,
                });
            }
            files.insert(stem, (reference, Vec::new()));
        }
    }
    for table in read_tables(predictions, &mut skipped)? {
        for event in &table.events {
            let recording = recording_of(event, &table);
            let Some((_, found)) = files.get_mut(recording_stem(&recording)) else {
                return Err(DetectError::NoReference {
                    path: table.path.clone(),
                    line: event.line,
                    recording,
                });
            };
            if event.mark == Mark::Positive && is_of(event, label) {
                found.push(event.span);
            }
        }
    }
    let files = files.into_values().map(|(reference, predictions)| {
        Ok(ScoredFile {
            subset: subsets.of(&reference, references)?,
            recording: reference.recording,
            reference: reference.events,
            predictions,
        })
    });
    Ok(ScoredFiles {
        files: files.collect::<Result<_, DetectError>>()?,
        skipped,
    })
}

/// Whether the event has the wanted label or none, or no label is wanted.
fn is_of(event: &MarkedEvent, label: Option<&str>) -> bool {
    label.is_none() || event.label.is_none() || event.label.as_deref() == label
}

/// The true events of one recording.
struct Reference {
    recording: String,
    stem: String,
    table: PathBuf,
    events: Vec<(Span, Mark)>,
}

/// The references in a table, one per recording; one of the table's own name if it has no events.
fn of_recordings(table: &Annotation, label: Option<&str>) -> Result<Vec<Reference>, DetectError> {
    let mut references: BTreeMap<String, Vec<&MarkedEvent>> = BTreeMap::new();
    for event in &table.events {
        let events = references.entry(recording_of(event, table)).or_default();
        events.extend(is_of(event, label).then_some(event));
    }
    if references.is_empty() {
        references.insert(own_name(table), Vec::new());
    }
    let reference = |(recording, events): (String, Vec<&MarkedEvent>)| {
        let positive = events.iter().filter(|event| event.mark == Mark::Positive);
        let labels: BTreeSet<&str> = positive
            .filter_map(|event| event.label.as_deref())
            .collect();
        if labels.len() > 1 {
            return Err(DetectError::SeveralLabels {
                path: table.path.clone(),
                recording,
                labels: labels
                    .into_iter()
                    .map(|label| format!("`{label}`"))
                    .collect(),
            });
        }
        Ok(Reference {
            stem: recording_stem(&recording).to_owned(),
            recording,
            table: table.path.clone(),
            events: events
                .iter()
                .map(|event| (event.span, event.mark))
                .collect(),
        })
    };
    references.into_iter().map(reference).collect()
}

/// The recording that an event names, or else that its table is called after.
fn recording_of(event: &MarkedEvent, table: &Annotation) -> String {
    event.recording.clone().unwrap_or_else(|| own_name(table))
}

/// The name of the table without its ending.
fn own_name(table: &Annotation) -> String {
    let stem = table.path.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

/// Reads a table, or all those in a folder, by name; notes the tables there that are of something else.
fn read_tables(path: &Path, skipped: &mut Vec<PathBuf>) -> Result<Vec<Annotation>, DetectError> {
    if !path.is_dir() {
        return Ok(vec![read_marks(path)?]);
    }
    let mut paths = Vec::new();
    list_tables(path, &mut paths)?;
    paths.sort();
    let mut tables = Vec::new();
    for path in paths {
        match read_marks(&path) {
            Ok(table) => tables.push(table),
            Err(DatasetError::NotMarks { path, .. }) => skipped.push(path),
            Err(error) => return Err(error.into()),
        }
    }
    if tables.is_empty() {
        return Err(DetectError::NoTables {
            path: path.to_owned(),
        });
    }
    Ok(tables)
}

fn list_tables(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), DetectError> {
    let failed = |source| DetectError::Io {
        path: folder.to_owned(),
        action: "read",
        source,
    };
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        if entry.file_type().map_err(failed)?.is_dir() {
            list_tables(&path, paths)?;
        } else if path.extension().is_some_and(is_table) {
            paths.push(path);
        }
    }
    Ok(())
}

fn is_table(ending: &OsStr) -> bool {
    ["csv", "txt", "tsv"]
        .iter()
        .any(|known| ending.eq_ignore_ascii_case(known))
}

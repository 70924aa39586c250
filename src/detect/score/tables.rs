//! Tables of true and of predicted events → files to score.

use super::ScoredFile;
use crate::dataset::{
    Annotation, DatasetError, Mark, MarkWarning, MarkedEvent, Matching, Named, Place, Span,
    output_names, read_found_events, read_marks, read_pairs,
};
use crate::detect::DetectError;
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs::DirEntry,
    io,
    path::{Path, PathBuf},
};

/// Which subset a recording belongs to.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Subsets {
    /// The folder, under that of the references, that its table lies in; `all` for those that lie in none.
    #[default]
    Folders,
    /// By the recording's name, and by its folders where they are given.
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
        Ok(Self::Listed {
            path: path.to_owned(),
            subsets: rows
                .into_iter()
                .map(|[file, subset]| (file, subset))
                .collect(),
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
                let place = Place::of_path(&reference.path);
                let shared = |name: &String| Place::of_name(name).shared(&place);
                let most = subsets.keys().map(shared).max().filter(|&most| most > 0);
                let best = subsets
                    .iter()
                    .filter(|(name, _)| Some(shared(name)) == most);
                let best: BTreeSet<&String> = best.map(|(_, subset)| subset).collect();
                match Vec::from_iter(best)[..] {
                    [subset] => Ok(subset.clone()),
                    _ => Err(DetectError::NoSubset {
                        path: path.clone(),
                        recording: reference.recording.clone(),
                    }),
                }
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
    /// Sub-folders that cannot be read, each with the reason; their tables are missing.
    pub unreadable: Vec<(PathBuf, String)>,
    /// What is odd about which table.
    pub warnings: Vec<(PathBuf, MarkWarning)>,
}

/// Reads references and predictions, each a table or a folder of tables (`.csv`, `.txt`, `.tsv`, in sub-folders too), and
/// brings them together by the recording, as [`Matching`] does. Where a table names none, it is the one that the table is
/// called after. Several tables of one recording count together.
///
/// With a `label`, only marks of that label or of none count, in references and predictions. A found event that ends where it
/// starts hits nothing.
///
/// # Errors
/// If a table cannot be read, if two tables have the same events of recordings of one name, if a recording has positive marks
/// of several labels, or if a prediction is of a recording without reference, or may be of several.
pub fn read_scored_files(
    references: &Path,
    predictions: &Path,
    subsets: &Subsets,
    label: Option<&str>,
) -> Result<ScoredFiles, DetectError> {
    let mut left_out = LeftOut::default();
    let tables = read_tables(references, read_marks, &mut left_out)?;
    let truth = references_in(&tables, label)?;
    let found = read_tables(predictions, read_found_events, &mut left_out)?;
    let paths: Vec<PathBuf> = truth
        .iter()
        .map(|reference| reference.path.clone())
        .collect();
    let matching = Matching::new(&found, &paths);
    let mut used: BTreeSet<*const Named> = BTreeSet::new();
    let mut files = Vec::new();
    for (n, reference) in truth.into_iter().enumerate() {
        let mut predictions = Vec::new();
        for named in matching.kept(n).map_err(Box::new)? {
            used.insert(named);
            let counts =
                |event: &&&MarkedEvent| event.mark == Mark::Positive && is_of(event, label);
            let events = named.events.iter().filter(counts);
            predictions.extend(events.map(|event| event.span));
        }
        files.push(ScoredFile {
            subset: subsets.of(&reference, references)?,
            recording: reference.recording,
            reference: reference.events,
            predictions,
        });
    }
    let is_unused = |named: &&Named| !used.contains(&std::ptr::from_ref(*named));
    for named in matching.names().iter().filter(is_unused) {
        if let Some(event) = named.events.first() {
            return Err(DetectError::NoReference {
                path: named.table.path.clone(),
                line: event.line,
                recording: named.label(),
            });
        }
    }
    let all = tables.iter().chain(&found);
    let of_table = |table: &Annotation| -> Vec<_> {
        let warnings = table.warnings.iter().cloned();
        warnings
            .map(|warning| (table.path.clone(), warning))
            .collect()
    };
    Ok(ScoredFiles {
        files,
        skipped: left_out.skipped,
        unreadable: left_out.unreadable,
        warnings: all.flat_map(of_table).collect(),
    })
}

/// Whether the event has the wanted label or none, or no label is wanted.
fn is_of(event: &MarkedEvent, label: Option<&str>) -> bool {
    label.is_none() || event.label.is_none() || event.has_label(label)
}

/// The true events of one recording.
struct Reference {
    /// What to call it, unlike all others.
    recording: String,
    /// Where it is, as far as the tables say.
    path: PathBuf,
    table: PathBuf,
    events: Vec<(Span, Mark)>,
}

/// The references in some tables, one per recording, by name; one of a table's own name if it has no events.
fn references_in(
    tables: &[Annotation],
    label: Option<&str>,
) -> Result<Vec<Reference>, DetectError> {
    let named: Vec<Named> = tables
        .iter()
        .flat_map(|table| Named::all_of(table, |_| false))
        .collect();
    let mut by_place: BTreeMap<Place, Vec<&Named>> = BTreeMap::new();
    for named in &named {
        // A bare name is that of a recording in the folder of its table.
        let place = match named.identity() {
            identity if identity.has_folder() => identity,
            _ => &named.full,
        };
        by_place.entry(place.clone()).or_default().push(named);
    }
    let groups: Vec<Vec<&Named>> = by_place.into_values().collect();
    let paths: Vec<PathBuf> = groups.iter().map(|group| group[0].path()).collect();
    let is_single = |n: usize| {
        let place = Place::of_path(&paths[n]);
        paths
            .iter()
            .filter(|path| Place::of_path(path).shared(&place) > 0)
            .count()
            == 1
    };
    let names = output_names(&paths);
    let mut references = Vec::new();
    for (n, group) in groups.iter().enumerate() {
        let recording = match is_single(n) {
            true => group[0].label(),
            false => names[n].recording.clone(),
        };
        references.push(reference(recording, paths[n].clone(), group, label)?);
    }
    refuse_copies(&references)?;
    references.sort_by(|a, b| a.recording.cmp(&b.recording));
    Ok(references)
}

fn reference(
    recording: String,
    path: PathBuf,
    group: &[&Named],
    label: Option<&str>,
) -> Result<Reference, DetectError> {
    let events = group.iter().flat_map(|named| named.events.iter().copied());
    let events: Vec<&MarkedEvent> = events.filter(|event| is_of(event, label)).collect();
    let positive = events.iter().filter(|event| event.mark == Mark::Positive);
    let labels: BTreeSet<&str> = positive
        .filter_map(|event| event.label.as_deref())
        .collect();
    if labels.len() > 1 {
        return Err(DetectError::SeveralLabels {
            path: group[0].table.path.clone(),
            recording,
            labels: labels
                .into_iter()
                .map(|label| format!("`{label}`"))
                .collect(),
        });
    }
    let mut own: Vec<(Span, Mark)> = Vec::new();
    for event in events {
        // What a second table repeats is one event.
        let mark = (event.span, event.mark);
        if group.len() == 1 || !own.contains(&mark) {
            own.push(mark);
        }
    }
    Ok(Reference {
        recording,
        path,
        table: group[0].table.path.clone(),
        events: own,
    })
}

/// The same events of the same name in two folders are one table and its copy.
fn refuse_copies(references: &[Reference]) -> Result<(), DetectError> {
    let mut by_stem: BTreeMap<String, Vec<&Reference>> = BTreeMap::new();
    for reference in references
        .iter()
        .filter(|reference| !reference.events.is_empty())
    {
        let others = by_stem.entry(Place::of_path(&reference.path).stem().to_owned());
        let others = others.or_default();
        if let Some(first) = others.iter().find(|other| other.events == reference.events) {
            return Err(DetectError::TwoReferences {
                path: reference.table.clone(),
                first: first.table.clone(),
                recording: reference.recording.clone(),
            });
        }
        others.push(reference);
    }
    Ok(())
}

/// What is in a folder of tables, and not used.
#[derive(Default)]
struct LeftOut {
    /// Tables of something else.
    skipped: Vec<PathBuf>,
    unreadable: Vec<(PathBuf, String)>,
}

/// Reads a table, or all those in a folder, by name.
fn read_tables(
    path: &Path,
    read: impl Fn(PathBuf) -> Result<Annotation, DatasetError>,
    left_out: &mut LeftOut,
) -> Result<Vec<Annotation>, DetectError> {
    if !path.is_dir() {
        return Ok(vec![read(path.to_owned())?]);
    }
    let list = |folder: &Path| std::fs::read_dir(folder)?.collect();
    let paths = list_tables(path, &mut left_out.unreadable, &list)?;
    let mut tables = Vec::new();
    for path in paths {
        match read(path) {
            Ok(table) => tables.push(table),
            Err(DatasetError::NotMarks { path, .. }) => left_out.skipped.push(path),
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

/// The tables below a folder, by name. A sub-folder that cannot be read is added to `unreadable`, and the others are
/// searched. `list` gives the entries of a folder.
fn list_tables(
    root: &Path,
    unreadable: &mut Vec<(PathBuf, String)>,
    list: &dyn Fn(&Path) -> io::Result<Vec<DirEntry>>,
) -> Result<Vec<PathBuf>, DetectError> {
    let (mut paths, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        let entries = match list(&folder) {
            Ok(entries) => entries,
            Err(source) if folder == root => {
                return Err(DetectError::Io {
                    path: folder,
                    action: "read",
                    source,
                });
            }
            Err(error) => {
                unreadable.push((folder, error.to_string()));
                continue;
            }
        };
        for entry in entries {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if path.extension().is_some_and(is_table) {
                paths.push(path);
            }
        }
    }
    paths.sort();
    Ok(paths)
}

fn is_table(ending: &OsStr) -> bool {
    ["csv", "txt", "tsv"]
        .iter()
        .any(|known| ending.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_read_is_told_and_the_others_are_searched() {
        let root = tempfile::tempdir().unwrap();
        for name in ["a/x.csv", "b/deep/y.csv", "b/z.txt"] {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let closed = root.path().join("b/deep");
        let list = |folder: &Path| match folder == closed {
            true => Err(io::Error::from(io::ErrorKind::PermissionDenied)),
            false => std::fs::read_dir(folder)?.collect(),
        };
        let mut unreadable = Vec::new();
        let tables = list_tables(root.path(), &mut unreadable, &list).unwrap();
        assert_eq!(
            tables,
            ["a/x.csv", "b/z.txt"].map(|name| root.path().join(name))
        );
        assert_eq!(unreadable, [(closed, "permission denied".to_owned())]);
        let all_closed = |_: &Path| Err(io::Error::from(io::ErrorKind::PermissionDenied));
        assert!(list_tables(root.path(), &mut unreadable, &all_closed).is_err());
    }
}

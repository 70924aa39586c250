//! Which marks are of which recording.

use super::{Annotation, MarkedEvent, called::called_after, support::listed};
use crate::dataset::recording::Place;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// Brings tables of marks and recordings together.
///
/// A recording is known by its path as far as a table gives one, else by its name, without regard to case, slashes, accents
/// in one letter or two, and the ending of a sound file. Relative names count from the folder of their table; a table that
/// names no recording is taken for one of the recording that it is called after, in its own folder before any other. All
/// tables of a recording count.
///
/// ```
/// use chiffchaff::dataset::{Matching, parse_marks};
///
/// let table = |path: &str| parse_marks(path.as_ref(), b"onset,offset\n1,2\n");
/// let tables = [table("A01/dawn.csv")?, table("A02/dawn.Table.1.selections.txt")?];
/// let recordings = ["A02/dawn.wav".into(), "A01/dusk.wav".into()];
/// let matching = Matching::new(&tables, &recordings);
/// assert_eq!(matching.marks_of(0).unwrap().tables(), [&tables[1]]);
/// assert!(matching.marks_of(1).is_err());
/// # Ok::<(), chiffchaff::dataset::DatasetError>(())
/// ```
#[derive(Debug)]
pub struct Matching<'a> {
    tables: &'a [Annotation],
    recordings: &'a [PathBuf],
    places: Vec<Place>,
    by_stem: HashMap<String, Vec<usize>>,
    names: Vec<Named<'a>>,
    names_by_stem: HashMap<String, Vec<usize>>,
}

/// The events of one table that are of the same recording.
#[derive(Debug)]
pub(crate) struct Named<'a> {
    pub(crate) table: &'a Annotation,
    /// As the table has it; `None` where the table names none and is called after a recording.
    pub(crate) name: Option<&'a str>,
    /// As given, and from the root on.
    given: Place,
    pub(crate) full: Place,
    pub(crate) events: Vec<&'a MarkedEvent>,
}

/// The marks of one recording, from one or more tables.
#[derive(Clone, Debug)]
pub struct RecordingMarks<'a> {
    pub(super) recording: &'a Path,
    pub(super) parts: Vec<(&'a Annotation, Vec<&'a MarkedEvent>)>,
    by_name_alone: Option<(&'a Path, &'a str)>,
}

/// Why it is not known which marks are those of a recording.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MatchError {
    /// No table is about it.
    #[error(
        "{}: no table of marks has its name or names it{}\n\nhint: a table that names no recording must be called as its recording is, such as `dawn.csv` or `dawn.Table.1.selections.txt` for `dawn.wav`",
        recording.display(), only_of(named)
    )]
    NoTable {
        /// The recording.
        recording: PathBuf,
        /// Those that tables do name.
        named: Vec<String>,
    },
    /// One name in a table, or one table, that may be about several recordings.
    #[error(
        "{}: `{name}` may be {} or {}\n\nhint: put each table beside its recording, or write the folder too in the column of the recording",
        table.display(), first.display(), second.display()
    )]
    SeveralRecordings {
        /// The table.
        table: PathBuf,
        /// What it calls the recording.
        name: String,
        /// One.
        first: PathBuf,
        /// Another.
        second: PathBuf,
    },
    /// Several recordings in the tables, each of which may be the one that is given.
    #[error(
        "{}: may be `{first}` of {} or `{second}` of {}\n\nhint: give only the table that is about it, or put that table beside it",
        recording.display(), first_table.display(), second_table.display()
    )]
    SeveralNames {
        /// The recording.
        recording: PathBuf,
        /// One.
        first: String,
        /// Where it stands.
        first_table: PathBuf,
        /// Another.
        second: String,
        /// Where that stands.
        second_table: PathBuf,
    },
}

fn only_of(named: &[String]) -> String {
    match named {
        [] => String::new(),
        named => format!(", only {}", listed(named)),
    }
}

impl<'a> Named<'a> {
    /// Of every recording that the table is about, as far as it says.
    pub(crate) fn all_of(table: &'a Annotation, is_known: impl Fn(&str) -> bool) -> Vec<Self> {
        let folder = Place::of_path(table.path.parent().unwrap_or(Path::new("")));
        let mut by_name: BTreeMap<&str, Vec<&MarkedEvent>> = BTreeMap::new();
        for name in &table.silent {
            by_name.entry(name).or_default();
        }
        for event in &table.events {
            if let Some(name) = &event.recording {
                by_name.entry(name).or_default().push(event);
            }
        }
        let named = |name, given: Place, events| Self {
            table,
            name,
            full: given.within(&folder),
            given,
            events,
        };
        if by_name.is_empty() {
            let given = called_after(&table.path)
                .iter()
                .map(|stem| Place::of_name(stem))
                .collect::<Vec<_>>();
            let known = given.iter().find(|place| is_known(place.stem()));
            let given = known.or(given.last()).cloned();
            let all = table.events.iter().collect();
            return given
                .map(|given| named(None, given, all))
                .into_iter()
                .collect();
        }
        let by_name = by_name.into_iter();
        by_name
            .map(|(name, events)| named(Some(name), Place::of_name(name), events))
            .collect()
    }

    /// What to call it in messages.
    pub(crate) fn label(&self) -> String {
        self.name
            .map_or_else(|| self.given.stem().to_owned(), str::to_owned)
    }

    /// The file, as far as the table says where it is: in the table's own folder, where it does not.
    pub(crate) fn path(&self) -> PathBuf {
        let name = self.name.map_or_else(
            || called_after(&self.table.path).pop().unwrap_or_default(),
            |name| name.replace('\\', "/"),
        );
        self.table.path.with_file_name("").join(name)
    }

    /// What is sure about which recording it is: the folder of the table says so only where the table names none.
    pub(crate) fn identity(&self) -> &Place {
        match self.name {
            Some(_) => &self.given,
            None => &self.full,
        }
    }

    /// Whether nothing but the name goes with the recording, and the folders do not.
    fn has_other_folder(&self, recording: &Place) -> bool {
        self.full.shared(recording) == 1 && self.identity().has_folder()
    }
}

impl<'a> Matching<'a> {
    /// Of all tables and all recordings that are at hand: what is known of one decides about others.
    pub fn new(tables: &'a [Annotation], recordings: &'a [PathBuf]) -> Self {
        let places: Vec<Place> = recordings.iter().map(|path| Place::of_path(path)).collect();
        let by_stem = index(places.iter());
        let is_known = |stem: &str| by_stem.contains_key(stem);
        let names: Vec<_> = tables
            .iter()
            .flat_map(|table| Named::all_of(table, is_known))
            .collect();
        Self {
            names_by_stem: index(names.iter().map(|named| &named.given)),
            tables,
            recordings,
            places,
            by_stem,
            names,
        }
    }

    /// The marks of the recording with this index.
    ///
    /// # Errors
    /// If no table is about it, or if it cannot be decided whether one is.
    pub fn marks_of(&self, recording: usize) -> Result<RecordingMarks<'a>, MatchError> {
        let mut kept = self.kept(recording)?;
        if kept.is_empty() {
            kept.extend(self.only());
        }
        let Some(first) = kept.first() else {
            let named = self.names.iter().filter_map(|named| named.name);
            return Err(MatchError::NoTable {
                recording: self.recordings[recording].clone(),
                named: named.map(str::to_owned).collect(),
            });
        };
        let place = &self.places[recording];
        let is_other = |named: &&&Named<'a>| named.name.is_some() && named.has_other_folder(place);
        let by_name_alone = Some(first).filter(is_other);
        Ok(RecordingMarks {
            recording: &self.recordings[recording],
            by_name_alone: by_name_alone
                .and_then(|named| Some((named.table.path.as_path(), named.name?))),
            parts: kept
                .iter()
                .map(|named| (named.table, named.events.clone()))
                .collect(),
        })
    }

    /// Tables of which no recording takes anything.
    pub fn unused(&self) -> Vec<&'a Path> {
        let used: Vec<&Named> = (0..self.recordings.len())
            .filter_map(|recording| self.kept(recording).ok())
            .flatten()
            .chain(self.only())
            .collect();
        self.tables
            .iter()
            .filter(|table| !used.iter().any(|named| std::ptr::eq(named.table, *table)))
            .map(|table| table.path.as_path())
            .collect()
    }

    /// All that the tables tell apart.
    pub(crate) fn names(&self) -> &[Named<'a>] {
        &self.names
    }

    /// What is of this recording, of all tables.
    pub(crate) fn kept(&self, recording: usize) -> Result<Vec<&Named<'a>>, MatchError> {
        let place = &self.places[recording];
        let mut claimed: Vec<&Named<'a>> = Vec::new();
        let names = self.names_by_stem.get(place.stem());
        for &name in names.into_iter().flatten() {
            let named = &self.names[name];
            if self.is_nearest(named, recording)? {
                claimed.push(named);
            }
        }
        let mut kept = Vec::new();
        for of_table in claimed.chunk_by(|a, b| std::ptr::eq(a.table, b.table)) {
            kept.extend(self.best(of_table.to_vec(), recording)?);
        }
        // Beside one whose path goes with the recording's, one that lies elsewhere is of another.
        if kept.iter().any(|named| named.full.shared(place) > 1) {
            kept.retain(|named| !named.has_other_folder(place));
        } else {
            self.refuse_different(&kept, recording)?;
        }
        Ok(kept)
    }

    /// Whether no other recording goes better with the name.
    fn is_nearest(&self, named: &Named, recording: usize) -> Result<bool, MatchError> {
        let own = named.full.agreement(&self.places[recording]);
        for &other in &self.by_stem[self.places[recording].stem()] {
            if self.places[other] == self.places[recording] {
                continue;
            }
            let others = named.full.agreement(&self.places[other]);
            if others > own {
                return Ok(false);
            }
            if others == own {
                return Err(MatchError::SeveralRecordings {
                    table: named.table.path.clone(),
                    name: named.label(),
                    first: self.recordings[recording.min(other)].clone(),
                    second: self.recordings[recording.max(other)].clone(),
                });
            }
        }
        Ok(true)
    }

    /// Of several names in one table, the one that goes best with the recording.
    fn best<'n>(
        &self,
        names: Vec<&'n Named<'a>>,
        recording: usize,
    ) -> Result<Vec<&'n Named<'a>>, MatchError> {
        let agreement = |named: &&Named| named.full.agreement(&self.places[recording]);
        let Some(most) = names.iter().map(agreement).max() else {
            return Ok(names);
        };
        let best: Vec<_> = names
            .into_iter()
            .filter(|named| agreement(named) == most)
            .collect();
        if let [first, .., last] = best[..]
            && first.full != last.full
        {
            return Err(self.several(recording, first, last));
        }
        Ok(best)
    }

    /// Names of one kind in several tables must not be of recordings in different folders.
    fn refuse_different(&self, names: &[&Named], recording: usize) -> Result<(), MatchError> {
        let pairs = names.iter().enumerate();
        for (n, first) in pairs {
            let differs = |second: &&&Named| !first.identity().agrees_with(second.identity());
            if let Some(second) = names[n + 1..].iter().find(differs) {
                return Err(self.several(recording, first, second));
            }
        }
        Ok(())
    }

    fn several(&self, recording: usize, first: &Named, second: &Named) -> MatchError {
        MatchError::SeveralNames {
            recording: self.recordings[recording].clone(),
            first: first.label(),
            first_table: first.table.path.clone(),
            second: second.label(),
            second_table: second.table.path.clone(),
        }
    }

    /// The only table, if it names no recording, for the only recording; but not if it lies beside another of its name.
    fn only(&self) -> Option<&Named<'a>> {
        let ([named], [recording]) = (&self.names[..], self.recordings) else {
            return None;
        };
        let is_of_other = |stem: &String| {
            let beside = crate::dataset::folder::EXTENSIONS.iter().map(|ending| {
                let file = format!("{stem}.{ending}");
                named.table.path.with_file_name(file)
            });
            let is_other = |path: &PathBuf| Place::of_path(path) != Place::of_path(recording);
            beside
                .into_iter()
                .any(|path| is_other(&path) && path.is_file())
        };
        let stem = &called_after(&named.table.path)[0];
        (named.name.is_none() && !is_of_other(stem)).then_some(named)
    }
}

fn index<'p>(places: impl Iterator<Item = &'p Place>) -> HashMap<String, Vec<usize>> {
    let mut by_stem: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, place) in places.enumerate() {
        by_stem
            .entry(place.stem().to_owned())
            .or_default()
            .push(index);
    }
    by_stem
}

impl<'a> RecordingMarks<'a> {
    /// All events of a table that names no recording.
    pub(super) fn all_of(table: &'a Annotation, recording: &'a Path) -> Self {
        Self {
            recording,
            parts: vec![(table, table.events.iter().collect())],
            by_name_alone: None,
        }
    }

    /// The tables that they are from.
    pub fn tables(&self) -> Vec<&'a Annotation> {
        self.parts.iter().map(|(table, _)| *table).collect()
    }

    /// A table that names a recording in another folder, and what it calls it: taken for this one by the name of the file alone.
    pub fn by_name_alone(&self) -> Option<(&'a Path, &'a str)> {
        self.by_name_alone
    }
}

#[cfg(test)]
#[path = "matching_tests.rs"]
mod tests;

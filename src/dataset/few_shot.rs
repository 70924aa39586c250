//! `fewshot:`: recordings with the table of their marked events beside them, as DCASE task 5 lays them out.
//!
//! Training tables have `Audiofilename,Starttime,Endtime` and one column per class that holds `POS`, `NEG` or `UNK`;
//! validation tables have the one column `Q` instead, and the class is then that of the whole table.

use super::delimited::Delimited;
use super::table::sorted_classes;
use super::walk::files_below;
use super::{Clip, Dataset, DatasetError, LayoutFault, Mark, MarkedEvent, read_marks};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Finds every table of marks below a folder. One clip per positive mark: a row that is positive in two columns
/// gives two, one for each class.
///
/// Columns of the same name in different tables are the same class. A table with `Q` is a class of its own, named by
/// its file; one whose class column is called `CALL` takes its folder's name, as the published code does.
pub(super) fn load(path: &Path) -> Result<Dataset, DatasetError> {
    let mut marked = Vec::new();
    let mut faults = Vec::new();
    for table in tables(path, &mut faults)? {
        let class = |event: &MarkedEvent| class_of(&table, event.label.as_deref());
        let events = read_marks(&table)?.events;
        let positive = events
            .into_iter()
            .filter(|event| event.mark == Mark::Positive);
        marked.extend(positive.map(|event| (class(&event), clip_of(&table, &event))));
    }
    if marked.is_empty() {
        return Err(DatasetError::Empty {
            path: path.to_owned(),
            reason: "no table with `Audiofilename,Starttime,Endtime` has a `POS` row",
        });
    }
    let classes = sorted_classes(marked.iter().map(|(class, _)| class.as_str()));
    let clips = marked.iter().map(|(class, clip)| Clip {
        label: classes.iter().position(|known| known == class),
        ..clip.clone()
    });
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(Dataset {
        faults,
        ..Dataset::new(name, clips.collect(), classes)
    })
}

impl Dataset {
    /// The files that the clips lie in, each once, as clips of their own, and for every clip the index of its file
    /// there: what to compute once where clips are spans of the same recordings.
    pub fn recordings(&self) -> (Dataset, Vec<usize>) {
        let mut index = BTreeMap::new();
        let mut clips = Vec::new();
        let of_clip = self.clips.iter().map(|clip| {
            *index.entry(&clip.path).or_insert_with(|| {
                clips.push(Clip {
                    source: clip.source.clone(),
                    channel: clip.channel,
                    ..Clip::unlabelled(&clip.path)
                });
                clips.len() - 1
            })
        });
        let of_clip = of_clip.collect();
        (Dataset::new(&self.name, clips, Vec::new()), of_clip)
    }
}

fn class_of(table: &Path, label: Option<&str>) -> String {
    let folder = || table.parent().and_then(Path::file_name);
    let name = match label {
        Some(label) if label.eq_ignore_ascii_case("CALL") => folder().or(table.file_stem()),
        Some(label) => return label.to_owned(),
        None => table.file_stem(),
    };
    name.unwrap_or_default().to_string_lossy().into_owned()
}

fn clip_of(table: &Path, event: &MarkedEvent) -> Clip {
    let path = recording_beside(table, event.recording.as_deref());
    Clip {
        source: path.file_stem().map(|s| s.to_string_lossy().into_owned()),
        span: Some(event.span),
        ..Clip::unlabelled(path)
    }
}

/// The recording that a row names; where there is no such file, the one with its stem or that of the table, so that
/// `.wav` in a table finds the `.flac` beside it. A recording that is missing altogether keeps its name, for
/// whoever reads it to report.
fn recording_beside(table: &Path, name: Option<&str>) -> PathBuf {
    let named = name.map(|name| table.with_file_name(name));
    if let Some(named) = named.as_ref().filter(|named| named.is_file()) {
        return named.clone();
    }
    let stems = [named.as_deref(), Some(table)];
    let stems = stems.into_iter().flatten();
    let found = stems
        .flat_map(|stem| SOUND_ENDINGS.map(|ending| stem.with_extension(ending)))
        .find(|path| path.is_file());
    found
        .or(named)
        .unwrap_or_else(|| table.with_extension("wav"))
}

/// Endings tried in place of the one that a table gives.
const SOUND_ENDINGS: [&str; 6] = ["wav", "flac", "WAV", "FLAC", "mp3", "ogg"];

/// Every `.csv` below `folder` whose header names recordings and times, sorted by path; lists of classes and
/// manifests beside them are not.
fn tables(folder: &Path, faults: &mut Vec<LayoutFault>) -> Result<Vec<PathBuf>, DatasetError> {
    let mut tables = Vec::new();
    for path in files_below(folder, faults)? {
        let ending = path.extension().unwrap_or_default();
        if ending.eq_ignore_ascii_case("csv") && is_table_of_marks(&path)? {
            tables.push(path);
        }
    }
    Ok(tables)
}

const COLUMNS: [&str; 3] = ["audiofilename", "starttime", "endtime"];

fn is_table_of_marks(path: &Path) -> Result<bool, DatasetError> {
    let text = Delimited::read(path)?;
    let has_columns = |separator: &u8| {
        let Ok(Some((_, header))) = text.first(*separator) else {
            return false;
        };
        let has = |wanted: &str| header.iter().any(|name| name.eq_ignore_ascii_case(wanted));
        COLUMNS.into_iter().all(has)
    };
    Ok(text.separators().iter().any(has_columns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn summary(folder: &tempfile::TempDir) -> Vec<String> {
        let dataset = load(folder.path()).unwrap();
        let line = |clip: &Clip| {
            let path = clip.path.strip_prefix(folder.path()).unwrap().display();
            let class = &dataset.classes[clip.label.unwrap()];
            format!(
                "{path} {:?} {class}",
                <(f64, f64)>::from(clip.span.unwrap())
            )
        };
        dataset.clips.iter().map(line).collect()
    }

    #[test]
    fn every_positive_column_of_a_row_is_a_clip_of_its_class() {
        let folder = tree(&[
            (
                "BV/a.csv",
                "Audiofilename,Starttime,Endtime,AMRE,BBWA\na.wav,1.0,1.5,POS,POS\na.wav,2,2.5,UNK,NEG\na.wav,3,3.5,NEG,POS\n",
            ),
            ("BV/a.wav", ""),
            (
                "HT/b.csv",
                "Audiofilename,Starttime,Endtime,AMRE\r\nb.wav,0,0.5,POS\r\n",
            ),
            ("HT/b.wav", ""),
        ]);
        assert_eq!(
            summary(&folder),
            [
                "BV/a.wav (1.0, 1.5) AMRE",
                "BV/a.wav (1.0, 1.5) BBWA",
                "BV/a.wav (3.0, 3.5) BBWA",
                "HT/b.wav (0.0, 0.5) AMRE",
            ]
        );
    }

    #[test]
    fn a_table_without_class_is_one_by_its_file_and_call_one_by_its_folder() {
        let folder = tree(&[
            (
                "HB/x.csv",
                "Audiofilename,Starttime,Endtime,Q\nx.wav,1,2,POS\nx.wav,3,4,UNK\n",
            ),
            ("HB/x.flac", ""),
            (
                "JD/y.csv",
                "Audiofilename,Starttime,Endtime,CALL\ny.wav,1,2,POS\n",
            ),
        ]);
        // The table says .wav, the file beside it is .flac; a missing one keeps its name.
        assert_eq!(
            summary(&folder),
            ["HB/x.flac (1.0, 2.0) x", "JD/y.wav (1.0, 2.0) JD"]
        );
    }

    #[test]
    fn other_tables_are_passed_over_and_none_at_all_is_an_error() {
        let folder = tree(&[("classes.csv", "dataset,class_code\nBV,AMRE\n")]);
        let message = load(folder.path()).unwrap_err().to_string();
        assert!(message.contains("no table with"), "{message}");
    }

    #[test]
    fn recordings_are_listed_once_in_order() {
        let folder = tree(&[(
            "a.csv",
            "Audiofilename,Starttime,Endtime,Q\nb.wav,1,2,POS\na.wav,1,2,POS\nb.wav,3,4,POS\n",
        )]);
        let (recordings, of_clip) = load(folder.path()).unwrap().recordings();
        let paths = recordings.clips.iter().map(|clip| clip.path.file_name());
        assert!(paths.eq([Some("b.wav".as_ref()), Some("a.wav".as_ref())]));
        assert_eq!(of_clip, [0, 1, 0]);
    }
}

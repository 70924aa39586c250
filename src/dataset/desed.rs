//! DESED (Turpault et al. 2019; DCASE task 4): domestic sounds with weak, strong or no labels.

use super::{
    Clip, Dataset, DatasetError, LayoutFault, RowProblem, Split, Tag,
    layout::without_missing,
    table::{RowCheck, Table},
    walk::files_below,
};
use std::{
    cell::LazyCell,
    collections::{HashMap, HashSet},
    ops::Deref,
    path::{Component, Path, PathBuf},
};

const CLASSES: [&str; 10] = [
    "Alarm_bell_ringing",
    "Blender",
    "Cat",
    "Dishes",
    "Dog",
    "Electric_shaver_toothbrush",
    "Frying",
    "Running_water",
    "Speech",
    "Vacuum_cleaner",
];

/// `audio/` and `metadata/` of the same structure: the files of `metadata/train/weak.tsv` lie in `audio/train/weak/` or in
/// `audio/train/`. Tables are tab-separated whatever their ending (older releases say `.csv`).
///
/// The archives put both into a folder `dataset/`, which may lie in the one that is given. A file that is in neither folder is
/// looked for by its name in the others of its part, as `audioset_strong.tsv` lists those of `strong_label_real/`.
///
/// The columns tell the kind of labels: `event_labels` weak, `onset`, `offset`, `event_label` strong, `filename` alone
/// none; tables with other columns (durations) are no lists of clips. A strong row without event says that nothing is
/// heard. The subset is the table's path without `train/`, `validation/` or `eval/`; a clip that several tables list belongs to
/// the first, by path. Missing files are told and left out.
pub(super) fn load(folder: &Path) -> Result<Dataset, DatasetError> {
    let unpacked = folder.join("dataset");
    let folder = match unpacked.join("metadata").is_dir() {
        true => &unpacked,
        false => folder,
    };
    let metadata = folder.join("metadata");
    if !metadata.is_dir() {
        return Err(DatasetError::Layout {
            path: folder.to_owned(),
            name: "DESED",
            expected: "`audio/` and `metadata/` with tables such as `metadata/train/weak.tsv`",
        });
    }
    let mut dataset = Dataset::new("DESED", Vec::new(), CLASSES.map(str::to_owned).to_vec());
    let mut listed = HashSet::new();
    let tables = tables(&metadata, &mut dataset.faults)?;
    for path in &tables {
        let listing = Listing::of(&metadata, path, folder);
        let Some(mut clips) = listing.read(path, &mut dataset.faults)? else {
            continue;
        };
        clips.retain(|clip| listed.insert(clip.path.clone()));
        let present = without_missing(path, clips, &mut dataset.faults);
        dataset.clips.extend(present);
    }
    if listed.is_empty() {
        return Err(DatasetError::Empty {
            path: metadata,
            reason: "no table has the column `filename` and those of weak, strong or no labels",
        });
    }
    Ok(dataset)
}

/// Every table below a folder, sorted by path.
fn tables(folder: &Path, faults: &mut Vec<LayoutFault>) -> Result<Vec<PathBuf>, DatasetError> {
    let mut tables = files_below(folder, faults)?;
    tables.retain(|path| path.extension().is_some_and(|e| e == "tsv" || e == "csv"));
    Ok(tables)
}

/// What a table's place says of its clips.
struct Listing {
    audio: PathBuf,
    /// Where the sound of the whole part lies.
    part: PathBuf,
    split: Option<Split>,
    subset: String,
}

impl Listing {
    fn of(metadata: &Path, table: &Path, folder: &Path) -> Self {
        let place = table
            .strip_prefix(metadata)
            .unwrap_or(table)
            .with_extension("");
        let mut parts = place.components();
        let first = parts
            .next()
            .map(Component::as_os_str)
            .and_then(|part| part.to_str());
        let split = match first {
            Some("train") => Some(Split::Train),
            Some("validation") => Some(Split::Validation),
            Some("eval") => Some(Split::Test),
            _ => None,
        };
        let subset = if split.is_some() {
            parts.as_path()
        } else {
            &place
        };
        let own = folder.join("audio").join(&place);
        let audio = match own.parent() {
            Some(parent) if !own.is_dir() => parent.to_owned(),
            _ => own,
        };
        let part = folder.join("audio").join(first.unwrap_or_default());
        Self {
            audio,
            part,
            split,
            subset: subset.to_string_lossy().into_owned(),
        }
    }

    /// The clips of a table; `None` if its columns are those of something else.
    fn read(
        &self,
        path: &Path,
        faults: &mut Vec<LayoutFault>,
    ) -> Result<Option<Vec<Clip>>, DatasetError> {
        let optional = ["event_labels", "event_label", "onset", "offset"];
        let table = Table::read(path, &["filename"], &optional)?;
        let is_strong =
            ["event_label", "onset", "offset"].map(|name| table.has_column(name)) == [true; 3];
        let tags = if table.has_column("event_labels") {
            weak_tags
        } else if is_strong {
            strong_tags
        } else if table.width == 1 {
            |_: &mut RowCheck<'_>| None
        } else {
            return Ok(None);
        };
        let mut problems = Vec::new();
        let elsewhere = LazyCell::new(|| by_name(&self.part, faults));
        let clips = self.clips(&table, tags, &elsewhere, &mut problems);
        table.refuse(problems)?;
        Ok(Some(clips))
    }

    /// One clip a file, in the order in which files are first named, with the tags of all its rows.
    fn clips(
        &self,
        table: &Table<'_>,
        tags: impl Fn(&mut RowCheck<'_>) -> Option<Vec<Tag>>,
        elsewhere: &impl Deref<Target = HashMap<String, Option<PathBuf>>>,
        problems: &mut Vec<RowProblem>,
    ) -> Vec<Clip> {
        let mut clips: Vec<Clip> = Vec::new();
        let mut index: HashMap<&str, usize> = HashMap::new();
        let place = |file: &str| {
            let own = self.audio.join(file);
            match own.exists() {
                true => own,
                false => elsewhere.get(file).cloned().flatten().unwrap_or(own),
            }
        };
        for row in &table.rows {
            let mut check = RowCheck {
                row,
                problems: &mut *problems,
            };
            check.required("filename", "the name of a sound file");
            let file = row.value("filename").unwrap_or_default();
            let tags = tags(&mut check);
            match (index.get(file), tags) {
                (Some(&known), Some(more)) => {
                    clips[known].tags.get_or_insert_default().extend(more);
                }
                // Listed twice, an unlabelled clip is still unlabelled.
                (Some(_), None) => {}
                (None, tags) => {
                    index.insert(file, clips.len());
                    clips.push(Clip {
                        tags,
                        split: self.split,
                        subset: Some(self.subset.clone()),
                        ..Clip::unlabelled(place(file))
                    });
                }
            }
        }
        clips
    }
}

/// The files below a folder by their names; none where several have one.
fn by_name(folder: &Path, faults: &mut Vec<LayoutFault>) -> HashMap<String, Option<PathBuf>> {
    let mut found: HashMap<String, Option<PathBuf>> = HashMap::new();
    let mut unread = Vec::new();
    // Where the folder itself cannot be read, every clip of it is told to be missing.
    for path in files_below(folder, &mut unread).unwrap_or_default() {
        if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
            let known = found.contains_key(name);
            found.insert(name.to_owned(), (!known).then(|| path.clone()));
        }
    }
    // Several tables are of one folder.
    unread.retain(|fault| !faults.contains(fault));
    faults.extend(unread);
    found
}

fn weak_tags(check: &mut RowCheck<'_>) -> Option<Vec<Tag>> {
    let labels = check.row.value("event_labels").unwrap_or_default();
    let labels = labels.split(',').filter(|label| !label.is_empty());
    let classes = labels.map(|label| class(check, "event_labels", label));
    Some(classes.flatten().map(Tag::weak).collect())
}

/// The event of a row, or none where onset, offset and label are all empty.
fn strong_tags(check: &mut RowCheck<'_>) -> Option<Vec<Tag>> {
    let row = check.row;
    if ["onset", "offset", "event_label"]
        .iter()
        .all(|column| row.value(column).is_none())
    {
        return Some(Vec::new());
    }
    let label = check.required("event_label", "given, as `onset` or `offset` is");
    let class = class(check, "event_label", label);
    let span = check.span();
    if span.is_none() && row.value("onset").is_none() && row.value("offset").is_none() {
        check.report("onset", "given, as `event_label` is");
    }
    Some(class.map(|class| Tag { class, span }).into_iter().collect())
}

fn class(check: &mut RowCheck<'_>, column: &str, label: &str) -> Option<usize> {
    let class = CLASSES.iter().position(|known| *known == label.trim());
    if class.is_none() && !label.is_empty() {
        check.report(column, &format!("made of {}", CLASSES.join(", ")));
    }
    class
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Span;
    use crate::dataset::layout::tests::{tree, write};

    fn root() -> tempfile::TempDir {
        let root = tree(&[
            "audio/train/weak/w1.wav",
            "audio/train/unlabel_in_domain/u1.wav",
            "audio/train/synthetic20/soundscapes/7.wav",
            "audio/validation/v1.wav",
            "audio/validation/v2.wav",
            "audio/eval/public/p1.wav",
        ]);
        for (table, text) in [
            (
                "train/weak.tsv",
                "filename\tevent_labels\nw1.wav\tSpeech,Dog\nw2.wav\tCat\n",
            ),
            ("train/unlabel_in_domain.tsv", "filename\nu1.wav\nu1.wav\n"),
            (
                "train/synthetic20/soundscapes.tsv",
                "filename\tonset\toffset\tevent_label\n7.wav\t0.5\t1.25\tFrying\n",
            ),
            (
                "validation/validation.tsv",
                "filename\tonset\toffset\tevent_label\nv1.wav\t0.0\t10.0\tSpeech\nv2.wav\t\t\t\nv1.wav\t3.1\t3.4\tDishes\n",
            ),
            (
                "validation/validation_durations.tsv",
                "filename\tduration\nv1.wav\t10.0\n",
            ),
            (
                "eval/public.tsv",
                "event_label\tonset\toffset\tfilename\nCat\t1\t2\tp1.wav\n",
            ),
        ] {
            write(root.path(), &format!("metadata/{table}"), text);
        }
        root
    }

    fn clip<'d>(dataset: &'d Dataset, name: &str) -> &'d Clip {
        dataset
            .clips
            .iter()
            .find(|clip| clip.path.ends_with(name))
            .unwrap()
    }

    #[test]
    fn weak_strong_and_unlabelled_clips_are_told_apart() {
        let dataset = load(root().path()).unwrap();
        assert_eq!(dataset.clips.len(), 6);
        let weak = clip(&dataset, "w1.wav");
        assert_eq!(weak.tags, Some(vec![Tag::weak(8), Tag::weak(4)]));
        assert_eq!(
            (weak.split, weak.subset.as_deref()),
            (Some(Split::Train), Some("weak"))
        );
        assert_eq!(clip(&dataset, "u1.wav").tags, None);
        let synthetic = clip(&dataset, "7.wav");
        assert_eq!(synthetic.subset.as_deref(), Some("synthetic20/soundscapes"));
        let strong = clip(&dataset, "v1.wav");
        let tag = |class, onset, offset| Tag {
            class,
            span: Some(Span::new(onset, offset).unwrap()),
        };
        assert_eq!(strong.tags, Some(vec![tag(8, 0.0, 10.0), tag(3, 3.1, 3.4)]));
        assert_eq!(strong.split, Some(Split::Validation));
        assert_eq!(clip(&dataset, "p1.wav").split, Some(Split::Test));
        assert_eq!(clip(&dataset, "p1.wav").classes(), [2]);
    }

    #[test]
    fn a_row_without_event_says_that_nothing_is_heard() {
        let root = root();
        for row in ["v2.wav\t\t\t", "v2.wav"] {
            let text = format!("filename\tonset\toffset\tevent_label\n{row}\n");
            write(root.path(), "metadata/validation/validation.tsv", &text);
            let dataset = load(root.path()).unwrap();
            assert_eq!(clip(&dataset, "v2.wav").tags, Some(Vec::new()));
            assert!(clip(&dataset, "v2.wav").is_labelled());
        }
    }

    #[test]
    fn files_are_found_in_other_folders_of_their_part_and_below_the_archives_own() {
        let root = tree(&[
            "dataset/audio/train/strong_label_real/Y1.wav",
            "dataset/audio/train/synthetic20/soundscapes/7.wav",
            "dataset/audio/train/synthetic21_train/soundscapes/7.wav",
            "dataset/audio/validation/validation/v1.wav",
        ]);
        let strong = |file: &str| {
            format!("filename\tonset\toffset\tevent_label\n{file}\t0.5\t1.25\tFrying\n")
        };
        for (table, file) in [
            ("train/audioset_strong.tsv", "Y1.wav"),
            ("train/synthetic21_train/soundscapes.tsv", "7.wav"),
            ("validation/validation.tsv", "v1.wav"),
            ("validation/test_dcase2018.tsv", "v1.wav"),
            ("train/lost.tsv", "7.wav"), // of which there are two
        ] {
            write(
                root.path(),
                &format!("dataset/metadata/{table}"),
                &strong(file),
            );
        }
        let dataset = load(root.path()).unwrap();
        let mut places: Vec<_> = dataset
            .clips
            .iter()
            .map(|clip| {
                let place = clip
                    .path
                    .strip_prefix(root.path().join("dataset/audio"))
                    .unwrap();
                place.display().to_string()
            })
            .collect();
        places.sort();
        assert_eq!(
            places,
            [
                "train/strong_label_real/Y1.wav",
                "train/synthetic21_train/soundscapes/7.wav",
                "validation/validation/v1.wav",
            ]
        );
        let [fault] = &dataset.faults[..] else {
            panic!("{:?}", dataset.faults)
        };
        assert!(fault.path.ends_with("metadata/train/lost.tsv"));
    }

    #[test]
    fn older_releases_call_their_tab_separated_tables_csv() {
        let root = tree(&["audio/train/weak/w1.wav"]);
        write(
            root.path(),
            "metadata/train/weak.csv",
            "filename\tevent_labels\nw1.wav\tCat,Dog\n",
        );
        assert_eq!(load(root.path()).unwrap().clips[0].classes(), [2, 4]);
    }

    #[test]
    fn missing_files_are_told_and_a_clip_listed_twice_is_one() {
        let root = root();
        let part = "filename\tonset\toffset\tevent_label\nv1.wav\t0.0\t10.0\tSpeech\n";
        write(root.path(), "metadata/validation/test_dcase2018.tsv", part);
        let dataset = load(root.path()).unwrap();
        assert_eq!(dataset.clips.len(), 6);
        assert_eq!(
            clip(&dataset, "v1.wav").subset.as_deref(),
            Some("test_dcase2018")
        );
        let [fault] = &dataset.faults[..] else {
            panic!("{:?}", dataset.faults)
        };
        let message = "1 of 2 listed sound files are missing: w2.wav";
        assert_eq!(fault.problem.to_string(), message);
        assert!(fault.path.ends_with("metadata/train/weak.tsv"));
    }

    #[test]
    fn bad_rows_are_told_with_their_lines() {
        let root = root();
        let text = "filename\tonset\toffset\tevent_label\n\
            v1.wav\t2\t1\tDog\nv1.wav\t0\t1\tWolf\nv1.wav\t0\t1\t\nv1.wav\t\t\tDog\n";
        write(root.path(), "metadata/validation/validation.tsv", text);
        let message = load(root.path()).unwrap_err().to_string();
        for line in [
            "validation.tsv: 4 bad values",
            "line 2: `offset` is `1`, but must be after `onset`",
            "line 3: `event_label` is `Wolf`, but must be made of Alarm_bell_ringing, Blender",
            "line 4: `event_label` is ``, but must be given",
            "line 5: `onset` is ``, but must be given, as `event_label` is",
        ] {
            assert!(message.contains(line), "no `{line}` in: {message}");
        }
        write(
            root.path(),
            "metadata/train/weak.tsv",
            "filenames\tevent_labels\nw1.wav\tDog\n",
        );
        let message = load(root.path()).unwrap_err().to_string();
        assert!(
            message.contains("has no column `filename`, only `filenames`, `event_labels`"),
            "{message}"
        );
        let message = load(tree(&["a.wav"]).path()).unwrap_err().to_string();
        assert!(message.contains("is not DESED, which has"), "{message}");
    }
}

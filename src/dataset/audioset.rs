//! AudioSet (Gemmeke et al. 2017): ten-second segments of videos, several of 527 classes each. Its authors publish
//! tables only; the sound is what the user could get, under names that have become customary.

use super::{
    Clip, Dataset, DatasetError, RowProblem, Split, Tag,
    folder::sounds_below,
    layout::{missing_files, stem},
    table::{RowCheck, Table, open},
};
use std::{
    collections::HashMap,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

/// The tables, each with the part of the split that it is.
const TABLES: [(&str, Split); 3] = [
    ("balanced_train", Split::Train),
    ("unbalanced_train", Split::Train),
    ("eval", Split::Test),
];

/// `class_labels_indices.csv` beside at least one of `balanced_train_segments.csv`, `unbalanced_train_segments.csv` and
/// `eval_segments.csv`, and sound files anywhere below, in any format, named by the segment: [`file_stems`].
///
/// The subset of a clip is its table's name without `_segments`. Segments without a file are left out, and told as one
/// fault a table. A file is taken to be its segment alone, not the whole video.
pub(super) fn load(folder: &Path) -> Result<Dataset, DatasetError> {
    let vocabulary = folder.join("class_labels_indices.csv");
    let tables = TABLES.map(|(name, split)| {
        let path = folder.join(format!("{name}_segments.csv"));
        (path, name, split)
    });
    let tables: Vec<_> = tables
        .into_iter()
        .filter(|(path, ..)| path.is_file())
        .collect();
    if !vocabulary.is_file() || tables.is_empty() {
        return Err(DatasetError::Layout {
            path: folder.to_owned(),
            name: "AudioSet",
            expected: "`class_labels_indices.csv` and `balanced_train_segments.csv`, `unbalanced_train_segments.csv` or `eval_segments.csv`",
        });
    }
    let (classes, mids) = read_classes(&vocabulary)?;
    let mut faults = Vec::new();
    let paths = sounds_below(folder, &mut faults)?;
    let files = paths.into_iter().map(|path| (stem(&path), path));
    let library = Library {
        mids,
        // The last of equal keys stays; reversed, that is the first by path.
        files: files.rev().collect(),
    };
    let mut dataset = Dataset {
        faults,
        ..Dataset::new("AudioSet", Vec::new(), classes)
    };
    for (path, subset, split) in &tables {
        let clip = |clip: Clip| Clip {
            split: Some(*split),
            subset: Some((*subset).to_owned()),
            ..clip
        };
        let Segments {
            listed,
            found,
            missing,
        } = library.read_segments(path)?;
        dataset.clips.extend(found.into_iter().map(clip));
        dataset.faults.extend(missing_files(path, listed, missing));
    }
    Ok(dataset)
}

/// Names of the classes by their index, and the index of each machine identifier.
fn read_classes(path: &Path) -> Result<(Vec<String>, HashMap<String, usize>), DatasetError> {
    let table = Table::read(path, &["index", "mid", "display_name"], &[])?;
    let mut problems = Vec::new();
    let (mut names, mut mids) = (Vec::new(), HashMap::new());
    for (number, row) in table.rows.iter().enumerate() {
        let mut check = RowCheck {
            row,
            problems: &mut problems,
        };
        check.width(table.width);
        check.index("index", number);
        let mid = check.required("mid", "a machine identifier, such as `/m/09x0r`");
        mids.insert(mid.to_owned(), number);
        names.push(
            check
                .required("display_name", "the name of a class")
                .to_owned(),
        );
    }
    table.refuse(problems)?;
    Ok((names, mids))
}

/// The names under which a segment may lie, without ending: the first that exists is it.
fn file_stems(id: &str, start_secs: f64, end_secs: f64) -> [String; 6] {
    let millis = |secs: f64| (secs * 1000.0).round() as u64;
    let (start, end) = (millis(start_secs), millis(end_secs));
    [
        format!("{id}_{start}"),
        format!("{id}_{start}_{end}"),
        format!("{id}_{start_secs:.3}_{end_secs:.3}"),
        format!("Y{id}_{start_secs:.3}_{end_secs:.3}"),
        id.to_owned(),
        format!("Y{id}"),
    ]
}

/// What is needed to make clips of segments.
struct Library {
    mids: HashMap<String, usize>,
    /// Sound files by stem. Segments are looked up in it, as identifiers may hold `_` and `-` themselves.
    files: HashMap<String, PathBuf>,
}

/// The segments of a table.
struct Segments {
    listed: usize,
    found: Vec<Clip>,
    /// Names of the others, as `{id}_{start in ms}`.
    missing: Vec<String>,
}

impl Library {
    /// Reads rows `YTID, start, end, "mid,mid"`. Spaces before the quotes make them no quotes to a CSV parser, hence by hand.
    fn read_segments(&self, path: &Path) -> Result<Segments, DatasetError> {
        let refused = |source| DatasetError::Read {
            path: path.to_owned(),
            source,
        };
        let mut segments = Segments {
            listed: 0,
            found: Vec::new(),
            missing: Vec::new(),
        };
        let mut problems = Vec::new();
        let lines = BufReader::new(open(path).map_err(refused)?).lines();
        for (line, text) in (1..).zip(lines) {
            let text = text.map_err(refused)?;
            if text.trim().is_empty() || text.starts_with('#') {
                continue;
            }
            match self.parse(&text) {
                Ok(segment) => segments.add(segment, &self.files),
                Err((column, required)) => problems.push(RowProblem {
                    line,
                    column: column.to_owned(),
                    value: text,
                    required,
                }),
            }
        }
        if problems.is_empty() {
            return Ok(segments);
        }
        Err(DatasetError::Rows {
            path: path.to_owned(),
            problems,
        })
    }

    /// What is wrong is told as column, or nothing for the whole row, and what it must be.
    fn parse<'t>(&self, text: &'t str) -> Result<Segment<'t>, (&'static str, String)> {
        let whole = || ("", "`YTID, start, end, \"mid,mid\"`".to_owned());
        let mut values = text.splitn(4, ',').map(str::trim);
        let mut next = || values.next().ok_or_else(whole);
        let (id, start, end, labels) = (next()?, next()?, next()?, next()?);
        let secs = |text: &str| text.parse::<f64>().ok().filter(|secs| secs.is_finite());
        let (start, end) = secs(start).zip(secs(end)).ok_or_else(whole)?;
        if id.is_empty() || start < 0.0 || end <= start {
            return Err((
                "",
                "a segment that starts at 0 or later and ends after that".to_owned(),
            ));
        }
        let tag = |mid: &str| {
            let class = self.mids.get(mid).copied();
            class.map(Tag::weak).ok_or_else(|| {
                let required =
                    format!("labelled by `class_labels_indices.csv`; `{mid}` is not there");
                ("", required)
            })
        };
        let labels = labels.trim_matches('"').split(',').map(str::trim);
        let tags: Result<Vec<Tag>, _> = labels.map(tag).collect();
        Ok(Segment {
            id,
            stems: file_stems(id, start, end),
            tags: tags?,
        })
    }
}

/// A row.
struct Segment<'t> {
    id: &'t str,
    stems: [String; 6],
    tags: Vec<Tag>,
}

impl Segments {
    fn add(&mut self, segment: Segment<'_>, files: &HashMap<String, PathBuf>) {
        let Segment { id, stems, tags } = segment;
        self.listed += 1;
        match stems.iter().find_map(|stem| files.get(stem)) {
            Some(path) => self.found.push(Clip {
                tags: Some(tags),
                source: Some(id.to_owned()),
                ..Clip::unlabelled(path)
            }),
            None => {
                let [name, ..] = stems;
                self.missing.push(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::layout::tests::{tree, write};

    const CLASSES: &str = "index,mid,display_name\n0,/m/09x0r,\"Speech\"\n1,/m/05zppz,\"Male speech, man speaking\"\n2,/m/04rlf,\"Music\"\n";
    const HEAD: &str = "# Segments csv created Sun Mar  5 10:54:31 2017\n# num_ytids=5, num_segs=5\n# YTID, start_seconds, end_seconds, positive_labels\n";

    fn root(files: &[&str], rows: &str) -> tempfile::TempDir {
        let root = tree(files);
        write(root.path(), "class_labels_indices.csv", CLASSES);
        write(root.path(), "eval_segments.csv", &format!("{HEAD}{rows}"));
        root
    }

    #[test]
    fn segments_find_their_files_under_every_customary_name() {
        let root = root(
            &[
                "audio/-0RWZT-miFs_420000.flac",
                "audio/eval/a_b-cdefghijk.wav",
                "Y--4gqARaEJE.wav",
                "strong/abcdefghijk_30000_40000.wav",
                "Y0_R4uO4Vy9c_110.000_120.000.wav",
            ],
            "-0RWZT-miFs, 420.000, 430.000, \"/m/04rlf,/m/09x0r\"\n\
             a_b-cdefghijk, 0.000, 10.000, \"/m/09x0r\"\n\
             --4gqARaEJE, 0.000, 10.000, \"/m/05zppz\"\n\
             abcdefghijk, 30.000, 40.000, \"/m/04rlf\"\n\
             0_R4uO4Vy9c, 110.000, 120.000, \"/m/09x0r\"\n",
        );
        let dataset = load(root.path()).unwrap();
        assert_eq!(dataset.faults, []);
        assert_eq!(dataset.classes[1], "Male speech, man speaking");
        let classes: Vec<_> = dataset.clips.iter().map(Clip::classes).collect();
        assert_eq!(classes, [vec![0, 2], vec![0], vec![1], vec![2], vec![0]]);
        let clip = &dataset.clips[0];
        assert!(clip.path.ends_with("audio/-0RWZT-miFs_420000.flac"));
        assert_eq!(clip.source.as_deref(), Some("-0RWZT-miFs"));
        assert_eq!(
            (clip.split, clip.subset.as_deref()),
            (Some(Split::Test), Some("eval"))
        );
    }

    #[test]
    fn missing_segments_are_counted_and_never_fatal() {
        let rows = "aaaaaaaaaaa, 1.500, 11.500, \"/m/04rlf\"\nbbbbbbbbbbb, 0, 10, \"/m/04rlf\"\n";
        let one = root(&["bbbbbbbbbbb.wav"], rows);
        let dataset = load(one.path()).unwrap();
        assert_eq!(dataset.clips.len(), 1);
        let message = "1 of 2 listed sound files are missing: aaaaaaaaaaa_1500";
        assert_eq!(dataset.faults[0].problem.to_string(), message);
        assert!(dataset.faults[0].path.ends_with("eval_segments.csv"));

        let none = load(root(&[], rows).path()).unwrap();
        assert_eq!((none.clips.len(), none.faults.len()), (0, 1));
    }

    #[test]
    fn both_training_tables_are_read_as_subsets() {
        let root = root(&["a.wav", "b.wav"], "");
        let table = |row: &str| format!("{HEAD}{row}");
        write(
            root.path(),
            "balanced_train_segments.csv",
            &table("a, 0, 10, \"/m/04rlf\"\n"),
        );
        write(
            root.path(),
            "unbalanced_train_segments.csv",
            &table("b, 0, 10, \"/m/04rlf\"\n"),
        );
        let dataset = load(root.path()).unwrap();
        let subsets: Vec<_> = dataset
            .clips
            .iter()
            .map(|c| (c.split, c.subset.as_deref()))
            .collect();
        let train = Some(Split::Train);
        assert_eq!(
            subsets,
            [
                (train, Some("balanced_train")),
                (train, Some("unbalanced_train"))
            ]
        );
    }

    #[test]
    fn bad_rows_are_told_with_their_lines() {
        let rows = "a, 0, 10\nb, 5, 5, \"/m/04rlf\"\nc, 0, 10, \"/m/04rlf,/m/nope\"\nd, x, 10, \"/m/04rlf\"\n";
        let message = load(root(&[], rows).path()).unwrap_err().to_string();
        for line in [
            "eval_segments.csv: 4 bad values",
            "line 4: is `a, 0, 10`, but must be `YTID, start, end, \"mid,mid\"`",
            "line 5: is `b, 5, 5, \"/m/04rlf\"`, but must be a segment that starts at 0 or later",
            "`/m/nope` is not there",
            "line 7: is `d, x,",
        ] {
            assert!(message.contains(line), "no `{line}` in: {message}");
        }
        let message = load(tree(&["a.wav"]).path()).unwrap_err().to_string();
        assert!(message.contains("is not AudioSet, which has"), "{message}");
    }
}

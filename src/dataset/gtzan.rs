//! GTZAN (Tzanetakis and Cook 2002): pieces of music of ten genres.

use super::{
    Clip, Dataset, DatasetError, LayoutFault, LayoutProblem, RowProblem, Split,
    folder::sounds_below,
    layout::{missing_files, stem},
    table::open,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

const GENRES: [&str; 10] = [
    "blues",
    "classical",
    "country",
    "disco",
    "hiphop",
    "jazz",
    "metal",
    "pop",
    "reggae",
    "rock",
];

/// Where the folders of the genres lie: the original archive, a common re-distribution, or the folder itself.
const FOLDERS: [&str; 3] = ["genres", "genres_original", ""];

/// The lists of the fault-filtered split (Kereliuk, Sturm, Larsen 2015), under their usual names.
const LISTS: [(&str, Split); 3] = [
    ("train_filtered.txt", Split::Train),
    ("valid_filtered.txt", Split::Validation),
    ("test_filtered.txt", Split::Test),
];

/// Which random split stands in for an official one.
const SEED: u64 = 0;

/// `{genre}/{genre}.{five digits}` as `.wav` or `.au`, in `genres/`, `genres_original/` or the folder itself. Where a
/// piece is there in both formats, the `.wav` is it.
///
/// With the three lists beside them, those are the split, and pieces in none of them have none; otherwise it is 70/15/15
/// at random ([`Dataset::with_stratified_split`], seed 0; no split below 20 pieces). The damaged `jazz.00054` is left to
/// the reader, which skips it.
pub(super) fn load(folder: &Path) -> Result<Dataset, DatasetError> {
    let root = FOLDERS.map(|name| folder.join(name));
    let has_genres = |root: &&PathBuf| GENRES.iter().any(|genre| root.join(genre).is_dir());
    let Some(root) = root.iter().find(has_genres) else {
        return Err(DatasetError::Layout {
            path: folder.to_owned(),
            name: "GTZAN",
            expected: "`genres/` with a folder for each genre and files such as `blues/blues.00000.wav`",
        });
    };
    let (mut pieces, mut faults) = (BTreeMap::new(), Vec::new());
    for (genre, name) in GENRES.iter().enumerate() {
        let folder = root.join(name);
        if folder.is_dir() {
            add_pieces(&folder, genre, &mut pieces, &mut faults)?;
        }
    }
    let lists = read_lists([folder, root.as_path()])?;
    if let Some(lists) = &lists {
        faults.extend(lists.iter().filter_map(|list| list.missing(&pieces)));
    }
    let clip = |((genre, name), path): ((usize, String), PathBuf)| Clip {
        label: Some(genre),
        split: lists
            .iter()
            .flatten()
            .find(|list| list.pieces.contains(&name))
            .map(|list| list.split),
        ..Clip::unlabelled(path)
    };
    let clips = pieces.into_iter().map(clip).collect();
    let dataset = Dataset::new("GTZAN", clips, GENRES.map(str::to_owned).to_vec());
    let dataset = match lists {
        None if dataset.clips.len() >= 20 => dataset.with_stratified_split(SEED)?,
        _ => dataset,
    };
    Ok(Dataset { faults, ..dataset })
}

/// Adds the pieces of a genre, by genre and name.
fn add_pieces(
    folder: &Path,
    genre: usize,
    pieces: &mut BTreeMap<(usize, String), PathBuf>,
    faults: &mut Vec<LayoutFault>,
) -> Result<(), DatasetError> {
    for path in sounds_below(folder, faults)? {
        let name = stem(&path);
        match genre_in(&name) {
            None => faults.push(LayoutFault::misnamed(&path, "{genre}.{five digits}")),
            Some(named) if named != GENRES[genre] => faults.push(LayoutFault {
                path: path.clone(),
                problem: LayoutProblem::Mislabelled {
                    what: "genre",
                    used: GENRES[genre].to_owned(),
                    other: named.to_owned(),
                    by: "name",
                },
            }),
            Some(_) => {}
        }
        // Sorted by path, `.au` comes before `.wav`, which takes its place.
        pieces.insert((genre, name), path);
    }
    Ok(())
}

/// The genre that a piece's name begins with.
fn genre_in(name: &str) -> Option<&str> {
    let (genre, number) = name.split_once('.')?;
    let is_number = number.len() == 5 && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && GENRES.contains(&genre)).then_some(genre)
}

/// One list of the split.
struct List {
    path: PathBuf,
    split: Split,
    pieces: BTreeSet<String>,
}

/// The lists, if the first of them is in one of the folders; then all have to be there.
fn read_lists(folders: [&Path; 2]) -> Result<Option<Vec<List>>, DatasetError> {
    let has_list = |folder: &&Path| LISTS.iter().any(|(name, _)| folder.join(name).is_file());
    let Some(folder) = folders.into_iter().find(has_list) else {
        return Ok(None);
    };
    let mut lists: Vec<List> = Vec::new();
    for (name, split) in LISTS {
        let path = folder.join(name);
        let pieces = read_list(&path, &lists)?;
        lists.push(List {
            path,
            split,
            pieces,
        });
    }
    Ok(Some(lists))
}

/// Lines such as `blues/blues.00029.wav` or `blues.00029`, none of them in an `earlier` list.
fn read_list(path: &Path, earlier: &[List]) -> Result<BTreeSet<String>, DatasetError> {
    let refused = |source| DatasetError::Read {
        path: path.to_owned(),
        source,
    };
    let (mut pieces, mut problems) = (BTreeSet::new(), Vec::new());
    let lines = BufReader::new(open(path).map_err(refused)?).lines();
    for (line, text) in (1..).zip(lines) {
        let text = text.map_err(refused)?;
        let piece = text.trim();
        let piece = piece.rsplit('/').next().unwrap_or(piece);
        let piece = piece.trim_end_matches(".wav").trim_end_matches(".au");
        let required = if piece.is_empty() {
            continue;
        } else if genre_in(piece).is_none() {
            "a piece such as `blues/blues.00029.wav`"
        } else if earlier.iter().any(|list| list.pieces.contains(piece)) {
            "in one list only"
        } else {
            pieces.insert(piece.to_owned());
            continue;
        };
        problems.push(RowProblem {
            line,
            column: String::new(),
            value: text.clone(),
            required: required.to_owned(),
        });
    }
    if problems.is_empty() {
        return Ok(pieces);
    }
    Err(DatasetError::Rows {
        path: path.to_owned(),
        problems,
    })
}

impl List {
    /// The listed pieces that are not there.
    fn missing(&self, present: &BTreeMap<(usize, String), PathBuf>) -> Option<LayoutFault> {
        let present: BTreeSet<&String> = present.keys().map(|(_, name)| name).collect();
        let missing = self.pieces.iter().filter(|piece| !present.contains(piece));
        missing_files(&self.path, self.pieces.len(), missing.cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::layout::tests::{tree, write};

    fn named(dataset: &Dataset) -> Vec<(String, Option<Split>)> {
        let name = |clip: &Clip| {
            clip.path
                .file_name()
                .unwrap()
                .to_string_lossy()
                .into_owned()
        };
        dataset
            .clips
            .iter()
            .map(|clip| (name(clip), clip.split))
            .collect()
    }

    #[test]
    fn without_lists_the_split_is_70_15_15_of_every_genre() {
        let files: Vec<_> = ["blues", "jazz"]
            .iter()
            .flat_map(|genre| (0..100).map(move |i| format!("genres/{genre}/{genre}.{i:05}.wav")))
            .collect();
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let dataset = load(tree(&files).path()).unwrap();
        for (part, count) in [
            (Split::Train, 70),
            (Split::Validation, 15),
            (Split::Test, 15),
        ] {
            for label in [0, 5] {
                let both = |c: &&Clip| c.split == Some(part) && c.label == Some(label);
                assert_eq!(dataset.clips.iter().filter(both).count(), count);
            }
        }
        assert_eq!((dataset.classes.len(), dataset.faults.len()), (10, 0));
    }

    #[test]
    fn the_original_archive_and_the_re_distribution_are_both_read() {
        for files in [
            ["genres/rock/rock.00007.au", "genres/pop/pop.00000.au"],
            [
                "genres_original/rock/rock.00007.wav",
                "genres_original/pop/pop.00000.wav",
            ],
            ["rock/rock.00007.au", "pop/pop.00000.au"],
        ] {
            let dataset = load(tree(&files).path()).unwrap();
            let labels: Vec<_> = dataset.clips.iter().map(|clip| clip.label).collect();
            assert_eq!(labels, [Some(7), Some(9)], "{files:?}");
            assert_eq!(dataset.faults, []);
        }
        let both = ["genres/pop/pop.00000.wav", "genres/pop/pop.00000.au"];
        let dataset = load(tree(&both).path()).unwrap();
        assert_eq!(named(&dataset), [("pop.00000.wav".to_owned(), None)]);
    }

    #[test]
    fn lists_beside_the_data_are_the_split_also_for_au_files() {
        let root = tree(&[
            "genres/jazz/jazz.00053.au",
            "genres/jazz/jazz.00054.au",
            "genres/jazz/jazz.00055.au",
            "genres/jazz/jazz.00056.au",
        ]);
        write(
            root.path(),
            "train_filtered.txt",
            "jazz/jazz.00054.wav\r\n\r\n",
        );
        write(root.path(), "valid_filtered.txt", "jazz.00053\n");
        write(
            root.path(),
            "test_filtered.txt",
            "jazz/jazz.00055.au\njazz.00099\n",
        );
        let dataset = load(root.path()).unwrap();
        let splits: Vec<_> = dataset.clips.iter().map(|clip| clip.split).collect();
        let expected = [
            Some(Split::Validation),
            Some(Split::Train), // damaged in many copies, but listed: the reader's business
            Some(Split::Test),
            None,
        ];
        assert_eq!(splits, expected);
        let [fault] = &dataset.faults[..] else {
            panic!("{:?}", dataset.faults)
        };
        let message = "1 of 2 listed sound files are missing: jazz.00099";
        assert_eq!(fault.problem.to_string(), message);
    }

    #[test]
    fn bad_lists_are_refused_with_file_and_line() {
        let root = tree(&["genres/jazz/jazz.00053.wav"]);
        write(
            root.path(),
            "train_filtered.txt",
            "jazz.00053\npolka.00001\n",
        );
        let message = load(root.path()).unwrap_err().to_string();
        assert!(
            message.contains("train_filtered.txt: 1 bad value"),
            "{message}"
        );
        assert!(
            message.contains("line 2: is `polka.00001`, but must be a piece"),
            "{message}"
        );

        write(root.path(), "train_filtered.txt", "jazz.00053\n");
        let message = load(root.path()).unwrap_err().to_string();
        assert!(
            message.contains("valid_filtered.txt: cannot be read"),
            "{message}"
        );

        write(root.path(), "valid_filtered.txt", "jazz/jazz.00053.wav\n");
        let message = load(root.path()).unwrap_err().to_string();
        assert!(
            message.contains("line 1: is `jazz/jazz.00053.wav`, but must be in one list only"),
            "{message}"
        );
    }

    #[test]
    fn a_piece_in_another_genres_folder_is_a_fault() {
        let root = tree(&[
            "genres/pop/rock.00001.wav",
            "genres/pop/pop.1.wav",
            "genres/pop/._pop.00002.wav",
        ]);
        let dataset = load(root.path()).unwrap();
        let faults: Vec<_> = dataset
            .faults
            .iter()
            .map(|f| f.problem.to_string())
            .collect();
        let expected = [
            "is not named `{genre}.{five digits}`",
            "`genre` is `pop`, but its name says `rock`",
        ];
        assert_eq!(faults, expected);
        assert_eq!((dataset.clips.len(), dataset.left_out().count()), (2, 0));
        let message = load(tree(&["a.wav"]).path()).unwrap_err().to_string();
        assert!(
            message.contains("is not GTZAN, which has `genres/`"),
            "{message}"
        );
    }
}

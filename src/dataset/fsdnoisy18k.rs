//! FSDnoisy18k (Fonseca et al. 2019): 20 classes, most training labels as their uploaders gave them.

use super::{
    Clip, Dataset, DatasetError, Split,
    layout::without_missing,
    table::{RowCheck, Table, sorted_classes},
};
use std::path::Path;

/// `FSDnoisy18k.audio_train/`, `FSDnoisy18k.audio_test/` and `FSDnoisy18k.meta/` with `train.csv` and `test.csv`.
///
/// The subset of a training clip is `clean` (`manually_verified`), `noisy_small` (as many noisy ones as there are clean
/// ones) or `noisy` (the other noisy ones). Missing files are told and left out; classes are those of the tables.
pub(super) fn load(folder: &Path) -> Result<Dataset, DatasetError> {
    let [train, test] =
        ["train", "test"].map(|part| folder.join(format!("FSDnoisy18k.meta/{part}.csv")));
    if !train.is_file() || !test.is_file() {
        return Err(DatasetError::Layout {
            path: folder.to_owned(),
            name: "FSDnoisy18k",
            expected: "`FSDnoisy18k.audio_train/`, `FSDnoisy18k.audio_test/` and `FSDnoisy18k.meta/` with `train.csv` and `test.csv`",
        });
    }
    let parts = [
        (&train, read_train(&train, folder)?),
        (&test, read_test(&test, folder)?),
    ];
    let labels = parts.iter().flat_map(|(_, part)| part);
    let classes = sorted_classes(labels.map(|(_, label)| label.as_str()));
    let (mut clips, mut faults) = (Vec::new(), Vec::new());
    for (table, part) in parts {
        let part = part.into_iter().map(|(clip, label)| Clip {
            label: classes.iter().position(|class| *class == label),
            ..clip
        });
        clips.extend(without_missing(table, part.collect(), &mut faults));
    }
    Ok(Dataset {
        faults,
        ..Dataset::new("FSDnoisy18k", clips, classes)
    })
}

fn read_train(path: &Path, folder: &Path) -> Result<Vec<(Clip, String)>, DatasetError> {
    let columns = ["fname", "label", "manually_verified", "noisy_small"];
    read(path, &columns, |check, file| {
        let clean = check.flag("manually_verified");
        let subset = match (clean, check.flag("noisy_small")) {
            (true, _) => "clean",
            (false, true) => "noisy_small",
            (false, false) => "noisy",
        };
        Clip {
            split: Some(Split::Train),
            subset: Some(subset.to_owned()),
            ..Clip::unlabelled(folder.join("FSDnoisy18k.audio_train").join(file))
        }
    })
}

fn read_test(path: &Path, folder: &Path) -> Result<Vec<(Clip, String)>, DatasetError> {
    read(path, &["fname", "label"], |_, file| Clip {
        split: Some(Split::Test),
        ..Clip::unlabelled(folder.join("FSDnoisy18k.audio_test").join(file))
    })
}

/// The clips of a table with their labels.
fn read(
    path: &Path,
    columns: &[&str],
    clip: impl Fn(&mut RowCheck<'_>, &str) -> Clip,
) -> Result<Vec<(Clip, String)>, DatasetError> {
    let table = Table::read(path, columns, &[])?;
    let mut problems = Vec::new();
    let mut clips = Vec::new();
    for row in &table.rows {
        let mut check = RowCheck {
            row,
            problems: &mut problems,
        };
        check.width(table.width);
        let file = check.required("fname", "the name of a sound file");
        let label = check.required("label", "the name of a class");
        clips.push((clip(&mut check, file), label.to_owned()));
    }
    table.refuse(problems)?;
    Ok(clips)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::layout::tests::{tree, write};

    const TRAIN: &str = "fname,label,aso_id,manually_verified,noisy_small\n\
        1.wav,Rain,/m/06mb1,1,0\n\
        2.wav,Fire,/m/02_41,0,1\n\
        3.wav,Rain,/m/06mb1,0,0\n\
        4.wav,Wind,/m/03m9d0z,0,0\n";

    fn root(train: &str) -> tempfile::TempDir {
        let root = tree(&[
            "FSDnoisy18k.audio_train/1.wav",
            "FSDnoisy18k.audio_train/2.wav",
            "FSDnoisy18k.audio_train/3.wav",
            "FSDnoisy18k.audio_test/9.wav",
        ]);
        write(root.path(), "FSDnoisy18k.meta/train.csv", train);
        let test = "fname,label,aso_id\n9.wav,Rain,/m/06mb1\n";
        write(root.path(), "FSDnoisy18k.meta/test.csv", test);
        root
    }

    #[test]
    fn the_checked_labels_and_the_small_noisy_set_are_subsets() {
        let dataset = load(root(TRAIN).path()).unwrap();
        assert_eq!(dataset.classes, ["Fire", "Rain", "Wind"]);
        let found: Vec<_> = (dataset.clips.iter())
            .map(|clip| (clip.label, clip.split, clip.subset.as_deref()))
            .collect();
        let expected = [
            (Some(1), Some(Split::Train), Some("clean")),
            (Some(0), Some(Split::Train), Some("noisy_small")),
            (Some(1), Some(Split::Train), Some("noisy")),
            (Some(1), Some(Split::Test), None),
        ];
        assert_eq!(found, expected);
        assert!(dataset.has_split_only());
    }

    #[test]
    fn a_missing_file_is_told_and_left_out_but_its_class_stays() {
        let dataset = load(root(TRAIN).path()).unwrap();
        let [fault] = &dataset.faults[..] else {
            panic!("{:?}", dataset.faults)
        };
        assert!(fault.path.ends_with("train.csv"));
        let message = "1 of 4 listed sound files are missing: 4.wav";
        assert_eq!(fault.problem.to_string(), message);
    }

    #[test]
    fn bad_flags_are_told_with_their_lines() {
        let text =
            "fname,label,aso_id,manually_verified,noisy_small\n1.wav,Rain,x,yes,0\n2.wav,,x,0,2\n";
        let message = load(root(text).path()).unwrap_err().to_string();
        for line in [
            "line 2: `manually_verified` is `yes`, but must be 0 or 1",
            "line 3: `label` is ``, but must be the name of a class",
            "line 3: `noisy_small` is `2`, but must be 0 or 1",
        ] {
            assert!(message.contains(line), "no `{line}` in: {message}");
        }
        let message = load(tree(&["1.wav"]).path()).unwrap_err().to_string();
        assert!(
            message.contains("is not FSDnoisy18k, which has"),
            "{message}"
        );
    }
}

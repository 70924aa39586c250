//! UrbanSound8K (Salamon, Jacoby, Bello 2014): slices of street recordings with ten official folds.

use super::{
    Clip, Dataset, DatasetError, LayoutFault, LayoutProblem,
    layout::check_name,
    table::{RowCheck, Table},
};
use std::path::{Path, PathBuf};

const COLUMNS: [&str; 5] = ["slice_file_name", "fsid", "fold", "classid", "class"];

/// By `classID`.
const CLASSES: [&str; 10] = [
    "air_conditioner",
    "car_horn",
    "children_playing",
    "dog_bark",
    "drilling",
    "engine_idling",
    "gun_shot",
    "jackhammer",
    "siren",
    "street_music",
];

const FOLDS: std::ops::RangeInclusive<u32> = 1..=10;

/// `audio/fold1/` to `audio/fold10/` and `metadata/UrbanSound8K.csv`. Class and fold are those of the table; a file that
/// lies in the folder of another fold, or whose name disagrees, is told as a fault. Slices of one Freesound recording
/// share their source, and the official folds keep them together.
pub(super) fn load(folder: &Path) -> Result<Dataset, DatasetError> {
    let path = folder.join("metadata/UrbanSound8K.csv");
    if !path.is_file() {
        return Err(DatasetError::Layout {
            path: folder.to_owned(),
            name: "UrbanSound8K",
            expected: "`audio/fold1/` to `audio/fold10/` and `metadata/UrbanSound8K.csv`",
        });
    }
    let table = Table::read(&path, &COLUMNS, &[])?;
    let (mut problems, mut faults, mut clips) = (Vec::new(), Vec::new(), Vec::new());
    for row in &table.rows {
        let mut check = RowCheck {
            row,
            problems: &mut problems,
        };
        check.width(table.width);
        let file = check.required("slice_file_name", "the name of a file in `audio/`");
        let recording = check.required("fsid", "the number of a Freesound recording");
        let fold = check.number_in("fold", FOLDS, "a fold from 1 to 10");
        let class = check.number_in("classid", 0..=9, "a class from 0 to 9");
        let (Some(fold), Some(class)) = (fold, class) else {
            continue;
        };
        let label = class as usize;
        if row.value("class") != Some(CLASSES[label]) {
            check.report(
                "class",
                &format!("`{}`, as `classID` is {class}", CLASSES[label]),
            );
        }
        let path = find(folder, fold, file, &mut faults);
        let table = [
            ("fsID", Some(recording)),
            ("classID", row.value("classid")),
            ("occurrence", None),
            ("slice", None),
        ];
        faults.extend(check_name(
            &path,
            "{fsID}-{classID}-{occurrence}-{slice}",
            table,
        ));
        clips.push(Clip {
            label: Some(label),
            fold: Some(fold),
            source: Some(recording.to_owned()),
            ..Clip::unlabelled(path)
        });
    }
    table.refuse(problems)?;
    Ok(Dataset {
        faults,
        ..Dataset::new("UrbanSound8K", clips, CLASSES.map(str::to_owned).to_vec())
    })
}

/// Where a slice lies: in its fold's folder or, wrongly, in another's. A missing one keeps its official place, for
/// whoever reads it to report.
fn find(folder: &Path, fold: u32, file: &str, faults: &mut Vec<LayoutFault>) -> PathBuf {
    let place = |fold: u32| folder.join(format!("audio/fold{fold}")).join(file);
    let official = place(fold);
    if official.is_file() {
        return official;
    }
    let Some(other) = FOLDS.into_iter().find(|&other| place(other).is_file()) else {
        return official;
    };
    faults.push(LayoutFault {
        path: place(other),
        problem: LayoutProblem::Mislabelled {
            what: "fold",
            used: fold.to_string(),
            other: other.to_string(),
            by: "folder",
        },
    });
    place(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::layout::tests::{tree, write};

    const HEADER: &str = "slice_file_name,fsID,start,end,salience,fold,classID,class\n";

    fn with_rows(files: &[&str], rows: &str) -> tempfile::TempDir {
        let root = tree(files);
        let text = format!("{HEADER}{rows}");
        write(root.path(), "metadata/UrbanSound8K.csv", &text);
        root
    }

    #[test]
    fn folds_and_classes_are_those_of_the_table() {
        let root = with_rows(
            &[
                "audio/fold5/100032-3-0-0.wav",
                "audio/fold10/100648-1-0-0.wav",
            ],
            "100032-3-0-0.wav,100032,0.0,0.317551,1,5,3,dog_bark\n\
             100648-1-0-0.wav,100648,4.823402,5.471927,2,10,1,car_horn\n",
        );
        let dataset = load(root.path()).unwrap();
        assert_eq!(dataset.classes.len(), 10);
        assert_eq!(dataset.classes[9], "street_music");
        assert_eq!(dataset.faults, []);
        let clip = &dataset.clips[0];
        assert_eq!((clip.label, clip.fold), (Some(3), Some(5)));
        assert_eq!(clip.source.as_deref(), Some("100032"));
        assert_eq!(clip.path, root.path().join("audio/fold5/100032-3-0-0.wav"));
        assert_eq!(dataset.folds(), [5, 10]);
    }

    #[test]
    fn slices_of_one_recording_share_their_source_so_that_a_split_one_is_found() {
        let root = with_rows(
            &[],
            "7-3-0-0.wav,7,0,1,1,5,3,dog_bark\n7-3-0-1.wav,7,1,2,1,6,3,dog_bark\n",
        );
        assert_eq!(load(root.path()).unwrap().split_sources()[0].folds, [5, 6]);
    }

    #[test]
    fn folder_and_name_that_disagree_with_the_table_are_faults() {
        let root = with_rows(
            &["audio/fold2/1-3-0-0.wav", "audio/fold1/2-8-0-0.wav"],
            "1-3-0-0.wav,1,0,1,1,1,3,dog_bark\n2-8-0-0.wav,2,0,1,1,1,3,dog_bark\n",
        );
        let dataset = load(root.path()).unwrap();
        let faults: Vec<_> = dataset
            .faults
            .iter()
            .map(|f| f.problem.to_string())
            .collect();
        let expected = [
            "`fold` is `1`, but its folder says `2`",
            "`classID` is `3`, but its name says `8`",
        ];
        assert_eq!(faults, expected);
        assert_eq!(dataset.clips[0].fold, Some(1));
        assert!(dataset.clips[0].path.is_file());
    }

    #[test]
    fn bad_rows_are_told_with_their_lines() {
        let root = with_rows(
            &[],
            "1-3-0-0.wav,1,0,1,1,11,3,dog_bark\n1-3-0-0.wav,1,0,1,1,1,3,siren\n",
        );
        let message = load(root.path()).unwrap_err().to_string();
        for line in [
            "UrbanSound8K.csv: 2 bad values",
            "line 2: `fold` is `11`, but must be a fold from 1 to 10",
            "line 3: `class` is `siren`, but must be `dog_bark`, as `classID` is 3",
        ] {
            assert!(message.contains(line), "no `{line}` in: {message}");
        }
        let other = tree(&["audio/fold1/x.wav"]);
        let message = load(other.path()).unwrap_err().to_string();
        assert!(
            message.contains("is not UrbanSound8K, which has"),
            "{message}"
        );
    }
}

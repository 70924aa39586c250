//! DCASE 2013 scene classification (Stowell et al. 2015): ten scenes, development and test archive as two folds.

use super::{Clip, Dataset, DatasetError, LayoutFault, folder::sounds_below, layout::stem};
use std::path::Path;

const CLASSES: [&str; 10] = [
    "bus",
    "busystreet",
    "office",
    "openairmarket",
    "park",
    "quietstreet",
    "restaurant",
    "supermarket",
    "tube",
    "tubestation",
];

/// The folders of the two archives. Their files have the same names.
const PARTS: [&str; 2] = ["scenes_stereo", "scenes_stereo_testset"];

/// `scenes_stereo/` is fold 1, `scenes_stereo_testset/` fold 2; one of them is enough. A file is named
/// `{class}{two digits}`; numbers have gaps.
pub(super) fn load(folder: &Path) -> Result<Dataset, DatasetError> {
    let (mut clips, mut faults) = (Vec::new(), Vec::new());
    for (part, fold) in PARTS.into_iter().zip(1..) {
        let part = folder.join(part);
        if !part.is_dir() {
            continue;
        }
        for path in sounds_below(&part, &mut faults)? {
            match label(&stem(&path)) {
                Some(label) => clips.push(Clip {
                    label: Some(label),
                    fold: Some(fold),
                    ..Clip::unlabelled(path)
                }),
                None => faults.push(LayoutFault::misnamed(&path, "{class}{two digits}")),
            }
        }
    }
    if clips.is_empty() {
        return Err(DatasetError::Layout {
            path: folder.to_owned(),
            name: "DCASE 2013 scenes",
            expected: "`scenes_stereo/` and `scenes_stereo_testset/` with files such as `bus01.wav`",
        });
    }
    let classes = CLASSES.map(str::to_owned).to_vec();
    Ok(Dataset {
        faults,
        ..Dataset::new("DCASE 2013 scenes", clips, classes)
    })
}

/// The class is the stem without its last two characters, which are digits.
fn label(stem: &str) -> Option<usize> {
    let (class, number) = stem.split_at_checked(stem.len().checked_sub(2)?)?;
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    CLASSES
        .iter()
        .position(|known| is_number && *known == class)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::layout::tests::tree;

    #[test]
    fn same_names_in_both_archives_are_clips_of_two_folds() {
        let root = tree(&[
            "scenes_stereo/bus01.wav",
            "scenes_stereo/busystreet04.wav",
            "scenes_stereo/tubestation10.wav",
            "scenes_stereo_testset/bus01.wav",
            "scenes_stereo_testset/tube07.wav",
            "scenes_stereo/readme.txt",
        ]);
        let dataset = load(root.path()).unwrap();
        let found: Vec<_> = (dataset.clips.iter())
            .map(|clip| (dataset.classes[clip.label.unwrap()].as_str(), clip.fold))
            .collect();
        let expected = [
            ("bus", Some(1)),
            ("busystreet", Some(1)),
            ("tubestation", Some(1)),
            ("bus", Some(2)),
            ("tube", Some(2)),
        ];
        assert_eq!(found, expected);
        assert_ne!(dataset.clips[0].path, dataset.clips[3].path);
        assert_eq!((dataset.classes.len(), dataset.faults.len()), (10, 0));
    }

    #[test]
    fn names_of_no_scene_are_told_and_left_out() {
        let root = tree(&[
            "scenes_stereo/park02.wav",
            "scenes_stereo/park2.wav",
            "scenes_stereo/beach01.wav",
            "scenes_stereo/é1.wav",
        ]);
        let dataset = load(root.path()).unwrap();
        assert_eq!((dataset.clips.len(), dataset.faults.len()), (1, 3));
        assert_eq!(
            dataset.faults[0].problem.to_string(),
            "is not named `{class}{two digits}`"
        );
    }

    #[test]
    fn another_folder_is_refused() {
        let message = load(tree(&["bus01.wav"]).path()).unwrap_err().to_string();
        assert!(
            message.contains("is not DCASE 2013 scenes, which has"),
            "{message}"
        );
    }
}

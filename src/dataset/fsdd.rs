//! Free Spoken Digit Dataset (Jackson and contributors): English digits, several speakers.

use super::{Clip, Dataset, DatasetError, LayoutFault, Split, folder::sounds_below, layout::stem};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// Recordings with an index below this are the official test set.
const TEST_INDICES: u32 = 5;

/// `recordings/`, or that folder itself. The official split is by index, below 5 = test; folds are the speakers, sorted by
/// name, from 1 on, which is harder: no speaker is heard in training and test.
pub(super) fn load(folder: &Path) -> Result<Dataset, DatasetError> {
    let recordings = folder.join("recordings");
    let recordings = if recordings.is_dir() {
        &recordings
    } else {
        folder
    };
    let (mut named, mut faults): (Vec<(PathBuf, Name)>, _) = (Vec::new(), Vec::new());
    for path in sounds_below(recordings, &mut faults)? {
        match Name::parse(&stem(&path)) {
            Some(name) => named.push((path, name)),
            None => faults.push(LayoutFault::misnamed(&path, "{digit}_{speaker}_{index}")),
        }
    }
    if named.is_empty() {
        return Err(DatasetError::Layout {
            path: folder.to_owned(),
            name: "FSDD",
            expected: "`recordings/` with files such as `7_jackson_32.wav`",
        });
    }
    let speakers: BTreeSet<&str> = named
        .iter()
        .map(|(_, name)| name.speaker.as_str())
        .collect();
    let folds: BTreeMap<&str, u32> = speakers.into_iter().zip(1..).collect();
    let clip = |(path, name): &(PathBuf, Name)| Clip {
        label: Some(name.digit),
        fold: folds.get(name.speaker.as_str()).copied(),
        split: Some(if name.index < TEST_INDICES {
            Split::Test
        } else {
            Split::Train
        }),
        source: Some(name.speaker.clone()),
        ..Clip::unlabelled(path)
    };
    let clips = named.iter().map(clip).collect();
    let digits = (0..10).map(|digit| digit.to_string()).collect();
    Ok(Dataset {
        faults,
        ..Dataset::new("FSDD", clips, digits)
    })
}

/// What a file's name says.
struct Name {
    digit: usize,
    speaker: String,
    index: u32,
}

impl Name {
    /// The speaker is what stands between the first and the last `_`.
    fn parse(stem: &str) -> Option<Self> {
        let (digit, rest) = stem.split_once('_')?;
        let (speaker, index) = rest.rsplit_once('_')?;
        let name = Self {
            digit: digit.parse().ok().filter(|digit| *digit < 10)?,
            speaker: speaker.to_owned(),
            index: index.parse().ok()?,
        };
        (!speaker.is_empty()).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::layout::tests::tree;

    #[test]
    fn digit_speaker_and_split_are_in_the_name() {
        let files = [
            "recordings/7_jackson_4.wav",
            "recordings/7_jackson_5.wav",
            "recordings/0_george_49.wav",
            "recordings/3_mary_ann_0.wav",
            "metadata.py",
        ];
        let root = tree(&files);
        let dataset = load(root.path()).unwrap();
        let found: Vec<_> = (dataset.clips.iter())
            .map(|c| (c.label, c.fold, c.split, c.source.as_deref()))
            .collect();
        let expected = [
            (Some(0), Some(1), Some(Split::Train), Some("george")),
            (Some(3), Some(3), Some(Split::Test), Some("mary_ann")),
            (Some(7), Some(2), Some(Split::Test), Some("jackson")),
            (Some(7), Some(2), Some(Split::Train), Some("jackson")),
        ];
        assert_eq!(found, expected);
        assert_eq!(dataset.classes.len(), 10);
        assert_eq!(load(&root.path().join("recordings")).unwrap(), dataset);
    }

    #[test]
    fn what_is_no_digit_is_told_and_left_out() {
        let root = tree(&[
            "1_a_0.wav",
            "10_a_1.wav",
            "1_a.wav",
            "1_a_x.wav",
            "one_a_1.wav",
        ]);
        let dataset = load(root.path()).unwrap();
        assert_eq!((dataset.clips.len(), dataset.faults.len()), (1, 4));
        assert_eq!(dataset.left_out().count(), 4);
        let message = load(tree(&["a.wav"]).path()).unwrap_err().to_string();
        assert!(
            message.contains("is not FSDD, which has `recordings/`"),
            "{message}"
        );
    }
}

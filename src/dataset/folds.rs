//! Parts of a dataset for cross-validation.

use super::{Clip, Dataset, DatasetError, Split};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

/// A source whose clips lie in several folds: a model tested on one of them has heard the recording in training, and
/// its score is too good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SplitSource {
    /// The source.
    pub source: String,
    /// The folds it has clips in, ascending.
    pub folds: Vec<u32>,
}

/// Of clips with source and fold: the sources of more than one fold, sorted by name.
pub(crate) fn split_sources<'a>(clips: impl Iterator<Item = (&'a str, u32)>) -> Vec<SplitSource> {
    let mut folds: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
    for (source, fold) in clips {
        folds.entry(source).or_default().insert(fold);
    }
    let split = folds.into_iter().filter(|(_, folds)| folds.len() > 1);
    split
        .map(|(source, folds)| SplitSource {
            source: source.to_owned(),
            folds: folds.into_iter().collect(),
        })
        .collect()
}

/// `1, 3`
pub(crate) fn listed_folds(folds: &[u32]) -> String {
    let each: Vec<String> = folds.iter().map(u32::to_string).collect();
    each.join(", ")
}

impl Dataset {
    /// The folds that clips are assigned to, ascending.
    pub fn folds(&self) -> Vec<u32> {
        let folds: BTreeSet<u32> = self.clips.iter().filter_map(|clip| clip.fold).collect();
        folds.into_iter().collect()
    }

    /// Sources that have clips in more than one fold, sorted by name.
    pub(crate) fn split_sources(&self) -> Vec<SplitSource> {
        let found = self.clips.iter();
        split_sources(found.filter_map(|clip| Some((clip.source.as_deref()?, clip.fold?))))
    }

    /// The same clips in `folds` new folds, 1 to `folds`, for a dataset without official ones.
    ///
    /// Clips of one source stay together, and each fold gets its share of each class as nearly as that allows. The same
    /// seed gives the same folds.
    ///
    /// # Errors
    /// If `folds` is below 2, or there are fewer sources than folds.
    pub fn with_stratified_folds(mut self, folds: u32, seed: u64) -> Result<Self, DatasetError> {
        let mut groups = self.groups();
        if folds < 2 || groups.len() < folds as usize {
            return Err(DatasetError::Folds {
                folds,
                sources: groups.len(),
            });
        }
        groups.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        // The large groups first, while there is room to balance them; a stable sort keeps the draw among equals.
        groups.sort_by_key(|group| Reverse(group.clips.len()));
        let mut filled = vec![vec![0.0; self.classes.len() + 1]; folds as usize];
        let class_sizes = group_sum(&groups, self.classes.len() + 1);
        for group in &groups {
            let fold = cheapest_fold(&filled, group, &class_sizes);
            for (sum, count) in filled[fold].iter_mut().zip(&group.class_counts) {
                *sum += count;
            }
            for &clip in &group.clips {
                self.clips[clip].fold = Some(fold as u32 + 1);
            }
        }
        Ok(self)
    }

    /// The same clips in a new split of 70 % to learn from, 15 % to choose by and 15 % to measure on, for a dataset
    /// without an official one. Clips of one source stay together, and each part gets its share of each class as nearly
    /// as that allows. The same seed gives the same split. Folds stay as they are.
    ///
    /// # Errors
    /// If there are fewer than 20 sources.
    pub(crate) fn with_stratified_split(mut self, seed: u64) -> Result<Self, DatasetError> {
        let dealt = self.clone().with_stratified_folds(20, seed)?;
        for (clip, dealt) in self.clips.iter_mut().zip(dealt.clips) {
            clip.split = dealt.fold.map(|fold| match fold {
                1..=14 => Split::Train,
                15..=17 => Split::Validation,
                _ => Split::Test,
            });
        }
        Ok(self)
    }

    /// Whether the clips have an official split and no folds.
    pub fn has_split_only(&self) -> bool {
        self.clips.iter().all(|clip| clip.fold.is_none())
            && self.clips.iter().any(|clip| clip.split.is_some())
    }

    /// The same clips with the parts of their split as folds, for what knows only folds: train 1, validation 2, test
    /// [`Self::TEST_FOLD`]. A dataset that has folds keeps them.
    pub fn with_split_as_folds(mut self) -> Self {
        if self.has_split_only() {
            for clip in &mut self.clips {
                clip.fold = clip.split.map(|split| match split {
                    Split::Train => 1,
                    Split::Validation => 2,
                    Split::Test => Self::TEST_FOLD,
                });
            }
        }
        self
    }

    /// The fold that [`Self::with_split_as_folds`] makes of the test part.
    pub const TEST_FOLD: u32 = 3;

    /// Clips that must stay together, in the order of their first clips. A clip without source stands alone.
    fn groups(&self) -> Vec<Group> {
        let mut of_source: BTreeMap<&str, usize> = BTreeMap::new();
        let mut groups: Vec<Group> = Vec::new();
        for (i, clip) in self.clips.iter().enumerate() {
            let next = groups.len();
            let at = clip
                .source
                .as_deref()
                .map_or(next, |source| *of_source.entry(source).or_insert(next));
            if at == next {
                groups.push(Group {
                    clips: Vec::new(),
                    class_counts: vec![0.0; self.classes.len() + 1],
                });
            }
            groups[at].clips.push(i);
            groups[at].class_counts[self.class_or_none(clip)] += 1.0;
        }
        groups
    }

    /// Clips without label count as one more class.
    fn class_or_none(&self, clip: &Clip) -> usize {
        clip.label.unwrap_or(self.classes.len())
    }
}

/// Clips that must stay together.
struct Group {
    clips: Vec<usize>,
    class_counts: Vec<f64>,
}

fn group_sum(groups: &[Group], classes: usize) -> Vec<f64> {
    let mut sum = vec![0.0; classes];
    for group in groups {
        for (sum, count) in sum.iter_mut().zip(&group.class_counts) {
            *sum += count;
        }
    }
    sum
}

/// The fold where the group raises Σ over classes of (clips in the fold / clips of the class)² least, which is smallest
/// when every fold has the same share of each class; among equals the smaller fold, then the first.
fn cheapest_fold(filled: &[Vec<f64>], group: &Group, class_sizes: &[f64]) -> usize {
    let cost = |fold: &Vec<f64>| -> f64 {
        let classes = fold.iter().zip(&group.class_counts).zip(class_sizes);
        classes
            .filter(|((_, count), _)| **count > 0.0)
            .map(|((have, count), size)| ((have + count).powi(2) - have.powi(2)) / size.powi(2))
            .sum()
    };
    let keys = filled
        .iter()
        .map(|fold| (cost(fold), fold.iter().sum::<f64>()));
    let best = keys
        .enumerate()
        .min_by(|(_, a), (_, b)| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    best.map_or(0, |(fold, _)| fold)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Clips given as (label, source).
    fn dataset(clips: &[(Option<usize>, Option<u32>)], classes: usize) -> Dataset {
        let clip = |(i, &(label, source)): (usize, &(Option<usize>, Option<u32>))| Clip {
            label,
            source: source.map(|source| format!("s{source}")),
            ..Clip::unlabelled(format!("{i}.wav"))
        };
        let clips = clips.iter().enumerate().map(clip).collect();
        let classes = (0..classes).map(|class| class.to_string()).collect();
        Dataset::new("test", clips, classes)
    }

    fn assigned(dataset: &Dataset) -> Vec<u32> {
        dataset
            .clips
            .iter()
            .map(|clip| clip.fold.unwrap())
            .collect()
    }

    #[test]
    fn each_fold_gets_its_share_of_each_class() {
        let clips: Vec<_> = (0..103).map(|i| (Some(i % 3), None)).collect();
        let folded = dataset(&clips, 3).with_stratified_folds(5, 1).unwrap();
        assert_eq!(folded.folds(), [1, 2, 3, 4, 5]);
        for fold in 1..=5 {
            for class in 0..3 {
                let both = |clip: &&Clip| clip.fold == Some(fold) && clip.label == Some(class);
                let count = folded.clips.iter().filter(both).count();
                assert!(
                    (6..=7).contains(&count),
                    "fold {fold}, class {class}: {count}"
                ); // 34 or 35 in 5
            }
        }
    }

    #[test]
    fn the_seed_decides_and_nothing_else() {
        let clips: Vec<_> = (0..60).map(|i| (Some(i % 2), Some(i as u32 / 3))).collect();
        let folds = |seed| assigned(&dataset(&clips, 2).with_stratified_folds(4, seed).unwrap());
        assert_eq!(folds(7), folds(7));
        assert_ne!(folds(7), folds(8));
    }

    #[test]
    fn more_folds_than_sources_are_refused() {
        let clips = [(Some(0), Some(1)), (Some(0), Some(1)), (Some(0), Some(2))];
        let message = dataset(&clips, 1)
            .with_stratified_folds(3, 0)
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("cannot make 3 folds") && message.contains("(2 here)"),
            "{message}"
        );
        assert!(dataset(&clips, 1).with_stratified_folds(1, 0).is_err());
    }

    #[test]
    fn a_split_gives_every_class_its_70_15_15() {
        let clips: Vec<_> = (0..300).map(|i| (Some(i % 3), None)).collect();
        let split = dataset(&clips, 3).with_stratified_split(5).unwrap();
        for class in 0..3 {
            let count = |split_part| {
                let both =
                    |clip: &&Clip| clip.split == Some(split_part) && clip.label == Some(class);
                split.clips.iter().filter(both).count()
            };
            let parts = [Split::Train, Split::Validation, Split::Test].map(count);
            assert_eq!(parts, [70, 15, 15]);
        }
        let again = |seed| dataset(&clips, 3).with_stratified_split(seed).unwrap();
        assert_eq!(again(5), split);
        assert_ne!(again(6), split);
        assert!(split.folds().is_empty());
    }

    #[test]
    fn a_split_becomes_folds_only_where_there_are_none() {
        let clips: Vec<_> = (0..40).map(|i| (Some(i % 2), None)).collect();
        let split = dataset(&clips, 2).with_stratified_split(0).unwrap();
        assert!(split.has_split_only());
        let folds = split.clone().with_split_as_folds();
        assert_eq!(folds.folds(), [1, 2, Dataset::TEST_FOLD]);
        for (fold, clip) in assigned(&folds).into_iter().zip(&split.clips) {
            assert_eq!(fold == Dataset::TEST_FOLD, clip.split == Some(Split::Test));
        }
        let official = split.with_stratified_folds(5, 0).unwrap();
        assert_eq!(official.clone().with_split_as_folds(), official);
    }

    #[test]
    fn sources_in_two_folds_are_found() {
        let mut dataset = dataset(
            &[
                (None, Some(1)),
                (None, Some(1)),
                (None, Some(2)),
                (None, None),
            ],
            0,
        );
        for (clip, fold) in dataset.clips.iter_mut().zip([2, 1, 1, 2]) {
            clip.fold = Some(fold);
        }
        let expected = SplitSource {
            source: "s1".into(),
            folds: vec![1, 2],
        };
        assert_eq!(dataset.split_sources(), [expected]);
    }

    proptest! {
        #[test]
        fn clips_of_one_source_stay_together(
            clips in prop::collection::vec((prop::option::of(0_usize..4), prop::option::of(0_u32..20)), 1..120),
            folds in 2_u32..7,
            seed in any::<u64>(),
        ) {
            let dataset = dataset(&clips, 4);
            match dataset.with_stratified_folds(folds, seed) {
                Ok(folded) => {
                    prop_assert!(folded.split_sources().is_empty());
                    prop_assert!(assigned(&folded).iter().all(|fold| (1..=folds).contains(fold)));
                }
                Err(DatasetError::Folds { sources, .. }) => prop_assert!(sources < folds as usize),
                Err(other) => prop_assert!(false, "{other}"),
            }
        }
    }
}

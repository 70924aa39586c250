//! What embeddings are measured against.

use std::collections::{BTreeMap, BTreeSet};

use super::{EvaluateError, MeasuredClip};
use crate::Embeddings;
use crate::dataset::{Clip, Dataset, SplitSource, listed_folds, split_sources};

/// What is known of a clip, as indices into the classes.
pub trait Label: Clone {
    /// What the dataset says of it; `None` if it says nothing.
    fn of(clip: &Clip) -> Option<Self>;

    /// The classes it names.
    fn classes(&self) -> &[usize];

    /// Clips of one stratum are spread evenly where folds are dealt.
    fn stratum(&self) -> usize;
}

/// The one class of a clip.
impl Label for usize {
    fn of(clip: &Clip) -> Option<Self> {
        clip.label
    }

    fn classes(&self) -> &[usize] {
        std::slice::from_ref(self)
    }

    fn stratum(&self) -> usize {
        *self
    }
}

/// Any number of classes, or none.
impl Label for Vec<usize> {
    fn of(clip: &Clip) -> Option<Self> {
        clip.is_labelled().then(|| clip.classes())
    }

    fn classes(&self) -> &[usize] {
        self
    }

    fn stratum(&self) -> usize {
        0
    }
}

/// Each clip's label and fold, checked: labels are indices into the classes, and there are at least
/// two folds.
#[derive(Debug, Clone, PartialEq)]
pub struct Task<L = usize> {
    name: String,
    classes: Vec<String>,
    labels: Vec<L>,
    folds: Vec<u32>,
    sources: Vec<Option<String>>,
    names: Vec<String>,
    scored: Vec<u32>,
}

impl<L: Label> Task<L> {
    /// `labels` (indices into `classes`) and `folds` hold one entry a clip.
    ///
    /// # Errors
    /// If the lengths differ, a label is no class, or there are fewer than two folds.
    pub fn new(
        name: impl Into<String>,
        classes: Vec<String>,
        labels: Vec<L>,
        folds: Vec<u32>,
    ) -> Result<Self, EvaluateError> {
        check_length("folds", folds.len(), labels.len())?;
        for (clip, label) in labels.iter().enumerate() {
            let classes = classes.len();
            if let Some(&label) = label.classes().iter().find(|&&class| class >= classes) {
                return Err(EvaluateError::Label {
                    clip,
                    label,
                    classes,
                });
            }
        }
        let scored: Vec<u32> = folds
            .iter()
            .copied()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        if scored.len() < 2 {
            return Err(EvaluateError::Folds {
                folds: scored.len(),
            });
        }
        Ok(Self {
            name: name.into(),
            classes,
            sources: vec![None; labels.len()],
            names: (0..labels.len())
                .map(|clip| format!("clip {clip}"))
                .collect(),
            labels,
            folds,
            scored,
        })
    }

    /// The task a dataset's own labels and official folds set.
    ///
    /// # Errors
    /// If a clip has no label or no fold, or for the reasons of [`Task::new`].
    pub fn from_dataset(dataset: &Dataset) -> Result<Self, EvaluateError> {
        let missing = |path: &std::path::Path, what| EvaluateError::Missing {
            path: path.display().to_string(),
            what,
        };
        let (mut labels, mut folds) = (Vec::new(), Vec::new());
        for clip in &dataset.clips {
            labels.push(L::of(clip).ok_or_else(|| missing(&clip.path, "label"))?);
            folds.push(clip.fold.ok_or_else(|| missing(&clip.path, "fold"))?);
        }
        let sources = dataset.clips.iter().map(|clip| clip.source.clone());
        Self::new(&dataset.name, dataset.classes.clone(), labels, folds)?
            .with_names(dataset.clip_names())?
            .with_sources(sources.collect())
    }

    /// Calls the clips by what tells them from each other, as their files do.
    ///
    /// # Errors
    /// If there is not one entry a clip.
    pub fn with_names(mut self, names: Vec<String>) -> Result<Self, EvaluateError> {
        check_length("names", names.len(), self.clips())?;
        self.names = names;
        Ok(self)
    }

    /// Adds the recording each clip was cut from, so that recordings in several folds are remarked upon.
    ///
    /// # Errors
    /// If there is not one entry a clip.
    pub fn with_sources(mut self, sources: Vec<Option<String>>) -> Result<Self, EvaluateError> {
        check_length("sources", sources.len(), self.clips())?;
        self.sources = sources;
        Ok(self)
    }

    /// Scores only some folds; each is still trained on all the others.
    ///
    /// # Errors
    /// If one of `folds` has no clips, or none is named.
    pub fn scoring_only(mut self, folds: &[u32]) -> Result<Self, EvaluateError> {
        let known = self.all_folds();
        if let Some(&fold) = folds.iter().find(|fold| !known.contains(fold)) {
            return Err(EvaluateError::UnknownFold { fold, known });
        }
        if folds.is_empty() {
            return Err(EvaluateError::Config {
                key: "folds",
                given: "empty".to_owned(),
                required: "at least one fold",
            });
        }
        self.scored = folds
            .iter()
            .copied()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        Ok(self)
    }

    /// The dataset's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of clips.
    pub fn clips(&self) -> usize {
        self.labels.len()
    }

    /// Class names; labels are indices into them.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The label of each clip.
    pub fn labels(&self) -> &[L] {
        &self.labels
    }

    /// The folds that are scored, ascending.
    pub fn scored_folds(&self) -> &[u32] {
        &self.scored
    }

    /// Every fold with clips, ascending.
    pub fn all_folds(&self) -> Vec<u32> {
        self.folds
            .iter()
            .copied()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }

    /// Recordings that were cut into clips of several folds: whoever trains on one of the folds has
    /// heard part of the other. Sorted by source.
    fn leaks(&self) -> Vec<SplitSource> {
        let clips = self.sources.iter().zip(&self.folds);
        split_sources(clips.filter_map(|(source, &fold)| Some((source.as_deref()?, fold))))
    }

    /// What there is to say of [`Self::leaks`].
    pub(super) fn leak_warning(&self) -> Option<String> {
        let leaks = self.leaks();
        let first = leaks.first()?;
        Some(format!(
            "{} source recording{} lie{} in more than one fold (the first: `{}` in folds {}), so the \
             classifiers were trained on parts of recordings they are tested on and the scores are too high",
            leaks.len(),
            if leaks.len() == 1 { "" } else { "s" },
            if leaks.len() == 1 { "s" } else { "" },
            first.source,
            listed_folds(&first.folds),
        ))
    }

    pub(super) fn clips_in(&self, fold: u32) -> Vec<usize> {
        self.clips_where(|f| f == fold)
    }

    pub(super) fn clips_where(&self, keep: impl Fn(u32) -> bool) -> Vec<usize> {
        (0..self.clips())
            .filter(|&clip| keep(self.folds[clip]))
            .collect()
    }

    pub(super) fn source(&self, clip: usize) -> Option<&str> {
        self.sources[clip].as_deref()
    }

    pub(super) fn labels_of(&self, clips: &[usize]) -> Vec<L> {
        clips
            .iter()
            .map(|&clip| self.labels[clip].clone())
            .collect()
    }
}

impl Task {
    /// The clips, as an evaluation keeps them.
    pub(super) fn measured_clips(&self) -> Vec<MeasuredClip> {
        let clip = |clip: usize| MeasuredClip {
            name: self.names[clip].clone(),
            class: self.labels[clip],
            fold: self.folds[clip],
        };
        (0..self.clips()).map(clip).collect()
    }
}

/// Folds for clips that come without official ones: `1..=folds`, each class spread evenly, clips of
/// one source kept together. Depends on the order of the clips only, never on chance.
///
/// `sources`: one entry a clip, `None` for a clip that is its own source.
///
/// # Panics
/// If `folds` is 0 or the lengths differ.
pub(super) fn deal_folds(labels: &[usize], sources: &[Option<&str>], folds: u32) -> Vec<u32> {
    assert!(folds > 0, "clips cannot be dealt into 0 folds");
    assert_eq!(labels.len(), sources.len(), "one source entry a clip");
    let mut sizes: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut fold_of_source: BTreeMap<&str, u32> = BTreeMap::new();
    let mut dealt = Vec::with_capacity(labels.len());
    for (&label, &source) in labels.iter().zip(sources) {
        let sizes = sizes
            .entry(label)
            .or_insert_with(|| vec![0; folds as usize]);
        let known = source.and_then(|source| fold_of_source.get(source).copied());
        let fold = known.unwrap_or_else(|| emptiest(sizes));
        if let Some(source) = source {
            fold_of_source.insert(source, fold);
        }
        sizes[fold as usize - 1] += 1;
        dealt.push(fold);
    }
    dealt
}

/// The first of the folds with fewest clips, counted from 1.
fn emptiest(sizes: &[usize]) -> u32 {
    let smallest = (0..sizes.len()).min_by_key(|&fold| sizes[fold]);
    smallest.map_or(1, |fold| fold as u32 + 1)
}

/// Refuses embeddings, `[items, dim]`, that are not one row a clip of finite numbers.
pub(super) fn check_rows<L: Label>(
    task: &Task<L>,
    embeddings: &Embeddings,
) -> Result<(), EvaluateError> {
    if embeddings.items() != task.clips() {
        return Err(EvaluateError::Length {
            what: "embeddings",
            given: embeddings.items(),
            clips: task.clips(),
        });
    }
    let mut values = embeddings.values().iter().enumerate();
    match values.find(|(_, value)| !value.is_finite()) {
        None => Ok(()),
        Some((index, &value)) => Err(EvaluateError::NotFinite {
            clip: index / embeddings.dim(),
            dimension: index % embeddings.dim(),
            value,
        }),
    }
}

fn check_length(what: &'static str, given: usize, clips: usize) -> Result<(), EvaluateError> {
    if given == clips {
        return Ok(());
    }
    Err(EvaluateError::Length { what, given, clips })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|c| format!("class {c}")).collect()
    }

    #[test]
    fn a_source_in_two_folds_is_a_leak() {
        let some = |s: &str| Some(s.to_owned());
        let task = Task::new("t", names(1), vec![0; 5], vec![1, 2, 1, 1, 2])
            .and_then(|t| t.with_sources(vec![some("a"), some("a"), some("b"), some("b"), None]))
            .unwrap();
        let leak = SplitSource {
            source: "a".to_owned(),
            folds: vec![1, 2],
        };
        assert_eq!(task.leaks(), [leak]);
    }

    #[test]
    fn a_label_beyond_the_classes_is_named() {
        let error = Task::new("t", names(2), vec![0, 2], vec![1, 2]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "clip 1: label is 2, but there are 2 classes"
        );
    }

    #[test]
    fn one_fold_is_not_enough_to_train_and_test() {
        let error = Task::new("t", names(1), vec![0, 0], vec![3, 3]).unwrap_err();
        assert!(matches!(error, EvaluateError::Folds { folds: 1 }));
    }

    #[test]
    fn an_unknown_fold_cannot_be_scored() {
        let task = Task::new("t", names(1), vec![0, 0], vec![1, 2]).unwrap();
        let error = task.scoring_only(&[3]).unwrap_err();
        assert!(matches!(error, EvaluateError::UnknownFold { fold: 3, .. }));
    }

    #[test]
    fn dealt_folds_spread_each_class_and_keep_sources_together() {
        let labels = [0, 0, 0, 0, 1, 1, 1, 1];
        let sources = [Some("a"), Some("a"), None, None, None, None, None, None];
        let folds = deal_folds(&labels, &sources, 2);
        assert_eq!(folds[0], folds[1]);
        for label in 0..2 {
            let first = (0..8)
                .filter(|&i| labels[i] == label && folds[i] == 1)
                .count();
            assert_eq!(first, 2, "class {label} of {folds:?}");
        }
    }
}

//! Numbers from a confusion matrix.

use serde::{Deserialize, Serialize};

/// How often clips of one class were taken for another: rows are true classes, columns predicted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Confusion {
    counts: Vec<Vec<u32>>,
}

/// Precision, recall and F1 of one class; 0 where the denominator is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassScore {
    /// The class's name.
    pub class: String,
    /// Clips of this class, each as often as there are seeds.
    pub support: u32,
    /// Part of the clips predicted as this class that are of it, 0..=1.
    pub precision: f64,
    /// Part of this class's clips that were predicted as it, 0..=1.
    pub recall: f64,
    /// Harmonic mean of precision and recall, 0..=1.
    pub f1: f64,
}

impl Confusion {
    /// Counts pairs of true and predicted class.
    ///
    /// # Panics
    /// If a class is not below `classes`.
    pub fn new(classes: usize, pairs: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut counts = vec![vec![0; classes]; classes];
        for (truth, predicted) in pairs {
            counts[truth][predicted] += 1;
        }
        Self { counts }
    }

    /// The counts, `[true class][predicted class]`.
    pub fn counts(&self) -> &[Vec<u32>] {
        &self.counts
    }

    /// Part of the clips predicted rightly, 0..=1; 0 without clips.
    pub fn accuracy(&self) -> f64 {
        let hits = self.classes().map(|class| self.hits(class)).sum();
        let clips = self.classes().map(|class| self.support(class)).sum();
        ratio(hits, clips)
    }

    /// Mean recall over the classes that have clips, 0..=1.
    pub fn balanced_accuracy(&self) -> f64 {
        mean(
            self.classes()
                .filter(|&c| self.support(c) > 0)
                .map(|class| self.recall(class)),
        )
    }

    /// Mean F1 over the classes that have clips or were predicted, 0..=1.
    pub fn macro_f1(&self) -> f64 {
        let seen = |&class: &usize| self.support(class) + self.predicted(class) > 0;
        mean(self.classes().filter(seen).map(|class| self.f1(class)))
    }

    /// Precision of each class, weighted by its clips, 0..=1; 0 without clips.
    ///
    /// ```text
    /// wAP = Σ_c n_c · precision_c / Σ_c n_c
    /// ```
    ///
    /// # Source
    /// Emami et al. 2021, who call it weighted average precision; it is not the area under a curve.
    pub fn weighted_precision(&self) -> f64 {
        let clips: u32 = self.classes().map(|class| self.support(class)).sum();
        let weighted = |class| f64::from(self.support(class)) * self.precision(class);
        self.classes().map(weighted).sum::<f64>() / f64::from(clips.max(1))
    }

    /// Precision, recall and F1 of each class, in the order of `names`.
    pub fn per_class(&self, names: &[String]) -> Vec<ClassScore> {
        let score = |(class, name): (usize, &String)| ClassScore {
            class: name.clone(),
            support: self.support(class),
            precision: self.precision(class),
            recall: self.recall(class),
            f1: self.f1(class),
        };
        names
            .iter()
            .take(self.counts.len())
            .enumerate()
            .map(score)
            .collect()
    }

    fn classes(&self) -> std::ops::Range<usize> {
        0..self.counts.len()
    }

    fn hits(&self, class: usize) -> u32 {
        self.counts[class][class]
    }

    fn support(&self, class: usize) -> u32 {
        self.counts[class].iter().sum()
    }

    fn predicted(&self, class: usize) -> u32 {
        self.counts.iter().map(|row| row[class]).sum()
    }

    fn precision(&self, class: usize) -> f64 {
        ratio(self.hits(class), self.predicted(class))
    }

    fn recall(&self, class: usize) -> f64 {
        ratio(self.hits(class), self.support(class))
    }

    fn f1(&self, class: usize) -> f64 {
        ratio(
            2 * self.hits(class),
            self.support(class) + self.predicted(class),
        )
    }
}

fn ratio(part: u32, whole: u32) -> f64 {
    if whole == 0 {
        0.0
    } else {
        f64::from(part) / f64::from(whole)
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0);
    for value in values {
        sum += value;
        count += 1;
    }
    if count == 0 {
        0.0
    } else {
        sum / f64::from(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Golden {
        versions: String,
        cases: Vec<Case>,
    }

    #[derive(serde::Deserialize)]
    struct Case {
        name: String,
        classes: usize,
        truth: Vec<usize>,
        predicted: Vec<usize>,
        confusion: Vec<Vec<u32>>,
        accuracy: f64,
        balanced_accuracy: f64,
        macro_f1: f64,
        weighted_precision: f64,
        precision: Vec<f64>,
        recall: Vec<f64>,
        f1: Vec<f64>,
    }

    #[test]
    fn metrics_equal_scikit_learn_with_empty_classes_too() {
        let golden: Golden =
            serde_json::from_str(include_str!("../../tests/golden/metrics.json")).unwrap();
        for case in golden.cases {
            let what = format!("{} by {}", case.name, golden.versions);
            let confusion =
                Confusion::new(case.classes, case.truth.into_iter().zip(case.predicted));
            assert_eq!(confusion.counts(), case.confusion, "{what}");
            let names: Vec<String> = (0..case.classes).map(|class| class.to_string()).collect();
            let per_class = confusion.per_class(&names);
            let ours = [
                confusion.accuracy(),
                confusion.balanced_accuracy(),
                confusion.macro_f1(),
                confusion.weighted_precision(),
            ]
            .into_iter()
            .chain(per_class.iter().flat_map(|c| [c.precision, c.recall, c.f1]));
            let theirs = [
                case.accuracy,
                case.balanced_accuracy,
                case.macro_f1,
                case.weighted_precision,
            ]
            .into_iter()
            .chain((0..case.classes).flat_map(|c| [case.precision[c], case.recall[c], case.f1[c]]));
            for (ours, theirs) in ours.zip(theirs) {
                assert!(
                    (ours - theirs).abs() < 1e-12,
                    "{what}: {ours} against {theirs}"
                );
            }
        }
    }

    #[test]
    fn no_clips_at_all_score_zero() {
        let empty = Confusion::new(3, []);
        assert_eq!(
            [
                empty.accuracy(),
                empty.balanced_accuracy(),
                empty.macro_f1(),
                empty.weighted_precision()
            ],
            [0.0; 4]
        );
    }
}

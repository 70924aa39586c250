//! Hits, false alarms, misses, and what is made of them.

use serde::Serialize;
use std::iter::Sum;

/// The floor of every measure, so that a harmonic mean exists.
const FLOOR: f64 = 1e-5;

/// How many events were found, wrongly found, and not found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Predictions that are a true event.
    pub true_positives: usize,
    /// Predictions that are none, nor an unknown one.
    pub false_positives: usize,
    /// True events without a prediction.
    pub false_negatives: usize,
}

/// Precision, recall and F-measure, `1e-5..=1` by the published floor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Measures {
    /// `TP / (TP + FP)`.
    pub precision: f64,
    /// `TP / (TP + FN)`.
    pub recall: f64,
    /// `TP / (TP + ½ (FP + FN))`.
    pub f_measure: f64,
}

impl Counts {
    /// Nothing predicted.
    pub(super) fn missed(false_negatives: usize) -> Self {
        Self {
            false_negatives,
            ..Self::default()
        }
    }

    /// The measures of these counts; 1e-5 where there is nothing to divide by, or nothing found.
    pub fn measures(self) -> Measures {
        let [tp, fp, missed] = [
            self.true_positives,
            self.false_positives,
            self.false_negatives,
        ]
        .map(|count| count as f64);
        let of_hits = |whole: f64| if tp > 0.0 { tp / whole } else { FLOOR };
        Measures {
            precision: of_hits(tp + fp).max(FLOOR),
            recall: of_hits(tp + missed),
            f_measure: of_hits(tp + 0.5 * (fp + missed)),
        }
    }
}

impl Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |sum, one| Self {
            true_positives: sum.true_positives + one.true_positives,
            false_positives: sum.false_positives + one.false_positives,
            false_negatives: sum.false_negatives + one.false_negatives,
        })
    }
}

impl Measures {
    /// The harmonic mean of each measure by itself: the F-measure is not that of the mean precision and recall. 0 for none.
    pub(crate) fn harmonic_mean(measures: impl IntoIterator<Item = Self>) -> Self {
        let (mut n, mut inverse) = (0.0, Self::default());
        for one in measures {
            n += 1.0;
            inverse.precision += 1.0 / one.precision;
            inverse.recall += 1.0 / one.recall;
            inverse.f_measure += 1.0 / one.f_measure;
        }
        let mean = |sum: f64| if n > 0.0 { n / sum } else { 0.0 };
        Self {
            precision: mean(inverse.precision),
            recall: mean(inverse.recall),
            f_measure: mean(inverse.f_measure),
        }
    }
}

//! What clips were taken for, one by one.

use serde::{Deserialize, Serialize};

/// What a classifier takes a clip for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// Index into the classes.
    pub class: usize,
    /// How sure it is of it, 0..=1: the class's probability, or its share of the votes.
    pub confidence: f32,
}

/// The predictions of one protocol by one seed, a place for every clip of the task.
///
/// Two lists rather than one of pairs, so that files stay small.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Predictions {
    /// Indices into the classes; `None` where the clip's fold was not scored.
    classes: Vec<Option<usize>>,
    /// As [`Prediction::confidence`].
    confidences: Vec<Option<f32>>,
}

impl Predictions {
    /// Of no clip of `clips` yet.
    pub(super) fn none(clips: usize) -> Self {
        Self {
            classes: vec![None; clips],
            confidences: vec![None; clips],
        }
    }

    pub(super) fn set(&mut self, clip: usize, prediction: Prediction) {
        self.classes[clip] = Some(prediction.class);
        self.confidences[clip] = Some(prediction.confidence);
    }

    /// Number of clips of the task.
    pub fn clips(&self) -> usize {
        self.classes.len()
    }

    /// Number of clips whose folds were scored.
    pub fn scored(&self) -> usize {
        self.classes.iter().flatten().count()
    }

    /// What a clip was taken for; `None` where its fold was not scored.
    pub fn of(&self, clip: usize) -> Option<Prediction> {
        Some(Prediction {
            class: (*self.classes.get(clip)?)?,
            confidence: self.confidences.get(clip).copied().flatten().unwrap_or(0.0),
        })
    }
}

/// The first of the largest `weights` as the predicted class, its share of all weights as the confidence.
///
/// `weights`: one a class, at least one, none below zero.
pub(super) fn largest_share(weights: &[f64]) -> Prediction {
    let mut class = 0;
    for (candidate, weight) in weights.iter().enumerate() {
        if *weight > weights[class] {
            class = candidate;
        }
    }
    let sum: f64 = weights.iter().sum();
    let share = if sum > 0.0 { weights[class] / sum } else { 0.0 };
    Prediction {
        class,
        confidence: share as f32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_largest_wins_and_is_as_sure_as_its_share() {
        let prediction = largest_share(&[1.0, 2.0, 2.0, 0.0]);
        assert_eq!((prediction.class, prediction.confidence), (1, 0.4));
        assert_eq!(largest_share(&[0.0, 0.0]).class, 0);
        assert_eq!(largest_share(&[0.0, 0.0]).confidence, 0.0);
    }

    #[test]
    fn clips_of_folds_that_are_not_scored_have_no_prediction() {
        let mut predictions = Predictions::none(3);
        let prediction = Prediction {
            class: 2,
            confidence: 0.5,
        };
        predictions.set(1, prediction);
        let all: Vec<_> = (0..4).map(|clip| predictions.of(clip)).collect();
        assert_eq!(all, [None, Some(prediction), None, None]);
        assert_eq!((predictions.clips(), predictions.scored()), (3, 1));
    }
}

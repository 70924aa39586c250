//! How many of the found events are right, expected from their scores alone.

use super::{Detection, Event};

/// How likely an event is right by its score, as a logistic curve: `P(right | score) = 1 / (1 + exp(−a · (score − b)))`,
/// where the shots score 1 on average and a score is at most 1. These two numbers are all that is known of it; fitted to
/// recordings whose events are all marked by `tests/field/precision.py`, which prints them.
///
/// `a`, how fast right events take over as scores rise; above 0, so that a higher threshold is never expected to be worse.
const STEEPNESS: f64 = 22.5;
/// `b`, the score at which an event is as likely right as wrong.
const EVEN_SCORE: f64 = 0.79;

/// How likely an event of the method `frames` with this score is right, above 0 and below 1.
pub(super) fn probability_right(score: f32) -> f64 {
    1.0 / (1.0 + (-STEEPNESS * (f64::from(score) - EVEN_SCORE)).exp())
}

/// The share of events of the method `frames` that are expected to be right, by their scores alone; `None` without any.
///
/// It is what such scores were worth on the recordings that the curve was fitted to. Events of a rarer or more common
/// animal, or of a recording with other noise, may be right less or more often: check some of them.
pub fn expected_precision<'a>(events: impl IntoIterator<Item = &'a Event>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0usize);
    for event in events {
        sum += probability_right(event.score);
        count += 1;
    }
    (count > 0).then(|| sum / count as f64)
}

/// What a threshold would keep of the candidates of a recording.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AtThreshold {
    /// Events score at least this, 0.5 to 1.
    pub threshold: f32,
    /// How many candidates do.
    pub events: usize,
    /// The share of them that is expected to be right; `None` without any.
    pub expected_precision: Option<f64>,
}

impl Detection {
    /// What each threshold from 0.5 to 1, in steps of 0.05, would keep, and how much of it is expected to be right. Empty
    /// where scores do not compare events with the shots: for all methods but `frames`.
    pub fn by_threshold(&self) -> Vec<AtThreshold> {
        if self.track.is_none() {
            return Vec::new();
        }
        let thresholds = (50..=100u8).step_by(5).map(|n| f32::from(n) / 100.0);
        let at = |threshold: f32| {
            let kept = self.candidates.iter();
            let kept = kept.filter(|event| event.score >= threshold);
            AtThreshold {
                threshold,
                events: kept.clone().count(),
                expected_precision: expected_precision(kept),
            }
        };
        thresholds.map(at).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Span;
    use crate::detect::Track;

    fn events(scores: &[f32]) -> Vec<Event> {
        let event = |(n, &score): (usize, &f32)| Event {
            span: Span::new(n as f64, n as f64 + 0.5).unwrap(),
            score,
            kind: 0,
        };
        scores.iter().enumerate().map(event).collect()
    }

    #[test]
    fn surer_events_are_likelier_right_and_one_is_even() {
        assert!((probability_right(EVEN_SCORE as f32) - 0.5).abs() < 1e-6);
        let scores = (0..=100).map(|n| probability_right(n as f32 / 100.0));
        let probabilities: Vec<f64> = scores.collect();
        assert!(probabilities.is_sorted_by(|low, high| low < high));
        assert!(probabilities[0] > 0.0 && probabilities[100] < 1.0);
    }

    #[test]
    fn the_expected_precision_is_the_mean_over_the_events() {
        assert_eq!(expected_precision(&[]), None);
        let expected = expected_precision(&events(&[0.6, 0.9, 0.9])).unwrap();
        let mean = (probability_right(0.6) + 2.0 * probability_right(0.9)) / 3.0;
        assert!((expected - mean).abs() < 1e-12);
    }

    #[test]
    fn a_higher_threshold_keeps_fewer_events_that_are_expected_to_be_better() {
        let mut detection = Detection::of_events(Vec::new(), 0.85);
        detection.candidates = events(&[0.55, 0.65, 0.85, 0.849, 1.0, 1.0]);
        assert!(detection.by_threshold().is_empty(), "another method");
        detection.track = Some(Track::new(200.0));
        let table = detection.by_threshold();
        let kept: Vec<usize> = table.iter().map(|at| at.events).collect();
        assert_eq!(kept, [6, 6, 5, 5, 4, 4, 4, 3, 2, 2, 2]);
        assert_eq!((table[0].threshold, table[7].threshold), (0.5, 0.85));
        let expected = table.iter().map(|at| at.expected_precision.unwrap());
        assert!(expected.collect::<Vec<_>>().is_sorted());
        detection.candidates.retain(|event| event.score < 0.8);
        assert_eq!(detection.by_threshold()[8].expected_precision, None);
    }
}

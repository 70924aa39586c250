//! Which candidates of the method `frames` count as events.

use super::precision::{expected_precision, probability_right};
use super::{DetectError, Event};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Which candidates count as events: by their scores, or by how many of them are expected to be right.
///
/// In a file, a number or `{"precision": 0.9}`; as text, `0.85` or `precision=0.9`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Threshold {
    /// Those above the lowest threshold, in hundredths, at which the [expected precision](super::expected_precision) of all
    /// events of a recording together is at least this, within 0..=1. Each recording has a threshold of its own.
    #[serde(rename = "precision")]
    Precision(f32),
    /// Those that score at least this, within 0..=1.
    #[serde(untagged)]
    Score(f32),
}

impl From<f32> for Threshold {
    fn from(score: f32) -> Self {
        Self::Score(score)
    }
}

impl Threshold {
    /// Refuses numbers outside 0..=1, and a precision that no threshold is expected to reach.
    pub(super) fn check(self) -> Result<(), DetectError> {
        let highest = probability_right(1.0);
        match self {
            Self::Score(share) | Self::Precision(share) if !self.is_share() => {
                DetectError::check_threshold(share)
            }
            Self::Precision(wanted) if f64::from(wanted) > highest => {
                Err(DetectError::PrecisionTooHigh { wanted, highest })
            }
            Self::Score(_) | Self::Precision(_) => Ok(()),
        }
    }

    /// Whether it is within 0..=1.
    pub(super) fn is_share(self) -> bool {
        let (Self::Score(share) | Self::Precision(share)) = self;
        (0.0..=1.0).contains(&share)
    }

    /// What events of a recording with these candidates must score.
    pub(super) fn of(self, candidates: &[Event]) -> f32 {
        match self {
            Self::Score(score) => score,
            Self::Precision(wanted) => lowest(candidates, f64::from(wanted)),
        }
    }
}

/// The lowest hundredth above which the candidates are expected to have this precision; where there are none, the lowest at
/// which one would have it. Never far below the lowest candidate: all of those keep the same events.
fn lowest(candidates: &[Event], wanted: f64) -> f32 {
    let scores = candidates.iter().map(|event| event.score);
    let lowest = scores.reduce(f32::min).unwrap_or(0.0);
    let first = (100.0 * lowest).floor() as u8;
    let mut thresholds = (first..=100).map(|n| f32::from(n) / 100.0);
    let is_enough = |&threshold: &f32| {
        let kept = candidates.iter().filter(|event| event.score >= threshold);
        let expected = expected_precision(kept).unwrap_or_else(|| probability_right(threshold));
        expected >= wanted
    };
    thresholds.find(is_enough).unwrap_or(1.0)
}

/// `0.85` or `precision=0.9`
impl FromStr for Threshold {
    type Err = NoThreshold;

    fn from_str(text: &str) -> Result<Self, NoThreshold> {
        let threshold = match text.strip_prefix("precision=") {
            Some(share) => share.parse::<f32>().map(Self::Precision),
            None => text.parse::<f32>().map(Self::Score),
        };
        let threshold = threshold.ok().filter(|threshold| threshold.is_share());
        threshold.ok_or(NoThreshold)
    }
}

/// Text that is no [`Threshold`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a number from 0 to 1, or `precision=` and such a number")]
pub struct NoThreshold;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Span;
    use proptest::prelude::*;

    fn events(scores: &[f32]) -> Vec<Event> {
        let event = |(n, &score): (usize, &f32)| Event {
            span: Span::new(n as f64, n as f64 + 0.5).unwrap(),
            score,
            kind: 0,
        };
        scores.iter().enumerate().map(event).collect()
    }

    #[test]
    fn it_is_read_and_kept_as_users_write_it() {
        for (text, json, threshold) in [
            ("0.85", "0.85", Threshold::Score(0.85)),
            ("1", "1.0", Threshold::Score(1.0)),
            (
                "precision=0.9",
                r#"{"precision":0.9}"#,
                Threshold::Precision(0.9),
            ),
        ] {
            assert_eq!(text.parse(), Ok(threshold));
            assert_eq!(serde_json::to_string(&threshold).unwrap(), json);
            assert_eq!(serde_json::from_str::<Threshold>(json).unwrap(), threshold);
        }
        for text in ["7", "-0.1", "NaN", "", "high", "precision=2", "precision="] {
            assert_eq!(text.parse::<Threshold>(), Err(NoThreshold), "{text}");
        }
        assert!(serde_json::from_str::<Threshold>(r#"{"recall":0.9}"#).is_err());
    }

    #[test]
    fn what_cannot_be_reached_is_refused() {
        assert!(Threshold::Score(1.0).check().is_ok() && Threshold::Precision(0.0).check().is_ok());
        for beyond in [Threshold::Score(1.5), Threshold::Precision(f32::NAN)] {
            assert!(matches!(beyond.check(), Err(DetectError::Config { .. })));
        }
        let refused = Threshold::Precision(1.0).check().unwrap_err().to_string();
        assert!(refused.contains("`precision` is 1, but"), "{refused}");
    }

    #[test]
    fn a_score_is_itself_and_a_precision_asks_the_candidates() {
        let candidates = events(&[0.6, 0.7, 0.75, 0.9, 0.95, 1.0, 1.0]);
        assert_eq!(Threshold::Score(0.3).of(&candidates), 0.3);
        // A little less than what is expected, which other roundings would reach, too.
        let almost = |expected: f64| Threshold::Precision((expected - 1e-6) as f32);
        let all = Threshold::Precision(0.0).of(&candidates);
        assert_eq!(all, 0.6, "no lower than the lowest candidate");
        let four = expected_precision(&candidates[3..]).unwrap();
        assert_eq!(almost(four).of(&candidates), 0.76, "just above the others");
        let one = almost(probability_right(0.8));
        let (unsure, none) = (one.of(&events(&[0.6])), one.of(&[]));
        assert_eq!((unsure, none), (0.8, 0.8), "where one event would do");
    }

    proptest! {
        #[test]
        fn the_precision_is_reached_and_by_no_lower_threshold(
            scores in prop::collection::vec(0.5f32..=1.0, 1..60), share in 0.3f64..0.99
        ) {
            let candidates = events(&scores);
            let wanted = (share * probability_right(1.0)) as f32;
            let chosen = Threshold::Precision(wanted).of(&candidates);
            let expected = |threshold: f32| {
                expected_precision(candidates.iter().filter(|event| event.score >= threshold))
            };
            let wanted = f64::from(wanted);
            prop_assert!(expected(chosen).is_none_or(|expected| expected >= wanted));
            let below = ((100.0 * chosen).round() - 1.0) / 100.0;
            if scores.iter().any(|&score| score < below) {
                let below = expected(below).unwrap_or(0.0);
                prop_assert!(below < wanted, "{below} would do");
            }
        }
    }
}

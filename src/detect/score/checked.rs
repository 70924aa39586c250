//! Found events of which some were checked → how many of all are right.

use super::interval::wilson;
use crate::dataset::{Annotation, FoundEvent, Mark, read_found_events};
use crate::detect::DetectError;
use serde::Serialize;
use std::path::Path;

/// Thresholds, and scores that count as alike, are a twentieth apart.
const STEPS: u8 = 20;
/// Fewer checked events than these say too little of events of their score: neighbouring scores are taken together.
const FEWEST_CHECKED: usize = 5;

/// A found event, which may have been checked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CheckedEvent {
    /// How sure the detector is, 0..=1.
    pub score: f32,
    /// Whether it is right; `None` where nobody looked or nobody could tell.
    pub is_right: Option<bool>,
}

/// What is known of the events that score at least some threshold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CheckedPrecision {
    /// Events score at least this, 0..=1.
    pub threshold: f32,
    /// How many there are.
    pub events: usize,
    /// How many of them were checked.
    pub checked: usize,
    /// How many of those are right.
    pub right: usize,
    /// The share of the events that is right, and its 95 % interval; `None` where none was checked, or none of the many that
    /// score lowest.
    pub estimate: Option<PrecisionEstimate>,
}

/// A share, as far as it is known from a sample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PrecisionEstimate {
    /// The share of events that is right, 0..=1.
    pub precision: f64,
    /// Low and high end of its 95 % interval (Wilson).
    pub interval: [f64; 2],
}

/// Reads a table of found events with a column `score` and a column `verdict`, in any of the formats that marks may have.
/// Events of which the verdict is unsure count as not checked.
///
/// # Errors
/// If the table cannot be read; [`DetectError::NotChecked`] if it lacks one of the columns; [`DetectError::NoScore`] if a
/// score is no number from 0 to 1.
pub fn read_checked_events(path: &Path) -> Result<Vec<CheckedEvent>, DetectError> {
    let Annotation { checked, found, .. } = read_found_events(path)?;
    if !checked {
        return Err(DetectError::NotChecked {
            path: path.to_owned(),
        });
    }
    let event = |event: FoundEvent| match event.score {
        Some(score) if (0.0..=1.0).contains(&score) => Ok(CheckedEvent {
            score: score as f32,
            is_right: match event.verdict {
                Some(Mark::Positive) => Some(true),
                Some(Mark::Negative) => Some(false),
                Some(Mark::Unknown) | None => None,
            },
        }),
        _ => Err(DetectError::NoScore {
            path: path.to_owned(),
            line: event.line,
        }),
    };
    found.into_iter().map(event).collect()
}

/// How many events are right at each threshold that there are events at, in steps of 0.05; the first keeps all of them.
///
/// The checked events are a sample of all. It need not be an even one: events of alike scores stand for each other, so that
/// the precision is right, too, where somebody checked low scores more often than high ones. Within a score they must not be
/// chosen by how they sound or look.
///
/// ```
/// use chiffchaff::detect::score::{CheckedEvent, checked_precision};
///
/// let event = |score, is_right| CheckedEvent { score, is_right };
/// let events = [event(0.92, Some(true)), event(0.91, None), event(0.9, Some(false)), event(0.9, Some(true))];
/// let all = checked_precision(&events)[0];
/// assert_eq!((all.events, all.checked, all.right), (4, 3, 2));
/// assert!((all.estimate.unwrap().precision - 2.0 / 3.0).abs() < 1e-9);
/// ```
pub fn checked_precision(events: &[CheckedEvent]) -> Vec<CheckedPrecision> {
    let mut events = events.to_vec();
    events.sort_by(|a, b| a.score.total_cmp(&b.score));
    let (Some(lowest), Some(highest)) = (events.first(), events.last()) else {
        return Vec::new();
    };
    let thresholds = step(lowest)..=step(highest);
    let at = |step: u8| {
        let threshold = threshold(step);
        let first = events.partition_point(|event| event.score < threshold);
        at_threshold(threshold, &events[first..])
    };
    thresholds.map(at).collect()
}

fn threshold(step: u8) -> f32 {
    f32::from(step) / f32::from(STEPS)
}

/// The highest threshold that the event reaches, in steps.
fn step(event: &CheckedEvent) -> u8 {
    let near = (event.score * f32::from(STEPS)) as u8;
    // The product of a score just below a threshold may be rounded up.
    near - u8::from(threshold(near) > event.score)
}

/// `kept`: the events that reach the threshold, by score.
fn at_threshold(threshold: f32, kept: &[CheckedEvent]) -> CheckedPrecision {
    let Stratum {
        events,
        checked,
        right,
    } = Stratum::of(kept);
    CheckedPrecision {
        threshold,
        events,
        checked,
        right,
        estimate: is_sampled(kept, checked).then(|| estimate(kept)),
    }
}

/// Whether the checked events may be a sample of all, down to the lowest. Of `n` that are drawn evenly, more than a share of
/// `3 / (n + 1)` lies below the lowest once in twenty times: then the low ones were rather not looked at.
fn is_sampled(kept: &[CheckedEvent], checked: usize) -> bool {
    let lowest = kept.iter().position(|event| event.is_right.is_some());
    lowest.is_some_and(|below| below * (checked + 1) <= 3 * kept.len())
}

/// The mean of the strata's precisions, each weighted by its events. Where they were not checked equally often, the sample is
/// worth less than its number:
///
/// ```text
/// p = Σ W pₛ,  n = 1 / Σ (W² / nₛ),  W = eventsₛ / events
/// ```
/// # Source
/// Stratified sampling (Cochran 1977, chapter 5), with the effective number of Kish 1965. Equal shares of every stratum give
/// the plain share of all that were checked, and their number.
fn estimate(kept: &[CheckedEvent]) -> PrecisionEstimate {
    let (mut precision, mut spread) = (0.0, 0.0);
    for stratum in strata(kept) {
        let weight = stratum.events as f64 / kept.len() as f64;
        let checked = stratum.checked as f64;
        precision += weight * stratum.right as f64 / checked;
        spread += weight * weight / checked;
    }
    let precision = precision.min(1.0); // sums are rounded
    PrecisionEstimate {
        precision,
        interval: wilson(precision, 1.0 / spread),
    }
}

/// Events of alike scores, by score. What was not checked joins what scores lower, which is not more often right: rather too
/// little is promised than too much. Each has a checked event, if there is one.
fn strata(kept: &[CheckedEvent]) -> Vec<Stratum> {
    let mut strata: Vec<Stratum> = Vec::new();
    for alike in kept.chunk_by(|a, b| step(a) == step(b)) {
        let next = Stratum::of(alike);
        match strata.last_mut() {
            Some(last) if last.checked < FEWEST_CHECKED => last.add(next),
            _ => strata.push(next),
        }
    }
    if let Some(top) = strata.pop_if(|top| top.checked < FEWEST_CHECKED) {
        match strata.last_mut() {
            Some(last) => last.add(top),
            None => strata.push(top),
        }
    }
    strata
}

/// Events that stand for each other.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stratum {
    events: usize,
    checked: usize,
    right: usize,
}

impl Stratum {
    fn of(events: &[CheckedEvent]) -> Self {
        let count = |is_right: bool| {
            let alike = events
                .iter()
                .filter(|event| event.is_right == Some(is_right));
            alike.count()
        };
        let (right, wrong) = (count(true), count(false));
        Self {
            events: events.len(),
            checked: right + wrong,
            right,
        }
    }

    fn add(&mut self, other: Self) {
        self.events += other.events;
        self.checked += other.checked;
        self.right += other.right;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many events of a score, of which the first ones were checked.
    fn events(score: f32, count: usize, right: usize, wrong: usize) -> Vec<CheckedEvent> {
        let is_right = |n: usize| match n {
            n if n < right => Some(true),
            n if n < right + wrong => Some(false),
            _ => None,
        };
        let event = |n| CheckedEvent {
            score,
            is_right: is_right(n),
        };
        (0..count).map(event).collect()
    }

    fn precision(at: &CheckedPrecision) -> Option<f64> {
        at.estimate.map(|estimate| estimate.precision)
    }

    #[test]
    fn an_even_sample_gives_the_plain_share_with_its_interval() {
        let all = [events(0.7, 100, 5, 5), events(0.92, 200, 19, 1)].concat();
        let table = checked_precision(&all);
        let thresholds: Vec<f32> = table.iter().map(|at| at.threshold).collect();
        assert_eq!(thresholds, [0.7, 0.75, 0.8, 0.85, 0.9]);
        assert_eq!(
            (table[0].events, table[0].checked, table[0].right),
            (300, 30, 24)
        );
        let all = table[0].estimate.unwrap();
        assert!((all.precision - 0.8).abs() < 1e-12);
        let [low, high] = wilson(0.8, 30.0);
        let [own_low, own_high] = all.interval;
        assert!((own_low - low).abs() < 1e-9 && (own_high - high).abs() < 1e-9);
        assert!((precision(&table[4]).unwrap() - 0.95).abs() < 1e-12);
        assert_eq!(
            precision(&table[1]),
            precision(&table[4]),
            "the same events"
        );
    }

    #[test]
    fn low_scores_that_were_checked_more_often_do_not_pull_it_down() {
        let uneven = [events(0.7, 40, 20, 20), events(0.92, 360, 19, 1)].concat();
        let all = checked_precision(&uneven)[0];
        let expected = 0.1 * 0.5 + 0.9 * 0.95; // of all that were checked 39 of 60 are right
        assert!((precision(&all).unwrap() - expected).abs() < 1e-12);
        let [low, high] = all.estimate.unwrap().interval;
        let [even_low, even_high] = wilson(expected, 60.0);
        assert!(
            high - low > even_high - even_low,
            "it knows less than an even one"
        );
    }

    #[test]
    fn scores_that_were_not_checked_count_as_lower_ones_do() {
        let top = [events(0.7, 10, 5, 5), events(0.92, 10, 0, 0)].concat();
        let table = checked_precision(&top);
        assert_eq!(precision(&table[0]), Some(0.5));
        assert_eq!(table.last().and_then(precision), None, "none was checked");
    }

    #[test]
    fn what_was_looked_at_above_says_nothing_of_many_that_score_lower() {
        let low = [events(0.6, 100, 0, 0), events(0.92, 100, 20, 0)].concat();
        let table = checked_precision(&low);
        assert_eq!(precision(&table[0]), None);
        assert_eq!((table[0].events, table[0].checked), (200, 20));
        assert_eq!(table.last().and_then(precision), Some(1.0));
        let few = [events(0.6, 10, 0, 0), events(0.92, 100, 20, 0)].concat();
        assert_eq!(precision(&checked_precision(&few)[0]), Some(1.0));
    }

    #[test]
    fn the_first_threshold_keeps_all_events() {
        for step in 1..=STEPS {
            for score in [threshold(step), threshold(step).next_down()] {
                let table = checked_precision(&events(score, 1, 1, 0));
                assert_eq!((table.len(), table[0].events), (1, 1), "{score}");
            }
        }
    }

    #[test]
    fn nothing_found_has_no_thresholds_and_one_event_has_one() {
        assert!(checked_precision(&[]).is_empty());
        let one = checked_precision(&events(1.0, 1, 1, 0));
        assert_eq!(one.len(), 1);
        assert_eq!(one[0].threshold, 1.0);
    }

    fn read(table: &str) -> Result<Vec<CheckedEvent>, DetectError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("found.csv");
        std::fs::write(&path, table).unwrap();
        read_checked_events(&path)
    }

    #[test]
    fn tables_without_verdicts_or_scores_are_refused_and_unsure_is_not_checked() {
        let head = "recording,onset,offset,score,label,verdict\n";
        let rows = "a.wav,1,2,0.9,song,right\na.wav,3,4,0.85,song,?\na.wav,5,6,1.0,song,\n";
        let events = read(&format!("{head}{rows}")).unwrap();
        let verdicts: Vec<_> = events
            .iter()
            .map(|event| (event.score, event.is_right))
            .collect();
        assert_eq!(verdicts, [(0.9, Some(true)), (0.85, None), (1.0, None)]);
        let without = [
            "onset,offset,score\n1,2,0.9\n",
            "onset,offset,verdict\n1,2,right\n",
        ];
        for table in without {
            let refused = read(table).unwrap_err();
            assert!(matches!(refused, DetectError::NotChecked { .. }), "{table}");
        }
        for score in ["", "90", "high"] {
            let refused = read(&format!("{head}a.wav,1,2,{score},song,right\n")).unwrap_err();
            assert!(
                matches!(refused, DetectError::NoScore { line: 2, .. }),
                "{score}: {refused}"
            );
        }
    }
}

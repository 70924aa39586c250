//! How well events were found: the metric of the DCASE few-shot task.
//!
//! Per file, the shots and all that ends before the last of them are taken out of the reference. Predictions are matched
//! with what is left, one to one, where their intersection over union is above 0.3; those without a partner may match an
//! `UNK` event and then do not count. Hits, false alarms and misses are added up over the files of a subset; overall
//! precision, recall and F-measure are each the harmonic mean over the subsets.
//!
//! ```
//! use chiffchaff::dataset::{Mark, Span};
//! use chiffchaff::detect::score::{ScoreConfig, ScoredFile, score};
//!
//! let call = |at: u32| Span::new(f64::from(at), f64::from(at) + 0.5);
//! let calls = (0..9).map(|at| Ok((call(at)?, Mark::Positive))).collect::<Result<_, _>>()?;
//! let file = ScoredFile {
//!     recording: "a.wav".into(),
//!     subset: "wrens".into(),
//!     reference: calls,
//!     predictions: vec![call(5)?, call(6)?, call(7)?, call(20)?], // one missing, one too many
//! };
//! let scores = score(&[file], &ScoreConfig::default());
//! assert_eq!((scores.overall.precision, scores.overall.recall), (0.75, 0.75));
//! # Ok::<(), chiffchaff::dataset::SpanProblem>(())
//! ```
//!
//! Where not all true events are marked, but some of the found ones were checked, [`checked_precision`] says how many of
//! the found ones are right.
//!
//! # Source
//! The evaluation code of the task (`evaluation_metrics` of its baseline repository), 2021 to 2024. [`ScoreConfig`] says
//! where we can differ.

mod checked;
mod counts;
mod interval;
mod matching;
mod tables;

use crate::dataset::{Mark, Span};
use interval::bootstrap;
use serde::Serialize;
use std::collections::BTreeMap;

pub use checked::{
    CheckedEvent, CheckedPrecision, PrecisionEstimate, checked_precision, read_checked_events,
};
pub use counts::{Counts, Measures};
pub use interval::Interval;
pub use tables::{ScoredFiles, Subsets, read_scored_files};

/// How to score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreConfig {
    /// Positive events at the start of every reference that were given away; 5 in the task.
    pub shots: usize,
    /// Intersection over union above which two events are the same, `0..1`; 0.3 in the task.
    pub min_iou: f64,
    /// Count as the published code does: in files without any prediction the shots are missed too. On by default, so
    /// that numbers compare; off, such a file misses only what there was to find.
    pub reference_compat: bool,
}

impl Default for ScoreConfig {
    fn default() -> Self {
        Self {
            shots: 5,
            min_iou: 0.3,
            reference_compat: true,
        }
    }
}

/// One recording's true and predicted events.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoredFile {
    /// The recording.
    pub recording: String,
    /// What it is added up with.
    pub subset: String,
    /// All true events, shots included, in any order; negative ones are ignored.
    pub reference: Vec<(Span, Mark)>,
    /// What was found, in any order. Nothing is taken out of it: what lies among the shots is a false alarm.
    pub predictions: Vec<Span>,
}

/// The result of [`score`]; as JSON, the measures stand at the top.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EventScores {
    /// Harmonic means over the subsets; without any file, 0.
    #[serde(flatten)]
    pub overall: Measures,
    /// 95 % bootstrap interval over the choice of files.
    pub interval: Interval,
    /// Of each subset, by name.
    pub subsets: BTreeMap<String, SubsetScore>,
    /// Of each recording, by name.
    pub files: BTreeMap<String, FileScore>,
}

/// The score of several recordings together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SubsetScore {
    /// From the sums of the counts.
    #[serde(flatten)]
    pub measures: Measures,
    /// Summed over the files.
    #[serde(flatten)]
    pub counts: Counts,
    /// How many recordings.
    pub files: usize,
    /// 95 % bootstrap interval over the choice of files.
    pub interval: Interval,
}

/// The score of one recording.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FileScore {
    /// Its subset.
    pub subset: String,
    /// From its counts alone.
    #[serde(flatten)]
    pub measures: Measures,
    /// Hits, false alarms and misses.
    #[serde(flatten)]
    pub counts: Counts,
}

/// Scores predictions against references, file by file, subset by subset, and overall.
pub fn score(files: &[ScoredFile], config: &ScoreConfig) -> EventScores {
    let mut by_subset: BTreeMap<&str, Vec<Counts>> = BTreeMap::new();
    let mut file_scores = BTreeMap::new();
    for file in files {
        let counts = count(file, config);
        by_subset.entry(&file.subset).or_default().push(counts);
        let score = FileScore {
            subset: file.subset.clone(),
            measures: counts.measures(),
            counts,
        };
        file_scores.insert(file.recording.clone(), score);
    }
    let subsets: Vec<Vec<Counts>> = by_subset.values().cloned().collect();
    let of_subset = |counts: &Vec<Counts>| {
        let sum: Counts = counts.iter().copied().sum();
        SubsetScore {
            measures: sum.measures(),
            counts: sum,
            files: counts.len(),
            interval: bootstrap(std::slice::from_ref(counts)),
        }
    };
    EventScores {
        overall: overall(&subsets),
        interval: bootstrap(&subsets),
        subsets: by_subset
            .iter()
            .map(|(name, counts)| ((*name).to_owned(), of_subset(counts)))
            .collect(),
        files: file_scores,
    }
}

/// Harmonic means over subsets of the measures of their sums.
fn overall(subsets: &[Vec<Counts>]) -> Measures {
    let sums = subsets
        .iter()
        .map(|files| files.iter().copied().sum::<Counts>());
    Measures::harmonic_mean(sums.map(Counts::measures))
}

/// Hits, false alarms and misses in one file.
fn count(file: &ScoredFile, config: &ScoreConfig) -> Counts {
    let mut reference = file.reference.clone();
    reference.sort_by(|(a, _), (b, _)| a.onset().total_cmp(&b.onset()));
    let of_mark = |reference: &[(Span, Mark)], wanted: Mark| -> Vec<Span> {
        let own = reference.iter().filter(|(_, mark)| *mark == wanted);
        own.map(|(span, _)| *span).collect()
    };
    let all = of_mark(&reference, Mark::Positive);
    if config.reference_compat && file.predictions.is_empty() {
        return Counts::missed(all.len());
    }
    // With fewer positives than shots, all of them are shots.
    if let Some(last_shot) = all[..config.shots.min(all.len())].last() {
        let end = last_shot.offset();
        reference.retain(|(span, _)| span.offset() > end);
    }
    let positive = of_mark(&reference, Mark::Positive);
    let unknown = of_mark(&reference, Mark::Unknown);
    let mut predictions = file.predictions.clone();
    predictions.sort_by(|a, b| a.onset().total_cmp(&b.onset()));

    let hits = matching::match_spans(&positive, &predictions, config.min_iou);
    let rest: Vec<Span> = predictions
        .iter()
        .zip(&hits)
        .filter_map(|(span, hit)| hit.is_none().then_some(*span))
        .collect();
    let excused = matching::match_spans(&unknown, &rest, config.min_iou);
    let hits = hits.len() - rest.len();
    let excused = excused.iter().flatten().count();
    Counts {
        true_positives: hits,
        false_positives: rest.len() - excused,
        false_negatives: positive.len() - hits,
    }
}

#[cfg(test)]
mod tests;

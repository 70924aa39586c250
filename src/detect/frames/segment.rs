//! Scores of frames → events.

use crate::dataset::Span;
use crate::detect::{Event, Track};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// How scores of frames become events. All lengths are shares of the typical length of a shot, the geometric mean.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SegmentConfig {
    /// Length of the window over which scores are averaged. Default 0.25.
    pub smooth: f64,
    /// Two events with a shorter gap between them become one. Default 0.15.
    pub close_gaps: f64,
    /// Shorter events are dropped. Default 0.4.
    pub min_length: f64,
}

impl Default for SegmentConfig {
    fn default() -> Self {
        Self {
            smooth: 0.25,
            close_gaps: 0.15,
            min_length: 0.4,
        }
    }
}

impl SegmentConfig {
    /// The mean score of shots (ranges of frames) before frame `end` of a track, above 0. `typical_shot` is in frames.
    pub(super) fn mean_score(
        &self,
        track: &Track,
        end: usize,
        shots: &[Range<usize>],
        typical_shot: f64,
    ) -> f32 {
        let window = (self.smooth * typical_shot).round() as usize;
        let known: Vec<f32> = smoothed(track, 0, window).take(end).collect();
        let of_shots: Vec<f32> = shots
            .iter()
            .filter_map(|shot| known.get(shot.clone()))
            .map(mean)
            .collect();
        mean(&of_shots).max(f32::MIN_POSITIVE)
    }

    /// Everything in `track` from frame `from` on that might be an event, by onset. Its score is its mean score, divided
    /// by that of the shots, `sure`, and at most 1. `typical_shot` is in frames.
    pub(super) fn candidates(
        &self,
        track: &Track,
        from: usize,
        sure: f32,
        typical_shot: f64,
    ) -> Vec<Event> {
        let window = (self.smooth * typical_shot).round() as usize;
        let runs = self.runs(smoothed(track, from, window), typical_shot);
        let event = |Run { frames, score }: Run| {
            let (onset, offset) = (from + frames.start, from + frames.end);
            let span = Span::new(track.secs(onset), track.secs(offset)).ok()?;
            Some(Event {
                span,
                score: (score / sure).min(1.0),
                kind: 0,
            })
        };
        runs.into_iter().filter_map(event).collect()
    }

    /// Stretches that score above one half, long enough, with their mean score.
    fn runs(&self, scores: impl Iterator<Item = f32>, typical_shot: f64) -> Vec<Run> {
        let gap = self.close_gaps * typical_shot;
        let mut runs: Vec<Run> = Vec::new();
        let mut sum = 0.0; // from the start of the last run on
        for (frame, score) in scores.enumerate() {
            sum += score;
            if score <= 0.5 {
                continue;
            }
            match runs.last_mut() {
                // Frame after frame, or across a short gap.
                Some(run) if frame == run.frames.end || ((frame - run.frames.end) as f64) < gap => {
                    run.frames.end = frame + 1;
                }
                _ => {
                    sum = score;
                    runs.push(Run {
                        frames: frame..frame + 1,
                        score,
                    });
                }
            }
            if let Some(run) = runs.last_mut() {
                run.score = sum / run.frames.len() as f32;
            }
        }
        runs.retain(|run| run.frames.len() as f64 >= self.min_length * typical_shot);
        runs
    }
}

/// Frames that belong together.
#[derive(Debug, Clone, PartialEq)]
struct Run {
    frames: Range<usize>,
    /// Mean over the frames.
    score: f32,
}

fn mean(values: impl AsRef<[f32]>) -> f32 {
    let values = values.as_ref();
    values.iter().sum::<f32>() / values.len().max(1) as f32
}

/// Running means over an odd number of frames around each, about `window`; the ends count as going on.
fn smoothed(track: &Track, from: usize, window: usize) -> impl Iterator<Item = f32> + '_ {
    let half = (window.max(1) / 2) as isize;
    let (first, last) = (from as isize, track.len() as isize - 1);
    let scores = track.bytes();
    let score = move |frame: isize| u32::from(scores[frame.clamp(first, last) as usize]);
    let mut sum: u32 = match first <= last {
        true => (first - half - 1..first + half).map(score).sum(),
        false => 0,
    };
    let scale = 1.0 / (255.0 * (2 * half + 1) as f32);
    (first..=last).map(move |frame| {
        sum = sum + score(frame + half) - score(frame - half - 1);
        sum as f32 * scale
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn track(scores: &[u8]) -> Track {
        let mut track = Track::new(100.0);
        let scores: Vec<f32> = scores
            .iter()
            .map(|&score| f32::from(score) / 255.0)
            .collect();
        track.extend(&scores);
        track
    }

    #[test]
    fn short_gaps_close_and_short_events_drop() {
        let mut scores = vec![0; 100];
        scores[10..20].fill(255);
        scores[21..30].fill(255); // a gap of 1 < 0.15 · 20
        scores[40..48].fill(255); // exactly 0.4 · 20
        scores[60..67].fill(255); // shorter
        let config = SegmentConfig {
            smooth: 0.0,
            ..SegmentConfig::default()
        };
        let track = track(&scores);
        let runs = config.runs(smoothed(&track, 0, 0), 20.0);
        let frames: Vec<_> = runs.iter().map(|run| run.frames.clone()).collect();
        assert_eq!(frames, [10..30, 40..48]);
        assert!((runs[0].score - 0.95).abs() < 1e-6 && runs[1].score == 1.0);
    }

    #[test]
    fn scores_are_relative_to_those_of_the_shots() {
        let mut scores = vec![0; 60];
        scores[10..20].fill(204); // the shot, at 0.8
        scores[30..40].fill(153); // 0.6
        scores[50..60].fill(255);
        let config = SegmentConfig {
            smooth: 0.0,
            ..SegmentConfig::default()
        };
        let shots = std::slice::from_ref(&(10..20));
        let track = track(&scores);
        let sure = config.mean_score(&track, 20, shots, 10.0);
        assert!((sure - 0.8).abs() < 1e-6);
        let events = config.candidates(&track, 20, sure, 10.0);
        let scores: Vec<f32> = events.iter().map(|event| event.score).collect();
        assert!(
            (scores[0] - 0.75).abs() < 1e-6 && scores[1] == 1.0,
            "{scores:?}"
        );
    }

    #[test]
    fn smoothing_is_a_centred_mean() {
        let mut scores = vec![0; 9];
        scores[4] = 255;
        let means: Vec<f32> = smoothed(&track(&scores), 0, 3).collect();
        let third = 1.0 / 3.0;
        let wanted = [0.0, 0.0, 0.0, third, third, third, 0.0, 0.0, 0.0];
        assert!(
            means
                .iter()
                .zip(wanted)
                .all(|(m, w): (&f32, f32)| (m - w).abs() < 1e-6),
            "{means:?}"
        );
        let all: Vec<f32> = smoothed(&track(&[255; 5]), 2, 7).collect();
        assert_eq!(all, [1.0; 3]);
    }

    proptest! {
        #[test]
        fn events_are_sorted_apart_and_inside(
            scores in prop::collection::vec(any::<u8>(), 0..300), from in 0usize..320, shot in 1.0f64..40.0
        ) {
            let track = track(&scores);
            let shots = std::slice::from_ref(&(0..5));
            let config = SegmentConfig::default();
            let sure = config.mean_score(&track, from, shots, shot);
            let events = config.candidates(&track, from, sure, shot);
            let mut end = track.secs(from);
            for event in events {
                prop_assert!(event.span.onset() >= end);
                prop_assert!((0.0..=1.0).contains(&event.score));
                end = event.span.offset();
            }
            prop_assert!(end <= track.secs(scores.len().max(from)) + 1e-9);
        }
    }
}

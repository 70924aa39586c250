//! Scores of frames → events.

use crate::dataset::Span;
use crate::detect::{Event, Track};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// How frames become events. Lengths are shares of the mean shot's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SegmentConfig {
    /// Scores are averaged over this long a window.
    pub smooth: f64,
    /// Events closer than this are one.
    pub close_gaps: f64,
    /// Events shorter than this are none.
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
    /// The events of `track` from frame `from` on whose smoothed score exceeds `threshold`, by onset. An event's score
    /// is its highest.
    pub(super) fn events(
        &self,
        track: &Track,
        from: usize,
        shot_frames: f64,
        threshold: f32,
    ) -> Vec<Event> {
        let runs = self.runs(track, from, shot_frames, threshold);
        let event = |(frames, score): (Range<usize>, f32)| {
            let span = Span::new(track.secs(frames.start), track.secs(frames.end));
            span.ok().map(|span| Event { span, score })
        };
        runs.into_iter().filter_map(event).collect()
    }

    /// Frames of each event, with its highest smoothed score.
    fn runs(
        &self,
        track: &Track,
        from: usize,
        shot_frames: f64,
        threshold: f32,
    ) -> Vec<(Range<usize>, f32)> {
        let mut runs: Vec<(Range<usize>, f32)> = Vec::new();
        let smoothed = smoothed(track, from, (self.smooth * shot_frames).round() as usize);
        for (frame, score) in (from..).zip(smoothed) {
            if score <= threshold {
                continue;
            }
            match runs.last_mut() {
                // Frame after frame, or across a short gap.
                Some((run, peak))
                    if frame == run.end
                        || ((frame - run.end) as f64) < self.close_gaps * shot_frames =>
                {
                    run.end = frame + 1;
                    *peak = peak.max(score);
                }
                _ => runs.push((frame..frame + 1, score)),
            }
        }
        runs.retain(|(run, _)| run.len() as f64 >= self.min_length * shot_frames);
        runs
    }
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

    fn runs(scores: &[u8], config: SegmentConfig, shot_frames: f64) -> Vec<Range<usize>> {
        let runs = config.runs(&track(scores), 0, shot_frames, 0.5);
        runs.into_iter().map(|(run, _)| run).collect()
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
        assert_eq!(runs(&scores, config, 20.0), [10..30, 40..48]);
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
            let events = SegmentConfig::default().events(&track, from, shot, 0.5);
            let mut end = track.secs(from);
            for event in events {
                prop_assert!(event.span.onset() >= end);
                prop_assert!(event.score > 0.5 && event.score <= 1.0);
                end = event.span.offset();
            }
            prop_assert!(end <= track.secs(scores.len().max(from)) + 1e-9);
        }
    }
}

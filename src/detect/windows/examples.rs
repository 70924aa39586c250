//! Shots → the length of a window, and the windows that are positive and negative examples.
//!
//! # Source
//! The code released with Moummad et al. 2023 (arXiv:2309.00878). The paper names the rule for the length, which the code
//! has as a table.

use super::config::{FirstGap, UnknownSpans, WindowsConfig};
use crate::dataset::Span;
use crate::features::{Rest, WindowCut};
use std::ops::Range;

/// Frames of a window for events of this many frames on average, by the published table. A short event fills a window; a
/// window shows a part of a long one.
pub(super) fn window_length(mean_frames: usize) -> usize {
    match mean_frames {
        0..=17 => 17,
        18..=100 => mean_frames,
        101..=200 => mean_frames / 2,
        201..=400 => mean_frames / 4,
        _ => mean_frames / 8,
    }
}

/// The windows of a recording that are examples, and where the search begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Examples {
    /// Frames of a window.
    pub(super) window: usize,
    /// Frames from one window to the next.
    pub(super) hop: usize,
    /// Windows on the shots, in order of their starts. One shorter than [`Self::window`] is to be repeated until it
    /// fills one.
    pub(super) positives: Vec<Range<usize>>,
    /// Windows between and before the shots, likewise.
    pub(super) negatives: Vec<Range<usize>>,
    /// The frame in which the last shot ends.
    pub(super) query_start: usize,
}

impl Examples {
    /// The examples that `shots` define; `frame_rate` in frames per second.
    pub(super) fn new(
        shots: &[Span],
        unknown: &[Span],
        frame_rate: f64,
        config: &WindowsConfig,
    ) -> Self {
        let shots = in_frames(shots, frame_rate);
        let total: usize = shots.iter().map(Range::len).sum();
        let mean = total as f64 / shots.len().max(1) as f64;
        let window = window_length(mean.round() as usize);
        let cut = window_cut(window);
        let positives = shots.iter().flat_map(|shot| cut.windows(shot.clone()));
        let unknown = match config.unknown {
            UnknownSpans::LeaveOut => in_frames_outwards(unknown, frame_rate),
            UnknownSpans::Negative => Vec::new(),
        };
        let gaps = gaps(&shots);
        let free = |gap: Range<usize>| without(gap, &unknown);
        let between = gaps.iter().cloned().flat_map(free);
        let between = between.flat_map(|gap| cut.windows(gap));
        let first = 0..shots.first().map_or(0, |shot| shot.start);
        let before: Vec<_> = free(first)
            .into_iter()
            .flat_map(|gap| cut.windows(gap))
            .collect();
        let before = match config.first_gap {
            FirstGap::Once => before,
            FirstGap::OncePerShot => {
                let whole = before.into_iter().map(|w| w.start..w.start + window);
                std::iter::repeat_n(whole.collect::<Vec<_>>(), shots.len())
                    .flatten()
                    .collect()
            }
        };
        let mut negatives: Vec<_> = before.into_iter().chain(between).collect();
        negatives.sort_by_key(|window| window.start);
        Self {
            window,
            hop: cut.hop,
            positives: positives.collect(),
            negatives: thinned(negatives, config.max_negatives),
            query_start: shots.iter().map(|shot| shot.end).max().unwrap_or(0),
        }
    }
}

/// How examples and query are cut: half a window apart, a remainder repeated if it is longer than half a window.
pub(super) fn window_cut(window: usize) -> WindowCut {
    WindowCut {
        window,
        hop: window / 2,
        alone_above: 0,
        rest_above: window / 2,
        rest: Rest::Tile,
    }
}

/// From the frame in which each span begins to that in which it ends, in order of time.
fn in_frames(spans: &[Span], frame_rate: f64) -> Vec<Range<usize>> {
    let frame_at = |secs: f64| (secs * frame_rate).floor() as usize;
    let mut frames: Vec<_> = spans
        .iter()
        .map(|span| frame_at(span.onset())..frame_at(span.offset()))
        .collect();
    frames.sort_by_key(|span| (span.start, span.end));
    frames
}

/// All frames that a span touches.
fn in_frames_outwards(spans: &[Span], frame_rate: f64) -> Vec<Range<usize>> {
    let widened = in_frames(spans, frame_rate).into_iter();
    widened.map(|span| span.start..span.end + 1).collect()
}

/// What lies between shots that follow one another; overlapping shots have nothing between them.
fn gaps(shots: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut end = shots.first().map_or(0, |shot| shot.end);
    let mut gaps = Vec::new();
    for shot in shots.iter().skip(1) {
        if end < shot.start {
            gaps.push(end..shot.start);
        }
        end = end.max(shot.end);
    }
    gaps
}

/// What remains of `gap` outside `spans`, which are in order of their starts.
fn without(gap: Range<usize>, spans: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut free = Vec::new();
    let mut start = gap.start;
    for span in spans {
        let end = span.start.min(gap.end);
        if start < end {
            free.push(start..end);
        }
        start = start.max(span.end);
    }
    if start < gap.end {
        free.push(start..gap.end);
    }
    free
}

/// At most `most`, evenly chosen.
fn thinned(windows: Vec<Range<usize>>, most: Option<usize>) -> Vec<Range<usize>> {
    let count = windows.len();
    match most {
        Some(most) if count > most => {
            let chosen = (0..most).map(|n| windows[n * count / most].clone());
            chosen.collect()
        }
        _ => windows,
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::Adapt;
    use super::*;
    use proptest::prelude::*;

    /// A frame is a second.
    fn examples(shots: &[(f64, f64)], unknown: &[(f64, f64)], config: &WindowsConfig) -> Examples {
        let spans = |times: &[(f64, f64)]| -> Vec<Span> {
            let span = |&(onset, offset)| Span::new(onset, offset).unwrap();
            times.iter().map(span).collect()
        };
        Examples::new(&spans(shots), &spans(unknown), 1.0, config)
    }

    fn sane() -> WindowsConfig {
        WindowsConfig::sane(Adapt::Head)
    }

    #[test]
    fn the_window_follows_the_published_table() {
        let table = [
            (0, 17),
            (17, 17),
            (18, 18),
            (100, 100),
            (101, 50),
            (200, 100),
            (201, 50),
            (400, 100),
            (401, 50),
            (801, 100),
        ];
        for (mean, window) in table {
            assert_eq!(window_length(mean), window, "mean of {mean} frames");
        }
    }

    #[test]
    fn times_fall_into_frames_and_the_mean_is_rounded() {
        // 20.9 → 20, 41.2 → 41: 21 frames; 60.0..79.99: 19; mean 20.
        let examples = examples(&[(20.9, 41.2), (60.0, 79.99)], &[], &sane());
        assert_eq!((examples.window, examples.hop), (20, 10));
        // 21 frames are more than a window: a whole one, then 11 of them repeated.
        assert_eq!(examples.positives, [20..40, 30..41, 60..79]);
        assert_eq!(examples.query_start, 79);
    }

    #[test]
    fn negatives_are_the_gaps_and_the_stretch_before_the_first_shot() {
        let examples = examples(&[(30.0, 47.0), (60.0, 77.0)], &[], &sane());
        assert_eq!((examples.window, examples.hop), (17, 8));
        // 0..30: 0..17, 8..25, and 14 frames from 16 on; 47..60 is 13 frames, repeated.
        assert_eq!(examples.negatives, [0..17, 8..25, 16..30, 47..60]);
    }

    #[test]
    fn as_released_the_first_stretch_counts_once_per_shot_and_reaches_into_the_shot() {
        let compat = WindowsConfig::compat(Adapt::Head);
        let examples = examples(&[(30.0, 47.0), (60.0, 77.0)], &[], &compat);
        let expected = [0..17, 0..17, 8..25, 8..25, 16..33, 16..33, 47..60];
        assert_eq!(examples.negatives, expected);
    }

    #[test]
    fn unknown_spans_are_no_negatives_unless_as_released() {
        let (shots, unknown) = ([(0.0, 17.0), (60.0, 77.0)], [(30.5, 40.5)]);
        let kept = examples(&shots, &unknown, &sane());
        assert!(kept.negatives.iter().all(|w| w.end <= 30 || w.start >= 41));
        assert_eq!(kept.negatives, [17..30, 41..58, 49..60]);
        let compat = examples(&shots, &unknown, &WindowsConfig::compat(Adapt::Head));
        assert!(compat.negatives.iter().any(|w| w.contains(&35)));
    }

    #[test]
    fn overlapping_and_unsorted_shots_are_fine() {
        let examples = examples(&[(50.0, 70.0), (10.0, 30.0), (20.0, 60.0)], &[], &sane());
        assert_eq!(examples.query_start, 70);
        assert!(examples.negatives.iter().all(|w| w.end <= 10));
    }

    #[test]
    fn too_many_negatives_are_thinned_out_evenly() {
        let config = WindowsConfig {
            max_negatives: Some(4),
            ..sane()
        };
        let examples = examples(&[(0.0, 20.0), (820.0, 840.0)], &[], &config);
        let starts: Vec<_> = examples.negatives.iter().map(|w| w.start).collect();
        assert_eq!(starts.len(), 4);
        let steps: Vec<_> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(
            steps.iter().all(|step| (190..=210).contains(step)),
            "{starts:?}"
        );
    }

    proptest! {
        #[test]
        fn negatives_never_touch_a_shot(
            starts in prop::collection::vec(0.0f64..500.0, 1..7), secs in 1.0f64..120.0,
        ) {
            let shots: Vec<_> = starts.iter().map(|&s| (s, s + secs)).collect();
            let examples = examples(&shots, &[], &sane());
            for negative in &examples.negatives {
                for &(onset, offset) in &shots {
                    let shot = onset.floor() as usize..offset.floor() as usize;
                    prop_assert!(negative.end <= shot.start || negative.start >= shot.end);
                }
            }
            prop_assert!(!examples.positives.is_empty());
            prop_assert!(examples.positives.iter().all(|w| w.len() <= examples.window));
        }
    }
}

//! Shots → which windows of a recording are embedded.

use super::config::{Prototypes, PrototypesConfig};
use crate::dataset::Span;
use crate::features::{Rest, WindowCut};
use std::ops::Range;

/// Which windows of a recording are looked at, all in frames.
pub(super) struct Plan {
    pub(super) frame_rate: f64,
    pub(super) window: usize,
    pub(super) hop: usize,
    /// The widened shots.
    shots: Vec<Range<usize>>,
    /// Windows of the widened shots, in order of their starts.
    pub(super) positives: Vec<Range<usize>>,
    pub(super) query_start: usize,
}

impl Plan {
    /// The windows for `shots`. `frame_rate` is in frames per second; a window has at least `min_frames`, which the network
    /// needs.
    pub(super) fn new(
        shots: &[Span],
        config: &PrototypesConfig,
        frame_rate: f64,
        min_frames: usize,
    ) -> Self {
        let margin = config.margin_secs;
        let frame_at = |secs: f64| (secs.max(0.0) * frame_rate).floor() as usize;
        let widened =
            |shot: &Span| frame_at(shot.onset() - margin)..frame_at(shot.offset() + margin);
        let mut shots: Vec<_> = shots.iter().map(widened).collect();
        shots.sort_by_key(|shot| shot.start);
        let longest = shots.iter().map(Range::len).max().unwrap_or(0);
        // The released code fails on windows that are too short for the network.
        let window = prototype_window(longest, config.prototypes).max(min_frames);
        let hop = (window / 2).max(1);
        let cut = WindowCut {
            window,
            hop,
            alone_above: 0,
            rest_above: 0,
            rest: Rest::Flush,
        };
        let mut positives: Vec<_> = shots.iter().flat_map(|s| cut.windows(s.clone())).collect();
        positives.sort_by_key(|window| window.start);
        Self {
            frame_rate,
            window,
            hop,
            query_start: shots.iter().map(|shot| shot.end).max().unwrap_or(0),
            shots,
            positives,
        }
    }

    /// Whether a window has a frame of a widened shot.
    pub(super) fn touches_a_shot(&self, window: &Range<usize>) -> bool {
        let mut shots = self.shots.iter();
        shots.any(|shot| window.start < shot.end && shot.start < window.end)
    }
}

/// Frames of a window for events of at most `longest` frames, by the published table: whole up to 100 frames, a quarter of
/// them up to 500, an eighth above.
///
/// The released code leaves out 100 itself, which thereby gets an eighth (`Released`).
fn prototype_window(longest: usize, prototypes: Prototypes) -> usize {
    match (longest, prototypes) {
        (100, Prototypes::Whole) => 100,
        (0..=99, _) => longest,
        (101..=499, _) => longest / 4,
        _ => longest / 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_follows_the_published_table_and_its_slip_is_a_choice() {
        for (longest, window) in [
            (5, 5),
            (99, 99),
            (101, 25),
            (499, 124),
            (500, 62),
            (800, 100),
        ] {
            assert_eq!(prototype_window(longest, Prototypes::Whole), window);
            assert_eq!(prototype_window(longest, Prototypes::Released), window);
        }
        assert_eq!(prototype_window(100, Prototypes::Whole), 100);
        assert_eq!(prototype_window(100, Prototypes::Released), 12);
    }
}

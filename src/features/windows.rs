//! How a stretch of frames is cut into windows of one length.

use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A rule that cuts stretches into windows, all lengths in frames.
///
/// Windows begin every [`hop`](Self::hop) frames while more than a window is left:
///
/// ```
/// use chiffchaff::features::{Rest, WindowCut};
///
/// let cut = WindowCut { window: 34, hop: 17, alone_above: 4, rest_above: 4, rest: Rest::Tile };
/// assert_eq!(cut.windows(100..170), [100..134, 117..151, 134..168, 151..170]);
/// assert_eq!(cut.windows(100..105), [100..105]); // to be repeated until it fills a window
/// assert!(cut.windows(100..104).is_empty());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowCut {
    /// Length of a window, at least 1.
    pub window: usize,
    /// From one window to the next, within 1..=`window`.
    pub hop: usize,
    /// A stretch no longer than a window is kept if it is longer than this.
    pub alone_above: usize,
    /// What remains after whole windows is kept if it is longer than this.
    pub rest_above: usize,
    /// What becomes of the remainder.
    pub rest: Rest,
}

/// What becomes of the frames after the last whole window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rest {
    /// They are repeated until they fill a window (Moummad et al. 2023).
    #[default]
    Tile,
    /// The last window ends with the stretch (the prototypical baseline of DCASE task 5).
    Flush,
}

impl WindowCut {
    /// The windows of `stretch`, in order of their starts. One shorter than [`Self::window`] is to be repeated until
    /// it fills one.
    pub fn windows(&self, stretch: Range<usize>) -> Vec<Range<usize>> {
        let Range { mut start, end } = stretch;
        let mut windows = Vec::new();
        while end.saturating_sub(start) > self.window {
            windows.push(start..start + self.window);
            start += self.hop;
        }
        let rest = end.saturating_sub(start);
        match (windows.is_empty(), self.rest) {
            (true, _) if rest > self.alone_above => windows.push(start..end),
            (false, Rest::Tile) if rest > self.rest_above => windows.push(start..end),
            (false, Rest::Flush) if rest > self.rest_above => {
                windows.push(end - self.window..end);
            }
            _ => {}
        }
        windows
    }
}

#[cfg(test)]
#[expect(
    clippy::single_range_in_vec_init,
    reason = "some stretches have one window"
)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TRAINING: WindowCut = WindowCut {
        window: 34,
        hop: 17,
        alone_above: 4,
        rest_above: 4,
        rest: Rest::Tile,
    };

    #[test]
    fn a_stretch_of_exactly_a_window_is_one_window() {
        assert_eq!(TRAINING.windows(7..41), [7..41]);
        assert_eq!(TRAINING.windows(7..42), [7..41, 24..42]);
    }

    #[test]
    fn a_remainder_is_kept_only_above_its_limit() {
        let cut = WindowCut {
            window: 17,
            hop: 8,
            alone_above: 0,
            rest_above: 8,
            rest: Rest::Tile,
        };
        // 0..17, then 8 of 25 remain at 17 + 8: 8..25 is 17 long, no more than a window.
        assert_eq!(cut.windows(0..25), [0..17, 8..25]);
        assert_eq!(cut.windows(0..26), [0..17, 8..25, 16..26]);
        let strict = WindowCut {
            rest_above: 10,
            ..cut
        };
        assert_eq!(strict.windows(0..26), [0..17, 8..25]);
    }

    #[test]
    fn a_flush_remainder_ends_with_the_stretch() {
        let cut = WindowCut {
            window: 17,
            hop: 9,
            alone_above: 0,
            rest_above: 0,
            rest: Rest::Flush,
        };
        assert_eq!(cut.windows(0..30), [0..17, 9..26, 13..30]);
        assert_eq!(cut.windows(5..9), [5..9]);
        assert!(cut.windows(5..5).is_empty());
    }

    proptest! {
        #[test]
        fn windows_lie_in_their_stretch_and_leave_no_more_than_the_limit(
            start in 0usize..50, length in 0usize..200, window in 1usize..40, hop in 1usize..40, above in 0usize..40, flush: bool,
        ) {
            let cut = WindowCut {
                window,
                hop: hop.min(window),
                alone_above: above,
                rest_above: above,
                rest: if flush { Rest::Flush } else { Rest::Tile },
            };
            let end = start + length;
            let windows = cut.windows(start..end);
            prop_assert!(windows.iter().all(|w| start <= w.start && w.start < w.end && w.end <= end));
            prop_assert!(windows.iter().all(|w| w.len() <= window));
            let covered = windows.last().map_or(start, |last| last.end);
            prop_assert!(end - covered <= above);
        }
    }
}

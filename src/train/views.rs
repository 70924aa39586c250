//! How views are cut from clips.

use serde::{Deserialize, Serialize};
use std::ops::Range;

use crate::features::{Rest, WindowCut};
use crate::method::Must;

/// How views are cut from clips.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewsConfig {
    /// Length of a view in frames. Fonseca et al.: 101 (1 s at a hop of 10 ms). Shorter clips are
    /// repeated until they are that long.
    pub frames: usize,
    /// How often an epoch visits each clip, or each window of it. Default 1.
    #[serde(default = "one")]
    pub patches_per_clip: usize,
    /// Where the second view lies. Default: independent of the first.
    #[serde(default)]
    pub placement: Placement,
    /// Views beside these two that are shorter. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub small: Option<SmallViews>,
    /// How patches are cut out of a clip. Default: at random places.
    #[serde(default, skip_serializing_if = "Cut::is_random")]
    pub cut: Cut,
}

impl ViewsConfig {
    /// Whether there are views as long as these.
    pub(crate) fn has_frames(&self) -> bool {
        (1..=100_000).contains(&self.frames)
    }

    /// Tells `must` of every value.
    pub(crate) fn check(&self, must: &mut Must<'_>) {
        let to_whole = "at least 1 and at most `views.frames`";
        must(
            self.has_frames(),
            "views.frames",
            &self.frames,
            "within 1..=100000",
        );
        must(
            (1..=10_000).contains(&self.patches_per_clip),
            "views.patches_per_clip",
            &self.patches_per_clip,
            "within 1..=10000",
        );
        if let Some(small) = &self.small {
            must(
                (1..=32).contains(&small.count),
                "views.small.count",
                &small.count,
                "within 1..=32",
            );
            must(
                (1..=self.frames).contains(&small.frames),
                "views.small.frames",
                &small.frames,
                to_whole,
            );
        }
        if let Cut::Windows(cut) = &self.cut {
            must(
                (1..=self.frames).contains(&cut.hop_frames),
                "views.cut.hop_frames",
                &cut.hop_frames,
                to_whole,
            );
            must(
                cut.longer_than <= 100_000,
                "views.cut.longer_than",
                &cut.longer_than,
                "at most 100000",
            );
            must(
                (0.0..=10.0).contains(&cut.margin_secs),
                "views.cut.margin_secs",
                &cut.margin_secs,
                "from 0 to 10 seconds",
            );
        }
    }
}

fn one() -> usize {
    1
}

/// Views that show a part of a patch, for `swav`: they predict the clusters of the whole ones, and are cheap (multi-crop,
/// Caron et al. 2020, section 3.3). Each lies somewhere in a stretch of `views.frames` frames, placed as `views.placement`
/// says, and is augmented as the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmallViews {
    /// How many of each patch. Published: 6.
    pub count: u32,
    /// Their length in frames. Published: 96 of 224 pixels.
    pub frames: usize,
}

/// Where the two views of a patch lie in their clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// Each anywhere in the clip; they may overlap (Fonseca et al.).
    #[default]
    Independent,
    /// Both at the same place; only augmentation tells them apart (Moummad et al.).
    Same,
}

/// How patches are cut out of a clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Cut {
    /// At random places, anew in every epoch.
    Random {},
    /// As a row of windows, each a patch in every epoch.
    Windows(WindowsCut),
    /// At random places in whole recordings, every frame with the label of the marked event it lies in.
    Frames {},
}

impl Default for Cut {
    fn default() -> Self {
        Self::Random {}
    }
}

impl Cut {
    fn is_random(&self) -> bool {
        matches!(self, Self::Random {})
    }
}

/// Patches as a row of windows of `views.frames` frames. A clip that is a span of a recording, such as a marked event,
/// is taken from the features of the whole recording, so that its first and last frame hear what is around it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowsCut {
    /// Frames from one window to the next, within 1..=`views.frames`. Moummad et al.: half a window.
    pub hop_frames: usize,
    /// Events, and what remains of one after whole windows, are dropped if they are no longer than this many frames.
    /// Moummad et al.: 4 of 34. Default 0.
    #[serde(default)]
    pub longer_than: usize,
    /// What becomes of the remainder. Default: it is repeated until it fills a window.
    #[serde(default)]
    pub rest: Rest,
    /// Seconds by which an event is widened at both ends, 0..=10. The prototypical baseline: 0.025. Default 0.
    #[serde(default)]
    pub margin_secs: f64,
    /// How times become frames. Default: to the nearest.
    #[serde(default)]
    pub rounding: Rounding,
}

/// How a time becomes a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rounding {
    /// The nearest frame (Moummad et al., training).
    #[default]
    Nearest,
    /// The frame before (the prototypical baseline).
    Down,
}

impl WindowsCut {
    /// Windows of 34 frames, half of each new.
    #[cfg(test)]
    pub(in crate::train) const MOUMMAD: Self = Self {
        hop_frames: 17,
        longer_than: 4,
        rest: Rest::Tile,
        margin_secs: 0.0,
        rounding: Rounding::Nearest,
    };

    /// The frames of an event within a recording of `frames` frames, or none if it is too short to give a patch.
    ///
    /// `span` is onset and offset in seconds, `frame_rate` frames per second.
    pub fn event_frames(
        &self,
        (onset, offset): (f64, f64),
        frame_rate: f64,
        frames: usize,
    ) -> Option<Range<usize>> {
        let frame_at = |secs: f64| {
            let place = secs.max(0.0) * frame_rate;
            match self.rounding {
                Rounding::Nearest => place.round() as usize,
                Rounding::Down => place.floor() as usize,
            }
        };
        let start = frame_at(onset - self.margin_secs);
        let end = frame_at(offset + self.margin_secs).min(frames);
        (end.saturating_sub(start) > self.longer_than).then_some(start..end)
    }

    pub(in crate::train) fn rule(&self, window: usize) -> WindowCut {
        WindowCut {
            window,
            hop: self.hop_frames.clamp(1, window),
            alone_above: self.longer_than,
            rest_above: self.longer_than,
            rest: self.rest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_become_frames_by_their_rule() {
        let rate = 22_050.0 / 128.0;
        // 172.27 · (1.0, 1.2): 172.27 and 206.7
        assert_eq!(
            WindowsCut::MOUMMAD.event_frames((1.0, 1.2), rate, 1000),
            Some(172..207)
        );
        let down = WindowsCut {
            rounding: Rounding::Down,
            margin_secs: 0.025,
            ..WindowsCut::MOUMMAD
        };
        // 172.27 · (0.975, 1.225): 167.96 and 211.03
        assert_eq!(down.event_frames((1.0, 1.2), rate, 1000), Some(167..211));
        assert_eq!(down.event_frames((0.0, 0.1), rate, 10), Some(0..10));
    }

    #[test]
    fn events_of_four_frames_or_beyond_the_end_are_dropped() {
        assert_eq!(
            WindowsCut::MOUMMAD.event_frames((1.0, 1.04), 100.0, 1000),
            None
        );
        assert_eq!(
            WindowsCut::MOUMMAD.event_frames((1.0, 1.05), 100.0, 1000),
            Some(100..105)
        );
        assert_eq!(
            WindowsCut::MOUMMAD.event_frames((20.0, 21.0), 100.0, 1000),
            None
        );
    }
}

//! Where patches lie.

use std::sync::Arc;

use crate::features::{FeatureSet, WindowCut};
use crate::train::{Cut, ViewsConfig};

/// Where patches lie.
#[derive(Clone)]
pub(super) enum Places {
    /// At random within each clip.
    Random,
    /// At these windows, each the first frame and before it the clip.
    Windows(Arc<[(usize, usize)]>),
}

impl Places {
    pub(super) fn of(views: &ViewsConfig, clips: &FeatureSet<'_>) -> Self {
        match &views.cut {
            Cut::Random {} | Cut::Frames {} => Self::Random,
            Cut::Windows(cut) => {
                Self::Windows(sounding_windows(clips, &cut.rule(views.frames)).into())
            }
        }
    }
}

/// The windows of all clips as (clip, first frame), without those that are the same everywhere: digital silence.
fn sounding_windows(clips: &FeatureSet<'_>, rule: &WindowCut) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for clip in 0..clips.len() {
        for window in rule.windows(0..clips.frames(clip)) {
            let mut values = vec![0.0; window.len() * clips.frame_len()];
            clips.stretch(clip, window.start, &mut values);
            if values.iter().any(|&value| value != values[0]) {
                found.push((clip, window.start));
            }
        }
    }
    found
}

//! Circular shift, later.

use rand::Rng;

use super::Patch;
use crate::augment::{Interval, error::Problems};

/// Shifts a patch later in time; what leaves at the end comes back at the beginning (Fonseca et
/// al. 2020, explored and left off).
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeShift {
    /// By how many frames; 0 to the patch's length, default `[1, 29]` (Fonseca et al. 2020).
    pub frames: Interval<usize>,
}

impl Default for TimeShift {
    fn default() -> Self {
        Self {
            frames: Interval::new(1, 29),
        }
    }
}

impl TimeShift {
    pub(super) fn check(&self, patch: &Patch, problems: &mut Problems<'_>) {
        self.frames.check("frames", 0, patch.frames, problems);
    }

    pub(super) fn draw(&self, rng: &mut impl Rng) -> usize {
        self.frames.draw(rng)
    }

    #[cfg(feature = "nn")]
    pub(super) fn apply(batch: &tch::Tensor, shifts: &[usize]) -> tch::Tensor {
        super::remap::frames(batch, shifts, |frame, shift, frames| {
            (frame + frames - shift) % frames
        })
    }
}

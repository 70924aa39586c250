//! Circular shift, later.

use rand::Rng;

use super::Patch;
use super::augment::Augment;
#[cfg(feature = "nn")]
use super::augment::Given;
use crate::augment::{Interval, Purpose, error::Problems};

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

impl Augment for TimeShift {
    type Draw = usize;

    const PURPOSE: Purpose = Purpose::Augmentation(10);
    const MOVES_FRAMES: bool = true;

    fn check(&self, patch: &Patch, problems: &mut Problems<'_>) {
        self.frames.check("frames", 0, patch.frames, problems);
    }

    /// The number of frames.
    fn draw(&self, _: &Patch, rng: &mut impl Rng) -> usize {
        self.frames.draw(rng)
    }

    fn identity(_: &Patch) -> Self::Draw {
        0
    }

    #[cfg(feature = "nn")]
    fn apply(&self, batch: &tch::Tensor, shifts: &[usize], _: &Given<'_>) -> tch::Tensor {
        super::remap::frames(batch, shifts, |frame, shift, frames| {
            (frame + frames - shift) % frames
        })
    }

    #[cfg(test)]
    fn at_strength_zero() -> Option<Self> {
        Some(Self {
            frames: Interval::new(0, 0),
        })
    }
}

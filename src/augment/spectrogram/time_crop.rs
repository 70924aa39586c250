//! A part in time, stretched to full length.

use rand::{Rng, RngExt};

use super::Patch;
use super::augment::Augment;
#[cfg(feature = "nn")]
use super::augment::Given;
use super::resized_crop::Crop;
use crate::augment::{Interval, Purpose, error::Problems};

/// Cuts a random stretch of time out of a patch and stretches it to full length, bilinearly; frequency stays as it
/// is (Moummad et al. 2023).
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeCrop {
    /// Share of the frames that is kept, rounded to whole frames; above 0 to 1, default `[0.6, 1.0]` as in the paper's
    /// pre-training. Its fine-tuning takes `[0.9, 1.0]`. `[1, 1]` does nothing.
    pub share: Interval<f64>,
}

impl Default for TimeCrop {
    fn default() -> Self {
        Self {
            share: Interval::new(0.6, 1.0),
        }
    }
}

impl Augment for TimeCrop {
    type Draw = Crop;

    const PURPOSE: Purpose = Purpose::Augmentation(21);
    const MOVES_FRAMES: bool = true;

    fn check(&self, _: &Patch, problems: &mut Problems<'_>) {
        self.share.check("share", 1e-3, 1.0, problems);
    }

    /// The stretch that is kept.
    fn draw(&self, patch: &Patch, rng: &mut impl Rng) -> Crop {
        let frames = (self.share.draw(rng) * patch.frames as f64).round() as usize;
        let frames = frames.clamp(1, patch.frames);
        Crop {
            frame: rng.random_range(0..=patch.frames - frames),
            frames,
            ..Crop::whole(patch)
        }
    }

    fn identity(patch: &Patch) -> Self::Draw {
        Crop::whole(patch)
    }

    #[cfg(feature = "nn")]
    fn apply(&self, batch: &tch::Tensor, crops: &[Crop], _: &Given<'_>) -> tch::Tensor {
        Crop::stretched(batch, crops)
    }

    #[cfg(test)]
    fn at_strength_zero() -> Option<Self> {
        Some(Self {
            share: Interval::new(1.0, 1.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::LogUnit;
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn stretches_have_the_asked_lengths_at_all_places_and_keep_every_band() {
        let patch = Patch {
            bands: 128,
            frames: 34,
            unit: LogUnit::Decibel,
        };
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let drawn: Vec<Crop> = (0..2000)
            .map(|_| TimeCrop::default().draw(&patch, &mut rng))
            .collect();
        assert!(drawn.iter().all(|c| (c.band, c.bands) == (0, 128)));
        assert!(drawn.iter().all(|c| c.frame + c.frames <= 34));
        let lengths = |f: fn(usize, usize) -> usize| drawn.iter().map(|c| c.frames).reduce(f);
        // 0.6 · 34 = 20.4
        assert_eq!(lengths(usize::min), Some(20));
        assert_eq!(lengths(usize::max), Some(34));
        assert_eq!(drawn.iter().map(|c| c.frame).max(), Some(14));
    }
}

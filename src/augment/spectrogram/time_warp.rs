//! Faster here, slower there.

use rand::{Rng, RngExt};

use super::Patch;
use super::augment::Augment;
#[cfg(feature = "nn")]
use super::augment::Given;
use crate::augment::{Purpose, error::Problems};

/// Moves one frame of a patch and stretches what is before and behind it, linearly, so that the ends stay (SpecAugment,
/// Park et al. 2019, §2, with a straight line in place of the thin-plate spline).
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeWarp {
    /// The farthest a frame moves, `W` of the paper, in frames: 0 to less than half a patch, default 5. 0 does
    /// nothing.
    pub max_frames: usize,
}

impl Default for TimeWarp {
    fn default() -> Self {
        Self { max_frames: 5 }
    }
}

/// A frame and where it goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Warp {
    /// The frame that is moved.
    from: f32,
    /// Where it is afterwards.
    to: f32,
}

impl Warp {
    /// Nothing moves.
    const NONE: Self = Self { from: 0.0, to: 0.0 };

    /// Where frame `frame` of so many was before, between 0 and the last.
    #[cfg(feature = "nn")]
    fn source(self, frame: usize, frames: usize) -> f32 {
        let (frame, last) = (frame as f32, frames as f32 - 1.0);
        if self.from == self.to {
            frame
        } else if frame <= self.to {
            frame * self.from / self.to
        } else {
            last - (last - frame) * (last - self.from) / (last - self.to)
        }
    }
}

impl Augment for TimeWarp {
    type Draw = Warp;

    const PURPOSE: Purpose = Purpose::Augmentation(27);
    const MOVES_FRAMES: bool = true;

    fn check(&self, patch: &Patch, problems: &mut Problems<'_>) {
        problems.require(
            self.max_frames.saturating_mul(2) < patch.frames.saturating_sub(1)
                || self.max_frames == 0,
            "max_frames",
            self.max_frames,
            format_args!("less than half of the patch's {} frames", patch.frames),
        );
    }

    /// The frame lies in `W..last − W`, its way in `−W..W`.
    fn draw(&self, patch: &Patch, rng: &mut impl Rng) -> Warp {
        let most = self.max_frames as f32;
        let last = patch.frames as f32 - 1.0;
        let from = most + rng.random::<f32>() * (last - 2.0 * most);
        let way = most * (2.0 * rng.random::<f32>() - 1.0);
        Warp {
            from,
            to: from + way,
        }
    }

    fn identity(_: &Patch) -> Self::Draw {
        Warp::NONE
    }

    #[cfg(feature = "nn")]
    fn apply(&self, batch: &tch::Tensor, warps: &[Warp], _: &Given<'_>) -> tch::Tensor {
        super::remap::frames_between(batch, warps, Warp::source)
    }

    #[cfg(test)]
    fn at_strength_zero() -> Option<Self> {
        Some(Self { max_frames: 0 })
    }
}

#[cfg(all(test, feature = "nn"))]
mod tests {
    use super::super::{LogUnit, augment::testing::applied, remap::testing::some_patches};
    use super::*;
    use rand::SeedableRng;

    const PATCH: Patch = Patch {
        bands: 2,
        frames: 21,
        unit: LogUnit::Log10,
    };

    #[test]
    fn the_frame_goes_where_it_was_sent_and_the_ends_stay() {
        // A ramp: every value is the frame it comes from.
        let ramp = tch::Tensor::arange(21, (tch::Kind::Float, tch::Device::Cpu));
        let ramp = ramp.view([1, 1, 1, 21]).expand([1, 1, 2, 21], false);
        let warp = Warp {
            from: 12.0,
            to: 8.0,
        };
        let warped =
            Vec::<f32>::try_from(applied(&TimeWarp::default(), &ramp, &[warp]).flatten(0, -1))
                .unwrap();
        for row in warped.chunks(21) {
            assert_eq!([row[0], row[4], row[8]], [0.0, 6.0, 12.0]);
            assert!(
                (row[14] - 16.0).abs() < 1e-5,
                "half-way behind it: {}",
                row[14]
            );
            assert_eq!(row[20], 20.0);
            assert!(row.is_sorted());
        }
    }

    #[test]
    fn without_strength_nothing_changes() {
        let patches = some_patches(3, 2, 21, 1);
        let still = TimeWarp { max_frames: 0 };
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(3);
        let warps: Vec<_> = (0..3).map(|_| still.draw(&PATCH, &mut rng)).collect();
        assert_eq!(applied(&still, &patches, &warps), patches);
    }

    #[test]
    fn frames_stay_in_order_and_inside() {
        let strong = TimeWarp { max_frames: 9 };
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(4);
        for _ in 0..500 {
            let warp = strong.draw(&PATCH, &mut rng);
            assert!((warp.to - warp.from).abs() <= 9.0);
            let sources: Vec<f32> = (0..21).map(|frame| warp.source(frame, 21)).collect();
            assert!(sources.is_sorted(), "{warp:?}");
            assert!(
                sources[0].abs() < 1e-4 && (sources[20] - 20.0).abs() < 1e-4,
                "{warp:?}"
            );
        }
    }
}

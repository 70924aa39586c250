//! Stripes masked in time and frequency.

use rand::{Rng, RngExt};

use super::Patch;
use super::augment::Augment;
#[cfg(feature = "nn")]
use super::augment::Given;
use crate::augment::{Purpose, error::Problems};

/// Masks stripes of bands and of frames (SpecAugment, Park et al. 2019, arXiv:1904.08779, without
/// its time warping).
///
/// A stripe is `⌊U(0, width)⌋` wide, so from 0 to `width − 1`, and lies anywhere inside the patch;
/// stripes may overlap. Defaults: Fonseca et al. 2020. A width of 0 or 1, or no masks, does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpecAugment {
    /// Number of stripes of bands, at most 100; default 2.
    pub frequency_masks: usize,
    /// Stripes of bands are narrower than this, in bands; at most the patch; default 20.
    pub frequency_width: usize,
    /// Number of stripes of frames, at most 100; default 2.
    pub time_masks: usize,
    /// Stripes of frames are narrower than this, in frames; at most the patch; default 20.
    pub time_width: usize,
    /// What stripes are filled with; default the patch's minimum.
    pub fill: Fill,
}

/// What masked stripes are filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fill {
    /// The smallest value of the patch: silence. The default (Fonseca et al. 2020).
    #[default]
    Minimum,
    /// The mean of the patch (Park et al. 2019, whose patches have mean 0).
    Mean,
}

impl Default for SpecAugment {
    fn default() -> Self {
        Self {
            frequency_masks: 2,
            frequency_width: 20,
            time_masks: 2,
            time_width: 20,
            fill: Fill::Minimum,
        }
    }
}

/// The stripes of one clip.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Masks {
    /// Stripes of bands.
    bands: Vec<Stripe>,
    /// Stripes of frames.
    frames: Vec<Stripe>,
}

/// Part of an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stripe {
    /// Where it begins.
    start: usize,
    /// How wide it is, from 0.
    width: usize,
}

impl Stripe {
    /// `below`: the stripe is narrower than this; `size` of the axis it lies in.
    fn draw(below: usize, size: usize, rng: &mut impl Rng) -> Self {
        let width = rng.random_range(0..below.max(1));
        Self {
            start: rng.random_range(0..=size - width),
            width,
        }
    }
}

impl SpecAugment {
    const MOST_MASKS: usize = 100;
}

impl Augment for SpecAugment {
    type Draw = Masks;

    const PURPOSE: Purpose = Purpose::Augmentation(9);

    fn check(&self, patch: &Patch, problems: &mut Problems<'_>) {
        let count = format!("at most {}", Self::MOST_MASKS);
        for (key, masks) in [
            ("frequency_masks", self.frequency_masks),
            ("time_masks", self.time_masks),
        ] {
            problems.require(masks <= Self::MOST_MASKS, key, masks, &count);
        }
        for (key, width, size, axis) in [
            (
                "frequency_width",
                self.frequency_width,
                patch.bands,
                "bands",
            ),
            ("time_width", self.time_width, patch.frames, "frames"),
        ] {
            problems.require(
                width <= size,
                key,
                width,
                format!("at most the {size} {axis} of a patch"),
            );
        }
    }

    fn draw(&self, patch: &Patch, rng: &mut impl Rng) -> Masks {
        let mut stripes =
            |count, below, size| (0..count).map(|_| Stripe::draw(below, size, rng)).collect();
        Masks {
            bands: stripes(self.frequency_masks, self.frequency_width, patch.bands),
            frames: stripes(self.time_masks, self.time_width, patch.frames),
        }
    }

    fn identity(_: &Patch) -> Self::Draw {
        Masks::default()
    }

    #[cfg(feature = "nn")]
    fn apply(&self, batch: &tch::Tensor, masks: &[Masks], _: &Given<'_>) -> tch::Tensor {
        let (clips, _, bands, frames) = batch
            .size4()
            .expect("patches are [batch, channels, mels, frames]");
        let in_bands = covered(masks.iter().map(|masks| &masks.bands), bands, batch)
            .view([clips, 1, bands, 1]);
        let in_frames = covered(masks.iter().map(|masks| &masks.frames), frames, batch)
            .view([clips, 1, 1, frames]);
        let clip = [1i64, 2, 3];
        let fill = match self.fill {
            Fill::Minimum => batch.amin(clip.as_slice(), true),
            Fill::Mean => batch.mean_dim(clip.as_slice(), true, None),
        };
        fill.where_self(&in_bands.logical_or(&in_frames), batch)
    }

    #[cfg(test)]
    fn at_strength_zero() -> Option<Self> {
        Some(Self {
            frequency_width: 0,
            time_masks: 0,
            ..Self::default()
        })
    }
}

/// Which places of an axis lie in any of a clip's stripes: `[batch · size]`.
#[cfg(feature = "nn")]
fn covered<'a>(
    stripes: impl ExactSizeIterator<Item = &'a Vec<Stripe>>,
    size: i64,
    like: &tch::Tensor,
) -> tch::Tensor {
    let size = size as usize;
    let mut covered = vec![false; stripes.len() * size];
    for (places, stripes) in covered.chunks_exact_mut(size).zip(stripes) {
        for stripe in stripes {
            places[stripe.start..stripe.start + stripe.width].fill(true);
        }
    }
    tch::Tensor::from_slice(&covered).to_device(like.device())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::super::LogUnit;
    use super::*;

    proptest! {
        #[test]
        fn masks_stay_inside_and_below_their_width(seed: u64, bands in 1usize..40, frames in 1usize..40) {
            let patch = Patch { bands, frames, unit: LogUnit::Log10 };
            let augment = SpecAugment { frequency_width: bands, time_width: frames, ..SpecAugment::default() };
            let masks = augment.draw(&patch, &mut ChaCha8Rng::seed_from_u64(seed));
            prop_assert_eq!((masks.bands.len(), masks.frames.len()), (2, 2));
            for (stripes, size) in [(masks.bands, bands), (masks.frames, frames)] {
                prop_assert!(stripes.iter().all(|s| s.width < size && s.start + s.width <= size));
            }
        }
    }

    #[test]
    fn every_width_and_both_ends_are_reached() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let stripes: Vec<_> = (0..2000).map(|_| Stripe::draw(4, 8, &mut rng)).collect();
        for width in 0..4 {
            let of_width = || stripes.iter().filter(|stripe| stripe.width == width);
            assert!(of_width().count() > 400, "{width}");
            assert_eq!(of_width().map(|stripe| stripe.start).min(), Some(0));
            assert_eq!(of_width().map(|stripe| stripe.start + width).max(), Some(8));
        }
    }

    #[cfg(feature = "nn")]
    #[test]
    fn masked_places_hold_the_fill_and_others_stay() {
        use tch::Tensor;

        let patch =
            Tensor::arange(12, (tch::Kind::Float, tch::Device::Cpu)).view([1, 1, 3, 4]) + 1.0;
        let masks = Masks {
            bands: vec![Stripe { start: 1, width: 1 }],
            frames: vec![Stripe { start: 2, width: 2 }],
        };
        for (fill, f) in [(Fill::Minimum, 1.0), (Fill::Mean, 6.5)] {
            let augment = SpecAugment {
                fill,
                ..SpecAugment::default()
            };
            let masked = super::super::augment::testing::applied(
                &augment,
                &patch,
                std::slice::from_ref(&masks),
            );
            let values = Vec::<f32>::try_from(masked.view(-1)).unwrap();
            assert_eq!(values, [1.0, 2.0, f, f, f, f, f, f, 9.0, 10.0, f, f]);
        }
    }
}

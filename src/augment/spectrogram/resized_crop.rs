//! A part, stretched to full size.

use rand::{Rng, RngExt};

use super::Patch;
use super::augment::Augment;
#[cfg(feature = "nn")]
use super::augment::Given;
use crate::augment::{Interval, Purpose, error::Problems};

/// Cuts a random part out of a patch and stretches it to full size, bilinearly (the random resized
/// crop of SimCLR; Fonseca et al. 2020).
///
/// Tries ten times to draw an area and an aspect that fit; after that it cuts from the centre,
/// with the nearest allowed aspect.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResizedCrop {
    /// Share of the patch's area that is kept; above 0 to 1, default `[0.8, 1.0]` (Fonseca et al.
    /// 2020). Less makes views harder to match. `[1, 1]` with aspect `[1, 1]` of the patch does
    /// nothing.
    pub area: Interval<f64>,
    /// Width over height, drawn evenly on a logarithmic scale; 0.01 to 100, default `[3/4, 4/3]`
    /// (SimCLR).
    pub aspect: Interval<f64>,
    /// What an aspect of 1 means.
    pub aspect_of: AspectOf,
}

/// What an aspect of 1 means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AspectOf {
    /// The proportions of the patch. The default, and our choice: of patches much wider than high
    /// hardly any part is square, and almost every draw would end at the centre.
    #[default]
    Patch,
    /// As many frames as bands, as for images: what the published code does.
    Bins,
}

impl Default for ResizedCrop {
    fn default() -> Self {
        Self {
            area: Interval::new(0.8, 1.0),
            aspect: Interval::new(3.0 / 4.0, 4.0 / 3.0),
            aspect_of: AspectOf::Patch,
        }
    }
}

/// The part that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Crop {
    /// First band.
    pub(super) band: usize,
    /// First frame.
    pub(super) frame: usize,
    /// Number of bands, at least 1.
    pub(super) bands: usize,
    /// Number of frames, at least 1.
    pub(super) frames: usize,
}

impl Crop {
    pub(super) fn whole(patch: &Patch) -> Self {
        Self {
            band: 0,
            frame: 0,
            bands: patch.bands,
            frames: patch.frames,
        }
    }

    /// Stretches each clip's part with half-pixel centres, clamped at the part's own edges, as
    /// PyTorch's `interpolate(part, mode="bilinear", align_corners=False)` does.
    ///
    /// Two matrix products per clip: bilinear interpolation is linear in each axis alone.
    #[cfg(feature = "nn")]
    pub(super) fn stretched(batch: &tch::Tensor, crops: &[Self]) -> tch::Tensor {
        let (_, _, bands, frames) = batch
            .size4()
            .expect("patches are [batch, channels, mels, frames]");
        let whole = |crop: &Self| crop.bands == bands as usize && crop.frames == frames as usize;
        if crops.iter().all(whole) {
            return batch.shallow_clone();
        }
        let over_bands = stretch(
            crops.iter().map(|crop| (crop.band, crop.bands)),
            bands,
            batch,
        );
        let over_frames = stretch(
            crops.iter().map(|crop| (crop.frame, crop.frames)),
            frames,
            batch,
        );
        over_bands
            .unsqueeze(1) // [batch, 1, mels, mels]
            .matmul(batch)
            .matmul(&over_frames.transpose(1, 2).unsqueeze(1))
    }
}

impl ResizedCrop {
    const TRIES: usize = 10;
    /// The narrowest a part may be asked to be, by aspect; the widest is its inverse.
    const NARROWEST: f64 = 0.01;

    /// The largest part of allowed aspect, from the centre.
    fn centre(&self, patch: &Patch) -> Crop {
        let unit = self.unit_aspect(patch);
        let (narrowest, widest) = (self.aspect.low * unit, self.aspect.high * unit);
        let (height, width) = (patch.bands as f64, patch.frames as f64);
        let bands = (height.min(width / narrowest)).round().max(1.0) as usize;
        let frames = (width.min(height * widest)).round().max(1.0) as usize;
        Crop {
            band: (patch.bands - bands) / 2,
            frame: (patch.frames - frames) / 2,
            bands,
            frames,
        }
    }

    /// Frames over bands of a part of aspect 1.
    fn unit_aspect(&self, patch: &Patch) -> f64 {
        match self.aspect_of {
            AspectOf::Patch => patch.frames as f64 / patch.bands as f64,
            AspectOf::Bins => 1.0,
        }
    }
}

impl Augment for ResizedCrop {
    type Draw = Crop;

    const PURPOSE: Purpose = Purpose::Augmentation(6);
    const MOVES_FRAMES: bool = true;

    fn check(&self, _: &Patch, problems: &mut Problems<'_>) {
        self.area.check("area", 1e-4, 1.0, problems);
        self.aspect
            .check("aspect", Self::NARROWEST, 1.0 / Self::NARROWEST, problems);
    }

    fn draw(&self, patch: &Patch, rng: &mut impl Rng) -> Crop {
        let whole = (patch.bands * patch.frames) as f64;
        for _ in 0..Self::TRIES {
            let area = whole * self.area.draw(rng);
            let aspect = Interval::new(self.aspect.low.ln(), self.aspect.high.ln())
                .draw(rng)
                .exp();
            let aspect = aspect * self.unit_aspect(patch);
            let frames = (area * aspect).sqrt().round() as usize;
            let bands = (area / aspect).sqrt().round() as usize;
            if (1..=patch.frames).contains(&frames) && (1..=patch.bands).contains(&bands) {
                let band = rng.random_range(0..=patch.bands - bands);
                let frame = rng.random_range(0..=patch.frames - frames);
                return Crop {
                    band,
                    frame,
                    bands,
                    frames,
                };
            }
        }
        self.centre(patch)
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
            area: Interval::new(1.0, 1.0),
            aspect: Interval::new(1.0, 1.0),
            aspect_of: AspectOf::Patch,
        })
    }
}

/// For each `(start, length)` the matrix that stretches that part of an axis to its whole `size`:
/// `[batch, size, size]`, two weights in each row.
#[cfg(feature = "nn")]
fn stretch(
    parts: impl ExactSizeIterator<Item = (usize, usize)>,
    size: i64,
    like: &tch::Tensor,
) -> tch::Tensor {
    let batch = parts.len() as i64;
    let cells = (batch * size * 2) as usize;
    let (mut sources, mut weights) = (Vec::with_capacity(cells), Vec::with_capacity(cells));
    for (start, length) in parts {
        let scale = length as f32 / size as f32;
        let last = length - 1;
        for target in 0..size {
            let source = (scale * (target as f32 + 0.5) - 0.5).max(0.0);
            let below = (source as usize).min(last);
            let share = (source - below as f32).min(1.0);
            sources.extend([
                (start + below) as i64,
                (start + (below + 1).min(last)) as i64,
            ]);
            weights.extend([1.0 - share, share]);
        }
    }
    let device = like.device();
    let shape = [batch, size, 2];
    tch::Tensor::zeros([batch, size, size], (tch::Kind::Float, device)).scatter_add_(
        2,
        &tch::Tensor::from_slice(&sources)
            .view(shape)
            .to_device(device),
        &tch::Tensor::from_slice(&weights)
            .view(shape)
            .to_device(device),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::super::LogUnit;
    use super::*;

    fn patch(bands: usize, frames: usize) -> Patch {
        Patch {
            bands,
            frames,
            unit: LogUnit::Log10,
        }
    }

    proptest! {
        #[test]
        fn parts_lie_inside_the_patch(
            seed: u64, bands in 1usize..130, frames in 1usize..130, low in 0.0001f64..1.0, bins: bool,
        ) {
            let aspect_of = if bins { AspectOf::Bins } else { AspectOf::Patch };
            let crop = ResizedCrop { area: Interval::new(low, 1.0), aspect_of, ..ResizedCrop::default() };
            let part = crop.draw(&patch(bands, frames), &mut ChaCha8Rng::seed_from_u64(seed));
            prop_assert!(part.bands >= 1 && part.band + part.bands <= bands, "{part:?}");
            prop_assert!(part.frames >= 1 && part.frame + part.frames <= frames, "{part:?}");
        }
    }

    #[test]
    fn areas_and_aspects_are_as_asked_for() {
        let crop = ResizedCrop {
            area: Interval::new(0.4, 0.6),
            ..ResizedCrop::default()
        };
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let whole = patch(400, 800);
        for _ in 0..500 {
            let part = crop.draw(&whole, &mut rng);
            let (height, width) = (part.bands as f64 / 400.0, part.frames as f64 / 800.0);
            assert!((0.395..0.605).contains(&(height * width)), "{part:?}");
            assert!((0.74..1.35).contains(&(width / height)), "{part:?}");
        }
    }

    #[test]
    fn where_nothing_fits_it_cuts_the_centre() {
        // All of a 64 × 101 patch at an aspect of at most 4/3 cannot be had: 64 × 85 can.
        let crop = ResizedCrop {
            area: Interval::new(1.0, 1.0),
            aspect_of: AspectOf::Bins,
            ..ResizedCrop::default()
        };
        let part = crop.draw(&patch(64, 101), &mut ChaCha8Rng::seed_from_u64(1));
        assert_eq!(
            part,
            Crop {
                band: 0,
                frame: 8,
                bands: 64,
                frames: 85
            }
        );
    }

    #[cfg(feature = "nn")]
    mod applied {
        use super::super::super::remap::testing::*;
        use super::super::*;

        #[test]
        fn equals_pytorch_interpolate_of_each_part() {
            for case in golden("resized_crop") {
                let parts: Vec<[usize; 4]> = serde_json::from_value(case["crops"].clone()).unwrap();
                let crops: Vec<_> = parts
                    .into_iter()
                    .map(|[band, frame, bands, frames]| Crop {
                        band,
                        frame,
                        bands,
                        frames,
                    })
                    .collect();
                let stretched = Crop::stretched(&tensor(&case["patches"]), &crops);
                // Values of about 100; four products in another order: a few units of 2⁻¹⁷.
                assert_close(&stretched, &tensor(&case["stretched"]), 3e-5);
            }
        }

        #[test]
        fn the_whole_patch_stays_as_it_is_beside_others() {
            let patches = some_patches(2, 6, 9, 1);
            let whole = Crop {
                band: 0,
                frame: 0,
                bands: 6,
                frames: 9,
            };
            let part = Crop {
                band: 1,
                frame: 2,
                bands: 3,
                frames: 4,
            };
            let stretched = Crop::stretched(&patches, &[part, whole]);
            assert!(stretched.select(0, 1).equal(&patches.select(0, 1)));
            assert!(!stretched.select(0, 0).equal(&patches.select(0, 0)));
        }
    }
}

//! Out of focus.

use rand::Rng;

use super::Patch;
use super::augment::Augment;
#[cfg(feature = "nn")]
use super::augment::Given;
use crate::augment::{Interval, Purpose, error::Problems};

/// Smooths a patch with a Gaussian over frequency and time (SimCLR, Chen et al. 2020, appendix A; Fonseca et al. 2020,
/// explored and left off). Beyond the edges the patch is mirrored.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Blur {
    /// Standard deviation in bands and frames; 0 to 10, default `[0.1, 2.0]` (SimCLR). `[0, 0]` does nothing.
    pub sigma: Interval<f64>,
}

impl Default for Blur {
    fn default() -> Self {
        Self {
            sigma: Interval::new(0.1, 2.0),
        }
    }
}

impl Blur {
    /// The Gaussian is cut off at so many standard deviations.
    const REACH: f32 = 3.0;
}

impl Augment for Blur {
    type Draw = f32;

    const PURPOSE: Purpose = Purpose::Augmentation(26);

    fn check(&self, patch: &Patch, problems: &mut Problems<'_>) {
        self.sigma.check("sigma", 0.0, 10.0, problems);
        let (reach, smallest) = (reach(self.sigma.high as f32), patch.bands.min(patch.frames));
        problems.require(
            reach < smallest,
            "sigma",
            self.sigma.high,
            format_args!("at most a third of the patch's smaller side, {smallest}"),
        );
    }

    /// The standard deviation.
    fn draw(&self, _: &Patch, rng: &mut impl Rng) -> f32 {
        self.sigma.draw(rng) as f32
    }

    fn identity(_: &Patch) -> Self::Draw {
        0.0
    }

    #[cfg(feature = "nn")]
    fn apply(&self, batch: &tch::Tensor, sigmas: &[f32], _: &Given<'_>) -> tch::Tensor {
        let clips = sigmas.len() as i64;
        let reach = sigmas.iter().map(|&sigma| reach(sigma)).max().unwrap_or(0) as i64;
        let taps: Vec<f32> = sigmas
            .iter()
            .flat_map(|&sigma| kernel(sigma, reach))
            .collect();
        let taps = tch::Tensor::from_slice(&taps).to_device(batch.device());
        let side = 2 * reach + 1;
        let blurred = batch
            .transpose(0, 1) // [1, batch, mels, frames]: every clip is a channel with its own kernel
            .reflection_pad2d([reach, reach, reach, reach])
            .conv2d(
                &taps.view([clips, 1, side, 1]),
                None::<tch::Tensor>,
                1,
                0,
                1,
                clips,
            )
            .conv2d(
                &taps.view([clips, 1, 1, side]),
                None::<tch::Tensor>,
                1,
                0,
                1,
                clips,
            );
        blurred.transpose(0, 1).contiguous()
    }

    #[cfg(test)]
    fn at_strength_zero() -> Option<Self> {
        Some(Self {
            sigma: Interval::new(0.0, 0.0),
        })
    }
}

/// Bands or frames on either side that a Gaussian hears.
fn reach(sigma: f32) -> usize {
    (Blur::REACH * sigma).ceil() as usize
}

/// `2·reach + 1` weights that sum to 1, 0 beyond the reach of `sigma` itself: what other clips of a batch have must not
/// show.
#[cfg(feature = "nn")]
fn kernel(sigma: f32, reach: i64) -> Vec<f32> {
    let weight = |offset: i64| match offset {
        0 => 1.0,
        _ if offset.unsigned_abs() as usize > self::reach(sigma) => 0.0,
        _ => (-0.5 * (offset as f32 / sigma).powi(2)).exp(),
    };
    let weights: Vec<f32> = (-reach..=reach).map(weight).collect();
    let sum: f32 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

#[cfg(all(test, feature = "nn"))]
mod tests {
    use super::super::augment::testing::applied;
    use super::super::remap::testing::{assert_close, golden, some_patches, tensor};
    use super::*;

    #[test]
    fn agrees_with_torchvision() {
        for case in golden("blur") {
            let sigma = case["sigma"].as_f64().unwrap() as f32;
            let given = applied(&Blur::default(), &tensor(&case["patches"]), &[sigma, sigma]);
            assert_close(&given, &tensor(&case["blurred"]), 4e-5); // of values up to 80
        }
    }

    #[test]
    fn every_clip_has_its_own_sigma_and_zero_changes_nothing() {
        let patches = some_patches(2, 16, 20, 3);
        let together = applied(&Blur::default(), &patches, &[0.0, 1.7]);
        assert_eq!(together.get(0), patches.get(0));
        let alone = applied(&Blur::default(), &patches.narrow(0, 1, 1), &[1.7]);
        assert_close(&together.narrow(0, 1, 1), &alone, 1e-6);
        assert!(
            (together.get(1) - patches.get(1))
                .abs()
                .max()
                .double_value(&[])
                > 0.1
        );
    }

    #[test]
    fn an_even_patch_stays_even() {
        let even = tch::Tensor::full([1, 1, 12, 12], 0.7, (tch::Kind::Float, tch::Device::Cpu));
        assert_close(&applied(&Blur::default(), &even, &[2.0]), &even, 1e-6);
    }
}

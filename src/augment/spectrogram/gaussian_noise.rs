//! White noise on log energies.

use rand::{Rng, RngExt};

use super::Patch;
use super::augment::Augment;
#[cfg(feature = "nn")]
use super::augment::Given;
use crate::augment::{Interval, Purpose, error::Problems};

/// Adds Gaussian noise to every value of a patch, independent from value to value.
/// Fonseca et al. 2020; Moummad et al. 2023.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GaussianNoise {
    /// Standard deviation, in units of the patch's values; at least 0, default `[0, 0.01]` as in
    /// the code of both papers, whose patches are log₁₀ energies and values between 0 and 1: ten
    /// times as much means the same in decibels. `[0, 0]` does nothing.
    pub std: Interval<f64>,
}

impl Default for GaussianNoise {
    fn default() -> Self {
        Self {
            std: Interval::new(0.0, 0.01),
        }
    }
}

/// Which noise a clip gets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Noise {
    /// Standard deviation.
    pub(super) std: f32,
    /// Seed of the generator that gives the clip's values, frame by frame within band by band.
    pub(super) seed: [u8; 32],
}

impl Noise {
    pub(super) const NONE: Self = Self {
        std: 0.0,
        seed: [0; 32],
    };

    /// One noise per clip, in the shape of `batch`.
    #[cfg(feature = "nn")]
    pub(super) fn tensor(noises: &[Self], batch: &tch::Tensor) -> tch::Tensor {
        use rayon::prelude::*;

        let clip = batch.numel() / noises.len();
        let mut values = vec![0.0; batch.numel()];
        values
            .par_chunks_mut(clip)
            .zip(noises)
            .for_each(|(values, noise)| noise.fill(values));
        tch::Tensor::from_slice(&values)
            .view(batch.size().as_slice())
            .to_device(batch.device())
    }

    /// Fills `values` with this noise.
    #[cfg(feature = "nn")]
    fn fill(&self, values: &mut [f32]) {
        use rand::SeedableRng;
        use rand_distr::StandardNormal;

        if self.std == 0.0 {
            return values.fill(-0.0); // x + (−0) is x, whatever the sign of a zero.
        }
        let mut rng = rand_chacha::ChaCha8Rng::from_seed(self.seed);
        for value in values {
            *value = self.std * rng.sample::<f32, _>(StandardNormal);
        }
    }
}

impl Augment for GaussianNoise {
    type Draw = Noise;

    const PURPOSE: Purpose = Purpose::Augmentation(8);

    fn check(&self, _: &Patch, problems: &mut Problems<'_>) {
        self.std.check("std", 0.0, f64::from(f32::MAX), problems);
    }

    fn draw(&self, _: &Patch, rng: &mut impl Rng) -> Noise {
        Noise {
            std: self.std.draw(rng) as f32,
            seed: rng.random(),
        }
    }

    fn identity(_: &Patch) -> Self::Draw {
        Noise::NONE
    }

    /// Noise is made in plain Rust, not by the engine: the same on every device.
    #[cfg(feature = "nn")]
    fn apply(&self, batch: &tch::Tensor, noises: &[Noise], _: &Given<'_>) -> tch::Tensor {
        if noises.iter().all(|noise| noise.std == 0.0) {
            return batch.shallow_clone();
        }
        batch + Noise::tensor(noises, batch)
    }

    #[cfg(test)]
    fn at_strength_zero() -> Option<Self> {
        Some(Self {
            std: Interval::new(0.0, 0.0),
        })
    }
}

#[cfg(all(test, feature = "nn"))]
mod tests {
    use super::super::augment::testing::applied;
    use super::*;

    #[test]
    fn noise_is_centred_normal_and_as_strong_as_drawn() {
        let mut values = vec![0.0; 100_000];
        Noise {
            std: 0.5,
            seed: [3; 32],
        }
        .fill(&mut values);
        let moment = |power: i32| {
            values
                .iter()
                .map(|v| (f64::from(*v) / 0.5).powi(power))
                .sum::<f64>()
                / 1e5
        };
        // Standard errors of the moments at 100,000 values: 0.003, 0.004, 0.012, 0.031; five each.
        for (power, expected, tolerance) in [
            (1, 0.0, 0.016),
            (2, 1.0, 0.022),
            (3, 0.0, 0.06),
            (4, 3.0, 0.16),
        ] {
            assert!(
                (moment(power) - expected).abs() < tolerance,
                "moment {power}: {}",
                moment(power)
            );
        }
    }

    #[test]
    fn noise_is_added_to_the_clips_it_was_drawn_for() {
        let batch = tch::Tensor::ones([2, 1, 8, 9], (tch::Kind::Float, tch::Device::Cpu));
        let noise = |std| Noise { std, seed: [4; 32] };
        let mut expected = vec![0.0; 72];
        noise(0.5).fill(&mut expected);
        expected.iter_mut().for_each(|value| *value += 1.0);
        expected.resize(144, 1.0);
        let given = applied(&GaussianNoise::default(), &batch, &[noise(0.5), noise(0.0)]).view(-1);
        assert_eq!(Vec::<f32>::try_from(given).unwrap(), expected);
    }
}

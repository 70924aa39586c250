//! Farther away.

use rand::Rng;

use super::Patch;
use super::augment::Augment;
#[cfg(feature = "nn")]
use super::augment::Given;
use super::gaussian_noise::Noise;
use crate::augment::{Interval, Purpose, error::Problems};

/// Makes a patch fainter over a floor of noise, as if what sounds were farther away: what was near the background
/// drowns in it. Our own, for patches whose background is 0 (`background = "subtract"`).
///
/// ```text
/// y = ½ log(exp(2·(x − a)) + exp(2·n)),   n ~ N(0, ½)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Attenuation {
    /// By how much, `a`, in units of the patch's values; at least 0, default `[0, 3]`.
    pub by: Interval<f64>,
}

impl Default for Attenuation {
    fn default() -> Self {
        Self {
            by: Interval::new(0.0, 3.0),
        }
    }
}

/// How much fainter a clip becomes, over which noise; nothing happens over none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Distance {
    /// In units of the patch's values.
    by: f32,
    /// The floor.
    floor: Noise,
}

impl Distance {
    const NONE: Self = Self {
        by: 0.0,
        floor: Noise::NONE,
    };
}

impl Attenuation {
    /// Standard deviation of the floor.
    const FLOOR: f32 = 0.5;
}

impl Augment for Attenuation {
    type Draw = Distance;

    const PURPOSE: Purpose = Purpose::Augmentation(25);

    fn check(&self, _: &Patch, problems: &mut Problems<'_>) {
        self.by.check("by", 0.0, 1e3, problems);
    }

    fn draw(&self, _: &Patch, rng: &mut impl Rng) -> Distance {
        let by = self.by.draw(rng) as f32;
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        Distance {
            by,
            floor: Noise {
                std: Self::FLOOR,
                seed,
            },
        }
    }

    fn identity(_: &Patch) -> Self::Draw {
        Distance::NONE
    }

    #[cfg(feature = "nn")]
    fn apply(&self, batch: &tch::Tensor, distances: &[Distance], _: &Given<'_>) -> tch::Tensor {
        let floors: Vec<Noise> = distances.iter().map(|d| d.floor).collect();
        let by: Vec<f32> = distances.iter().map(|d| d.by).collect();
        let happens: Vec<f32> = floors.iter().map(|f| f32::from(f.std > 0.0)).collect();
        let happens = super::remap::per_clip(&happens, batch).gt(0.5);
        let fainter = (batch - super::remap::per_clip(&by, batch)) * 2.0;
        let over_floor = fainter.logaddexp(&(Noise::tensor(&floors, batch) * 2.0)) / 2.0;
        over_floor.where_self(&happens, batch)
    }

    #[cfg(test)]
    fn at_strength_zero() -> Option<Self> {
        None
    }
}

#[cfg(all(test, feature = "nn"))]
mod tests {
    use super::super::augment::testing::{PATCH, applied};
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn loud_values_fall_by_the_amount_and_faint_ones_end_in_the_floor() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(4);
        let by = Attenuation {
            by: Interval::new(2.0, 2.0),
        };
        let batch = tch::Tensor::from_slice(&[9.0f32; 1000]).view([1, 1, 10, 100]);
        let loud = applied(&by, &batch, &[by.draw(&PATCH, &mut rng)]);
        assert!((loud - 7.0).abs().max().double_value(&[]) < 1e-3);
        let faint = applied(&by, &(&batch - 20.0), &[by.draw(&PATCH, &mut rng)]);
        assert!((faint.std(false).double_value(&[]) - 0.5).abs() < 0.05);
        let none = applied(&by, &batch, &[Distance::NONE]);
        assert_eq!(none, batch);
    }
}

//! Farther away.

use rand::Rng;

use super::Noise;
use crate::augment::{Interval, error::Problems};

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
pub struct Distance {
    /// In units of the patch's values.
    pub by: f32,
    /// The floor.
    pub floor: Noise,
}

impl Distance {
    pub(super) const NONE: Self = Self {
        by: 0.0,
        floor: Noise::NONE,
    };
}

impl Attenuation {
    /// Standard deviation of the floor.
    const FLOOR: f32 = 0.5;

    pub(super) fn check(&self, problems: &mut Problems<'_>) {
        self.by.check("by", 0.0, 1e3, problems);
    }

    pub(super) fn draw(&self, rng: &mut impl Rng) -> Distance {
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

    #[cfg(feature = "nn")]
    pub(super) fn apply(batch: &tch::Tensor, distances: &[Distance]) -> tch::Tensor {
        let floors: Vec<Noise> = distances.iter().map(|d| d.floor).collect();
        let by: Vec<f32> = distances.iter().map(|d| d.by).collect();
        let happens: Vec<f32> = floors.iter().map(|f| f32::from(f.std > 0.0)).collect();
        let happens = super::remap::per_clip(&happens, batch).gt(0.5);
        let fainter = (batch - super::remap::per_clip(&by, batch)) * 2.0;
        let over_floor = fainter.logaddexp(&(Noise::tensor(&floors, batch) * 2.0)) / 2.0;
        over_floor.where_self(&happens, batch)
    }
}

#[cfg(all(test, feature = "nn"))]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn loud_values_fall_by_the_amount_and_faint_ones_end_in_the_floor() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(4);
        let by = Attenuation {
            by: Interval::new(2.0, 2.0),
        };
        let batch = tch::Tensor::from_slice(&[9.0f32; 1000]).view([1, 1, 10, 100]);
        let loud = Attenuation::apply(&batch, &[by.draw(&mut rng)]);
        assert!((loud - 7.0).abs().max().double_value(&[]) < 1e-3);
        let faint = Attenuation::apply(&(&batch - 20.0), &[by.draw(&mut rng)]);
        assert!((faint.std(false).double_value(&[]) - 0.5).abs() < 0.05);
        let none = Attenuation::apply(&batch, &[Distance::NONE]);
        assert_eq!(none, batch);
    }
}

//! Log energies times a factor.

use rand::Rng;

use super::Patch;
use super::augment::Augment;
#[cfg(feature = "nn")]
use super::augment::Given;
use crate::augment::{Interval, Purpose, error::Problems};

/// Multiplies a patch of log energies by a factor: compression below 1, a power of the linear
/// energies. Fonseca et al. 2020 and Moummad et al. 2023 ("power gain").
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Compression {
    /// The factor; 0 to 2, default `[0.75, 1.0]` as in both papers. `[1, 1]` does nothing.
    pub factor: Interval<f64>,
}

impl Default for Compression {
    fn default() -> Self {
        Self {
            factor: Interval::new(0.75, 1.0),
        }
    }
}

impl Augment for Compression {
    type Draw = f32;

    const PURPOSE: Purpose = Purpose::Augmentation(7);

    fn check(&self, _: &Patch, problems: &mut Problems<'_>) {
        self.factor.check("factor", 0.0, 2.0, problems);
    }

    /// The factor.
    fn draw(&self, _: &Patch, rng: &mut impl Rng) -> f32 {
        self.factor.draw(rng) as f32
    }

    fn identity(_: &Patch) -> Self::Draw {
        1.0
    }

    #[cfg(feature = "nn")]
    fn apply(&self, batch: &tch::Tensor, factors: &[f32], _: &Given<'_>) -> tch::Tensor {
        batch * super::remap::per_clip(factors, batch)
    }

    #[cfg(test)]
    fn at_strength_zero() -> Option<Self> {
        Some(Self {
            factor: Interval::new(1.0, 1.0),
        })
    }
}

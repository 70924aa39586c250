//! Log energies times a factor.

use rand::Rng;

use crate::augment::{Interval, error::Problems};

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

impl Compression {
    pub(super) const IDENTITY: f32 = 1.0;

    pub(super) fn check(&self, problems: &mut Problems<'_>) {
        self.factor.check("factor", 0.0, 2.0, problems);
    }

    pub(super) fn draw(&self, rng: &mut impl Rng) -> f32 {
        self.factor.draw(rng) as f32
    }

    #[cfg(feature = "nn")]
    pub(super) fn apply(batch: &tch::Tensor, factors: &[f32]) -> tch::Tensor {
        batch * super::remap::per_clip(factors, batch)
    }
}

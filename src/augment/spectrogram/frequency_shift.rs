//! Circular shift, up.

use rand::Rng;

use super::Patch;
use super::augment::Augment;
#[cfg(feature = "nn")]
use super::augment::Given;
use crate::augment::{Interval, Purpose, error::Problems};

/// Shifts a patch up in frequency; the highest bands come back as the lowest (Moummad et al. 2023;
/// Fonseca et al. 2020, explored and left off).
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FrequencyShift {
    /// By how many bands; 0 to the patch's height, default `[0, 9]` (Moummad et al. 2023; Fonseca
    /// et al. 2020 have `[1, 9]`).
    pub bands: Interval<usize>,
}

impl Default for FrequencyShift {
    fn default() -> Self {
        Self {
            bands: Interval::new(0, 9),
        }
    }
}

impl Augment for FrequencyShift {
    type Draw = usize;

    const PURPOSE: Purpose = Purpose::Augmentation(11);

    fn check(&self, patch: &Patch, problems: &mut Problems<'_>) {
        self.bands.check("bands", 0, patch.bands, problems);
    }

    /// The number of bands.
    fn draw(&self, _: &Patch, rng: &mut impl Rng) -> usize {
        self.bands.draw(rng)
    }

    fn identity(_: &Patch) -> Self::Draw {
        0
    }

    #[cfg(feature = "nn")]
    fn apply(&self, batch: &tch::Tensor, shifts: &[usize], _: &Given<'_>) -> tch::Tensor {
        super::remap::bands(batch, shifts, |band, shift, bands| {
            (band + bands - shift) % bands
        })
    }

    #[cfg(test)]
    fn at_strength_zero() -> Option<Self> {
        Some(Self {
            bands: Interval::new(0, 0),
        })
    }
}

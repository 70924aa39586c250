//! Louder or softer.

use rand::Rng;

use super::Patch;
use super::augment::Augment;
#[cfg(feature = "nn")]
use super::augment::Given;
use crate::augment::{Interval, Purpose, error::Problems};

/// Makes a patch louder or softer by the same number of decibels everywhere. Our own; the same as
/// scaling the waveform before the front end.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gain {
    /// Decibels, −120 to 120; default `[-6, 6]`. `[0, 0]` does nothing.
    pub gain_db: Interval<f64>,
}

impl Default for Gain {
    fn default() -> Self {
        Self {
            gain_db: Interval::new(-6.0, 6.0),
        }
    }
}

impl Augment for Gain {
    type Draw = f32;

    const PURPOSE: Purpose = Purpose::Augmentation(13);

    fn check(&self, _: &Patch, problems: &mut Problems<'_>) {
        self.gain_db.check("gain_db", -120.0, 120.0, problems);
    }

    /// The gain in decibels.
    fn draw(&self, _: &Patch, rng: &mut impl Rng) -> f32 {
        self.gain_db.draw(rng) as f32
    }

    fn identity(_: &Patch) -> Self::Draw {
        0.0
    }

    #[cfg(feature = "nn")]
    fn apply(&self, batch: &tch::Tensor, gains_db: &[f32], given: &Given<'_>) -> tch::Tensor {
        batch + super::remap::per_clip(gains_db, batch) * given.patch.unit.per_decibel()
    }

    #[cfg(test)]
    fn at_strength_zero() -> Option<Self> {
        Some(Self {
            gain_db: Interval::new(0.0, 0.0),
        })
    }
}

#[cfg(all(test, feature = "nn"))]
mod tests {
    use super::super::LogUnit;
    use super::super::augment::testing::PATCH;
    use super::*;

    #[test]
    fn ten_decibels_are_ten_times_the_energy_in_every_unit() {
        let energy = 0.003f64;
        for (unit, log) in [
            (LogUnit::Log10, energy.log10()),
            (LogUnit::Decibel, 10.0 * energy.log10()),
            (LogUnit::Ln, energy.ln()),
        ] {
            let patch = tch::Tensor::from_slice(&[log as f32]).view([1, 1, 1, 1]);
            let given = Given {
                patch: Patch { unit, ..PATCH },
                background: None,
            };
            let louder = Gain::default().apply(&patch, &[10.0], &given);
            let louder = louder.double_value(&[0, 0, 0, 0]);
            let louder = (louder * unit.nepers()).exp();
            assert!((louder / energy - 10.0).abs() < 1e-4, "{unit:?}: {louder}");
        }
    }
}

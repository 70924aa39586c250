//! Another microphone, another distance: a smooth change of timbre.

use rand::{Rng, RngExt};

use super::Patch;
use super::augment::Augment;
#[cfg(feature = "nn")]
use super::augment::Given;
use crate::augment::{Purpose, error::Problems};

/// Adds a smooth random curve over frequency to every frame: straight lines between knots that lie
/// evenly over the bands, each normal around 0 dB. Our own.
///
/// The curve's strength is itself drawn, evenly from 0 to `max_std_db`, so that weak and strong
/// curves both occur.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Equalizer {
    /// Number of knots, 2 to 64; default 6. More makes the curve rougher.
    pub knots: usize,
    /// The largest standard deviation of a knot, decibels, 0 to 60; default 6. 0 does nothing.
    pub max_std_db: f64,
}

impl Default for Equalizer {
    fn default() -> Self {
        Self {
            knots: 6,
            max_std_db: 6.0,
        }
    }
}

/// The gain of every band, in decibels.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Curve(Vec<f32>);

impl Curve {
    /// Straight lines through knots that lie evenly from the first band to the last.
    fn through(knots: &[f32], bands: usize) -> Self {
        let at = |band: usize| {
            let last_band = (bands - 1).max(1);
            let position = band as f32 * (knots.len() - 1) as f32 / last_band as f32;
            let left = (position as usize).min(knots.len() - 2);
            let share = position - left as f32;
            knots[left] * (1.0 - share) + knots[left + 1] * share
        };
        Self((0..bands).map(at).collect())
    }
}

impl Augment for Equalizer {
    type Draw = Curve;

    const PURPOSE: Purpose = Purpose::Augmentation(14);

    fn check(&self, _: &Patch, problems: &mut Problems<'_>) {
        let enough = (2..=64).contains(&self.knots);
        problems.require(enough, "knots", self.knots, "2 to 64");
        let strength = (0.0..=60.0).contains(&self.max_std_db);
        problems.require(strength, "max_std_db", self.max_std_db, "0 to 60 decibels");
    }

    fn draw(&self, patch: &Patch, rng: &mut impl Rng) -> Curve {
        let std = self.max_std_db * rng.random::<f64>();
        let normal = rand_distr::StandardNormal;
        let knots = (0..self.knots).map(|_| (std * rng.sample::<f64, _>(normal)) as f32);
        Curve::through(&knots.collect::<Vec<_>>(), patch.bands)
    }

    fn identity(patch: &Patch) -> Self::Draw {
        Curve(vec![0.0; patch.bands])
    }

    #[cfg(feature = "nn")]
    fn apply(&self, batch: &tch::Tensor, curves: &[Curve], given: &Given<'_>) -> tch::Tensor {
        let gains: Vec<f32> = curves.iter().flat_map(|curve| &curve.0).copied().collect();
        let gains = tch::Tensor::from_slice(&gains).view([curves.len() as i64, 1, -1, 1]);
        batch + gains.to_device(batch.device()) * given.patch.unit.per_decibel() // [batch, 1, mels, 1]
    }

    #[cfg(test)]
    fn at_strength_zero() -> Option<Self> {
        Some(Self {
            max_std_db: 0.0,
            ..Self::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_goes_straight_from_knot_to_knot() {
        let curve = Curve::through(&[0.0, 4.0, -2.0], 9);
        let expected = [0.0, 1.0, 2.0, 3.0, 4.0, 2.5, 1.0, -0.5, -2.0];
        assert_eq!(curve.0, expected);
        assert_eq!(Curve::through(&[3.0, 5.0], 1).0, [3.0]);
    }

    #[cfg(feature = "nn")]
    #[test]
    fn every_frame_of_a_band_gets_the_gain_of_its_band() {
        let patch = tch::Tensor::zeros([1, 1, 3, 5], (tch::Kind::Float, tch::Device::Cpu));
        let curve = Curve(vec![1.0, 0.0, -20.0]);
        let changed =
            super::super::augment::testing::applied(&Equalizer::default(), &patch, &[curve]);
        for frame in 0..5 {
            for (band, gain) in [(0, 0.1), (1, 0.0), (2, -2.0)] {
                let value = changed.double_value(&[0, 0, band, frame]);
                assert!((value - gain).abs() < 1e-6);
            }
        }
    }
}

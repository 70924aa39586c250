//! Louder or softer.

use rand::Rng;

use super::augment::{Augment, Given};
use crate::audio::{SampleRate, Waveform};
use crate::augment::{Interval, Purpose, error::Problems};

/// Makes sound louder or softer. Samples beyond full scale stay as they are: nothing is clipped. Our own; front ends that
/// scale each clip by itself do not see it.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gain {
    /// Decibels, −120 to 120; default `[-6, 6]`, as [`crate::augment::spectrogram::Gain`]. `[0, 0]` does nothing.
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
    type Draw = f64;

    const PURPOSE: Purpose = Purpose::Augmentation(51);

    fn check(&self, _: SampleRate, problems: &mut Problems<'_>) {
        self.gain_db.check("gain_db", -120.0, 120.0, problems);
    }

    /// The gain in decibels.
    fn draw(&self, rng: &mut impl Rng) -> f64 {
        self.gain_db.draw(rng)
    }

    fn apply(&self, gain_db: f64, mut sound: Waveform, _: &Given<'_>) -> Waveform {
        let factor = 10f64.powf(gain_db / 20.0) as f32;
        for channel in sound.channels_mut() {
            channel.iter_mut().for_each(|sample| *sample *= factor);
        }
        sound
    }

    #[cfg(test)]
    fn at_strength_zero() -> Option<Self> {
        Some(Self {
            gain_db: Interval::new(0.0, 0.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn decibels_are_those_of_the_level(gain_db in -40.0f64..40.0) {
            let sound = noise(2, 500, 1);
            let louder = applied(&Gain::default(), gain_db, sound.clone());
            let change = 10.0 * (mean_square(&louder) / mean_square(&sound)).log10();
            prop_assert!((change - gain_db).abs() < 1e-4);
        }
    }
}

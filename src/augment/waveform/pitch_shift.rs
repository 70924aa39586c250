//! Higher or lower at the same speed.

use rand::Rng;

use super::augment::{Augment, Given};
use super::time_stretch::window_len;
use crate::audio::{SampleRate, Waveform};
use crate::augment::{Interval, Purpose, error::Problems};
use crate::signal;

/// Plays sound higher or lower at the same speed and length (Lin 2021; CLAR, Al-Tahan and Mohsenzadeh 2021): stretched
/// ([`signal::stretch`]), then played back faster or slower ([`signal::rescale`]).
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PitchShift {
    /// By how many semitones, −24 to 24; default `[-4, 4]` (ours: Lin does not say; CLAR: `[-15, 15]`). `[0, 0]` does
    /// nothing.
    pub semitones: Interval<f64>,
}

impl Default for PitchShift {
    fn default() -> Self {
        Self {
            semitones: Interval::new(-4.0, 4.0),
        }
    }
}

impl Augment for PitchShift {
    type Draw = f64;

    const PURPOSE: Purpose = Purpose::Augmentation(46);

    fn check(&self, _: SampleRate, problems: &mut Problems<'_>) {
        self.semitones.check("semitones", -24.0, 24.0, problems);
    }

    /// By how many semitones.
    fn draw(&self, rng: &mut impl Rng) -> f64 {
        self.semitones.draw(rng)
    }

    fn apply(&self, semitones: f64, sound: Waveform, _: &Given<'_>) -> Waveform {
        if semitones == 0.0 {
            return sound;
        }
        let ratio = (semitones / 12.0).exp2();
        let (len, window) = (sound.len(), window_len(sound.sample_rate()));
        sound.with_channels(|channels| {
            let stretched = signal::stretch(&channels, 1.0 / ratio, window);
            stretched
                .iter()
                .map(|channel| signal::rescale(channel, len))
                .collect()
        })
    }

    #[cfg(test)]
    fn at_strength_zero() -> Option<Self> {
        Some(Self {
            semitones: Interval::new(0.0, 0.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn a_tone_lands_on_the_asked_frequency_and_keeps_its_length(
            semitones in -15.0f64..15.0, hz in 200.0f64..4000.0,
        ) {
            let shifted = applied(&PitchShift::default(), semitones, tone(hz, 44_100));
            prop_assert_eq!(shifted.len(), 44_100);
            let asked = hz * (semitones / 12.0).exp2();
            let reached = frequency(&shifted) / asked;
            prop_assert!((reached - 1.0).abs() < 0.005, "{reached}");
        }
    }

    #[test]
    fn any_length_is_kept() {
        for len in [0, 1, 2, 50, 3001] {
            for semitones in [-7.0, 0.0, 5.5] {
                assert_eq!(
                    applied(&PitchShift::default(), semitones, noise(2, len, 1)).len(),
                    len
                );
            }
        }
    }
}

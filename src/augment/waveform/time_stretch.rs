//! Faster or slower at the same pitch.

use rand::{Rng, RngExt};

use super::augment::{Augment, Given};
use crate::audio::{SampleRate, Waveform};
use crate::augment::{Interval, Purpose, error::Problems};
use crate::signal;

/// Plays sound faster or slower at the same pitch (Emami et al. 2021; CLAR, Al-Tahan and Mohsenzadeh 2021), by a phase
/// vocoder that leaves sudden onsets as they are ([`signal::stretch`]). The length becomes `round(len / rate)`; put
/// `pad-crop` after it where it must not change.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeStretch {
    /// How many times as fast; 0.25 to 4, default `[0.9, 1.1]` (Emami's "factor of 0.1"; CLAR: `[0.5, 1.5]`). `[1, 1]` does
    /// nothing.
    pub rate: Interval<f64>,
    /// Which of these rates are drawn. Default all between.
    pub drawn: Rates,
}

/// Which rates of an interval are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rates {
    /// All between its ends, evenly.
    Between,
    /// Its two ends, equally often.
    Ends,
}

impl Default for TimeStretch {
    fn default() -> Self {
        Self {
            rate: Interval::new(0.9, 1.1),
            drawn: Rates::Between,
        }
    }
}

impl Augment for TimeStretch {
    type Draw = f64;

    const PURPOSE: Purpose = Purpose::Augmentation(45);

    fn check(&self, _: SampleRate, problems: &mut Problems<'_>) {
        self.rate.check("rate", 0.25, 4.0, problems);
    }

    /// How many times as fast.
    fn draw(&self, rng: &mut impl Rng) -> f64 {
        match self.drawn {
            Rates::Between => self.rate.draw(rng),
            Rates::Ends if rng.random_bool(0.5) => self.rate.high,
            Rates::Ends => self.rate.low,
        }
    }

    fn apply(&self, rate: f64, sound: Waveform, _: &Given<'_>) -> Waveform {
        let window = window_len(sound.sample_rate());
        sound.with_channels(|channels| signal::stretch(&channels, rate, window))
    }

    #[cfg(test)]
    fn at_strength_zero() -> Option<Self> {
        Some(Self {
            rate: Interval::new(1.0, 1.0),
            ..Self::default()
        })
    }
}

/// The power of two nearest 70 ms: four periods of a tone of 57 Hz; 2048 samples at 22.05 kHz.
pub(super) fn window_len(rate: SampleRate) -> usize {
    let samples = 0.07 * f64::from(rate.hz());
    1 << samples.log2().round().max(4.0) as u32
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn a_tone_keeps_its_frequency_and_gets_the_length(rate in 0.5f64..1.5, hz in 100.0f64..5000.0) {
            let stretched = applied(&TimeStretch::default(), rate, tone(hz, 44_100));
            prop_assert_eq!(stretched.len(), (44_100.0 / rate).round() as usize);
            let kept = frequency(&stretched) / hz;
            prop_assert!((kept - 1.0).abs() < 0.005, "{kept}");
        }
    }

    #[test]
    fn windows_are_about_70_ms_long() {
        let len = |hz| window_len(SampleRate::new(hz).unwrap());
        let lens = [8_000, 16_000, 22_050, 44_100, 48_000].map(len);
        assert_eq!(lens, [512, 1024, 2048, 4096, 4096]);
        assert_eq!(len(1), 16);
    }

    #[test]
    fn ends_are_drawn_alone() {
        let step = TimeStretch {
            drawn: Rates::Ends,
            ..TimeStretch::default()
        };
        let mut rng = rng(1);
        let drawn: Vec<f64> = (0..400).map(|_| step.draw(&mut rng)).collect();
        assert!(drawn.iter().all(|&rate| rate == 0.9 || rate == 1.1));
        let low = drawn.iter().filter(|&&rate| rate == 0.9).count();
        assert!((150..250).contains(&low), "{low}");
    }
}

//! A stretch of time covered.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::augment::{Augment, Given};
use super::level::mean_square;
use crate::audio::{SampleRate, Waveform};
use crate::augment::{Interval, Purpose, error::Problems};

/// Covers a stretch of time in all channels with silence or noise (CLAR, Al-Tahan and Mohsenzadeh 2021).
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeMask {
    /// Share of the clip that is covered; 0 to 1, default `[0, 0.125]` (CLAR). `[0, 0]` does nothing.
    pub share: Interval<f64>,
    /// What covers it, to choose from equally often; default silence and noise (CLAR).
    pub fills: Vec<MaskFill>,
}

/// What covers a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MaskFill {
    /// Zeros.
    Silence,
    /// White noise as strong as the clip on average.
    Noise,
}

impl Default for TimeMask {
    fn default() -> Self {
        Self {
            share: Interval::new(0.0, 0.125),
            fills: vec![MaskFill::Silence, MaskFill::Noise],
        }
    }
}

/// Which stretch is covered, and how.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct TimeMaskDraw {
    /// Its share of the clip.
    share: f64,
    /// Where it lies in what is left: 0 at the beginning, towards 1 at the end.
    place: f64,
    /// What covers it.
    fill: MaskFill,
    /// Seed of the noise.
    seed: [u8; 32],
}

impl Augment for TimeMask {
    type Draw = TimeMaskDraw;

    const PURPOSE: Purpose = Purpose::Augmentation(49);

    fn check(&self, _: SampleRate, problems: &mut Problems<'_>) {
        self.share.check("share", 0.0, 1.0, problems);
        problems.require(!self.fills.is_empty(), "fills", "[]", "at least one");
    }

    fn draw(&self, rng: &mut impl Rng) -> TimeMaskDraw {
        TimeMaskDraw {
            share: self.share.draw(rng),
            place: rng.random(),
            fill: self.fills[rng.random_range(0..self.fills.len())],
            seed: rng.random(),
        }
    }

    fn apply(&self, drawn: TimeMaskDraw, mut sound: Waveform, _: &Given<'_>) -> Waveform {
        let len = (drawn.share * sound.len() as f64).round() as usize;
        let start = (drawn.place * (sound.len() - len + 1) as f64) as usize;
        let strength = mean_square(&sound).sqrt() as f32;
        let mut rng = ChaCha8Rng::from_seed(drawn.seed);
        for channel in sound.channels_mut() {
            let covered = &mut channel[start..start + len];
            match drawn.fill {
                MaskFill::Silence => covered.fill(0.0),
                MaskFill::Noise => covered.iter_mut().for_each(|sample| {
                    *sample = strength * rng.sample::<f32, _>(StandardNormal);
                }),
            }
        }
        sound
    }

    #[cfg(test)]
    fn at_strength_zero() -> Option<Self> {
        Some(Self {
            share: Interval::new(0.0, 0.0),
            ..Self::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn one_stretch_of_the_asked_length_is_covered(
            len in 1usize..500, share in 0.0f64..=1.0, place in 0.0f64..1.0, noisy: bool,
        ) {
            let sound = noise(2, len, 1);
            let fill = if noisy { MaskFill::Noise } else { MaskFill::Silence };
            let drawn = TimeMaskDraw { share, place, fill, seed: [3; 32] };
            let masked = applied(&TimeMask::default(), drawn, sound.clone());
            let changed: Vec<usize> = (0..len)
                .filter(|&n| masked.channels()[0][n] != sound.channels()[0][n])
                .collect();
            prop_assert_eq!(changed.len(), (share * len as f64).round() as usize);
            prop_assert!(changed.windows(2).all(|pair| pair[1] == pair[0] + 1));
            prop_assert!(noisy || changed.iter().all(|&n| masked.channels()[1][n] == 0.0));
        }
    }

    #[test]
    fn noise_in_a_mask_is_as_strong_as_the_clip() {
        let sound = noise(1, 20_000, 1);
        let drawn = TimeMaskDraw {
            share: 1.0,
            place: 0.0,
            fill: MaskFill::Noise,
            seed: [3; 32],
        };
        let masked = applied(&TimeMask::default(), drawn, sound.clone());
        let ratio = mean_square(&masked) / mean_square(&sound);
        // The variance of 20,000 values has a standard error of 1 %.
        assert!((ratio - 1.0).abs() < 0.05, "{ratio}");
    }
}

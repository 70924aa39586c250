//! Another clip in the background.

use rand::{Rng, RngExt};

use super::augment::{Augment, Given};
use super::level::{add_at_snr, check_snr};
use crate::audio::{SampleRate, Waveform};
use crate::augment::{Interval, Purpose, error::Problems};

/// Mixes another clip in, at a given ratio of the clip to it. A shorter one is repeated, of a longer one a random part is
/// taken; where it has fewer channels they are used again. Our own, after mix-back (Fonseca et al. 2020), which does
/// the same to spectrograms.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Background {
    /// How far the clip is above the background, in decibels of mean power; −120 to 120, default `[3, 30]`, as
    /// [`super::Noise`]. `[inf, inf]` adds nothing.
    pub snr_db: Interval<f64>,
}

impl Default for Background {
    fn default() -> Self {
        Self {
            snr_db: Interval::new(3.0, 30.0),
        }
    }
}

/// How the background is mixed in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct BackgroundDraw {
    /// How far the clip is above it, in decibels.
    snr_db: f64,
    /// Where it begins: 0 at its first sample, towards 1 at the last from which it fills the clip.
    place: f64,
}

impl Augment for Background {
    type Draw = BackgroundDraw;

    const PURPOSE: Purpose = Purpose::Augmentation(53);
    const NEEDS_BACKGROUND: bool = true;

    fn check(&self, _: SampleRate, problems: &mut Problems<'_>) {
        check_snr(self.snr_db, "snr_db", problems);
    }

    fn draw(&self, rng: &mut impl Rng) -> BackgroundDraw {
        BackgroundDraw {
            snr_db: self.snr_db.draw(rng),
            place: rng.random(),
        }
    }

    fn apply(&self, drawn: BackgroundDraw, sound: Waveform, given: &Given<'_>) -> Waveform {
        let other = given.background.expect("background needs another clip");
        assert_eq!(
            other.sample_rate(),
            sound.sample_rate(),
            "the background has another sample rate than the clip"
        );
        if drawn.snr_db == f64::INFINITY || other.is_empty() {
            return sound;
        }
        let room = other.len().saturating_sub(sound.len()) + 1;
        let start = (drawn.place * room as f64) as usize;
        let take = |channel: &Vec<f32>| {
            let samples = channel[start..].iter().cycle().take(sound.len());
            samples.copied().collect()
        };
        let channels = other.channels().iter().cycle();
        let background: Vec<Vec<f32>> = channels.take(sound.channels().len()).map(take).collect();
        add_at_snr(sound, &background, drawn.snr_db)
    }

    #[cfg(test)]
    fn at_strength_zero() -> Option<Self> {
        Some(Self {
            snr_db: super::level::NEVER,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use proptest::prelude::*;

    fn mixed(drawn: BackgroundDraw, sound: Waveform, other: &Waveform) -> Waveform {
        applied_over(&Background::default(), drawn, sound, Some(other))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn the_asked_ratio_is_reached(
            snr_db in -30.0f64..40.0, place in 0.0f64..1.0, len in 1usize..700, channels in 1usize..3,
        ) {
            let sound = noise(2, 300, 1);
            let drawn = BackgroundDraw { snr_db, place };
            let mixed = mixed(drawn, sound.clone(), &noise(channels, len, 2));
            let added = difference(&mixed, &sound);
            let reached = 10.0 * (mean_square(&sound) / mean_square(&added)).log10();
            prop_assert!((reached - snr_db).abs() < 0.1, "{reached}, not {snr_db}");
        }
    }

    #[test]
    fn a_short_background_is_repeated_and_a_long_one_cut() {
        let sound = channels(vec![vec![1.0; 4]]);
        let mix = |other: Vec<f32>, place| {
            let drawn = BackgroundDraw { snr_db: 0.0, place };
            let mixed = mixed(drawn, sound.clone(), &channels(vec![other]));
            difference(&mixed, &sound).into_channels().remove(0)
        };
        let repeated = mix(vec![1.0, -1.0], 0.0);
        assert_eq!(repeated, [1.0, -1.0, 1.0, -1.0]);
        // Six samples leave three places to start from; the last has the value 0 nowhere.
        let cut = mix(vec![0.0, 0.0, 1.0, 1.0, 1.0, 1.0], 0.99);
        assert_eq!(cut, [1.0; 4]);
    }

    #[test]
    fn a_silent_background_changes_nothing() {
        let (sound, silence) = (noise(1, 50, 1), channels(vec![vec![0.0; 50]]));
        let drawn = BackgroundDraw {
            snr_db: 3.0,
            place: 0.0,
        };
        assert_eq!(mixed(drawn, sound.clone(), &silence), sound);
        assert_eq!(mixed(drawn, silence.clone(), &sound), silence);
    }
}

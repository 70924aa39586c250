//! Faster or slower, pitch and all.

use rand::Rng;

use super::augment::{Augment, Given};
use crate::audio::{SampleRate, Waveform};
use crate::augment::{Interval, Purpose, error::Problems};
use crate::signal;

/// Makes sound longer and lower or shorter and higher, as a tape at another speed (ESResNet, Guzhov et al. 2020).
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scale {
    /// Length becomes `max_factor^u` times what it was, `u` drawn evenly from −1 to 1; 1 to 16, default 1.25 (ESResNet). 1
    /// does nothing.
    pub max_factor: f64,
    /// How samples between samples are found. Default `linear`.
    pub interpolation: Interpolation,
}

/// How samples between samples are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interpolation {
    /// On the line between neighbours, `y[n] = x(n / factor)`, `⌊len · factor⌋` of them (ESResNet). Damps the highest
    /// octave, and folds what a shorter sound cannot hold.
    Linear,
    /// Band-limited ([`signal::rescale`]); damps and folds nothing that can be heard.
    Sinc,
}

impl Default for Scale {
    fn default() -> Self {
        Self {
            max_factor: 1.25,
            interpolation: Interpolation::Linear,
        }
    }
}

impl Augment for Scale {
    type Draw = f64;

    const PURPOSE: Purpose = Purpose::Augmentation(44);

    fn check(&self, _: SampleRate, problems: &mut Problems<'_>) {
        let holds = (1.0..=16.0).contains(&self.max_factor);
        problems.require(
            holds,
            "max_factor",
            self.max_factor,
            "a number from 1 to 16",
        );
    }

    /// The factor of the length.
    fn draw(&self, rng: &mut impl Rng) -> f64 {
        self.max_factor.powf(Interval::new(-1.0, 1.0).draw(rng))
    }

    fn apply(&self, factor: f64, sound: Waveform, _: &Given<'_>) -> Waveform {
        if factor == 1.0 || sound.is_empty() {
            return sound;
        }
        let len = ((sound.len() as f64 * factor) as usize).max(1);
        let scale = |channel: Vec<f32>| match self.interpolation {
            Interpolation::Linear => on_lines(&channel, factor, len),
            Interpolation::Sinc => signal::rescale(&channel, len),
        };
        sound.with_channels(|channels| channels.into_iter().map(scale).collect())
    }

    #[cfg(test)]
    fn at_strength_zero() -> Option<Self> {
        Some(Self {
            max_factor: 1.0,
            ..Self::default()
        })
    }
}

/// `y[n] = x(n / factor)` on the lines between neighbours; the last sample goes on.
fn on_lines(x: &[f32], factor: f64, len: usize) -> Vec<f32> {
    let last = x.len() - 1;
    (0..len)
        .map(|n| {
            let place = n as f64 / factor;
            let before = (place as usize).min(last);
            let share = (place - before as f64) as f32;
            x[before] * (1.0 - share) + x[(before + 1).min(last)] * share
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn lengths_and_pitch_scale_together(factor in 0.8f64..1.25, sinc: bool) {
            let interpolation = if sinc { Interpolation::Sinc } else { Interpolation::Linear };
            let step = Scale { max_factor: 1.25, interpolation };
            let scaled = applied(&step, factor, tone(500.0, 22_050));
            prop_assert_eq!(scaled.len(), (22_050.0 * factor) as usize);
            let heard = frequency(&scaled);
            prop_assert!((heard * factor / 500.0 - 1.0).abs() < 1e-3, "{heard}");
        }
    }

    #[test]
    fn lines_go_through_the_samples() {
        assert_eq!(
            on_lines(&[0.0, 2.0, 6.0], 2.0, 6),
            [0.0, 1.0, 2.0, 4.0, 6.0, 6.0]
        );
        assert_eq!(on_lines(&[0.0, 2.0, 6.0], 0.5, 1), [0.0]);
    }
}

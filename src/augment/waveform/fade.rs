//! Fading in and out.

use rand::{Rng, RngExt};

use super::augment::{Augment, Given};
use crate::audio::{SampleRate, Waveform};
use crate::augment::{Interval, Purpose, error::Problems};

/// Fades the beginning in and the end out, in one of several shapes (CLAR, Al-Tahan and Mohsenzadeh 2021).
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fade {
    /// Share of the clip that is faded in; 0 to 1, default `[0, 0.5]` (CLAR). `[0, 0]` leaves the beginning alone.
    pub in_share: Interval<f64>,
    /// Share of the clip that is faded out; 0 to 1, default `[0, 0.5]` (CLAR). `[0, 0]` leaves the end alone.
    pub out_share: Interval<f64>,
    /// The shapes to choose from, all equally often; default linear, logarithmic and exponential (CLAR).
    pub shapes: Vec<FadeShape>,
}

impl Default for Fade {
    fn default() -> Self {
        Self {
            in_share: Interval::new(0.0, 0.5),
            out_share: Interval::new(0.0, 0.5),
            shapes: vec![
                FadeShape::Linear,
                FadeShape::Logarithmic,
                FadeShape::Exponential,
            ],
        }
    }
}

/// How the factor `g` rises from 0 to 1 while `x` does; fades out run backwards.
///
/// # Source
/// `torchaudio.transforms.Fade`, cut off at 1 as there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FadeShape {
    /// `g = x`.
    Linear,
    /// `g = (1 − cos πx) / 2`: slow at both ends.
    HalfCosine,
    /// `g = 1 + log₁₀(0.1 + x)`: quickly up, and 1 from `x = 0.9` on.
    Logarithmic,
    /// `g = x · 2^(x−1)`: slowly up.
    Exponential,
}

impl FadeShape {
    fn at(self, x: f64) -> f64 {
        match self {
            Self::Linear => x,
            Self::HalfCosine => (1.0 - (std::f64::consts::PI * x).cos()) / 2.0,
            Self::Logarithmic => (1.0 + (0.1 + x).log10()).min(1.0),
            Self::Exponential => x * (x - 1.0).exp2(),
        }
    }
}

/// How a clip is faded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct FadeDraw {
    /// Share that is faded in.
    in_share: f64,
    /// Share that is faded out.
    out_share: f64,
    /// The shape of both.
    shape: FadeShape,
}

impl Augment for Fade {
    type Draw = FadeDraw;

    const PURPOSE: Purpose = Purpose::Augmentation(48);

    fn check(&self, _: SampleRate, problems: &mut Problems<'_>) {
        self.in_share.check("in_share", 0.0, 1.0, problems);
        self.out_share.check("out_share", 0.0, 1.0, problems);
        problems.require(!self.shapes.is_empty(), "shapes", "[]", "at least one");
    }

    fn draw(&self, rng: &mut impl Rng) -> FadeDraw {
        FadeDraw {
            in_share: self.in_share.draw(rng),
            out_share: self.out_share.draw(rng),
            shape: self.shapes[rng.random_range(0..self.shapes.len())],
        }
    }

    fn apply(&self, drawn: FadeDraw, mut sound: Waveform, _: &Given<'_>) -> Waveform {
        let samples = |share: f64| (share * sound.len() as f64).round() as usize;
        let (fade_in, fade_out) = (
            drawn.shape.ramp(samples(drawn.in_share)),
            drawn.shape.ramp(samples(drawn.out_share)),
        );
        for channel in sound.channels_mut() {
            for (sample, factor) in channel.iter_mut().zip(&fade_in) {
                *sample *= factor;
            }
            for (sample, factor) in channel.iter_mut().rev().zip(&fade_out) {
                *sample *= factor;
            }
        }
        sound
    }

    #[cfg(test)]
    fn at_strength_zero() -> Option<Self> {
        Some(Self {
            in_share: Interval::new(0.0, 0.0),
            out_share: Interval::new(0.0, 0.0),
            ..Self::default()
        })
    }
}

impl FadeShape {
    /// The factors of a fade over `len` samples, from 0 to 1; a single sample is silenced.
    fn ramp(self, len: usize) -> Vec<f32> {
        let last = len.saturating_sub(1).max(1) as f64;
        (0..len).map(|n| self.at(n as f64 / last) as f32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    const SHAPES: [FadeShape; 4] = [
        FadeShape::Linear,
        FadeShape::HalfCosine,
        FadeShape::Logarithmic,
        FadeShape::Exponential,
    ];

    #[test]
    fn every_shape_rises_from_silence_to_full_and_back() {
        for shape in SHAPES {
            let drawn = FadeDraw {
                in_share: 0.25,
                out_share: 0.5,
                shape,
            };
            let faded = applied(&Fade::default(), drawn, channels(vec![vec![1.0; 400]]));
            let faded = &faded.channels()[0];
            assert!(
                faded[0].abs() < 1e-6 && faded[399].abs() < 1e-6,
                "{shape:?}"
            );
            assert!((faded[99] - 1.0).abs() < 1e-6 && (faded[200] - 1.0).abs() < 1e-6);
            assert!(faded[100..200].iter().all(|&g| g == 1.0));
            assert!(faded[..100].is_sorted(), "{shape:?}");
            assert!(faded[200..].iter().rev().is_sorted(), "{shape:?}");
        }
    }

    #[test]
    fn shapes_are_those_of_torchaudio() {
        // `Fade(5, 0, shape)` of torchaudio 2.11.0 over ones; its `half_sine` is our half cosine.
        for (shape, expected) in [
            (FadeShape::Linear, [0.25, 0.5, 0.75]),
            (FadeShape::HalfCosine, [0.146_446_62, 0.5, 0.853_553_4]),
            (
                FadeShape::Logarithmic,
                [0.544_068_04, 0.778_151_27, 0.929_418_9],
            ),
            (
                FadeShape::Exponential,
                [0.148_650_88, 0.353_553_38, 0.630_672_34],
            ),
        ] {
            let ramp = shape.ramp(5);
            assert_eq!((ramp[0], ramp[4]), (0.0, 1.0), "{shape:?}");
            for (ours, theirs) in ramp[1..4].iter().zip(expected) {
                assert!((ours - theirs as f32).abs() < 1e-6, "{shape:?}: {ramp:?}");
            }
        }
    }
}

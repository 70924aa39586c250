//! What front ends do to the level of a clip.

use super::error::Problems;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// What is done to the samples of a clip before its first frame is cut.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum InputScaling {
    /// Nothing: levels of recordings stay comparable.
    None {},
    /// `x·factor`.
    Gain {
        /// Any positive factor; the prototypical baseline uses 2³².
        factor: f64,
    },
    /// `y / (max |y| + offset)` with `y = x − mean(x)`: every clip becomes equally loud, noise
    /// between two calls too.
    Peak {
        /// Keeps silence silent, > 0; Fonseca et al. use 0.005.
        offset: f64,
    },
    /// `x / √max(Σx², epsilon)`: the clip as a vector of length 1.
    UnitNorm {
        /// Keeps silence silent, > 0. Default 1e-12, that of TensorFlow's `l2_normalize`.
        #[serde(default = "unit_norm_epsilon")]
        epsilon: f64,
    },
}

fn unit_norm_epsilon() -> f64 {
    1e-12
}

impl InputScaling {
    /// [`Self::UnitNorm`] with TensorFlow's epsilon.
    pub fn unit_norm() -> Self {
        Self::UnitNorm {
            epsilon: unit_norm_epsilon(),
        }
    }

    pub(super) fn check(&self, problems: &mut Problems) {
        let (key, value) = match *self {
            Self::None {} => return,
            Self::Gain { factor } => ("input_scaling.factor", factor),
            Self::Peak { offset } => ("input_scaling.offset", offset),
            Self::UnitNorm { epsilon } => ("input_scaling.epsilon", epsilon),
        };
        let fine = value > 0.0 && value.is_finite();
        problems.check(fine, key, value, "above 0 and finite");
    }

    /// The scaled samples.
    pub(super) fn apply(self, samples: &[f32]) -> Cow<'_, [f32]> {
        let (mean, gain) = match self {
            Self::None {} => return Cow::Borrowed(samples),
            Self::Gain { factor } => (0.0, factor),
            Self::Peak { offset } => {
                let mean = mean(samples);
                let peak = in_f64(samples).fold(0.0, |peak: f64, x| peak.max((x - mean).abs()));
                (mean, 1.0 / (peak + offset))
            }
            Self::UnitNorm { epsilon } => {
                let energy: f64 = in_f64(samples).map(|x| x * x).sum();
                (0.0, 1.0 / energy.max(epsilon).sqrt())
            }
        };
        in_f64(samples)
            .map(|x| ((x - mean) * gain) as f32)
            .collect()
    }
}

fn in_f64(samples: &[f32]) -> impl Iterator<Item = f64> {
    samples.iter().map(|&x| f64::from(x))
}

fn mean(samples: &[f32]) -> f64 {
    in_f64(samples).sum::<f64>() / samples.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLES: [f32; 4] = [0.5, -0.25, 0.75, 0.0];

    #[test]
    fn no_scaling_copies_nothing() {
        assert!(matches!(
            InputScaling::None {}.apply(&SAMPLES),
            Cow::Borrowed(_)
        ));
    }

    #[test]
    fn peak_scaling_removes_the_mean_then_divides_by_the_largest_rest() {
        // mean 0.25, largest distance from it 0.5
        let scaled = InputScaling::Peak { offset: 0.5 }.apply(&SAMPLES);
        assert_eq!(*scaled, [0.25, -0.5, 0.5, -0.25]);
    }

    #[test]
    fn unit_norm_gives_a_vector_of_length_one_and_keeps_silence() {
        let scaled = InputScaling::unit_norm().apply(&SAMPLES);
        let energy: f32 = scaled.iter().map(|x| x * x).sum();
        assert!((energy - 1.0).abs() < 1e-6);
        assert_eq!(*InputScaling::unit_norm().apply(&[0.0; 3]), [0.0; 3]);
    }

    #[test]
    fn gain_multiplies() {
        let scaled = InputScaling::Gain { factor: 4.0 }.apply(&SAMPLES);
        assert_eq!(*scaled, [2.0, -1.0, 3.0, 0.0]);
    }
}

//! What front ends do to the level of a clip.

use super::error::Problems;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::convert::Infallible;

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
    /// `low + (x − min)·(high − low) / (max − min)`: every clip fills the same range; a flat one becomes 0.
    MinMax {
        /// What the least sample becomes.
        low: f64,
        /// What the largest sample becomes, above `low`.
        high: f64,
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
            Self::MinMax { low, high } => {
                let least = -1e12..=1e12;
                let allowed = "from -1e12 to 1e12";
                problems.check(least.contains(&low), "input_scaling.low", low, allowed);
                let fine = high > low && high <= 1e12;
                let allowed = format!("above `input_scaling.low`, {low}, and at most 1e12");
                return problems.check(fine, "input_scaling.high", high, allowed);
            }
        };
        let fine = (1e-30..=1e30).contains(&value);
        problems.check(fine, key, value, "from 1e-30 to 1e30");
    }

    /// The scaled samples.
    pub(super) fn apply(self, samples: &[f32]) -> Cow<'_, [f32]> {
        match self.line(&[samples]) {
            None => Cow::Borrowed(samples),
            Some(line) => Cow::Owned(line.of(samples)),
        }
    }

    /// The scaled sides of one sound: what is measured is measured over all, so that their balance stays.
    pub(super) fn apply_to_all<'a>(self, sides: &[&'a [f32]]) -> Vec<Cow<'a, [f32]>> {
        let line = self.line(sides);
        let scaled = sides.iter().map(|&side| match &line {
            None => Cow::Borrowed(side),
            Some(line) => Cow::Owned(line.of(side)),
        });
        scaled.collect()
    }

    /// Whether the samples decide what becomes of them.
    pub(super) fn measures_clip(self) -> bool {
        !matches!(self, Self::None {} | Self::Gain { .. })
    }

    /// What every sample goes through, if it changes at all.
    pub(super) fn line(self, sides: &[&[f32]]) -> Option<Line> {
        let Ok(line) = self.measured(|listener| {
            for &side in sides {
                listener(side);
            }
            Ok::<_, Infallible>(())
        });
        line
    }

    /// The same of sound that is not in memory.
    ///
    /// `play` gives its listener the whole sound, piece by piece. It is called as often as the rule has to hear the sound.
    /// Samples are added up one after the other, so where a piece ends does not change a bit.
    ///
    /// # Errors
    /// The first of `play`.
    pub(super) fn measured<E>(
        self,
        mut play: impl FnMut(&mut dyn FnMut(&[f32])) -> Result<(), E>,
    ) -> Result<Option<Line>, E> {
        let (centre, gain, offset) = match self {
            Self::None {} => return Ok(None),
            Self::Gain { factor } => (0.0, factor, 0.0),
            Self::Peak { offset } => {
                let (mut count, mut sum) = (0u64, 0.0f64);
                play(&mut |piece: &[f32]| {
                    count += piece.len() as u64;
                    sum = in_f64(piece).fold(sum, |sum, x| sum + x);
                })?;
                let mean = sum / count.max(1) as f64;
                let mut peak = 0.0f64;
                play(&mut |piece: &[f32]| {
                    peak = in_f64(piece).fold(peak, |peak, x| peak.max((x - mean).abs()));
                })?;
                (mean, 1.0 / (peak + offset), 0.0)
            }
            Self::MinMax { low, high } => {
                let (mut least, mut largest) = (f64::INFINITY, f64::NEG_INFINITY);
                play(&mut |piece: &[f32]| {
                    least = in_f64(piece).fold(least, f64::min);
                    largest = in_f64(piece).fold(largest, f64::max);
                })?;
                if least < largest {
                    (least, (high - low) / (largest - least), low)
                } else {
                    (0.0, 0.0, 0.0)
                }
            }
            Self::UnitNorm { epsilon } => {
                let mut energy = 0.0f64;
                play(&mut |piece: &[f32]| {
                    energy = in_f64(piece).fold(energy, |energy, x| energy + x * x);
                })?;
                (0.0, 1.0 / energy.max(epsilon).sqrt(), 0.0)
            }
        };
        Ok(Some(Line {
            centre,
            gain,
            offset,
        }))
    }
}

/// `(x − centre)·gain + offset`
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    centre: f64,
    gain: f64,
    offset: f64,
}

impl Line {
    pub(super) fn of(&self, samples: &[f32]) -> Vec<f32> {
        samples.iter().map(|&x| self.at(x)).collect()
    }

    /// Changes samples in place.
    pub(super) fn change(&self, samples: &mut [f32]) {
        samples.iter_mut().for_each(|x| *x = self.at(*x));
    }

    fn at(&self, x: f32) -> f32 {
        ((f64::from(x) - self.centre) * self.gain + self.offset) as f32
    }
}

fn in_f64(samples: &[f32]) -> impl Iterator<Item = f64> {
    samples.iter().map(|&x| f64::from(x))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLES: [f32; 4] = [0.5, -0.25, 0.75, 0.0];

    impl Line {
        fn bits(&self) -> [u64; 3] {
            [self.centre, self.gain, self.offset].map(f64::to_bits)
        }
    }

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
    fn min_max_fills_its_range_and_makes_flat_sound_silent() {
        let scaling = InputScaling::MinMax {
            low: -2.0,
            high: 6.0,
        };
        assert_eq!(*scaling.apply(&SAMPLES), [4.0, -2.0, 6.0, 0.0]);
        assert_eq!(*scaling.apply(&[0.3; 3]), [0.0; 3]);
        assert!(scaling.apply(&[]).is_empty());
    }

    #[test]
    fn sides_of_one_sound_are_scaled_alike() {
        let scaling = InputScaling::MinMax {
            low: 0.0,
            high: 1.0,
        };
        let scaled = scaling.apply_to_all(&[&[0.0, 0.5], &[-0.5, 0.25]]);
        assert_eq!(*scaled[0], [0.5, 1.0]);
        assert_eq!(*scaled[1], [0.0, 0.75]);
    }

    #[test]
    fn unit_norm_gives_a_vector_of_length_one_and_keeps_silence() {
        let scaled = InputScaling::unit_norm().apply(&SAMPLES);
        let energy: f32 = scaled.iter().map(|x| x * x).sum();
        assert!((energy - 1.0).abs() < 1e-6);
        assert_eq!(*InputScaling::unit_norm().apply(&[0.0; 3]), [0.0; 3]);
    }

    #[test]
    fn a_level_is_the_same_to_the_bit_in_pieces_of_any_length() {
        let scalings = [
            InputScaling::Gain { factor: 3.0 },
            InputScaling::Peak { offset: 0.005 },
            InputScaling::MinMax {
                low: -1.0,
                high: 1.0,
            },
            InputScaling::unit_norm(),
        ];
        // Of many magnitudes: added in another order, they give another sum.
        let noise: Vec<f32> = (0..5000)
            .map(|n| ((n * 7919) % 1009) as f32 * 0.37f32.powi(n % 40) - 0.1)
            .collect();
        let sounds: [&[f32]; 5] = [&noise, &[0.0; 700], &[-0.0; 3], &[0.25], &[]];
        for sound in sounds {
            for scaling in scalings {
                let whole = scaling.line(&[sound]).unwrap().bits();
                for length in [1, 3, 64, 4999, 6000] {
                    let line = scaling.measured(|listener| {
                        for piece in sound.chunks(length) {
                            listener(piece);
                        }
                        Ok::<_, Infallible>(())
                    });
                    let line = line.unwrap().unwrap();
                    assert_eq!(line.bits(), whole, "{scaling:?} in pieces of {length}");
                }
            }
        }
    }

    #[test]
    fn sound_that_cannot_be_played_has_no_level() {
        let scaling = InputScaling::Peak { offset: 0.005 };
        let mut plays = 0;
        let line = scaling.measured(|_| {
            plays += 1;
            Err("gone")
        });
        assert_eq!((line.err(), plays), (Some("gone"), 1));
        // What measures nothing does not listen.
        for scaling in [InputScaling::None {}, InputScaling::Gain { factor: 2.0 }] {
            assert!(scaling.measured(|_| Err("gone")).is_ok());
        }
    }

    #[test]
    fn gain_multiplies() {
        let scaled = InputScaling::Gain { factor: 4.0 }.apply(&SAMPLES);
        assert_eq!(*scaled, [2.0, -1.0, 3.0, 0.0]);
    }
}

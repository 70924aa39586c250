//! The last step of a front end: from energies to something like loudness.

use super::LogUnit;
use super::error::Problems;
use crate::signal::ln;
use serde::{Deserialize, Serialize};
use std::f32::consts::LOG10_E;

/// How band energies `x` become features.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Compression {
    /// `10·log₁₀(max(x, floor))`: decibels relative to 1 (librosa `power_to_db`, torchaudio
    /// `AmplitudeToDB`).
    Decibels {
        /// Silence, > 0. Default 1e-10: −100 dB.
        #[serde(default = "decibel_floor")]
        floor: f64,
        /// Raises everything below the clip's maximum minus this many decibels, > 0. Default absent;
        /// librosa's `mfcc` uses 80.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        top_db: Option<f64>,
    },
    /// `log₁₀(x + offset)`.
    Log10 {
        /// Silence, > 0.
        offset: f64,
    },
    /// `ln(clip(x, floor, ceiling))`.
    Ln {
        /// Silence, > 0.
        floor: f64,
        /// The loudest that is told apart, above `floor`.
        ceiling: f64,
    },
    /// `x` itself, for what compresses in its own way (PCEN).
    None {},
}

fn decibel_floor() -> f64 {
    1e-10
}

impl Compression {
    /// Decibels with a floor of −100 dB and no limit to the dynamic range.
    pub fn decibels() -> Self {
        Self::Decibels {
            floor: decibel_floor(),
            top_db: None,
        }
    }

    /// Which logarithm of energy its results are, if one at all.
    pub(super) fn log_unit(self) -> Option<LogUnit> {
        match self {
            Self::Decibels { .. } => Some(LogUnit::Decibel),
            Self::Log10 { .. } => Some(LogUnit::Log10),
            Self::Ln { .. } => Some(LogUnit::Ln),
            Self::None {} => None,
        }
    }

    pub(super) fn check(&self, problems: &mut Problems) {
        let mut silence = |key, value: f64| {
            let normal = f64::from(f32::MIN_POSITIVE)..f64::from(f32::MAX);
            let allowed = "from 1.2e-38 to 3.4e38, the range of f32";
            problems.check(normal.contains(&value), key, value, allowed);
        };
        match *self {
            Self::None {} => {}
            Self::Log10 { offset } => silence("compression.offset", offset),
            Self::Decibels { floor, top_db } => {
                silence("compression.floor", floor);
                let top_db = top_db.unwrap_or(1.0);
                let fine = top_db > 0.0 && top_db <= 1000.0;
                problems.check(fine, "compression.top_db", top_db, "above 0 to 1000 dB");
            }
            Self::Ln { floor, ceiling } => {
                silence("compression.floor", floor);
                let fine = ceiling > floor && ceiling <= f64::from(f32::MAX);
                let allowed = "above `compression.floor` and at most 3.4e38";
                problems.check(fine, "compression.ceiling", ceiling, allowed);
            }
        }
    }

    /// Compresses `energies` in place.
    #[inline(always)]
    pub(super) fn apply(self, energies: &mut [f32]) {
        let each = energies.iter_mut();
        match self {
            Self::Decibels { floor, .. } => {
                let floor = floor as f32;
                each.for_each(|x| *x = 10.0 * LOG10_E * ln(at_least(floor, saturated(*x))));
            }
            Self::Log10 { offset } => {
                let offset = offset as f32;
                each.for_each(|x| *x = LOG10_E * ln(saturated(*x + offset)));
            }
            Self::Ln { floor, ceiling } => {
                let (floor, ceiling) = (floor as f32, ceiling as f32);
                each.for_each(|x| *x = ln(at_least(floor, at_most(ceiling, *x))));
            }
            Self::None {} => each.for_each(|x| *x = saturated(*x)),
        }
    }

    /// Whether the whole clip decides what becomes of its parts.
    pub(super) fn limits_range(self) -> bool {
        let top_db = match self {
            Self::Decibels { top_db, .. } => top_db,
            Self::Log10 { .. } | Self::Ln { .. } | Self::None {} => None,
        };
        top_db.is_some()
    }

    /// Applies what depends on the whole clip: the dynamic range of [`Self::Decibels`].
    pub(super) fn limit_range(self, decibels: &mut [f32]) {
        let Self::Decibels {
            top_db: Some(top_db),
            ..
        } = self
        else {
            return;
        };
        let loudest = decibels.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let floor = loudest - top_db as f32;
        decibels.iter_mut().for_each(|x| *x = at_least(floor, *x));
    }
}

/// `x`, or the largest number where the sum of squares that gave `x` overflowed (∞, or NaN out of
/// ∞ − ∞ within a Fourier transform).
#[inline(always)]
fn saturated(x: f32) -> f32 {
    at_most(f32::MAX, x)
}

// Plain comparisons, unlike `f32::min` and `max`, are one instruction, and give the bound for NaN.

#[inline(always)]
fn at_most(bound: f32, x: f32) -> f32 {
    if x < bound { x } else { bound }
}

#[inline(always)]
fn at_least(bound: f32, x: f32) -> f32 {
    if x > bound { x } else { bound }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compressed<const N: usize>(compression: Compression, mut x: [f32; N]) -> [f32; N] {
        compression.apply(&mut x);
        compression.limit_range(&mut x);
        x
    }

    fn assert_near<const N: usize>(given: [f32; N], wanted: [f32; N]) {
        for (given, wanted) in given.iter().zip(wanted) {
            assert!((given - wanted).abs() < 1e-4, "{given} but wanted {wanted}");
        }
    }

    #[test]
    fn decibels_are_ten_per_power_of_ten_and_end_at_the_floor() {
        let decibels = Compression::decibels();
        assert_near(
            compressed(decibels, [1000.0, 1.0, 1e-10, 1e-12, 0.0]),
            [30.0, 0.0, -100.0, -100.0, -100.0],
        );
    }

    #[test]
    fn top_db_raises_what_is_far_below_the_loudest() {
        let limited = Compression::Decibels {
            floor: 1e-10,
            top_db: Some(80.0),
        };
        assert_near(compressed(limited, [10.0, 1e-3, 0.0]), [10.0, -30.0, -70.0]);
    }

    #[test]
    fn logarithms_add_their_offset_or_clip_to_their_range() {
        assert_near(
            compressed(Compression::Log10 { offset: 0.1 }, [0.9, 0.0]),
            [0.0, -1.0],
        );
        let clipped = Compression::Ln {
            floor: 1e-5,
            ceiling: 1e8,
        };
        assert_near(
            compressed(clipped, [0.0, 1.0, 1e20]),
            [-11.512_925, 0.0, 18.420_68],
        );
    }

    #[test]
    fn overflow_saturates() {
        for compression in [
            Compression::decibels(),
            Compression::Log10 { offset: 1e-8 },
            Compression::None {},
        ] {
            let [infinite, not_a_number] = compressed(compression, [f32::INFINITY, f32::NAN]);
            assert!(infinite.is_finite() && infinite == not_a_number);
        }
    }
}

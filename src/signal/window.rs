//! Window functions: sums of cosines.

use serde::{Deserialize, Serialize};
use std::f64::consts::TAU;

/// The shape of a window, `w(x) = a₀ − a₁·cos(2πx) + a₂·cos(4πx) − a₃·cos(6πx)` for `x` in 0..1.
///
/// # Source
/// Harris 1978, "On the use of windows for harmonic analysis with the discrete Fourier transform".
/// Hamming and Blackman carry the rounded coefficients that SciPy and PyTorch use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WindowShape {
    /// a = 0.5, 0.5: falls to 0 at its ends; the usual choice.
    Hann,
    /// a = 0.54, 0.46: lower first side lobe than Hann, does not reach 0.
    Hamming,
    /// a = 0.42, 0.5, 0.08: side lobes below −58 dB, a wider main lobe.
    Blackman,
    /// a = 0.35875, 0.48829, 0.14128, 0.01168: side lobes below −92 dB, the widest main lobe.
    BlackmanHarris,
    /// All ones: the narrowest main lobe, side lobes of −13 dB.
    Rectangular,
}

/// Where the period of a window ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WindowSymmetry {
    /// Period = length: the last sample is the one before the next period's first. What spectral
    /// analysis wants, and what librosa, torchaudio and TensorFlow use.
    Periodic,
    /// Period = length − 1: first and last sample are equal. What filter design wants.
    Symmetric,
}

impl WindowShape {
    /// The window's `length` samples, 0..=1.
    pub(crate) fn samples(self, symmetry: WindowSymmetry, length: usize) -> Vec<f32> {
        let period = match symmetry {
            WindowSymmetry::Periodic => length,
            WindowSymmetry::Symmetric => length.saturating_sub(1).max(1),
        };
        if length == 1 {
            return vec![1.0];
        }
        (0..length)
            .map(|n| self.at(n as f64 / period as f64) as f32)
            .collect()
    }

    /// The window at `x`, the fraction of its period.
    fn at(self, x: f64) -> f64 {
        let [a0, a1, a2, a3] = self.coefficients();
        a0 - a1 * (TAU * x).cos() + a2 * (2.0 * TAU * x).cos() - a3 * (3.0 * TAU * x).cos()
    }

    fn coefficients(self) -> [f64; 4] {
        match self {
            Self::Hann => [0.5, 0.5, 0.0, 0.0],
            Self::Hamming => [0.54, 0.46, 0.0, 0.0],
            Self::Blackman => [0.42, 0.5, 0.08, 0.0],
            Self::BlackmanHarris => [0.35875, 0.48829, 0.14128, 0.01168],
            Self::Rectangular => [1.0, 0.0, 0.0, 0.0],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use WindowShape::*;
    use WindowSymmetry::*;

    const SHAPES: [WindowShape; 5] = [Hann, Hamming, Blackman, BlackmanHarris, Rectangular];

    #[test]
    fn every_window_is_one_at_its_middle_and_lowest_at_its_start() {
        for shape in SHAPES {
            let window = shape.samples(Periodic, 64);
            assert!((window[32] - 1.0).abs() < 1e-6, "{shape:?}");
            assert!(window.iter().all(|&w| w >= window[0] && w <= 1.0 + 1e-6));
        }
    }

    #[test]
    fn symmetric_windows_read_the_same_backwards_and_periodic_ones_after_their_first_sample() {
        let mirrored = |w: &[f32]| {
            w.iter()
                .zip(w.iter().rev())
                .all(|(a, b)| (a - b).abs() < 1e-6)
        };
        for shape in SHAPES {
            for length in [2, 7, 400] {
                assert!(mirrored(&shape.samples(Symmetric, length)), "{shape:?}");
                assert!(mirrored(&shape.samples(Periodic, length)[1..]), "{shape:?}");
            }
        }
    }

    #[test]
    fn hann_windows_half_overlapped_add_up_to_one() {
        let window = Hann.samples(Periodic, 512);
        for n in 0..256 {
            assert!((window[n] + window[n + 256] - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn a_window_of_one_sample_is_one() {
        for shape in SHAPES {
            assert_eq!(shape.samples(Periodic, 1), [1.0]);
            assert_eq!(shape.samples(Symmetric, 1), [1.0]);
        }
    }
}

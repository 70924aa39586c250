//! What of a complex spectrum is kept.

use realfft::num_complex::Complex;
use serde::{Deserialize, Serialize};

/// What of a complex bin is summed into bands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spectrum {
    /// `re² + im²`.
    Power,
    /// `√(re² + im²)`.
    Magnitude,
}

impl Spectrum {
    /// Writes power or magnitude of `bins` to `out`.
    #[inline(always)]
    pub(super) fn of(self, bins: &[Complex<f32>], out: &mut [f32]) {
        for (out, bin) in out.iter_mut().zip(bins) {
            *out = bin.re * bin.re + bin.im * bin.im;
        }
        if self == Self::Magnitude {
            for out in out {
                *out = out.sqrt();
            }
        }
    }
}

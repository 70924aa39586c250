//! What of a complex spectrum is kept.

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
    /// Turns powers `re² + im²` into what is summed.
    #[inline(always)]
    pub(super) fn of_powers(self, powers: &mut [f32]) {
        if self == Self::Magnitude {
            powers.iter_mut().for_each(|x| *x = x.sqrt());
        }
    }
}

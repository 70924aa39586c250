//! Which logarithm of energy a value is.

/// Which logarithm of energy a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogUnit {
    /// `log₁₀ E`.
    Log10,
    /// `10 log₁₀ E`.
    Decibel,
    /// `ln E`.
    Ln,
}

impl LogUnit {
    /// What one decibel adds to a value.
    pub fn per_decibel(self) -> f64 {
        std::f64::consts::LN_10 / 10.0 / self.nepers()
    }

    /// What to multiply a value by to have its natural logarithm.
    pub fn nepers(self) -> f64 {
        match self {
            Self::Log10 => std::f64::consts::LN_10,
            Self::Decibel => std::f64::consts::LN_10 / 10.0,
            Self::Ln => 1.0,
        }
    }
}

//! Margin of distances.

use super::LossError;

/// Margin ε: a distance that is far enough, finite and above 0.
///
/// Embeddings at unit length lie at most 2 apart, squared distances at most 4.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Margin(f64);

impl Margin {
    /// Takes `value` as a margin.
    ///
    /// ```
    /// use chiffchaff::loss::Margin;
    ///
    /// assert_eq!(Margin::new(0.2)?.get(), 0.2);
    /// assert!(Margin::new(0.0).is_err());
    /// # Ok::<(), chiffchaff::loss::LossError>(())
    /// ```
    ///
    /// # Errors
    /// If `value` is not finite or not above 0.
    pub fn new(value: f64) -> Result<Self, LossError> {
        if value.is_finite() && value > 0.0 {
            Ok(Self(value))
        } else {
            Err(LossError::Margin { given: value })
        }
    }

    /// The number itself.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Margin {
    type Error = LossError;

    fn try_from(value: f64) -> Result<Self, LossError> {
        Self::new(value)
    }
}

impl From<Margin> for f64 {
    fn from(margin: Margin) -> Self {
        margin.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_finite_positive_numbers_are_margins() {
        for given in [0.0, -0.0, -0.1, f64::NAN, f64::INFINITY] {
            let error = Margin::new(given).unwrap_err().to_string();
            assert!(error.contains(&format!("margin is {given}")), "{error}");
        }
        assert!(Margin::new(f64::MIN_POSITIVE).is_ok());
    }

    #[test]
    fn reads_from_configuration_and_refuses_there_too() {
        let read: Margin = serde_json::from_str("0.2").unwrap();
        assert_eq!(read.get(), 0.2);
        assert_eq!(serde_json::to_string(&read).unwrap(), "0.2");
        assert!(serde_json::from_str::<Margin>("0").is_err());
    }
}

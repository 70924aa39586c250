//! Softmax temperature.

use super::LossError;

/// Softmax temperature τ: finite and above 0.
///
/// Similarities are divided by it before the softmax. The lower, the more the loss is about the
/// hardest negatives.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Temperature(f64);

impl Temperature {
    /// Takes `value` as a temperature.
    ///
    /// ```
    /// use chiffchaff::loss::Temperature;
    ///
    /// assert_eq!(Temperature::new(0.2)?.get(), 0.2);
    /// assert!(Temperature::new(0.0).is_err());
    /// # Ok::<(), chiffchaff::loss::LossError>(())
    /// ```
    ///
    /// # Errors
    /// If `value` is not finite or not above 0.
    pub fn new(value: f64) -> Result<Self, LossError> {
        if value.is_finite() && value > 0.0 {
            Ok(Self(value))
        } else {
            Err(LossError::Temperature { given: value })
        }
    }

    /// The number itself.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Temperature {
    type Error = LossError;

    fn try_from(value: f64) -> Result<Self, LossError> {
        Self::new(value)
    }
}

impl From<Temperature> for f64 {
    fn from(temperature: Temperature) -> Self {
        temperature.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_finite_positive_numbers_are_temperatures() {
        for given in [0.0, -0.0, -0.1, f64::NAN, f64::INFINITY] {
            let error = Temperature::new(given).unwrap_err().to_string();
            assert!(
                error.contains(&format!("temperature is {given}")),
                "{error}"
            );
        }
        assert!(Temperature::new(f64::MIN_POSITIVE).is_ok());
    }

    #[test]
    fn reads_from_configuration_and_refuses_there_too() {
        let read: Temperature = serde_json::from_str("0.06").unwrap();
        assert_eq!(read.get(), 0.06);
        assert_eq!(serde_json::to_string(&read).unwrap(), "0.06");
        assert!(serde_json::from_str::<Temperature>("0").is_err());
    }
}

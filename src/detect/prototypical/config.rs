//! How prototypes are made and compared.

use crate::detect::DetectError;
use serde::{Deserialize, Serialize};

/// Settings of the detector that compares windows with prototypes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrototypesConfig {
    /// Seconds by which every shot is widened at both ends, 0..=10. Default 0.025, as published.
    pub margin_secs: f64,
    /// Probability above which a window is positive, 0..1. Default 0.45, as published.
    pub threshold: f32,
    /// How prototypes are drawn. Default [`Prototypes::Whole`].
    pub prototypes: Prototypes,
    /// Which events are dropped for their length. Default below 60 % of the shortest shot.
    pub shortest: ShortestEvent,
    /// Keys every random draw. Default 0.
    pub seed: u64,
}

/// What the two prototypes are the means of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prototypes {
    /// All windows of the shots; ten times fifty windows that touch no shot, the probabilities averaged.
    #[default]
    Whole,
    /// Two draws of up to five windows of the shots; fifty windows of the whole recording, shots included. The released
    /// code means to draw those ten times, but has only the same fifty to draw from after the first.
    Released,
}

/// Which events are too short to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ShortestEvent {
    /// Those below this share of the shortest shot.
    OfShot {
        /// 0..=1.
        share: f64,
    },
    /// Those below this many seconds; the published score comes with 0.2.
    Fixed {
        /// Seconds, ≥ 0.
        secs: f64,
    },
}

impl Default for PrototypesConfig {
    fn default() -> Self {
        Self {
            margin_secs: 0.025,
            threshold: 0.45,
            prototypes: Prototypes::Whole,
            shortest: ShortestEvent::OfShot { share: 0.6 },
            seed: 0,
        }
    }
}

impl PrototypesConfig {
    /// The baseline as released and scored.
    pub fn compat() -> Self {
        Self {
            prototypes: Prototypes::Released,
            shortest: ShortestEvent::Fixed { secs: 0.2 },
            ..Self::default()
        }
    }

    pub(super) fn check(&self) -> Result<(), DetectError> {
        let (shortest_key, shortest, most) = match self.shortest {
            ShortestEvent::OfShot { share } => ("shortest.share", share, 1.0),
            ShortestEvent::Fixed { secs } => ("shortest.secs", secs, f64::MAX),
        };
        let values = [
            (
                "margin_secs",
                self.margin_secs,
                10.0,
                "from 0 to 10 seconds",
            ),
            ("threshold", f64::from(self.threshold), 1.0, "from 0 to 1"),
            (
                shortest_key,
                shortest,
                most,
                "a share up to 1, or seconds, not below 0",
            ),
        ];
        for (key, value, most, required) in values {
            if !(0.0..=most).contains(&value) {
                return Err(DetectError::Config {
                    key,
                    given: value.to_string(),
                    required,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_refused_by_key() {
        let config = PrototypesConfig {
            threshold: f32::NAN,
            ..PrototypesConfig::default()
        };
        let message = config.check().unwrap_err().to_string();
        assert!(message.contains("`threshold` is NaN"), "{message}");
        assert!(PrototypesConfig::compat().check().is_ok());
    }
}

//! Recordings played slower or faster than they were made.

use super::{AudioError, SampleRate};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// How many times slower a recording is played than it was made: 10 turns the 50 kHz of a bat into 5 kHz, 1/20 turns the
/// 20 Hz of an elephant into 400 Hz. Default: 1, as it was made.
///
/// ```
/// use chiffchaff::audio::TimeScale;
/// assert_eq!("1/20".parse::<TimeScale>().unwrap().slower(), 0.05);
/// assert_eq!("10".parse::<TimeScale>().unwrap().to_string(), "10");
/// assert!("0".parse::<TimeScale>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeScale(f64);

impl TimeScale {
    /// As it was made.
    pub const NONE: Self = Self(1.0);
    /// The most that a recording is slowed down, or sped up.
    pub const MOST: f64 = 1000.0;

    /// So many times slower; below 1 is faster.
    ///
    /// # Errors
    /// If it is not from 1/1000 to 1000.
    pub fn new(slower: f64) -> Result<Self, NoTimeScale> {
        let range = 1.0 / Self::MOST..=Self::MOST;
        match range.contains(&slower) {
            true => Ok(Self(slower)),
            false => Err(NoTimeScale {
                given: slower.to_string(),
            }),
        }
    }

    /// How many times slower.
    pub fn slower(self) -> f64 {
        self.0
    }

    /// The rate at which sound that was recorded at `recorded` is played: the nearest that is a whole number of Hz.
    ///
    /// # Errors
    /// If no recording has such a rate.
    pub fn played(self, recorded: SampleRate) -> Result<SampleRate, AudioError> {
        let hz = (f64::from(recorded.hz()) / self.0).round();
        SampleRate::new(hz as u32)
    }
}

impl Default for TimeScale {
    fn default() -> Self {
        Self::NONE
    }
}

impl FromStr for TimeScale {
    type Err = NoTimeScale;

    fn from_str(text: &str) -> Result<Self, NoTimeScale> {
        let number = |text: &str| text.trim().parse::<f64>().ok();
        let slower = match text.split_once('/') {
            Some((above, below)) => number(above).zip(number(below)).map(|(a, b)| a / b),
            None => number(text),
        };
        let scale = slower.and_then(|slower| Self::new(slower).ok());
        scale.ok_or_else(|| NoTimeScale {
            given: text.to_owned(),
        })
    }
}

impl fmt::Display for TimeScale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faster = 1.0 / self.0;
        match self.0 < 1.0 && (faster - faster.round()).abs() < 1e-9 * faster {
            true => write!(f, "1/{}", faster.round()),
            false => self.0.fmt(f),
        }
    }
}

impl TryFrom<String> for TimeScale {
    type Error = NoTimeScale;

    fn try_from(text: String) -> Result<Self, NoTimeScale> {
        text.parse()
    }
}

impl From<TimeScale> for String {
    fn from(scale: TimeScale) -> Self {
        scale.to_string()
    }
}

/// What is no [`TimeScale`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{given}` is no time scale: must be from 1/1000 to 1000, as 10 (ten times slower) or 1/20 (twenty times faster)"
)]
pub struct NoTimeScale {
    given: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_read_written_and_read_again() {
        for text in ["1", "10", "2.5", "1/20", "1/50", "1/3"] {
            let scale: TimeScale = text.parse().unwrap();
            assert_eq!(scale.to_string(), text);
            let json = serde_json::to_string(&scale).unwrap();
            assert_eq!(serde_json::from_str::<TimeScale>(&json).unwrap(), scale);
        }
        assert_eq!("0.05".parse::<TimeScale>().unwrap().to_string(), "1/20");
        for wrong in [
            "", "0", "-1", "auto", "1/0", "nan", "inf", "1001", "1/1001", "1/2/3",
        ] {
            let error = wrong.parse::<TimeScale>().unwrap_err().to_string();
            assert!(error.contains("from 1/1000 to 1000"), "{error}");
        }
    }

    #[test]
    fn rates_are_played_at_whole_numbers() {
        let played = |hz, scale: &str| {
            let scale: TimeScale = scale.parse().unwrap();
            scale
                .played(SampleRate::new(hz).unwrap())
                .map(SampleRate::hz)
        };
        assert_eq!(played(384_000, "10").unwrap(), 38_400);
        assert_eq!(played(250, "1/50").unwrap(), 12_500);
        assert_eq!(played(22_050, "20").unwrap(), 1103); // 1102.5
        assert!(played(1, "1000").is_err());
        assert!(played(500_000, "1/1000").is_err());
    }
}

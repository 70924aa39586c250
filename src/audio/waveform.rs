//! Sampled sound in memory.

use super::AudioError;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

/// Samples per second and channel: 1..=10 MHz.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct SampleRate(NonZeroU32);

impl SampleRate {
    /// The highest rate that any real recording has, with room to spare.
    pub const MAX_HZ: u32 = 10_000_000;

    /// Checks the rate.
    ///
    /// # Errors
    /// If `hz` is 0 or above [`Self::MAX_HZ`].
    pub fn new(hz: u32) -> Result<Self, AudioError> {
        match NonZeroU32::new(hz) {
            Some(rate) if hz <= Self::MAX_HZ => Ok(Self(rate)),
            _ => Err(AudioError::SampleRate { hz }),
        }
    }

    /// The rate in Hz.
    pub fn hz(self) -> u32 {
        self.0.get()
    }
}

impl TryFrom<u32> for SampleRate {
    type Error = AudioError;

    fn try_from(hz: u32) -> Result<Self, AudioError> {
        Self::new(hz)
    }
}

impl From<SampleRate> for u32 {
    fn from(rate: SampleRate) -> Self {
        rate.hz()
    }
}

impl std::fmt::Display for SampleRate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} Hz", self.hz())
    }
}

/// Sampled sound: one or more channels of equal length, full scale at ±1.
#[derive(Debug, Clone, PartialEq)]
pub struct Waveform {
    sample_rate: SampleRate,
    channels: Vec<Vec<f32>>,
}

impl Waveform {
    /// Sound of one channel.
    pub fn mono(samples: Vec<f32>, sample_rate: SampleRate) -> Self {
        Self {
            sample_rate,
            channels: vec![samples],
        }
    }

    /// Samples per second.
    pub fn sample_rate(&self) -> SampleRate {
        self.sample_rate
    }

    /// The channels, each with the same number of samples.
    pub fn channels(&self) -> &[Vec<f32>] {
        &self.channels
    }

    /// Samples per channel.
    pub fn len(&self) -> usize {
        self.channels[0].len()
    }

    /// Whether there is no sample at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Length in seconds.
    pub fn secs(&self) -> f64 {
        self.len() as f64 / f64::from(self.sample_rate.hz())
    }
}

//! Sampled sound in memory.

use super::{AudioError, Resampler};
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

/// Samples per second and channel: 1..=10 MHz.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct SampleRate(NonZeroU32);

impl SampleRate {
    /// The highest rate that any real recording has, with room to spare.
    pub const MAX_HZ: u32 = 10_000_000;

    /// 1 Hz.
    pub(super) const MIN: Self = Self(NonZeroU32::MIN);

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

/// Which sides of a recording are heard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SoundChannels {
    /// The mean of all channels.
    #[default]
    Mono,
    /// The first two, apart; of a mono recording the one there is.
    Stereo,
}

impl SoundChannels {
    /// Whether all channels are heard as one.
    pub fn is_mono(&self) -> bool {
        *self == Self::Mono
    }

    /// How many there are at most.
    pub fn count(self) -> usize {
        match self {
            Self::Mono => 1,
            Self::Stereo => 2,
        }
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

    /// Sound of one or more channels.
    ///
    /// # Errors
    /// If there is no channel, or if they differ in length.
    pub fn from_channels(
        channels: Vec<Vec<f32>>,
        sample_rate: SampleRate,
    ) -> Result<Self, AudioError> {
        match channels.first() {
            Some(first) if channels.iter().all(|c| c.len() == first.len()) => Ok(Self {
                sample_rate,
                channels,
            }),
            _ => Err(AudioError::UnequalChannels {
                lens: channels.iter().map(Vec::len).collect(),
            }),
        }
    }

    /// The mean of all channels, as sound of one channel.
    pub fn mix_down(mut self) -> Self {
        if self.channels.len() > 1 {
            let scale = 1.0 / self.channels.len() as f32;
            let (first, others) = self.channels.split_at_mut(1);
            for other in others {
                for (sum, sample) in first[0].iter_mut().zip(other) {
                    *sum += *sample;
                }
            }
            first[0].iter_mut().for_each(|sum| *sum *= scale);
            self.channels.truncate(1);
        }
        self
    }

    /// The first two channels, or the one there is.
    pub fn front_pair(mut self) -> Self {
        self.channels.truncate(2);
        self
    }

    /// The part from `onset` to `offset`, in seconds, of what there is: both rounded to the nearest sample.
    pub fn span(mut self, (onset, offset): (f64, f64)) -> Self {
        let rate = f64::from(self.sample_rate.hz());
        let end = self.len();
        let sample_at = |secs: f64| ((secs.max(0.0) * rate).round() as usize).min(end);
        let (first, last) = (sample_at(onset), sample_at(offset));
        for channel in &mut self.channels {
            channel.truncate(last);
            channel.drain(..first.min(last));
        }
        self
    }

    /// The same sound at another rate: `round(len · to / from)` samples, nothing shifted in time.
    ///
    /// # Errors
    /// If [`Resampler::new`] refuses the two rates.
    pub fn resampled(self, to: SampleRate) -> Result<Self, AudioError> {
        if to == self.sample_rate {
            return Ok(self);
        }
        let mut resampler = Resampler::new(self.sample_rate, to)?;
        let channels = self.channels.iter().map(|channel| {
            let mut samples =
                Vec::with_capacity(resampler.output_len(channel.len() as u64) as usize);
            resampler.push(channel, &mut samples);
            resampler.finish(&mut samples);
            samples
        });
        Ok(Self {
            channels: channels.collect(),
            sample_rate: to,
        })
    }

    /// Samples per second.
    pub fn sample_rate(&self) -> SampleRate {
        self.sample_rate
    }

    /// The channels, each with the same number of samples.
    pub fn channels(&self) -> &[Vec<f32>] {
        &self.channels
    }

    /// The samples of each channel, to change in place.
    pub fn channels_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        self.channels.iter_mut().map(Vec::as_mut_slice)
    }

    /// The same sound with other channels, at the same rate.
    ///
    /// # Panics
    /// If `change` gives what [`Waveform::from_channels`] refuses.
    pub(crate) fn with_channels(self, change: impl FnOnce(Vec<Vec<f32>>) -> Vec<Vec<f32>>) -> Self {
        Self::from_channels(change(self.channels), self.sample_rate)
            .expect("channels of one length stay so")
    }

    /// The channels, taken out.
    pub fn into_channels(self) -> Vec<Vec<f32>> {
        self.channels
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixing_down_is_the_mean_of_the_channels() {
        let rate = SampleRate::new(8000).unwrap();
        let three = vec![vec![0.5, -1.0], vec![0.25, 1.0], vec![0.75, 0.6]];
        let mono = Waveform::from_channels(three, rate).unwrap().mix_down();
        assert_eq!(mono.channels().len(), 1);
        assert!((mono.channels()[0][0] - 0.5).abs() < 1e-7);
        assert!((mono.channels()[0][1] - 0.2).abs() < 1e-7);
    }

    #[test]
    fn channels_of_different_lengths_are_refused() {
        let rate = SampleRate::new(8000).unwrap();
        let error = Waveform::from_channels(vec![vec![0.0; 3], vec![0.0; 2]], rate).unwrap_err();
        assert!(error.to_string().contains("[3, 2] samples"), "{error}");
        assert!(Waveform::from_channels(vec![], rate).is_err());
    }
}

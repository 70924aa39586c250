//! The choice of front end.

use super::{
    Background, Features, FeaturesError, LogMel, LogMelConfig, Mfcc, MfccConfig, Pcen, PcenConfig,
};
use crate::audio::SampleRate;
use serde::{Deserialize, Serialize};

/// A front end and its settings: all that is needed to repeat it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum FrontEnd {
    /// Log-mel spectrogram, `[mels, frames]`.
    LogMel(LogMelConfig),
    /// Cepstral coefficients, `[n_mfcc, frames]`.
    Mfcc(MfccConfig),
    /// Mel bands relative to their recent past, `[mels, frames]`.
    Pcen(PcenConfig),
}

impl FrontEnd {
    /// The rate of the sound it hears.
    pub fn sample_rate(&self) -> SampleRate {
        self.log_mel().sample_rate
    }

    /// Frames per second.
    pub fn frame_rate(&self) -> f64 {
        let log_mel = self.log_mel();
        f64::from(log_mel.sample_rate.hz()) / log_mel.hop_length as f64
    }

    /// Checks the settings and plans the computation.
    ///
    /// # Errors
    /// [`FeaturesError::Config`] with every setting that is out of range.
    pub fn extractor(&self) -> Result<Extractor, FeaturesError> {
        Ok(match self {
            Self::LogMel(config) => Extractor::LogMel(LogMel::new(config)?),
            Self::Mfcc(config) => Extractor::Mfcc(Mfcc::new(config)?),
            Self::Pcen(config) => Extractor::Pcen(Pcen::new(config)?),
        })
    }

    /// The same with the background kept: what can be computed while a recording is read.
    pub fn keeping_background(&self) -> Self {
        let mut front_end = self.clone();
        let log_mel = match &mut front_end {
            Self::LogMel(config) => config,
            Self::Mfcc(config) => &mut config.log_mel,
            Self::Pcen(config) => &mut config.log_mel,
        };
        log_mel.background = Background::Keep;
        front_end
    }

    pub(super) fn log_mel(&self) -> &LogMelConfig {
        match self {
            Self::LogMel(config) => config,
            Self::Mfcc(config) => &config.log_mel,
            Self::Pcen(config) => &config.log_mel,
        }
    }
}

/// A [`FrontEnd`] ready to compute; one serves any number of threads.
#[derive(Debug, Clone)]
pub enum Extractor {
    /// Of [`FrontEnd::LogMel`].
    LogMel(LogMel),
    /// Of [`FrontEnd::Mfcc`].
    Mfcc(Mfcc),
    /// Of [`FrontEnd::Pcen`].
    Pcen(Pcen),
}

impl Extractor {
    /// Number of bands of its features.
    pub fn bands(&self) -> usize {
        match self {
            Self::LogMel(log_mel) => log_mel.bands(),
            Self::Mfcc(mfcc) => mfcc.bands(),
            Self::Pcen(pcen) => pcen.bands(),
        }
    }

    /// The features of mono `samples` at the front end's rate, full scale at ±1.
    pub fn compute(&self, samples: &[f32]) -> Features {
        match self {
            Self::LogMel(log_mel) => log_mel.compute(samples),
            Self::Mfcc(mfcc) => mfcc.compute(samples),
            Self::Pcen(pcen) => pcen.compute(samples),
        }
    }
}

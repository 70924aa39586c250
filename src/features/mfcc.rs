//! Mel-frequency cepstral coefficients, what the classic baseline hears.

use super::error::Problems;
use super::front_end::{Extract, Extractor, Published, Settings};
use super::{
    BandAxis, ChannelAxis, Compression, Features, FeaturesError, InputScaling, LogMel,
    LogMelConfig, Silence, log_mel::FrameExtent,
};
use crate::audio::SampleRate;
use crate::signal::{AreaNorm, Dct, MelScale, Padding};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Cepstral coefficients of a log-mel spectrogram.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MfccConfig {
    /// Number of coefficients, 1..=`log_mel.n_mels`; the first is the level. Default 20.
    pub n_mfcc: usize,
    /// The spectrogram they describe. Default that of librosa's `feature.mfcc`.
    pub log_mel: LogMelConfig,
}

impl Default for MfccConfig {
    fn default() -> Self {
        Self::librosa()
    }
}

impl MfccConfig {
    /// What `librosa.feature.mfcc(y, sr=22050)` computes (librosa 0.11): 20 coefficients of 128
    /// Slaney bands, frames of 2048 samples every 512, a dynamic range of 80 dB.
    pub fn librosa() -> Self {
        Self {
            n_mfcc: 20,
            log_mel: LogMelConfig {
                n_fft: 2048,
                win_length: 2048,
                hop_length: 512,
                padding: Padding::Zero,
                n_mels: 128,
                f_min: 0.0,
                f_max: 11_025.0,
                mel_scale: MelScale::Slaney,
                mel_norm: AreaNorm::Slaney,
                compression: Compression::Decibels {
                    floor: 1e-10,
                    top_db: Some(80.0),
                },
                ..LogMelConfig::small()
            },
        }
    }
}

impl Settings for MfccConfig {
    fn published() -> Published<Self> {
        &[("mfcc", Self::librosa)]
    }

    fn problems(&self) -> Problems {
        let n_mels = self.log_mel.n_mels;
        let mut problems = Problems::default();
        problems.check(
            (1..=n_mels).contains(&self.n_mfcc),
            "n_mfcc",
            self.n_mfcc,
            format!("1 to `log_mel.n_mels`, {n_mels}"),
        );
        problems.append_under("log_mel", self.log_mel.problems());
        problems
    }

    fn timing(&self) -> (SampleRate, usize) {
        self.log_mel.timing()
    }

    fn hearing(&self) -> Range<f64> {
        self.log_mel.hearing()
    }

    fn bands(&self) -> usize {
        self.n_mfcc
    }

    fn axes(&self) -> Vec<ChannelAxis> {
        ChannelAxis::alone(BandAxis::Cepstral(self.n_mfcc), "")
    }

    fn needs_whole_clip(&self) -> Option<&'static str> {
        self.log_mel.needs_whole_clip()
    }

    fn clip_rules_mut(&mut self) -> (Option<&mut Silence>, Option<&mut InputScaling>) {
        self.log_mel.clip_rules_mut()
    }

    fn keep_background(&mut self) {
        self.log_mel.keep_background();
    }

    fn streamed(&self) -> Option<FrameExtent> {
        self.log_mel.streamed()
    }

    fn extractor(&self) -> Result<Extractor, FeaturesError> {
        Ok(Extractor::of(Mfcc::new(self)?))
    }
}

/// Computes MFCCs; one serves any number of threads.
#[derive(Debug, Clone)]
pub struct Mfcc {
    log_mel: LogMel,
    dct: Dct,
}

impl Mfcc {
    /// Checks the settings and plans the computation.
    ///
    /// # Errors
    /// [`FeaturesError::Config`] with every setting that is out of range.
    pub fn new(config: &MfccConfig) -> Result<Self, FeaturesError> {
        config.problems().into_result()?;
        Ok(Self {
            log_mel: LogMel::new(&config.log_mel)?,
            dct: Dct::new(config.log_mel.n_mels, config.n_mfcc),
        })
    }

    /// Number of coefficients.
    pub fn bands(&self) -> usize {
        self.dct.outputs()
    }

    /// The coefficients `[n_mfcc, frames]` of mono `samples` at the configured rate.
    pub fn compute(&self, samples: &[f32]) -> Features {
        let log_mel = self.log_mel.compute(samples);
        let mut values = vec![0.0; log_mel.frames() * self.bands()];
        let frames = log_mel.values().chunks_exact(log_mel.bands());
        for (frame, coefficients) in frames.zip(values.chunks_exact_mut(self.bands())) {
            self.dct.apply(frame, coefficients);
        }
        Features::from_frames(self.bands(), values)
    }
}

impl Extract for Mfcc {
    fn bands(&self) -> usize {
        self.bands()
    }

    fn image(&self, sides: &[&[f32]]) -> Features {
        self.compute(sides[0])
    }
}

//! Waveform → [`Features`].
//!
//! Samples at the rate of a [`FrontEnd`], full scale at ±1, become a time-frequency image
//! `[channels, bands, frames]`. A front end is data (`type = "log-mel"`, …) that a file can hold; its
//! [`Extractor`] does the work.
//!
//! | `type` | what | file |
//! |---|---|---|
//! | `log-mel` | [`LogMel`]: mel bands, compressed | `log_mel.rs` |
//! | `mfcc` | [`Mfcc`]: cosine transform of a log-mel frame | `mfcc.rs` |
//! | `pcen` | [`PcenConfig`]: mel bands, each relative to its recent past | `pcen.rs` |
//! | `three-band` | [`ThreeBandConfig`]: linear power spectrum, its thirds as channels; mono or stereo | `three_band.rs` |
//! | `wavelet` | [`WaveletConfig`]: power of Morlet wavelets | `wavelet.rs` |
//! | `stacked-log-mel` | [`StackedLogMelConfig`]: log-mel of three windows as channels | `stacked_log_mel.rs` |
//! | `clar-stack` | [`ClarStackConfig`]: magnitude, phase and log-mel as channels | `clar_stack.rs` |
//! | `samples` | [`SamplesConfig`]: sound as it is, mono or stereo | `samples.rs` |
//!
//! [`FeatureCache`] keeps the features of a whole dataset on disk; [`FeatureStream`] computes those of a recording of
//! any length as it is read.
//!
//! ```
//! use chiffchaff::features::{FrontEnd, LogMelConfig};
//!
//! let extractor = FrontEnd::LogMel(LogMelConfig::small()).extractor()?;
//! let features = extractor.compute(&vec![0.0; 22_050]); // a second of silence
//! assert_eq!((features.channels(), features.bands(), features.frames()), (1, 64, 101));
//! # Ok::<(), chiffchaff::features::FeaturesError>(())
//! ```

mod axis;
mod background;
mod cache;
mod clar_stack;
mod clip_rules;
mod clip_stream;
mod compression;
mod error;
mod front_end;
mod input_scaling;
mod log_mel;
mod log_unit;
mod matrix;
mod mfcc;
mod normalization;
mod pcen;
mod samples;
mod set;
mod silence;
mod spectrum;
mod stacked_log_mel;
mod stream;
mod three_band;
mod wavelet;
mod windows;

pub use axis::{BandAxis, ChannelAxis};
pub use background::Background;
#[cfg(feature = "nn")]
pub(crate) use background::{std, subtract_medians};
pub use cache::{CacheConfig, CachePrecision, ClipRemark, FeatureCache, SkippedClip};
pub use clar_stack::ClarStackConfig;
pub use clip_rules::{ClipLevel, ClipRules};
pub use compression::Compression;
pub use error::{ConfigProblem, FeaturesError};
pub use front_end::Extractor;
pub use input_scaling::InputScaling;
pub use log_mel::{LogMel, LogMelConfig};
pub use log_unit::LogUnit;
pub use matrix::Features;
pub use mfcc::{Mfcc, MfccConfig};
pub use normalization::{Normalization, NormalizationKind};
pub use pcen::PcenConfig;
pub use samples::SamplesConfig;
pub use set::FeatureSet;
pub use silence::Silence;
pub use spectrum::Spectrum;
pub use stacked_log_mel::{Resolution, StackedLogMelConfig};
pub use stream::FeatureStream;
pub use three_band::ThreeBandConfig;
pub use wavelet::{Pooling, WaveletConfig};
pub use windows::{Rest, WindowCut};

front_end::front_ends! {
    /// A front end and its settings: all that is needed to repeat it.
    #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
    enum FrontEnd {
        /// Log-mel spectrogram, `[1, mels, frames]`.
        "log-mel" => LogMel(LogMelConfig),
        /// Cepstral coefficients, `[1, n_mfcc, frames]`.
        "mfcc" => Mfcc(MfccConfig),
        /// Mel bands relative to their recent past, `[1, mels, frames]`.
        "pcen" => Pcen(PcenConfig),
        /// Linear power spectrum in three parts, `[3, bins / 3, frames]`; of stereo sound 6 channels.
        "three-band" => ThreeBand(ThreeBandConfig),
        /// Power of Morlet wavelets, `[1, bands, frames]`.
        "wavelet" => Wavelet(WaveletConfig),
        /// Log-mel spectrograms of three windows, `[3, mels, frames]`.
        "stacked-log-mel" => StackedLogMel(StackedLogMelConfig),
        /// Magnitude, phase and log-mel spectrogram, `[3, mels, frames]`.
        "clar-stack" => ClarStack(ClarStackConfig),
        /// Sound as it is, `[1, 1, samples]`; of stereo sound 2 channels.
        "samples" => Samples(SamplesConfig),
    }
}

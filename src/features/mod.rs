//! Waveform → [`Features`].
//!
//! Mono samples at the rate of a [`FrontEnd`], full scale at ±1, become a time-frequency image
//! `[bands, frames]`. A front end is data (`type = "log-mel"`, …) that a file can hold; its
//! [`Extractor`] does the work.
//!
//! | `type` | what | file |
//! |---|---|---|
//! | `log-mel` | [`LogMel`]: mel bands, compressed | `log_mel.rs` |
//! | `mfcc` | [`Mfcc`]: cosine transform of a log-mel frame | `mfcc.rs` |
//! | `pcen` | [`Pcen`]: mel bands, each relative to its recent past | `pcen.rs` |
//!
//! [`FeatureCache`] keeps the features of a whole dataset on disk; [`FeatureStream`] computes those of a recording of
//! any length as it is read.

mod background;
mod cache;
mod compression;
mod error;
mod front_end;
mod input_scaling;
mod log_mel;
mod matrix;
mod mfcc;
mod normalization;
mod pcen;
mod set;
mod silence;
mod spectrum;
mod stream;
mod windows;

pub use background::Background;
#[cfg(feature = "nn")]
pub(crate) use background::{std, subtract_medians};
pub use cache::{CacheConfig, CachePrecision, FeatureCache, SkippedClip};
pub use compression::Compression;
pub use error::{ConfigProblem, FeaturesError};
pub use front_end::{Extractor, FrontEnd};
pub use input_scaling::InputScaling;
pub use log_mel::{LogMel, LogMelConfig};
pub use matrix::Features;
pub use mfcc::{Mfcc, MfccConfig};
pub use normalization::{Normalization, NormalizationKind};
pub use pcen::{Pcen, PcenConfig};
pub use set::FeatureSet;
pub use silence::Silence;
pub use spectrum::Spectrum;
pub use stream::FeatureStream;
pub use windows::{Rest, WindowCut};

//! Augmentations of log-mel patches: drawn clip by clip, applied batch by batch.
//!
//! In: patches `[batch, channels, mels, frames]` in the logarithm the front end takes ([`LogUnit`]), not
//! yet standardised. Out: the same shape. Each augmentation is a small type that is its own
//! configuration; it draws plain numbers per clip, and strength 0 leaves a clip bit for bit as it is.
//!
//! | `type` | what it does | Fonseca et al. 2020 |
//! |---|---|---|
//! | `mix` | [`Mix`]: another patch of the batch mixed in | Moummad et al. 2023 |
//! | `mix-back` | [`MixBack`]: another clip in the background | on |
//! | `resized-crop` | [`ResizedCrop`]: a part, stretched to full size | on |
//! | `time-crop` | [`TimeCrop`]: a stretch of time, stretched to full length | Moummad et al. 2023 |
//! | `compression` | [`Compression`]: log energies times a factor | on |
//! | `attenuation` | [`Attenuation`]: fainter, over noise | our own |
//! | `gaussian-noise` | [`GaussianNoise`]: white noise on log energies | on |
//! | `spec-augment` | [`SpecAugment`]: stripes masked in time and frequency | off; [`SpectrogramAugmentConfig::fonseca_specaug`] |
//! | `time-shift` | [`TimeShift`]: circular, later | off |
//! | `frequency-shift` | [`FrequencyShift`]: circular, up | off |
//! | `time-reversal` | [`TimeReversal`]: backwards | off |
//! | `gain` | [`Gain`]: louder or softer | our own |
//! | `equalizer` | [`Equalizer`]: a smooth curve over frequency | our own |
//! | `blur` | [`Blur`]: smoothed over frequency and time | off |
//! | `time-warp` | [`TimeWarp`]: faster here, slower there | SpecAugment, Park et al. 2019 |

mod attenuation;
mod blur;
mod compression;
mod config;
mod equalizer;
mod frequency_shift;
mod gain;
mod gaussian_noise;
mod mix;
mod mix_back;
mod patch;
mod pipeline;
#[cfg(feature = "nn")]
mod remap;
mod resized_crop;
mod spec_augment;
mod time_crop;
mod time_reversal;
mod time_shift;
mod time_warp;

pub use super::step::{DrawnFor, StepViews};
pub use attenuation::{Attenuation, Distance};
pub use blur::Blur;
pub use compression::Compression;
pub use config::{Augmentation, SpectrogramAugmentConfig, Step};
pub use equalizer::{Curve, Equalizer};
pub use frequency_shift::FrequencyShift;
pub use gain::Gain;
pub use gaussian_noise::{GaussianNoise, Noise};
pub use mix::Mix;
pub use mix_back::MixBack;
pub use patch::{LogUnit, Patch};
pub use pipeline::{Background, Draws, Pipeline, StepDraw};
pub use resized_crop::{AspectOf, Crop, ResizedCrop};
pub use spec_augment::{Fill, Masks, SpecAugment, Stripe};
pub use time_crop::TimeCrop;
pub use time_reversal::TimeReversal;
pub use time_shift::TimeShift;
pub use time_warp::{TimeWarp, Warp};

//! Augmentations of log-mel patches: drawn clip by clip, applied batch by batch.
//!
//! In: patches `[batch, channels, mels, frames]` in the logarithm the front end takes ([`LogUnit`]), not
//! yet standardised. Out: the same shape. Each augmentation is a small type that is its own
//! configuration; it draws plain numbers per clip, and strength 0 leaves a clip bit for bit as it is. The table at the
//! end of this file names them all.
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
mod augment;
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
pub use crate::features::LogUnit;
pub use augment::Background;
pub use config::{SpectrogramAugmentConfig, Step};
pub use patch::Patch;
pub use pipeline::{Draws, Pipeline};
pub use resized_crop::AspectOf;
pub use spec_augment::Fill;

super::table::augmentations! {
    /// The augmentations there are, by `type`.
    #[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
    enum Augmentation {
        /// Another patch of the batch mixed in.
        "mix" => mix::Mix,
        /// Another clip in the background.
        "mix-back" => mix_back::MixBack,
        /// A part, stretched to full size.
        "resized-crop" => resized_crop::ResizedCrop,
        /// A stretch of time, stretched to full length.
        "time-crop" => time_crop::TimeCrop,
        /// Log energies times a factor.
        "compression" => compression::Compression,
        /// White noise on log energies.
        "gaussian-noise" => gaussian_noise::GaussianNoise,
        /// Fainter, over noise.
        "attenuation" => attenuation::Attenuation,
        /// Stripes masked in time and frequency.
        "spec-augment" => spec_augment::SpecAugment,
        /// Circular shift, later.
        "time-shift" => time_shift::TimeShift,
        /// Circular shift, up.
        "frequency-shift" => frequency_shift::FrequencyShift,
        /// Backwards.
        "time-reversal" => time_reversal::TimeReversal,
        /// Louder or softer.
        "gain" => gain::Gain,
        /// A smooth curve over frequency.
        "equalizer" => equalizer::Equalizer,
        /// Smoothed over frequency and time.
        "blur" => blur::Blur,
        /// Faster here, slower there.
        "time-warp" => time_warp::TimeWarp,
    }
}

//! Augmentations of sound: drawn and applied clip by clip, before the front end.
//!
//! In: a clip as [`Waveform`](crate::audio::Waveform), one or more channels, full scale at ±1. Out: the same rate and
//! channels, another length where the table says so. Each augmentation is a small type that is its own configuration; it
//! draws plain numbers that depend on nothing but what they are for, and strength 0 leaves a clip bit for bit as it is.
//! The table at the end of this file names them all.
//!
//! | `type` | what it does | length | published in |
//! |---|---|---|---|
//! | `polarity-flip` | [`PolarityFlip`]: upside down | kept | – |
//! | `time-reversal` | [`TimeReversal`]: backwards | kept | Lin 2021 |
//! | `channel-swap` | [`ChannelSwap`]: left to right | kept | ESResNet |
//! | `pad-crop` | [`PadCrop`]: to a given length | as asked | ESResNet |
//! | `scale` | [`Scale`]: faster or slower, pitch and all | times a factor | ESResNet |
//! | `time-stretch` | [`TimeStretch`]: faster or slower, same pitch | divided by the rate | Emami; CLAR |
//! | `pitch-shift` | [`PitchShift`]: higher or lower, same speed | kept | Lin 2021; CLAR |
//! | `noise` | [`Noise`]: white, pink or brown | kept | CLAR; COLA |
//! | `fade` | [`Fade`]: in and out | kept | CLAR |
//! | `time-mask` | [`TimeMask`]: a stretch covered | kept | CLAR |
//! | `time-shift` | [`TimeShift`]: circular, later | kept | CLAR |
//! | `gain` | [`Gain`]: louder or softer | kept | our own |
//! | `reverb` | [`Reverb`]: in a room | kept | Emami |
//! | `background` | [`Background`]: another clip behind it | kept | our own |

mod augment;
mod background;
mod channel_swap;
mod config;
mod fade;
mod gain;
mod level;
mod noise;
mod pad_crop;
mod pipeline;
mod pitch_shift;
mod polarity_flip;
mod reverb;
mod scale;
#[cfg(test)]
mod testing;
mod time_mask;
mod time_reversal;
mod time_shift;
mod time_stretch;

pub use config::{Step, WaveformAugmentConfig};
pub use fade::FadeShape;
pub use noise::Colour;
pub use pad_crop::{Padding, Place, QuietCut};
pub use pipeline::{Draws, Pipeline};
pub use reverb::{Room, RoomFolder, SyntheticRoom};
pub use scale::Interpolation;
pub use time_mask::MaskFill;
pub use time_stretch::Rates;

super::table::augmentations! {
    /// The augmentations there are, by `type`.
    #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
    enum Augmentation {
        /// Upside down.
        "polarity-flip" => polarity_flip::PolarityFlip,
        /// Backwards.
        "time-reversal" => time_reversal::TimeReversal,
        /// Left to right.
        "channel-swap" => channel_swap::ChannelSwap,
        /// To a given length.
        "pad-crop" => pad_crop::PadCrop,
        /// Faster or slower, pitch and all.
        "scale" => scale::Scale,
        /// Faster or slower at the same pitch.
        "time-stretch" => time_stretch::TimeStretch,
        /// Higher or lower at the same speed.
        "pitch-shift" => pitch_shift::PitchShift,
        /// White, pink or brown noise added.
        "noise" => noise::Noise,
        /// Faded in and out.
        "fade" => fade::Fade,
        /// A stretch of time covered.
        "time-mask" => time_mask::TimeMask,
        /// Circular shift, later.
        "time-shift" => time_shift::TimeShift,
        /// Louder or softer.
        "gain" => gain::Gain,
        /// In a room.
        "reverb" => reverb::Reverb,
        /// Another clip behind it.
        "background" => background::Background,
    }
}

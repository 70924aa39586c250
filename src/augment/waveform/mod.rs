//! Augmentations of sound: drawn and applied clip by clip, before the front end.
//!
//! In: a clip as [`Waveform`](crate::audio::Waveform), one or more channels, full scale at ±1. Out: the same rate and
//! channels, another length where the table says so. Each augmentation is a small type that is its own configuration; it
//! draws plain numbers that depend on nothing but what they are for, and strength 0 leaves a clip bit for bit as it is.
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

pub use background::{Background, BackgroundDraw};
pub use channel_swap::ChannelSwap;
pub use config::{Augmentation, Step, WaveformAugmentConfig};
pub use fade::{Fade, FadeDraw, FadeShape};
pub use gain::Gain;
pub use noise::{Colour, Noise, NoiseDraw};
pub use pad_crop::{PadCrop, Padding, Place, QuietCut};
pub use pipeline::{Draws, Pipeline, StepDraw};
pub use pitch_shift::PitchShift;
pub use polarity_flip::PolarityFlip;
pub use reverb::{Reverb, Room, RoomDraw, RoomFolder, SyntheticRoom};
pub use scale::{Interpolation, Scale};
pub use time_mask::{MaskFill, TimeMask, TimeMaskDraw};
pub use time_reversal::TimeReversal;
pub use time_shift::TimeShift;
pub use time_stretch::{Rates, TimeStretch};

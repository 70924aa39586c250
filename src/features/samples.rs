//! Sound itself as features: what the cache keeps where views are augmented before the front end.

use serde::{Deserialize, Serialize};

use super::{Features, FrontEnd};
use crate::audio::{SampleRate, SoundChannels};

/// No front end: every sample is a frame of one band.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamplesConfig {
    /// Samples per second.
    pub sample_rate: SampleRate,
    /// Whether the two sides of a recording are kept apart. Default mono.
    #[serde(default, skip_serializing_if = "SoundChannels::is_mono")]
    pub channels: SoundChannels,
}

impl SamplesConfig {
    /// The sound that `front_end` hears.
    pub fn heard_by(front_end: &FrontEnd) -> Self {
        Self {
            sample_rate: front_end.sample_rate(),
            channels: front_end.sound_channels(),
        }
    }

    /// One or two `sides` of a sound as `[channels, 1, samples]`; a single side is taken for both where two are kept.
    pub(super) fn compute(channels: SoundChannels, sides: &[&[f32]]) -> Features {
        let images = sides
            .iter()
            .map(|side| Features::from_frames(1, side.to_vec()));
        let images: Vec<Features> = images.cycle().take(channels.count()).collect();
        Features::stacked(&images)
    }
}

//! Sound itself as features: what the cache keeps where views are augmented before the front end.

use serde::{Deserialize, Serialize};

use super::front_end::{Extract, Extractor, Settings};
use super::{
    BandAxis, ChannelAxis, Features, FeaturesError, FrontEnd, InputScaling, Silence,
    error::Problems, log_mel::FrameExtent,
};
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
}

impl Settings for SamplesConfig {
    fn problems(&self) -> Problems {
        Problems::default()
    }

    fn timing(&self) -> (SampleRate, usize) {
        (self.sample_rate, 1)
    }

    fn sound_channels(&self) -> SoundChannels {
        self.channels
    }

    fn bands(&self) -> usize {
        1
    }

    fn axes(&self) -> Vec<ChannelAxis> {
        ChannelAxis::alone(BandAxis::Amplitude, "")
    }

    fn keeps_sound(&self) -> bool {
        true
    }

    fn needs_whole_clip(&self) -> Option<&'static str> {
        None
    }

    fn clip_rules_mut(&mut self) -> (Option<&mut Silence>, Option<&mut InputScaling>) {
        (None, None)
    }

    /// Of one side: recordings are read block by block as mono sound.
    fn streamed(&self) -> Option<FrameExtent> {
        let sample = FrameExtent {
            before: 0,
            after: 1,
        };
        self.channels.is_mono().then_some(sample)
    }

    fn extractor(&self) -> Result<Extractor, FeaturesError> {
        Ok(Extractor::of(*self))
    }
}

impl Extract for SamplesConfig {
    fn channels(&self) -> usize {
        self.channels.count()
    }

    fn bands(&self) -> usize {
        1
    }

    fn sound_channels(&self) -> SoundChannels {
        self.channels
    }

    /// `[channels, 1, samples]`; a single side is taken for both where two are kept.
    fn image(&self, sides: &[&[f32]]) -> Features {
        let images = sides
            .iter()
            .map(|side| Features::from_frames(1, side.to_vec()));
        let images: Vec<Features> = images.cycle().take(self.channels.count()).collect();
        Features::stacked(&images)
    }
}

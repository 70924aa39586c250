//! Upside down.

use crate::audio::Waveform;

/// Turns every sample's sign around: what no one hears, but a network that sees samples may. Give the step a
/// `probability` of 0.5; one of 1 flips every view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolarityFlip {}

impl PolarityFlip {
    pub(super) fn apply(mut sound: Waveform) -> Waveform {
        for channel in sound.channels_mut() {
            channel.iter_mut().for_each(|sample| *sample = -*sample);
        }
        sound
    }
}

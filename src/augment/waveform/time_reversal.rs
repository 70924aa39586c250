//! Backwards.

use crate::audio::Waveform;

/// Plays sound backwards (Lin 2021; Fonseca et al. 2020 on spectrograms). Give the step a `probability` of 0.5; one of 1
/// reverses every view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeReversal {}

impl TimeReversal {
    pub(super) fn apply(mut sound: Waveform) -> Waveform {
        sound.channels_mut().for_each(<[f32]>::reverse);
        sound
    }
}

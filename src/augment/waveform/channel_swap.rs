//! Left to right.

use crate::audio::Waveform;

/// Puts the channels in reverse order; nothing for one channel. What the code of ESResNet (Guzhov et al. 2020) does to
/// half of its views under the name of a flip. Give the step a `probability` of 0.5; one of 1 swaps every view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChannelSwap {}

impl ChannelSwap {
    pub(super) fn apply(sound: Waveform) -> Waveform {
        sound.with_channels(|channels| channels.into_iter().rev().collect())
    }
}

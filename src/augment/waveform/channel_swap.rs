//! Left to right.

use rand::Rng;

use super::augment::{Augment, Given};
use crate::audio::Waveform;
use crate::augment::Purpose;

/// Puts the channels in reverse order; nothing for one channel. What the code of ESResNet (Guzhov et al. 2020) does to
/// half of its views under the name of a flip. Give the step a `probability` of 0.5; one of 1 swaps every view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChannelSwap {}

impl Augment for ChannelSwap {
    type Draw = ();

    const PURPOSE: Purpose = Purpose::Augmentation(42);

    /// Nothing.
    fn draw(&self, _: &mut impl Rng) {}

    fn apply(&self, (): (), sound: Waveform, _: &Given<'_>) -> Waveform {
        sound.with_channels(|channels| channels.into_iter().rev().collect())
    }

    #[cfg(test)]
    fn at_strength_zero() -> Option<Self> {
        None
    }
}

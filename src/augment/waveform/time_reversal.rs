//! Backwards.

use rand::Rng;

use super::augment::{Augment, Given};
use crate::audio::Waveform;
use crate::augment::Purpose;

/// Plays sound backwards (Lin 2021; Fonseca et al. 2020 on spectrograms). Give the step a `probability` of 0.5; one of 1
/// reverses every view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeReversal {}

impl Augment for TimeReversal {
    type Draw = ();

    const PURPOSE: Purpose = Purpose::Augmentation(41);

    /// Nothing.
    fn draw(&self, _: &mut impl Rng) {}

    fn apply(&self, (): (), mut sound: Waveform, _: &Given<'_>) -> Waveform {
        sound.channels_mut().for_each(<[f32]>::reverse);
        sound
    }

    #[cfg(test)]
    fn at_strength_zero() -> Option<Self> {
        None
    }
}

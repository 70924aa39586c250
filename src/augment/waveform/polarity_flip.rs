//! Upside down.

use rand::Rng;

use super::augment::{Augment, Given};
use crate::audio::Waveform;
use crate::augment::Purpose;

/// Turns every sample's sign around: what no one hears, but a network that sees samples may. Give the step a
/// `probability` of 0.5; one of 1 flips every view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolarityFlip {}

impl Augment for PolarityFlip {
    type Draw = ();

    const PURPOSE: Purpose = Purpose::Augmentation(40);

    /// Nothing.
    fn draw(&self, _: &mut impl Rng) {}

    fn apply(&self, (): (), mut sound: Waveform, _: &Given<'_>) -> Waveform {
        for channel in sound.channels_mut() {
            channel.iter_mut().for_each(|sample| *sample = -*sample);
        }
        sound
    }

    #[cfg(test)]
    fn at_strength_zero() -> Option<Self> {
        None
    }
}

//! Circular shift, later.

use rand::Rng;

use super::augment::{Augment, Given};
use crate::audio::{SampleRate, Waveform};
use crate::augment::{Interval, Purpose, error::Problems};

/// Shifts sound later; what leaves at the end comes back at the beginning. All channels move alike (CLAR, Al-Tahan and
/// Mohsenzadeh 2021).
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeShift {
    /// By which share of the clip; 0 to 1, default `[0, 0.5]` (CLAR). `[0, 0]` does nothing.
    pub share: Interval<f64>,
}

impl Default for TimeShift {
    fn default() -> Self {
        Self {
            share: Interval::new(0.0, 0.5),
        }
    }
}

impl Augment for TimeShift {
    type Draw = f64;

    const PURPOSE: Purpose = Purpose::Augmentation(50);

    fn check(&self, _: SampleRate, problems: &mut Problems<'_>) {
        self.share.check("share", 0.0, 1.0, problems);
    }

    /// The share of the clip.
    fn draw(&self, rng: &mut impl Rng) -> f64 {
        self.share.draw(rng)
    }

    fn apply(&self, share: f64, mut sound: Waveform, _: &Given<'_>) -> Waveform {
        let by = (share * sound.len() as f64).round() as usize;
        sound
            .channels_mut()
            .for_each(|channel| channel.rotate_right(by));
        sound
    }

    #[cfg(test)]
    fn at_strength_zero() -> Option<Self> {
        Some(Self {
            share: Interval::new(0.0, 0.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn what_leaves_at_the_end_comes_back_at_the_beginning() {
        let sound = channels(vec![vec![1.0, 2.0, 3.0, 4.0], vec![5.0, 6.0, 7.0, 8.0]]);
        let shifted = applied(&TimeShift::default(), 0.25, sound.clone());
        assert_eq!(shifted.channels()[0], [4.0, 1.0, 2.0, 3.0]);
        assert_eq!(shifted.channels()[1], [8.0, 5.0, 6.0, 7.0]);
        assert_eq!(applied(&TimeShift::default(), 1.0, sound.clone()), sound);
        assert!(applied(&TimeShift::default(), 0.5, noise(1, 0, 1)).is_empty());
    }
}

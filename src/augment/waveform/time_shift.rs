//! Circular shift, later.

use rand::Rng;

use crate::audio::Waveform;
use crate::augment::{Interval, error::Problems};

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

impl TimeShift {
    pub(super) fn check(&self, problems: &mut Problems<'_>) {
        self.share.check("share", 0.0, 1.0, problems);
    }

    /// The share of the clip.
    pub(super) fn draw(&self, rng: &mut impl Rng) -> f64 {
        self.share.draw(rng)
    }

    pub(super) fn apply(share: f64, mut sound: Waveform) -> Waveform {
        let by = (share * sound.len() as f64).round() as usize;
        sound
            .channels_mut()
            .for_each(|channel| channel.rotate_right(by));
        sound
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn what_leaves_at_the_end_comes_back_at_the_beginning() {
        let sound = channels(vec![vec![1.0, 2.0, 3.0, 4.0], vec![5.0, 6.0, 7.0, 8.0]]);
        let shifted = TimeShift::apply(0.25, sound.clone());
        assert_eq!(shifted.channels()[0], [4.0, 1.0, 2.0, 3.0]);
        assert_eq!(shifted.channels()[1], [8.0, 5.0, 6.0, 7.0]);
        assert_eq!(TimeShift::apply(1.0, sound.clone()), sound);
        assert!(TimeShift::apply(0.5, noise(1, 0, 1)).is_empty());
    }
}

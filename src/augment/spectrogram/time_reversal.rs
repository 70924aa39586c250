//! Backwards.

use rand::Rng;

use super::Patch;
use super::augment::Augment;
#[cfg(feature = "nn")]
use super::augment::Given;
use crate::augment::Purpose;

/// Plays a patch backwards (Fonseca et al. 2020, explored and left off). Give the step a
/// `probability` of 0.5, as there: one of 1 reverses every view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeReversal {}

impl Augment for TimeReversal {
    type Draw = bool;

    const PURPOSE: Purpose = Purpose::Augmentation(12);
    const MOVES_FRAMES: bool = true;

    /// Whether it is reversed: yes, where the step happens.
    fn draw(&self, _: &Patch, _: &mut impl Rng) -> bool {
        true
    }

    fn identity(_: &Patch) -> Self::Draw {
        false
    }

    #[cfg(feature = "nn")]
    fn apply(&self, batch: &tch::Tensor, reversed: &[bool], _: &Given<'_>) -> tch::Tensor {
        super::remap::frames(batch, reversed, |frame, reversed, frames| {
            if reversed { frames - 1 - frame } else { frame }
        })
    }

    #[cfg(test)]
    fn at_strength_zero() -> Option<Self> {
        None
    }
}

#[cfg(all(test, feature = "nn"))]
mod tests {
    use super::*;

    #[test]
    fn the_last_frame_comes_first_where_it_was_drawn() {
        let batch = tch::Tensor::from_slice(&[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0]).view([2, 1, 1, 3]);
        let given =
            super::super::augment::testing::applied(&TimeReversal {}, &batch, &[true, false])
                .view(-1);
        let given = Vec::<f32>::try_from(given).unwrap();
        assert_eq!(given, [3.0, 2.0, 1.0, 4.0, 5.0, 6.0]);
    }
}

//! Backwards.

/// Plays a patch backwards (Fonseca et al. 2020, explored and left off). Give the step a
/// `probability` of 0.5, as there: one of 1 reverses every view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeReversal {}

impl TimeReversal {
    #[cfg(feature = "nn")]
    pub(super) fn apply(batch: &tch::Tensor, reversed: &[bool]) -> tch::Tensor {
        super::remap::frames(batch, reversed, |frame, reversed, frames| {
            if reversed { frames - 1 - frame } else { frame }
        })
    }
}

#[cfg(all(test, feature = "nn"))]
mod tests {
    use super::*;

    #[test]
    fn the_last_frame_comes_first_where_it_was_drawn() {
        let batch = tch::Tensor::from_slice(&[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0]).view([2, 1, 1, 3]);
        let given = TimeReversal::apply(&batch, &[true, false]).view(-1);
        let given = Vec::<f32>::try_from(given).unwrap();
        assert_eq!(given, [3.0, 2.0, 1.0, 4.0, 5.0, 6.0]);
    }
}

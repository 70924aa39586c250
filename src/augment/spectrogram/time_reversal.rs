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

//! Softmax cross entropy, the last line of many losses.

use tch::{Reduction, Tensor};

/// Mean over rows of `−log softmax(logits)[target]`. `logits`: `[rows, classes]`; `targets`: `[rows]`.
pub(super) fn cross_entropy(logits: &Tensor, targets: &Tensor) -> Tensor {
    const NO_TARGET: i64 = -100; // A target never given, so none is ignored.
    logits.cross_entropy_loss(targets, None::<Tensor>, Reduction::Mean, NO_TARGET, 0.0)
}

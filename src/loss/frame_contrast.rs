//! The supervised contrastive loss over frames.

use tch::Tensor;

use super::Temperature;
use super::similarity::{cosine_logits, is_self};

/// The supervised contrastive loss (Khosla et al. 2020, eq. 2) over frames of several recordings.
///
/// ```text
/// ℓ(i) = −1/|P(i)| · Σ_{p∈P(i)} log( exp(sᵢₚ / τ) / Σ_{a∈A(i)} exp(sᵢₐ / τ) )
/// ```
///
/// `P(i)` are the other frames of the same unit. A unit below zero is the background of a recording; `A(i)` are all
/// other frames, except that backgrounds of different recordings are not compared: nobody knows whether they differ.
/// Mean over the frames that have a positive; 0 if none has.
///
/// `projections`: `[frames, dim]`; `units`: `[frames]`, one whole number per frame; result: scalar. Without background
/// it is [`super::supervised_contrastive()`].
///
/// # Panics
/// If `projections` is not `[frames, dim]` or `units` not `[frames]`.
pub fn frame_contrast(projections: &Tensor, units: &Tensor, temperature: Temperature) -> Tensor {
    let rows = projections
        .size2()
        .expect("projections are [frames, dim]")
        .0;
    assert_eq!(units.size(), [rows], "one unit per frame");
    let (of_row, of_column) = (units.unsqueeze(1), units.unsqueeze(0));
    let same = of_row.eq_tensor(&of_column);
    let background = of_row.lt(0).logical_and(&of_column.lt(0));
    let itself = is_self(rows, projections);
    let left_out = background
        .logical_and(&same.logical_not())
        .logical_or(&itself);
    let positive = same.logical_and(&itself.logical_not());
    let logits = cosine_logits(projections, temperature); // [frames, frames]
    let log_total = logits
        .masked_fill(&left_out, f64::NEG_INFINITY)
        .logsumexp(1, true);
    let log_share = (logits - log_total).masked_fill(&positive.logical_not(), 0.0);
    let positives = positive.sum_dim_intlist(1, false, projections.kind());
    let losses = -log_share.sum_dim_intlist(1, false, None) / positives.clamp_min(1.0);
    let has_positive = positives.gt(0.0);
    let count = has_positive.sum(projections.kind()).clamp_min(1.0);
    losses.where_scalarother(&has_positive, 0.0).sum(None) / count
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::super::{Denominator, Reduction, supervised_contrastive};
    use super::*;

    /// The formula in plain loops.
    fn oracle(rows: &[Vec<f64>], units: &[i64], temperature: f64) -> f64 {
        let mut losses = Vec::new();
        for i in 0..rows.len() {
            let logit = |j: usize| cosine(&rows[i], &rows[j]) / temperature;
            let others = (0..rows.len()).filter(|&j| j != i);
            let compared =
                others.filter(|&j| units[i] >= 0 || units[j] >= 0 || units[i] == units[j]);
            let compared: Vec<_> = compared.collect();
            let positives: Vec<_> = compared.iter().filter(|&&j| units[j] == units[i]).collect();
            if positives.is_empty() {
                continue;
            }
            let sum: f64 = compared.iter().map(|&a| logit(a).exp()).sum();
            let shares = positives
                .iter()
                .map(|&&p| (logit(p).exp() / sum).ln())
                .sum::<f64>();
            losses.push(-shares / positives.len() as f64);
        }
        losses.iter().sum::<f64>() / losses.len() as f64
    }

    #[test]
    fn equals_the_formula_in_plain_loops() {
        let rows = some_rows(11, 5, 2);
        let units = [0, 0, 4, 4, 4, 9, -1, -1, -2, -2, -2];
        let given = frame_contrast(&rows, &Tensor::from_slice(&units), tau(0.2));
        let wanted = oracle(&to_rows(&rows), &units, 0.2);
        assert!((given.double_value(&[]) - wanted).abs() < 1e-10);
    }

    #[test]
    fn without_background_it_is_the_supervised_contrastive_loss() {
        let rows = some_rows(8, 6, 5);
        let units = Tensor::from_slice(&[0i64, 1, 0, 1, 2, 2, 2, 3]);
        let (given, wanted) = (
            frame_contrast(&rows, &units, tau(0.1)),
            supervised_contrastive(
                &rows,
                &units,
                tau(0.1),
                Denominator::AllOthers,
                Reduction::Mean,
            ),
        );
        assert_close(&given, &wanted, 1e-12);
    }

    #[test]
    fn gradient_is_that_of_finite_differences() {
        let units = Tensor::from_slice(&[0i64, 0, 3, -1, -1, -2, 3]);
        assert_gradient(
            &|rows| frame_contrast(rows, &units, tau(0.3)),
            &some_rows(7, 4, 1),
        );
    }

    #[test]
    fn nothing_to_compare_costs_nothing() {
        let alone = frame_contrast(
            &some_rows(3, 4, 1),
            &Tensor::from_slice(&[0i64, -1, -2]),
            tau(0.1),
        );
        assert_eq!(alone.double_value(&[]), 0.0);
    }
}

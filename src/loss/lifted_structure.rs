//! The lifted structure loss.

use tch::Tensor;

use super::Margin;
use super::distance::{distances, same_label};
use super::similarity::is_self;

/// The lifted structure loss (Oh Song et al. 2016, eq. 4, arXiv:1511.06452).
///
/// ```text
/// Jᵢⱼ = log( Σ_{k∈N(i)} exp(ε − Dᵢₖ) + Σ_{l∈N(j)} exp(ε − Dⱼₗ) ) + Dᵢⱼ
/// L   = 1/(2|P|) · Σ_{(i,j)∈P} max(0, Jᵢⱼ)²
/// ```
///
/// `D` is the Euclidean distance, `ε` the margin, `P` the pairs that share a label and `N(i)` the
/// items with another label than `i`: every pair sees all negatives of both its ends. A pair without
/// negatives costs nothing; without pairs the result is 0.
///
/// `embeddings`: `[items, dim]`, taken at their length, as in the paper; a margin of 1 is usual;
/// `labels`: `[items]`, one whole number per item; result: scalar, at least 0. Where two embeddings
/// are equal the gradient of their distance is 0.
///
/// # Panics
/// If `embeddings` is not `[items, dim]` or `labels` not `[items]`.
///
/// # Source
/// Tested against the formula in plain loops and against a PyTorch 2.11 program written from it
/// (`tests/golden/loss.py`).
///
/// ```
/// use chiffchaff::loss::{Margin, lifted_structure};
/// use tch::{Device, Kind, Tensor};
///
/// // Everything at one place: each end sees one negative, J = log(2e) = 1 + ln 2.
/// let same = Tensor::ones([3, 4], (Kind::Double, Device::Cpu));
/// let labels = Tensor::from_slice(&[0i64, 0, 1]);
/// let loss = lifted_structure(&same, &labels, Margin::new(1.0)?).double_value(&[]);
/// assert!((loss - (1.0 + 2f64.ln()).powi(2) / 2.0).abs() < 1e-12);
/// # Ok::<(), chiffchaff::loss::LossError>(())
/// ```
pub fn lifted_structure(embeddings: &Tensor, labels: &Tensor, margin: Margin) -> Tensor {
    let items = embeddings.size2().expect("embeddings are [items, dim]").0;
    assert_eq!(labels.size(), [items], "one label per item");
    let distances = distances(embeddings, embeddings); // [items, items]
    let same = same_label(labels);
    let pairs = same.logical_and(&is_self(items, embeddings).logical_not());
    let log_negatives = (margin.get() - &distances)
        .masked_fill(&same, f64::NEG_INFINITY)
        .logsumexp(1, false); // [items]
    let j = log_negatives
        .unsqueeze(1)
        .logaddexp(&log_negatives.unsqueeze(0))
        + distances; // [items, items]
    let costs = j
        .clamp_min(0.0)
        .square()
        .masked_fill(&pairs.logical_not(), 0.0);
    // Each pair is in there twice, and so in the count.
    costs.sum(None) / (pairs.sum(costs.kind()).clamp_min(1.0) * 2.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tch::{Device, Kind};

    use super::super::testing::*;
    use super::*;

    /// The formulas in plain loops, each pair once.
    fn oracle(rows: &[Vec<f64>], labels: &[i64], epsilon: f64) -> f64 {
        let d = |i: usize, j: usize| distance(&rows[i], &rows[j]);
        let (mut total, mut pairs) = (0.0, 0.0);
        for j in 0..rows.len() {
            for i in 0..j {
                if labels[i] != labels[j] {
                    continue;
                }
                let mut sum = 0.0;
                for k in 0..rows.len() {
                    if labels[k] != labels[i] {
                        sum += (epsilon - d(i, k)).exp();
                        sum += (epsilon - d(j, k)).exp();
                    }
                }
                total += (sum.ln() + d(i, j)).max(0.0).powi(2);
                pairs += 1.0;
            }
        }
        if pairs == 0.0 {
            0.0
        } else {
            total / (2.0 * pairs)
        }
    }

    fn loss(rows: &Tensor, labels: &[i64], epsilon: f64) -> f64 {
        lifted_structure(rows, &Tensor::from_slice(labels), margin(epsilon)).double_value(&[])
    }

    #[test]
    fn three_points_by_hand() {
        // The pair is 1 apart, the negative 3 and 2 from its ends.
        let rows = Tensor::from_slice(&[0.0, 1.0, 3.0]).view([3, 1]);
        let j = ((4f64 - 3.0).exp() + (4f64 - 2.0).exp()).ln() + 1.0;
        assert!((loss(&rows, &[0, 0, 1], 4.0) - j * j / 2.0).abs() < 1e-12);
        // ln(e⁻² + e⁻¹) + 1 = −1 + ln(1 + e⁻¹) + 1 > 0, but with 0.5 less it is below 0.
        assert!(loss(&rows, &[0, 0, 1], 1.0) > 0.0);
        assert_eq!(loss(&rows, &[0, 0, 1], 0.5), 0.0);
    }

    #[test]
    fn nothing_to_compare_costs_nothing_and_has_finite_gradient() {
        // No negatives, no pairs, neither.
        for labels in [vec![5i64, 5, 5], vec![1, 2, 3], vec![4]] {
            let rows = some_rows(labels.len() as i64, 3, 1)
                .to_kind(Kind::Float)
                .set_requires_grad(true);
            let result = lifted_structure(&rows, &Tensor::from_slice(&labels), margin(1.0));
            result.backward();
            assert_eq!(result.double_value(&[]), 0.0, "{labels:?}");
            let steepest = rows.grad().abs().max().double_value(&[]);
            assert_eq!(steepest, 0.0, "{labels:?}");
        }
    }

    #[test]
    fn equal_embeddings_have_finite_gradient() {
        let rows = Tensor::ones([4, 3], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        lifted_structure(&rows, &Tensor::from_slice(&[0i64, 0, 1, 1]), margin(1.0)).backward();
        assert_eq!(rows.grad().abs().max().double_value(&[]), 0.0);
    }

    #[test]
    fn agrees_with_pytorch_in_value_and_gradient() {
        for case in golden("lifted_structure") {
            let labels = case.tensor("labels").to_kind(Kind::Int64);
            case.assert_agrees(&["embeddings"], |inputs| {
                lifted_structure(&inputs[0], &labels, margin(case.number("margin")))
            });
        }
    }

    #[test]
    fn gradient_agrees_with_finite_differences() {
        // Row 5 has no positive.
        let labels = Tensor::from_slice(&[0i64, 1, 0, 1, 1, 2]);
        let of_rows = |rows: &Tensor| lifted_structure(rows, &labels, margin(1.0));
        assert_gradient(&of_rows, &some_rows(6, 4, 9));
    }

    #[test]
    fn stays_finite_for_long_embeddings_in_single_precision() {
        let rows = (some_rows(6, 4, 1) * 1000.0)
            .to_kind(Kind::Float)
            .set_requires_grad(true);
        let labels = [0i64, 0, 1, 1, 2, 2];
        let result = lifted_structure(&rows, &Tensor::from_slice(&labels), margin(1.0));
        result.backward();
        assert!(result.double_value(&[]).is_finite());
        assert!(bool::try_from(rows.grad().isfinite().all()).unwrap());
    }

    #[test]
    fn narrow_inputs_are_computed_in_single_precision() {
        let rows = some_rows(4, 8, 5).to_kind(Kind::BFloat16);
        let labels = Tensor::from_slice(&[0i64, 0, 1, 1]);
        let loss = lifted_structure(&rows, &labels, margin(1.0));
        assert_eq!(loss.kind(), Kind::Float);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn equals_the_formula(
            seed in 0i64..1000, labels in proptest::collection::vec(0i64..3, 1..9), epsilon in 0.05f64..2.0,
        ) {
            let rows = some_rows(labels.len() as i64, 5, seed);
            let expected = oracle(&to_rows(&rows), &labels, epsilon);
            prop_assert!((loss(&rows, &labels, epsilon) - expected).abs() < 1e-9 * (1.0 + expected));
        }

        #[test]
        fn permuting_items_moving_all_and_renaming_labels_change_nothing(
            seed in 0i64..1000, labels in proptest::collection::vec(0i64..3, 2..9), offset in -3f64..3.0,
        ) {
            let rows = some_rows(labels.len() as i64, 5, seed);
            let renamed: Vec<_> = labels.iter().map(|label| 100 - 7 * label).collect();
            let reversed: Vec<_> = labels.iter().copied().rev().collect();
            let expected = loss(&rows, &labels, 1.0);
            for changed in [
                loss(&rows, &renamed, 1.0),
                loss(&rows.flip([0]), &reversed, 1.0),
                loss(&(&rows + offset), &labels, 1.0),
            ] {
                prop_assert!((changed - expected).abs() < 1e-9);
            }
        }
    }
}

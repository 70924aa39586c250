//! The contrastive loss of pairs.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::Margin;
use super::distance::{distances, same_label};
use super::similarity::is_self;

/// What a pair costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContrastiveForm {
    /// `D²` and `max(0, ε − D)²`, the published form. The default: near pairs of one label are left
    /// alone.
    #[default]
    Squared,
    /// `D` and `max(0, ε − D)`: all pairs that cost anything pull alike.
    Linear,
}

/// The contrastive loss (Hadsell et al. 2006, eq. 4) over all pairs of a batch.
///
/// ```text
/// ℓ(i, j) = Dᵢⱼ²             if i and j share a label
///           max(0, ε − Dᵢⱼ)²  if not
/// ```
///
/// `D` is the Euclidean distance, `ε` the margin; `form` takes the squares away. Mean over all pairs
/// `i ≠ j`; 0 if there is one item only. The paper has a factor of ½ more.
///
/// `embeddings`: `[items, dim]`, taken at their length: with [`super::unit_rows()`] a margin of 1 is
/// usual; `labels`: `[items]`, one whole number per item; result: scalar, at least 0. Where two
/// embeddings are equal no direction is better than another, and the gradient is 0.
///
/// # Panics
/// If `embeddings` is not `[items, dim]` or `labels` not `[items]`.
///
/// # Source
/// Tested against the formula in plain loops and against a PyTorch 2.11 program written from it
/// (`tests/golden/loss.py`).
///
/// ```
/// use chiffchaff::loss::{ContrastiveForm, Margin, contrastive};
/// use tch::Tensor;
///
/// // One pair, 0.5 apart: costs 0.25, if they share a label or if not.
/// let embeddings = Tensor::from_slice(&[0.0, 0.5]).view([2, 1]);
/// for labels in [[1i64, 1], [1, 2]] {
///     let labels = Tensor::from_slice(&labels);
///     let loss = contrastive(&embeddings, &labels, Margin::new(1.0)?, ContrastiveForm::Squared);
///     assert_eq!(loss.double_value(&[]), 0.25);
/// }
/// # Ok::<(), chiffchaff::loss::LossError>(())
/// ```
pub fn contrastive(
    embeddings: &Tensor,
    labels: &Tensor,
    margin: Margin,
    form: ContrastiveForm,
) -> Tensor {
    let items = embeddings.size2().expect("embeddings are [items, dim]").0;
    assert_eq!(labels.size(), [items], "one label per item");
    let distances = distances(embeddings, embeddings); // [items, items]
    let missing = (margin.get() - &distances).clamp_min(0.0);
    let costs = distances.where_self(&same_label(labels), &missing);
    let costs = match form {
        ContrastiveForm::Squared => costs.square(),
        ContrastiveForm::Linear => costs,
    };
    let pairs = (items * (items - 1)).max(1) as f64;
    costs
        .masked_fill(&is_self(items, embeddings), 0.0)
        .sum(None)
        / pairs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tch::{Device, Kind};

    use super::super::testing::*;
    use super::*;

    const FORMS: [ContrastiveForm; 2] = [ContrastiveForm::Squared, ContrastiveForm::Linear];

    /// The formula in plain loops, each pair once.
    fn oracle(rows: &[Vec<f64>], labels: &[i64], epsilon: f64, form: ContrastiveForm) -> f64 {
        let (mut total, mut pairs) = (0.0, 0.0);
        for j in 0..rows.len() {
            for i in 0..j {
                let d = distance(&rows[i], &rows[j]);
                let cost = if labels[i] == labels[j] {
                    d
                } else {
                    (epsilon - d).max(0.0)
                };
                total += match form {
                    ContrastiveForm::Squared => cost * cost,
                    ContrastiveForm::Linear => cost,
                };
                pairs += 1.0;
            }
        }
        total / pairs
    }

    fn loss(rows: &Tensor, labels: &[i64], epsilon: f64, form: ContrastiveForm) -> f64 {
        let labels = Tensor::from_slice(labels);
        contrastive(rows, &labels, margin(epsilon), form).double_value(&[])
    }

    #[test]
    fn three_points_by_hand() {
        // 0 and 0.5 share a label; the third at 0.75 is 0.25 and 0.75 from them.
        let rows = Tensor::from_slice(&[0.0, 0.5, 0.75]).view([3, 1]);
        let labels = [4, 4, 5];
        let squared = (0.25 + 0.75 * 0.75 + 0.25 * 0.25) / 3.0;
        assert!((loss(&rows, &labels, 1.0, ContrastiveForm::Squared) - squared).abs() < 1e-12);
        assert!((loss(&rows, &labels, 1.0, ContrastiveForm::Linear) - 0.5).abs() < 1e-12);
        // With a margin of 0.5 the farther one is far enough.
        assert!((loss(&rows, &labels, 0.5, ContrastiveForm::Linear) - 0.25).abs() < 1e-12);
    }

    #[test]
    fn one_item_costs_nothing() {
        assert_eq!(
            loss(&some_rows(1, 3, 1), &[0], 1.0, ContrastiveForm::Squared),
            0.0
        );
    }

    #[test]
    fn equal_embeddings_have_finite_gradient() {
        for form in FORMS {
            let rows = Tensor::ones([4, 3], (Kind::Float, Device::Cpu)).set_requires_grad(true);
            let labels = Tensor::from_slice(&[0i64, 0, 1, 1]);
            let result = contrastive(&rows, &labels, margin(1.0), form);
            result.backward();
            // Four of six pairs are of two labels and cost the whole margin.
            assert!((result.double_value(&[]) - 4.0 / 6.0).abs() < 1e-6);
            assert_eq!(rows.grad().abs().max().double_value(&[]), 0.0, "{form:?}");
        }
    }

    #[test]
    fn agrees_with_pytorch_in_value_and_gradient() {
        for case in golden("contrastive") {
            let labels = case.tensor("labels").to_kind(Kind::Int64);
            case.assert_agrees(&["embeddings"], |inputs| {
                let margin = margin(case.number("margin"));
                contrastive(&inputs[0], &labels, margin, case.parsed("form"))
            });
        }
    }

    #[test]
    fn gradient_agrees_with_finite_differences() {
        let labels = Tensor::from_slice(&[0i64, 1, 0, 1, 1, 2]);
        for form in FORMS {
            let of_rows = |rows: &Tensor| contrastive(rows, &labels, margin(0.8), form);
            assert_gradient(&of_rows, &some_rows(6, 4, 9));
        }
    }

    #[test]
    fn narrow_inputs_are_computed_in_single_precision() {
        let rows = some_rows(4, 8, 5).to_kind(Kind::BFloat16);
        let labels = Tensor::from_slice(&[0i64, 0, 1, 1]);
        let loss = contrastive(&rows, &labels, margin(1.0), ContrastiveForm::Squared);
        assert_eq!(loss.kind(), Kind::Float);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn equals_the_formula(
            seed in 0i64..1000, labels in proptest::collection::vec(0i64..3, 2..9), epsilon in 0.05f64..2.0,
        ) {
            let rows = some_rows(labels.len() as i64, 5, seed);
            for form in FORMS {
                let expected = oracle(&to_rows(&rows), &labels, epsilon, form);
                prop_assert!((loss(&rows, &labels, epsilon, form) - expected).abs() < 1e-10);
            }
        }

        #[test]
        fn permuting_items_moving_all_and_renaming_labels_change_nothing(
            seed in 0i64..1000, labels in proptest::collection::vec(0i64..3, 2..9), offset in -3f64..3.0,
        ) {
            let rows = some_rows(labels.len() as i64, 5, seed);
            let renamed: Vec<_> = labels.iter().map(|label| 100 - 7 * label).collect();
            let reversed: Vec<_> = labels.iter().copied().rev().collect();
            let form = ContrastiveForm::Linear;
            let expected = loss(&rows, &labels, 0.7, form);
            for changed in [
                loss(&rows, &renamed, 0.7, form),
                loss(&rows.flip([0]), &reversed, 0.7, form),
                loss(&(&rows + offset), &labels, 0.7, form),
            ] {
                prop_assert!((changed - expected).abs() < 1e-9);
            }
        }
    }
}

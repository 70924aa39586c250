//! The supervised contrastive loss.

use tch::{Kind, Tensor};

use super::Temperature;
use super::similarity::{cosine_logits, is_self};

/// Which rows an anchor's positives compete with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Denominator {
    /// A(i), all rows but the anchor (Khosla et al. 2020): the loss is never negative. The default:
    /// what the code behind the published few-shot results runs.
    #[default]
    AllOthers,
    /// N(i), only rows of other labels (Moummad et al. 2023, eq. 1): positives do not repel one
    /// another, and the loss may be negative.
    NegativesOnly,
}

/// How the anchors' losses become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reduction {
    /// Mean over the anchors that have a loss: does not depend on the batch size. The default.
    #[default]
    Mean,
    /// Sum over the anchors, as the papers print it.
    Sum,
}

/// The supervised contrastive loss (Khosla et al. 2020, eq. 2, arXiv:2004.11362).
///
/// ```text
/// ℓ(i) = −1/|P(i)| · Σ_{p∈P(i)} log( exp(sᵢₚ / τ) / Σ_{a∈D(i)} exp(sᵢₐ / τ) )
/// ```
///
/// `s` is cosine similarity, `τ` the temperature, `P(i)` the other rows with the anchor's label and
/// `D(i)` what `denominator` says: `A(i)`, all other rows, or `N(i)`, the rows of other labels.
/// An anchor whose `P(i)` or `D(i)` is empty has no loss and is left out; if none remains, the
/// result is 0.
///
/// `projections`: `[rows, dim]`, all views of all clips; `labels`: `[rows]`, one whole number per
/// row; result: scalar. With one label per clip and two views it equals [`super::nt_xent()`].
/// The papers' code may scale by τ over a base temperature; this does not.
///
/// # Panics
/// If `projections` is not `[rows, dim]` or `labels` not `[rows]`.
///
/// # Source
/// Tested against the formula in plain loops and against a PyTorch 2.11 program written from it
/// (`tests/golden/loss.py`).
///
/// ```
/// use chiffchaff::loss::{Denominator, Reduction, Temperature, supervised_contrastive};
/// use tch::{Device, Kind, Tensor};
///
/// // When everything looks the same, all five others are equally likely …
/// let same = Tensor::ones([6, 16], (Kind::Float, Device::Cpu));
/// let labels = Tensor::from_slice(&[0i64, 0, 1, 1, 2, 2]);
/// let tau = Temperature::new(0.06)?;
/// let all = supervised_contrastive(&same, &labels, tau, Denominator::AllOthers, Reduction::Mean);
/// assert!((all.double_value(&[]) - 5f64.ln()).abs() < 1e-5);
/// // … and so are the four negatives.
/// let decoupled = supervised_contrastive(&same, &labels, tau, Denominator::NegativesOnly, Reduction::Mean);
/// assert!((decoupled.double_value(&[]) - 4f64.ln()).abs() < 1e-5);
/// # Ok::<(), chiffchaff::loss::LossError>(())
/// ```
pub fn supervised_contrastive(
    projections: &Tensor,
    labels: &Tensor,
    temperature: Temperature,
    denominator: Denominator,
    reduction: Reduction,
) -> Tensor {
    let rows = projections.size2().expect("projections are [rows, dim]").0;
    assert_eq!(labels.size(), [rows], "one label per row");
    let logits = cosine_logits(projections, temperature); // [rows, rows]
    let itself = is_self(rows, projections);
    let same_label = labels.unsqueeze(1).eq_tensor(&labels.unsqueeze(0));
    let positives = same_label.logical_and(&itself.logical_not());
    let candidates = match denominator {
        Denominator::AllOthers => itself.logical_not(),
        Denominator::NegativesOnly => same_label.logical_not(),
    };
    let has_loss = has_any(&positives).logical_and(&has_any(&candidates)); // [rows]

    let positive_logit = mean_where(&positives, &logits); // [rows]
    let log_denominator = log_sum_exp_where(&candidates, &logits); // [rows]
    let losses = (log_denominator - positive_logit)
        .where_self(&has_loss, &Tensor::zeros_like(&logits.select(1, 0)));
    match reduction {
        Reduction::Mean => losses.sum(None) / count(&has_loss, logits.kind()).clamp_min(1.0),
        Reduction::Sum => losses.sum(None),
    }
}

fn has_any(mask: &Tensor) -> Tensor {
    mask.any_dim(1, false)
}

/// Row means over `mask`; 0 where it is empty.
fn mean_where(mask: &Tensor, values: &Tensor) -> Tensor {
    let chosen = values
        .masked_fill(&mask.logical_not(), 0.0)
        .sum_dim_intlist(1, false, None);
    let count = mask.sum_dim_intlist(1, false, values.kind());
    chosen / count.clamp_min(1.0)
}

/// Row-wise log Σ exp over `mask`. Where the mask is empty it runs over the whole row: a number
/// nobody uses, but a finite one, so that no NaN enters the gradient.
fn log_sum_exp_where(mask: &Tensor, values: &Tensor) -> Tensor {
    let usable = mask.logical_or(&has_any(mask).logical_not().unsqueeze(1));
    values
        .masked_fill(&usable.logical_not(), f64::NEG_INFINITY)
        .logsumexp(1, false)
}

fn count(mask: &Tensor, kind: Kind) -> Tensor {
    mask.sum(kind)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tch::Device;

    use super::super::nt_xent;
    use super::super::testing::*;
    use super::*;

    const DENOMINATORS: [Denominator; 2] = [Denominator::AllOthers, Denominator::NegativesOnly];

    /// The formula in plain loops.
    fn oracle(
        rows: &[Vec<f64>],
        labels: &[i64],
        temperature: f64,
        denominator: Denominator,
        reduction: Reduction,
    ) -> f64 {
        let mut losses = Vec::new();
        for i in 0..rows.len() {
            let logit = |j: usize| cosine(&rows[i], &rows[j]) / temperature;
            let positives: Vec<_> = (0..rows.len())
                .filter(|&j| j != i && labels[j] == labels[i])
                .collect();
            let candidates: Vec<_> = (0..rows.len())
                .filter(|&j| match denominator {
                    Denominator::AllOthers => j != i,
                    Denominator::NegativesOnly => labels[j] != labels[i],
                })
                .collect();
            if positives.is_empty() || candidates.is_empty() {
                continue;
            }
            let sum: f64 = candidates.iter().map(|&a| logit(a).exp()).sum();
            let log_shares: f64 = positives.iter().map(|&p| (logit(p).exp() / sum).ln()).sum();
            losses.push(-log_shares / positives.len() as f64);
        }
        let total: f64 = losses.iter().sum();
        match reduction {
            Reduction::Sum => total,
            Reduction::Mean => total / losses.len().max(1) as f64,
        }
    }

    fn loss(rows: &Tensor, labels: &[i64], temperature: f64, denominator: Denominator) -> f64 {
        let labels = Tensor::from_slice(labels);
        supervised_contrastive(
            rows,
            &labels,
            tau(temperature),
            denominator,
            Reduction::Mean,
        )
        .double_value(&[])
    }

    #[test]
    fn three_rows_by_hand() {
        // Rows 0 and 1 point the same way and share a label, row 2 is orthogonal and alone: it has
        // no positive and no loss. τ = 1.
        let rows = Tensor::from_slice(&[1.0, 0.0, 2.0, 0.0, 0.0, 1.0]).view([3, 2]);
        let labels = [7, 7, 3];
        let e = 1f64.exp();
        assert!(
            (loss(&rows, &labels, 1.0, Denominator::AllOthers) - ((e + 1.0) / e).ln()).abs()
                < 1e-12
        );
        // Only the negative below: −ln(e¹ / e⁰) = −1.
        assert!((loss(&rows, &labels, 1.0, Denominator::NegativesOnly) + 1.0).abs() < 1e-12);
    }

    #[test]
    fn nothing_to_compare_costs_nothing_and_has_finite_gradient() {
        for denominator in DENOMINATORS {
            for labels in [vec![1i64, 2, 3], vec![4], vec![5, 5, 5]] {
                if denominator == Denominator::AllOthers && labels == [5, 5, 5] {
                    continue; // One label: every other row is a candidate.
                }
                let rows = some_rows(labels.len() as i64, 3, 1).set_requires_grad(true);
                let result = supervised_contrastive(
                    &rows,
                    &Tensor::from_slice(&labels),
                    tau(0.1),
                    denominator,
                    Reduction::Mean,
                );
                result.backward();
                assert_eq!(result.double_value(&[]), 0.0, "{denominator:?} {labels:?}");
                assert_eq!(
                    rows.grad().abs().max().double_value(&[]),
                    0.0,
                    "{denominator:?} {labels:?}"
                );
            }
        }
    }

    #[test]
    fn separated_classes_without_positives_below_fall_without_bound() {
        // Two classes on opposite poles: each anchor gives −2/τ + ln 2.
        let rows = Tensor::from_slice(&[1.0, 1.0, -1.0, -1.0]).view([4, 1]);
        for temperature in [1.0, 0.1, 0.01] {
            let given = loss(
                &rows,
                &[0, 0, 1, 1],
                temperature,
                Denominator::NegativesOnly,
            );
            assert!(
                (given - (-2.0 / temperature + 2f64.ln())).abs() < 1e-9,
                "{given}"
            );
        }
    }

    #[test]
    fn agrees_with_pytorch_in_value_and_gradient() {
        for case in golden("supervised_contrastive") {
            let rows = case.tensor("projections").set_requires_grad(true);
            let loss = supervised_contrastive(
                &rows,
                &case.tensor("labels").to_kind(Kind::Int64),
                tau(case.number("temperature")),
                case.parsed("denominator"),
                case.parsed("reduction"),
            );
            loss.backward();
            assert_close(&loss, &case.tensor("loss").view([]), 1e-9);
            assert_close(&rows.grad(), &case.tensor("grad"), 1e-9);
        }
    }

    #[test]
    fn gradient_agrees_with_finite_differences() {
        // Row 5 has no positive.
        let labels = Tensor::from_slice(&[0i64, 1, 0, 1, 1, 2]);
        for denominator in DENOMINATORS {
            for reduction in [Reduction::Mean, Reduction::Sum] {
                let of_rows = |rows: &Tensor| {
                    supervised_contrastive(rows, &labels, tau(0.3), denominator, reduction)
                };
                assert_gradient(&of_rows, &some_rows(6, 4, 9));
            }
        }
    }

    #[test]
    fn stays_finite_at_low_temperature_in_single_precision() {
        let labels = [0i64, 1, 2, 3, 0, 1, 2, 3];
        for denominator in DENOMINATORS {
            let rows = some_rows(8, 16, 3)
                .to_kind(Kind::Float)
                .set_requires_grad(true);
            let result = supervised_contrastive(
                &rows,
                &Tensor::from_slice(&labels),
                tau(0.01),
                denominator,
                Reduction::Mean,
            );
            result.backward();
            let expected = oracle(&to_rows(&rows), &labels, 0.01, denominator, Reduction::Mean);
            assert!(
                (result.double_value(&[]) / expected - 1.0).abs() < 1e-4,
                "{result:?} {expected}"
            );
            assert!(bool::try_from(rows.grad().isfinite().all()).unwrap());
        }
    }

    #[test]
    fn narrow_inputs_are_computed_in_single_precision() {
        let rows = some_rows(4, 8, 5).to_kind(Kind::BFloat16);
        let labels = Tensor::from_slice(&[0i64, 1, 0, 1]);
        let narrow = supervised_contrastive(
            &rows,
            &labels,
            tau(0.06),
            Denominator::AllOthers,
            Reduction::Mean,
        );
        assert_eq!(narrow.kind(), Kind::Float);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn equals_the_formula(
            seed in 0i64..1000,
            labels in proptest::collection::vec(0i64..4, 1..10),
            temperature in 0.02f64..2.0,
            decoupled: bool,
            sum: bool,
        ) {
            let rows = some_rows(labels.len() as i64, 5, seed);
            let denominator = DENOMINATORS[usize::from(decoupled)];
            let reduction = if sum { Reduction::Sum } else { Reduction::Mean };
            let expected = oracle(&to_rows(&rows), &labels, temperature, denominator, reduction);
            let given = supervised_contrastive(
                &rows, &Tensor::from_slice(&labels), tau(temperature), denominator, reduction,
            ).double_value(&[]);
            prop_assert!((given - expected).abs() < 1e-9 * (1.0 + expected.abs()), "{given} {expected}");
        }

        #[test]
        fn one_label_per_clip_is_nt_xent(seed in 0i64..1000, batch in 1i64..7, temperature in 0.02f64..2.0) {
            let (first, second) = (some_rows(batch, 6, seed), some_rows(batch, 6, seed + 1000));
            let labels: Vec<i64> = (0..batch).chain(0..batch).collect();
            let rows = Tensor::cat(&[&first, &second], 0);
            let given = loss(&rows, &labels, temperature, Denominator::AllOthers);
            let expected = nt_xent(&first, &second, tau(temperature)).double_value(&[]);
            prop_assert!((given - expected).abs() < 1e-9);
        }

        #[test]
        fn permuting_rows_renaming_labels_and_rescaling_change_nothing(
            seed in 0i64..1000, labels in proptest::collection::vec(0i64..3, 2..10), scale in 0.01f64..100.0, shift in 1i64..9,
        ) {
            let rows = some_rows(labels.len() as i64, 5, seed);
            let renamed: Vec<i64> = labels.iter().map(|label| 100 - 7 * label).collect();
            let rolled = Vec::<i64>::try_from(Tensor::from_slice(&labels).roll(shift, 0)).unwrap();
            for denominator in DENOMINATORS {
                let expected = loss(&rows, &labels, 0.2, denominator);
                for changed in [
                    loss(&rows.roll(shift, 0), &rolled, 0.2, denominator),
                    loss(&rows, &renamed, 0.2, denominator),
                    loss(&(&rows * scale), &labels, 0.2, denominator),
                ] {
                    prop_assert!((changed - expected).abs() < 1e-10);
                }
            }
        }

        #[test]
        fn equal_projections_cost_log_of_the_candidates(classes in 2i64..6, shots in 2i64..5, temperature in 0.01f64..3.0) {
            let rows = Tensor::ones([classes * shots, 4], (Kind::Double, Device::Cpu));
            let labels: Vec<i64> = (0..classes * shots).map(|row| row % classes).collect();
            let all = loss(&rows, &labels, temperature, Denominator::AllOthers);
            prop_assert!((all - ((classes * shots - 1) as f64).ln()).abs() < 1e-9);
            let negatives = loss(&rows, &labels, temperature, Denominator::NegativesOnly);
            prop_assert!((negatives - ((classes * shots - shots) as f64).ln()).abs() < 1e-9);
        }
    }
}

//! The loss of SimCLR.

use tch::{Kind, Tensor};

use super::Temperature;
use super::similarity::{cosine_logits, is_self};

/// NT-Xent, the loss of SimCLR (Chen et al. 2020, eq. 1, arXiv:2002.05709).
///
/// ```text
/// ℓ(i, j) = −log( exp(sᵢⱼ / τ) / Σ_{k≠i} exp(sᵢₖ / τ) )
/// ```
///
/// `s` is cosine similarity, `τ` the temperature; `j` is the other view of the clip behind `i`.
/// Mean over all 2·batch rows, both directions. `first`, `second`: `[batch, dim]`, row by row two
/// views of the same clip; result: scalar, between 0 and `ln(2·batch − 1) + 2/τ`.
///
/// Code that averages over the batch and sums both directions (the authors' own) gives twice this:
/// under SGD its learning rates correspond to twice as large ones here.
///
/// # Panics
/// If the two shapes differ or are not `[batch, dim]`.
///
/// # Source
/// Tested against the formula in plain loops and against PyTorch 2.11's `cross_entropy` on the same
/// matrix (`tests/golden/loss.py`).
///
/// ```
/// use chiffchaff::loss::{Temperature, nt_xent};
/// use tch::{Device, Kind, Tensor};
///
/// // When everything looks the same, the other view is one guess in 2·batch − 1 = 7.
/// let same = Tensor::ones([4, 16], (Kind::Float, Device::Cpu));
/// let loss = nt_xent(&same, &same, Temperature::new(0.2)?);
/// assert!((loss.double_value(&[]) - 7f64.ln()).abs() < 1e-5);
/// # Ok::<(), chiffchaff::loss::LossError>(())
/// ```
pub fn nt_xent(first: &Tensor, second: &Tensor, temperature: Temperature) -> Tensor {
    let batch = first.size2().expect("projections are [batch, dim]").0;
    assert_eq!(
        first.size(),
        second.size(),
        "both views have the same shape"
    );
    let projections = Tensor::cat(&[first, second], 0); // [2·batch, dim]
    let logits = cosine_logits(&projections, temperature) // [2·batch, 2·batch]
        .masked_fill(&is_self(2 * batch, &projections), f64::NEG_INFINITY);
    let other_view = other_view(batch, &projections);
    -logits
        .log_softmax(-1, None)
        .gather(1, &other_view.unsqueeze(1), false) // [2·batch, 1]
        .mean(None)
}

/// Which row holds the other view of each row's clip: `[2·batch]`.
fn other_view(batch: i64, like: &Tensor) -> Tensor {
    Tensor::arange(2 * batch, (Kind::Int64, like.device())).roll(batch, 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tch::{Device, IndexOp};

    use super::super::testing::*;
    use super::*;

    /// Eq. 1 in plain loops.
    fn oracle(first: &[Vec<f64>], second: &[Vec<f64>], temperature: f64) -> f64 {
        let views: Vec<_> = first.iter().chain(second).collect();
        let rows = views.len();
        let mut total = 0.0;
        for i in 0..rows {
            let j = if i < first.len() {
                i + first.len()
            } else {
                i - first.len()
            };
            let mut denominator = 0.0;
            for k in 0..rows {
                if k != i {
                    denominator += (cosine(views[i], views[k]) / temperature).exp();
                }
            }
            total -= ((cosine(views[i], views[j]) / temperature).exp() / denominator).ln();
        }
        total / rows as f64
    }

    fn loss(first: &Tensor, second: &Tensor, temperature: f64) -> f64 {
        nt_xent(first, second, tau(temperature)).double_value(&[])
    }

    #[test]
    fn two_orthogonal_pairs_by_hand() {
        // z₁ = z₁′ = (1, 0), z₂ = z₂′ = (0, 1), τ = ½: each row has e² for its positive and e⁰
        // for its two negatives.
        let pairs = Tensor::eye(2, (Kind::Double, Device::Cpu));
        let expected = -(2f64.exp() / (2f64.exp() + 2.0)).ln();
        assert!((loss(&pairs, &pairs, 0.5) - expected).abs() < 1e-12);
    }

    #[test]
    fn one_clip_has_no_negatives_and_no_loss() {
        let first = Tensor::from_slice(&[1.0, 2.0]).view([1, 2]);
        let second = Tensor::from_slice(&[-3.0, 1.0]).view([1, 2]);
        assert_eq!(loss(&first, &second, 0.1), 0.0);
    }

    #[test]
    fn agrees_with_pytorch_in_value_and_gradient() {
        for case in golden("nt_xent") {
            let first = case.tensor("first").set_requires_grad(true);
            let second = case.tensor("second").set_requires_grad(true);
            let loss = nt_xent(&first, &second, tau(case.number("temperature")));
            loss.backward();
            assert_close(&loss, &case.tensor("loss").view([]), 1e-9);
            assert_close(&first.grad(), &case.tensor("grad_first"), 1e-9);
            assert_close(&second.grad(), &case.tensor("grad_second"), 1e-9);
        }
    }

    #[test]
    fn gradient_agrees_with_finite_differences() {
        let first = some_rows(4, 5, 1);
        let second = some_rows(4, 5, 2);
        let of_first = |first: &Tensor| nt_xent(first, &second, tau(0.3));
        assert_gradient(&of_first, &first);
        let of_second = |second: &Tensor| nt_xent(&first, second, tau(0.3));
        assert_gradient(&of_second, &second);
    }

    #[test]
    fn stays_finite_at_low_temperature_in_single_precision() {
        // Without a subtracted maximum exp(1/0.01) overflows an f32.
        let first = some_rows(8, 16, 3)
            .to_kind(Kind::Float)
            .set_requires_grad(true);
        let second = some_rows(8, 16, 4).to_kind(Kind::Float);
        let loss = nt_xent(&first, &second, tau(0.01));
        loss.backward();
        let expected = oracle(&to_rows(&first), &to_rows(&second), 0.01);
        assert!(
            (loss.double_value(&[]) / expected - 1.0).abs() < 1e-4,
            "{loss:?} {expected}"
        );
        assert!(bool::try_from(first.grad().isfinite().all()).unwrap());
    }

    #[test]
    fn narrow_inputs_are_computed_in_single_precision() {
        let first = some_rows(4, 8, 5).to_kind(Kind::BFloat16);
        let second = some_rows(4, 8, 6).to_kind(Kind::BFloat16);
        let narrow = nt_xent(&first, &second, tau(0.2));
        assert_eq!(narrow.kind(), Kind::Float);
        let wide = loss(
            &first.to_kind(Kind::Float),
            &second.to_kind(Kind::Float),
            0.2,
        );
        assert_eq!(narrow.double_value(&[]), wide);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn equals_the_formula(seed in 0i64..1000, batch in 1i64..7, dim in 1i64..9, temperature in 0.02f64..2.0) {
            let (first, second) = (some_rows(batch, dim, seed), some_rows(batch, dim, seed + 1000));
            let expected = oracle(&to_rows(&first), &to_rows(&second), temperature);
            prop_assert!((loss(&first, &second, temperature) - expected).abs() < 1e-9 * (1.0 + expected.abs()));
        }

        #[test]
        fn swapping_views_permuting_clips_and_rescaling_rows_change_nothing(
            seed in 0i64..1000, batch in 2i64..7, scale in 0.01f64..100.0, shift in 1i64..6,
        ) {
            let (first, second) = (some_rows(batch, 6, seed), some_rows(batch, 6, seed + 1000));
            let expected = loss(&first, &second, 0.2);
            let permuted = |rows: &Tensor| rows.roll(shift, 0).flip([0]);
            for changed in [
                loss(&second, &first, 0.2),
                loss(&permuted(&first), &permuted(&second), 0.2),
                loss(&(&first * scale), &second, 0.2),
            ] {
                prop_assert!((changed - expected).abs() < 1e-10);
            }
        }

        #[test]
        fn equal_projections_cost_log_of_the_candidates(batch in 1i64..20, temperature in 0.01f64..3.0) {
            let same = Tensor::ones([batch, 4], (Kind::Double, Device::Cpu));
            let expected = ((2 * batch - 1) as f64).ln();
            prop_assert!((loss(&same, &same, temperature) - expected).abs() < 1e-9);
        }
    }

    #[test]
    fn other_view_points_both_ways() {
        let rows = other_view(3, &Tensor::from_slice(&[0.0]));
        assert_eq!(Vec::<i64>::try_from(&rows).unwrap(), [3, 4, 5, 0, 1, 2]);
        assert_eq!(rows.i(0).int64_value(&[]), 3);
    }
}

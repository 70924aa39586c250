//! The N-pair loss.

use tch::{Kind, Tensor};

use super::cross_entropy::cross_entropy;
use super::similarity::at_least_f32;

/// The N-pair loss (Sohn 2016, "Improved Deep Metric Learning with Multi-class N-pair Loss
/// Objective").
///
/// ```text
/// ℓ(i) = −log( exp(aᵢ·pᵢ) / ( exp(aᵢ·pᵢ) + Σ_{j≠i} exp(aᵢ·pⱼ) ) )
/// L    = mean ℓ(i) + λ · mean ‖f‖²
/// ```
///
/// `aᵢ` and `pᵢ` are two embeddings of class `i`; the positives of the other classes are the
/// negatives. The similarity is the dot product of embeddings at their length, which alone would
/// grow: the second mean, over anchors and positives, holds it back.
///
/// `anchors`, `positives`: `[pairs, dim]`, one pair per class; `penalty`: λ, at least 0, 0.002 is
/// usual; result: scalar, at least 0.
///
/// # Panics
/// If the two shapes differ or are not `[pairs, dim]`.
///
/// # Source
/// The paper does not say how the penalty is scaled; TensorFlow's takes half of this one. Tested
/// against the formula in plain loops and against a PyTorch 2.11 program written from it
/// (`tests/golden/loss.py`).
///
/// ```
/// use chiffchaff::loss::n_pair;
/// use tch::{Device, Kind, Tensor};
///
/// // Embeddings of length 1 that are all the same: one guess in 4, and the penalty.
/// let same = Tensor::full([4, 16], 0.25, (Kind::Double, Device::Cpu));
/// let loss = n_pair(&same, &same, 0.002).double_value(&[]);
/// assert!((loss - (4f64.ln() + 0.002)).abs() < 1e-12);
/// ```
pub fn n_pair(anchors: &Tensor, positives: &Tensor, penalty: f64) -> Tensor {
    let pairs = anchors.size2().expect("anchors are [pairs, dim]").0;
    assert_eq!(anchors.size(), positives.size(), "one positive per anchor");
    let (anchors, positives) = (at_least_f32(anchors), at_least_f32(positives));
    let similarities = anchors.matmul(&positives.transpose(0, 1)); // [pairs, pairs]
    let own = Tensor::arange(pairs, (Kind::Int64, anchors.device()));
    let squared_lengths = Tensor::cat(&[anchors, positives], 0)
        .square()
        .sum_dim_intlist(1, false, None); // [2·pairs]
    cross_entropy(&similarities, &own) + squared_lengths.mean(None) * penalty
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::*;
    use super::*;

    /// The formulas in plain loops.
    fn oracle(anchors: &[Vec<f64>], positives: &[Vec<f64>], penalty: f64) -> f64 {
        let pairs = anchors.len() as f64;
        let mut total = 0.0;
        for (anchor, own) in anchors.iter().zip(positives) {
            let sum: f64 = positives.iter().map(|other| dot(anchor, other).exp()).sum();
            total -= (dot(anchor, own).exp() / sum).ln() / pairs;
            total += penalty * (dot(anchor, anchor) + dot(own, own)) / (2.0 * pairs);
        }
        total
    }

    fn loss(anchors: &Tensor, positives: &Tensor, penalty: f64) -> f64 {
        n_pair(anchors, positives, penalty).double_value(&[])
    }

    #[test]
    fn two_pairs_by_hand() {
        let anchors = Tensor::from_slice(&[1.0, 0.0, 0.0, 3.0]).view([2, 2]);
        let positives = Tensor::from_slice(&[2.0, 0.0, 1.0, 1.0]).view([2, 2]);
        // a₁·p is 2 and 1, a₂·p 0 and 3; the squared lengths 1, 9, 4 and 2.
        let first = -(2f64.exp() / (2f64.exp() + 1f64.exp())).ln();
        let second = -(3f64.exp() / (3f64.exp() + 1.0)).ln();
        let without = (first + second) / 2.0;
        assert!((loss(&anchors, &positives, 0.0) - without).abs() < 1e-12);
        assert!((loss(&anchors, &positives, 0.5) - (without + 0.5 * 4.0)).abs() < 1e-12);
    }

    #[test]
    fn one_pair_costs_the_penalty_alone() {
        let anchors = Tensor::from_slice(&[3.0, 4.0]).view([1, 2]);
        assert_eq!(loss(&anchors, &anchors, 0.0), 0.0);
        assert_eq!(loss(&anchors, &anchors, 0.1), 2.5);
    }

    #[test]
    fn agrees_with_pytorch_in_value_and_gradient() {
        for case in golden("n_pair") {
            case.assert_agrees(&["anchors", "positives"], |inputs| {
                n_pair(&inputs[0], &inputs[1], case.number("penalty"))
            });
        }
    }

    #[test]
    fn gradient_agrees_with_finite_differences() {
        let (anchors, positives) = (some_rows(4, 5, 1) * 3.0, some_rows(4, 5, 2) * 3.0);
        assert_gradient(&|anchors| n_pair(anchors, &positives, 0.1), &anchors);
        assert_gradient(&|positives| n_pair(&anchors, positives, 0.1), &positives);
    }

    #[test]
    fn stays_finite_for_long_embeddings_in_single_precision() {
        let anchors = (some_rows(4, 5, 1) * 100.0)
            .to_kind(Kind::Float)
            .set_requires_grad(true);
        let positives = (some_rows(4, 5, 2) * 100.0).to_kind(Kind::Float);
        let result = n_pair(&anchors, &positives, 0.002);
        result.backward();
        assert!(result.double_value(&[]).is_finite());
        assert!(bool::try_from(anchors.grad().isfinite().all()).unwrap());
    }

    #[test]
    fn narrow_inputs_are_computed_in_single_precision() {
        let rows = some_rows(4, 8, 5).to_kind(Kind::BFloat16);
        assert_eq!(n_pair(&rows, &rows, 0.002).kind(), Kind::Float);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn equals_the_formula(seed in 0i64..1000, pairs in 1i64..7, dim in 1i64..6, penalty in 0f64..0.1) {
            let (anchors, positives) = (some_rows(pairs, dim, seed) * 4.0, some_rows(pairs, dim, seed + 1000) * 4.0);
            let expected = oracle(&to_rows(&anchors), &to_rows(&positives), penalty);
            prop_assert!((loss(&anchors, &positives, penalty) - expected).abs() < 1e-10 * (1.0 + expected));
        }

        #[test]
        fn permuting_pairs_changes_nothing_and_length_counts(seed in 0i64..1000, shift in 1i64..5) {
            let (anchors, positives) = (some_rows(6, 4, seed), some_rows(6, 4, seed + 1000));
            let expected = loss(&anchors, &positives, 0.002);
            let permuted = loss(&anchors.roll(shift, 0), &positives.roll(shift, 0), 0.002);
            prop_assert!((permuted - expected).abs() < 1e-10);
            prop_assert!((loss(&(&anchors * 3.0), &positives, 0.002) - expected).abs() > 1e-6);
        }
    }
}

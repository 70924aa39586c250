//! The triplet loss.

use tch::Tensor;

use super::Margin;
use super::similarity::at_least_f32;

/// The triplet loss of FaceNet (Schroff et al. 2015, §3.1, arXiv:1503.03832).
///
/// ```text
/// ℓ(a, p, n) = max( 0, ‖a − p‖² − ‖a − n‖² + ε )
/// ```
///
/// The anchor `a` is to be nearer to its positive `p` than to its negative `n`, by the margin `ε` of
/// squared distances. Mean over the triplets; the paper sums.
///
/// `anchors`, `positives`, `negatives`: `[triplets, dim]`, taken at their length: FaceNet's are at
/// unit length (see [`super::unit_rows()`]), with a margin of 0.2; result: scalar, at least 0. It is 0
/// when every negative is far enough.
///
/// # Panics
/// If the three shapes differ or are not `[triplets, dim]`.
///
/// # Source
/// Tested against the formula in plain loops and against a PyTorch 2.11 program written from it
/// (`tests/golden/loss.py`).
///
/// ```
/// use chiffchaff::loss::{Margin, triplet};
/// use tch::Tensor;
///
/// let at = |x: f64| Tensor::from_slice(&[x]).view([1, 1]);
/// let margin = Margin::new(0.2)?;
/// let loss = triplet(&at(0.0), &at(0.5), &at(0.6), margin); // 0.25 − 0.36 + 0.2
/// assert!((loss.double_value(&[]) - 0.09).abs() < 1e-9);
/// let loss = triplet(&at(0.0), &at(0.5), &at(0.7), margin); // 0.25 − 0.49 + 0.2
/// assert_eq!(loss.double_value(&[]), 0.0);
/// # Ok::<(), chiffchaff::loss::LossError>(())
/// ```
pub fn triplet(anchors: &Tensor, positives: &Tensor, negatives: &Tensor, margin: Margin) -> Tensor {
    let (triplets, dim) = anchors.size2().expect("anchors are [triplets, dim]");
    assert_eq!(positives.size(), [triplets, dim], "a positive per anchor");
    assert_eq!(negatives.size(), [triplets, dim], "a negative per anchor");
    let squared_distance = |other: &Tensor| {
        let difference = at_least_f32(anchors) - at_least_f32(other);
        difference.square().sum_dim_intlist(1, false, None) // [triplets]
    };
    (squared_distance(positives) - squared_distance(negatives) + margin.get())
        .clamp_min(0.0)
        .mean(None)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tch::{Device, Kind};

    use super::super::testing::*;
    use super::*;

    /// The formula in plain loops.
    fn oracle(
        anchors: &[Vec<f64>],
        positives: &[Vec<f64>],
        negatives: &[Vec<f64>],
        epsilon: f64,
    ) -> f64 {
        let mut total = 0.0;
        for ((a, p), n) in anchors.iter().zip(positives).zip(negatives) {
            total += (distance(a, p).powi(2) - distance(a, n).powi(2) + epsilon).max(0.0);
        }
        total / anchors.len() as f64
    }

    fn loss(anchors: &Tensor, positives: &Tensor, negatives: &Tensor, epsilon: f64) -> f64 {
        triplet(anchors, positives, negatives, margin(epsilon)).double_value(&[])
    }

    #[test]
    fn two_triplets_by_hand() {
        // 3-4-5: squared distances 25 and 9, then 1 and 25.
        let anchors = Tensor::zeros([2, 2], (Kind::Double, Device::Cpu));
        let positives = Tensor::from_slice(&[3.0, 4.0, 1.0, 0.0]).view([2, 2]);
        let negatives = Tensor::from_slice(&[0.0, 3.0, 4.0, 3.0]).view([2, 2]);
        assert_eq!(loss(&anchors, &positives, &negatives, 2.0), 9.0);
    }

    #[test]
    fn a_negative_far_enough_costs_nothing_and_pulls_nowhere() {
        let anchors = some_rows(3, 4, 1).set_requires_grad(true);
        let far = &anchors.detach() + 1.0; // 4 away, squared, and the positives are the anchors.
        let result = triplet(&anchors, &anchors.detach(), &far, margin(4.0 - 1e-9));
        result.backward();
        assert_eq!(result.double_value(&[]), 0.0);
        assert_eq!(anchors.grad().abs().max().double_value(&[]), 0.0);
    }

    #[test]
    fn equal_embeddings_cost_the_margin_with_finite_gradient() {
        let rows = Tensor::ones([2, 3], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let result = triplet(&rows, &rows, &rows, margin(0.25));
        result.backward();
        assert_eq!(result.double_value(&[]), 0.25);
        assert_eq!(rows.grad().abs().max().double_value(&[]), 0.0);
    }

    #[test]
    fn agrees_with_pytorch_in_value_and_gradient() {
        for case in golden("triplet") {
            case.assert_agrees(&["anchors", "positives", "negatives"], |inputs| {
                let margin = margin(case.number("margin"));
                triplet(&inputs[0], &inputs[1], &inputs[2], margin)
            });
        }
    }

    #[test]
    fn gradient_agrees_with_finite_differences() {
        let [a, p, n] = [1, 2, 3].map(|seed| some_rows(5, 4, seed));
        assert_gradient(&|a| triplet(a, &p, &n, margin(0.2)), &a);
        assert_gradient(&|p| triplet(&a, p, &n, margin(0.2)), &p);
        assert_gradient(&|n| triplet(&a, &p, n, margin(0.2)), &n);
    }

    #[test]
    fn narrow_inputs_are_computed_in_single_precision() {
        let rows = some_rows(4, 8, 5).to_kind(Kind::Half);
        assert_eq!(
            triplet(&rows, &rows, &rows, margin(0.2)).kind(),
            Kind::Float
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn equals_the_formula(seed in 0i64..1000, triplets in 1i64..7, dim in 1i64..6, epsilon in 0.05f64..2.0) {
            let [a, p, n] = [0, 1000, 2000].map(|more| some_rows(triplets, dim, seed + more));
            let expected = oracle(&to_rows(&a), &to_rows(&p), &to_rows(&n), epsilon);
            prop_assert!((loss(&a, &p, &n, epsilon) - expected).abs() < 1e-10);
        }

        #[test]
        fn permuting_triplets_and_moving_all_change_nothing(seed in 0i64..1000, shift in 1i64..5, offset in -3f64..3.0) {
            let rows = [0, 1000, 2000].map(|more| some_rows(6, 4, seed + more));
            let of = |change: &dyn Fn(&Tensor) -> Tensor| {
                let [a, p, n] = rows.each_ref().map(change);
                loss(&a, &p, &n, 0.2)
            };
            let expected = of(&|rows| rows.shallow_clone());
            prop_assert!((of(&|rows| rows.roll(shift, 0)) - expected).abs() < 1e-10);
            prop_assert!((of(&|rows| rows + offset) - expected).abs() < 1e-9);
        }
    }
}

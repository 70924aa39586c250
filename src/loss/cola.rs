//! The loss of COLA, and the similarities it compares.

use tch::{Kind, Tensor};

use super::Temperature;
use super::cross_entropy::cross_entropy;
use super::similarity::{at_least_f32, unit_rows};

/// The multi-class cross entropy of COLA (Saeed et al. 2021, §2, arXiv:2010.10915).
///
/// ```text
/// ℓ(i) = −log( exp(sᵢᵢ) / Σⱼ exp(sᵢⱼ) )
/// ```
///
/// `sᵢⱼ` is the similarity of anchor `i` and positive `j`: the positives of the other clips are the
/// negatives. One direction only, from anchors to positives. Mean over the anchors.
///
/// `similarities`: `[batch, batch]`, a row per anchor and a column per positive, from
/// [`bilinear_similarity()`] or [`cosine_similarity()`]; result: scalar, at least 0.
///
/// # Panics
/// If `similarities` is not square.
///
/// # Source
/// Tested against the formula in plain loops and against a PyTorch 2.11 program written from it
/// (`tests/golden/loss.py`).
///
/// ```
/// use chiffchaff::loss::{bilinear_similarity, cola};
/// use tch::{Device, Kind, Tensor};
///
/// // With W = 0 nothing is told apart: one guess in batch = 4.
/// let rows = Tensor::ones([4, 16], (Kind::Float, Device::Cpu));
/// let w = Tensor::zeros([16, 16], (Kind::Float, Device::Cpu));
/// let loss = cola(&bilinear_similarity(&rows, &w, &rows));
/// assert!((loss.double_value(&[]) - 4f64.ln()).abs() < 1e-6);
/// ```
pub fn cola(similarities: &Tensor) -> Tensor {
    cross_entropy(&at_least_f32(similarities), &own_column(similarities))
}

/// The share of anchors most similar to their own positive, in 0..=1: what to watch beside
/// [`cola()`]. Of equal similarities the first column wins.
///
/// `similarities`: as for `cola`.
///
/// # Panics
/// If `similarities` is not square.
///
/// ```
/// use chiffchaff::loss::cola_accuracy;
/// use tch::Tensor;
///
/// let similarities = Tensor::from_slice(&[0.9f32, 0.1, 0.7, 0.2]).view([2, 2]);
/// assert_eq!(cola_accuracy(&similarities), 0.5);
/// ```
pub fn cola_accuracy(similarities: &Tensor) -> f64 {
    let chosen = similarities.argmax(1, false); // [batch]
    chosen
        .eq_tensor(&own_column(similarities))
        .mean(Kind::Double)
        .double_value(&[])
}

/// `sᵢⱼ = zᵢᵀ W z′ⱼ` (Saeed et al. 2021, §2): `[anchors, positives]`.
///
/// `anchors`: `[anchors, dim]`; `w`: `[dim, dim]`, learned, and in the authors' code drawn from a
/// normal distribution with standard deviation 0.05; `positives`: `[positives, dim]`. The rows are
/// taken as they are: COLA's head ends in layer normalisation and tanh. There is no temperature, as
/// `W` holds it.
///
/// # Panics
/// If the shapes are not these.
pub fn bilinear_similarity(anchors: &Tensor, w: &Tensor, positives: &Tensor) -> Tensor {
    let dim = same_dim(anchors, positives);
    assert_eq!(w.size(), [dim, dim], "W is [dim, dim]");
    at_least_f32(anchors)
        .matmul(&at_least_f32(w))
        .matmul(&at_least_f32(positives).transpose(0, 1))
}

/// `sᵢⱼ = cos(zᵢ, z′ⱼ) / τ` (Saeed et al. 2021, §2): `[anchors, positives]`.
///
/// `anchors`: `[anchors, dim]`; `positives`: `[positives, dim]`. COLA's temperature is 0.2.
///
/// # Panics
/// If the shapes are not these.
pub fn cosine_similarity(anchors: &Tensor, positives: &Tensor, temperature: Temperature) -> Tensor {
    same_dim(anchors, positives);
    unit_rows(anchors).matmul(&unit_rows(positives).transpose(0, 1)) / temperature.get()
}

/// The column of each row's own positive: `[batch]`.
fn own_column(similarities: &Tensor) -> Tensor {
    let (anchors, positives) = similarities
        .size2()
        .expect("similarities are [anchors, positives]");
    assert_eq!(anchors, positives, "one positive per anchor");
    Tensor::arange(anchors, (Kind::Int64, similarities.device()))
}

fn same_dim(anchors: &Tensor, positives: &Tensor) -> i64 {
    let dim = anchors.size2().expect("anchors are [anchors, dim]").1;
    let other = positives.size2().expect("positives are [positives, dim]").1;
    assert_eq!(dim, other, "anchors and positives match");
    dim
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tch::Device;

    use super::super::testing::*;
    use super::*;

    /// The formula in plain loops.
    fn oracle(similarities: &[Vec<f64>]) -> f64 {
        let mut total = 0.0;
        for (own, row) in similarities.iter().enumerate() {
            let sum: f64 = row.iter().map(|s| s.exp()).sum();
            total -= (row[own].exp() / sum).ln();
        }
        total / similarities.len() as f64
    }

    /// zᵀ W z′ in plain loops.
    fn bilinear(z: &[f64], w: &[Vec<f64>], other: &[f64]) -> f64 {
        let terms = z.iter().zip(w).map(|(z, row)| z * dot(row, other));
        terms.sum()
    }

    #[test]
    fn two_clips_by_hand() {
        // Softmax shares 3/4 and 1/2, the second by a positive that is no better than the other.
        let similarities = Tensor::from_slice(&[3f64.ln(), 0.0, 5.0, 5.0]).view([2, 2]);
        let expected = -(0.75f64.ln() + 0.5f64.ln()) / 2.0;
        assert!((cola(&similarities).double_value(&[]) - expected).abs() < 1e-12);
    }

    #[test]
    fn rows_are_anchors_and_the_other_direction_is_another_loss() {
        let similarities = some_rows(4, 4, 3) * 5.0;
        let rows = cola(&similarities).double_value(&[]);
        let columns = cola(&similarities.transpose(0, 1)).double_value(&[]);
        assert!((rows - oracle(&to_rows(&similarities))).abs() < 1e-10);
        assert!((rows - columns).abs() > 0.01);
    }

    #[test]
    fn similarities_by_hand() {
        let anchors = Tensor::from_slice(&[1.0, 2.0, 0.0, 1.0]).view([2, 2]);
        let positives = Tensor::from_slice(&[3.0, 0.0, 0.0, 1.0]).view([2, 2]);
        let w = Tensor::from_slice(&[1.0, 10.0, 100.0, 1000.0]).view([2, 2]);
        let bilinear = bilinear_similarity(&anchors, &w, &positives);
        assert_eq!(to_rows(&bilinear), [[603.0, 2010.0], [300.0, 1000.0]]);
        let cosine = to_rows(&cosine_similarity(&anchors, &positives, tau(0.2)));
        let root = 5f64.sqrt();
        for (given, expected) in cosine.concat().iter().zip([root, 2.0 * root, 0.0, 5.0]) {
            assert!((given - expected).abs() < 1e-12, "{given} {expected}");
        }
    }

    #[test]
    fn orthonormal_pairs_cost_what_the_temperature_says() {
        let rows = Tensor::eye(5, (Kind::Double, Device::Cpu));
        let given = cola(&cosine_similarity(&rows, &rows, tau(0.2))).double_value(&[]);
        let expected = -(5f64.exp() / (5f64.exp() + 4.0)).ln();
        assert!((given - expected).abs() < 1e-12);
    }

    #[test]
    fn accuracy_counts_own_columns() {
        let accuracy = |values: &[f64], batch: i64| {
            cola_accuracy(&Tensor::from_slice(values).view([batch, batch]))
        };
        assert_eq!(accuracy(&[1.0, 0.0, 0.0, 1.0], 2), 1.0);
        assert_eq!(accuracy(&[0.0, 1.0, 1.0, 0.0], 2), 0.0);
        // The middle anchor prefers the last positive; by columns only the last would count.
        let values = [3.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
        assert!((accuracy(&values, 3) - 2.0 / 3.0).abs() < 1e-12);
        // Equal similarities are no merit.
        assert_eq!(accuracy(&[0.0; 16], 4), 0.25);
    }

    #[test]
    fn agrees_with_pytorch_in_value_and_gradient() {
        for case in golden("cola_bilinear") {
            case.assert_agrees(&["anchors", "w", "positives"], |inputs| {
                cola(&bilinear_similarity(&inputs[0], &inputs[1], &inputs[2]))
            });
        }
        for case in golden("cola_cosine") {
            case.assert_agrees(&["anchors", "positives"], |inputs| {
                let temperature = tau(case.number("temperature"));
                cola(&cosine_similarity(&inputs[0], &inputs[1], temperature))
            });
        }
    }

    #[test]
    fn gradient_agrees_with_finite_differences() {
        let (anchors, positives, w) = (some_rows(3, 4, 1), some_rows(3, 4, 2), some_rows(4, 4, 3));
        let loss = |anchors: &Tensor, w: &Tensor, positives: &Tensor| {
            cola(&bilinear_similarity(anchors, w, positives))
        };
        assert_gradient(&|anchors| loss(anchors, &w, &positives), &anchors);
        assert_gradient(&|w| loss(&anchors, w, &positives), &w);
        assert_gradient(&|positives| loss(&anchors, &w, positives), &positives);
        let cosine = |anchors: &Tensor| cola(&cosine_similarity(anchors, &positives, tau(0.2)));
        assert_gradient(&cosine, &anchors);
    }

    #[test]
    fn stays_finite_for_large_similarities_in_single_precision() {
        let similarities = (some_rows(6, 6, 1) * 1000.0)
            .to_kind(Kind::Float)
            .set_requires_grad(true);
        let loss = cola(&similarities);
        loss.backward();
        assert!(loss.double_value(&[]).is_finite());
        assert!(bool::try_from(similarities.grad().isfinite().all()).unwrap());
    }

    #[test]
    fn narrow_inputs_are_computed_in_single_precision() {
        let rows = some_rows(4, 4, 5).to_kind(Kind::BFloat16);
        let bilinear = bilinear_similarity(&rows, &rows, &rows);
        assert_eq!(bilinear.kind(), Kind::Float);
        assert_eq!(
            cosine_similarity(&rows, &rows, tau(0.2)).kind(),
            Kind::Float
        );
        assert_eq!(cola(&rows).kind(), Kind::Float);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn equals_the_formula(seed in 0i64..1000, batch in 1i64..7, dim in 1i64..6, temperature in 0.05f64..2.0) {
            let (anchors, positives) = (some_rows(batch, dim, seed), some_rows(batch, dim, seed + 1000));
            let w = some_rows(dim, dim, seed + 2000);
            let matrix = |s: &dyn Fn(&[f64], &[f64]) -> f64| -> Vec<Vec<f64>> {
                let row = |z: &Vec<f64>| to_rows(&positives).iter().map(|other| s(z, other)).collect();
                to_rows(&anchors).iter().map(row).collect()
            };
            let expected = oracle(&matrix(&|z, other| bilinear(z, &to_rows(&w), other)));
            let given = cola(&bilinear_similarity(&anchors, &w, &positives)).double_value(&[]);
            prop_assert!((given - expected).abs() < 1e-9);
            let expected = oracle(&matrix(&|z, other| cosine(z, other) / temperature));
            let given = cola(&cosine_similarity(&anchors, &positives, tau(temperature))).double_value(&[]);
            prop_assert!((given - expected).abs() < 1e-9 * (1.0 + expected));
        }

        #[test]
        fn permuting_clips_changes_nothing(seed in 0i64..1000, batch in 2i64..7, shift in 1i64..6) {
            let (anchors, positives) = (some_rows(batch, 4, seed), some_rows(batch, 4, seed + 1000));
            let w = some_rows(4, 4, seed + 2000) * 5.0;
            let similarities = bilinear_similarity(&anchors, &w, &positives);
            let permuted = bilinear_similarity(&anchors.roll(shift, 0), &w, &positives.roll(shift, 0));
            prop_assert!((cola(&similarities) - cola(&permuted)).abs().double_value(&[]) < 1e-12);
            prop_assert!((cola_accuracy(&similarities) - cola_accuracy(&permuted)).abs() < 1e-12);
        }

        #[test]
        fn without_w_it_is_guessing(seed in 0i64..1000, batch in 1i64..9) {
            let rows = some_rows(batch, 4, seed);
            let given = cola(&bilinear_similarity(&rows, &Tensor::zeros([4, 4], (Kind::Double, Device::Cpu)), &rows));
            prop_assert!((given.double_value(&[]) - (batch as f64).ln()).abs() < 1e-12);
        }
    }
}

//! Noise-contrastive estimation.

use tch::Tensor;

use super::similarity::at_least_f32;

/// Noise-contrastive estimation (Gutmann and Hyvärinen 2012, JMLR 13:307).
///
/// ```text
/// P(u) = p(u) / ( p(u) + k·pₙ(u) )
/// ℓ(i) = −ln P(uᵢ) − Σⱼ ln( 1 − P(vᵢⱼ) )
/// ```
///
/// `P(u)` is the probability that `u` is data and not noise, `p` the model, `pₙ` the distribution of
/// the noise, `uᵢ` data and `vᵢⱼ` its `k` samples of noise. Mean over the data.
///
/// `data`: `[items]`, `ln p(uᵢ) − ln pₙ(uᵢ)`; `noise`: `[items, k]`, the same of `vᵢⱼ`; result:
/// scalar, at least 0. The paper maximises the sum of the logarithms, this is its negative.
///
/// # Panics
/// If `noise` is not `[items, k]` with `k` at least 1, or `data` not `[items]`.
///
/// # Source
/// Tested against the formula in plain loops and against a PyTorch 2.11 program written from it
/// (`tests/golden/loss.py`).
///
/// ```
/// use chiffchaff::loss::nce;
/// use tch::{Device, Kind, Tensor};
///
/// // A model that equals the noise can only guess: 1 in 1 + k = 4.
/// let zeros = |shape: &[i64]| Tensor::zeros(shape, (Kind::Float, Device::Cpu));
/// let loss = nce(&zeros(&[5]), &zeros(&[5, 3])).double_value(&[]);
/// assert!((loss - (4f64.ln() - 3.0 * 0.75f64.ln())).abs() < 1e-6);
/// ```
pub fn nce(data: &Tensor, noise: &Tensor) -> Tensor {
    let (items, k) = noise.size2().expect("noise is [items, k]");
    assert!(k > 0, "at least one sample of noise per item");
    assert_eq!(data.size(), [items], "one number per item");
    let log_k = (k as f64).ln();
    // P is the sigmoid of ln p − ln(k·pₙ), 1 − P that of the opposite.
    let log_p = (at_least_f32(data) - log_k).log_sigmoid(); // [items]
    let log_not_p = (log_k - at_least_f32(noise)).log_sigmoid(); // [items, k]
    -(log_p + log_not_p.sum_dim_intlist(1, false, None)).mean(None)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tch::{Device, Kind};

    use super::super::testing::*;
    use super::*;

    #[test]
    fn one_item_by_hand() {
        // p/pₙ is 6 for the data and 2 and ⅔ for the noise, k = 2: P is ¾, ½ and ¼.
        let data = Tensor::from_slice(&[6f64.ln()]);
        let noise = Tensor::from_slice(&[2f64.ln(), (2f64 / 3.0).ln()]).view([1, 2]);
        let expected = -(0.75f64.ln() + 0.5f64.ln() + 0.75f64.ln());
        assert!((nce(&data, &noise).double_value(&[]) - expected).abs() < 1e-12);
    }

    #[test]
    fn agrees_with_pytorch_in_value_and_gradient() {
        for case in golden("nce") {
            case.assert_agrees(&["data", "noise"], |inputs| nce(&inputs[0], &inputs[1]));
        }
    }

    #[test]
    fn gradient_agrees_with_finite_differences() {
        let (data, noise) = (some_rows(1, 4, 1).view(-1) * 6.0, some_rows(4, 3, 2) * 6.0);
        assert_gradient(&|data| nce(data, &noise), &data);
        assert_gradient(&|noise| nce(&data, noise), &noise);
    }

    #[test]
    fn stays_finite_when_the_model_is_sure_in_single_precision() {
        let data = Tensor::from_slice(&[-500f32, 500.0]).set_requires_grad(true);
        let noise = Tensor::from_slice(&[-500f32, 500.0]).view([2, 1]);
        let loss = nce(&data, &noise);
        loss.backward();
        assert!((loss.double_value(&[]) - 500.0).abs() < 1e-3); // Wrong once each, two items.
        assert!(bool::try_from(data.grad().isfinite().all()).unwrap());
    }

    #[test]
    fn narrow_inputs_are_computed_in_single_precision() {
        let half = |shape: &[i64]| Tensor::ones(shape, (Kind::Half, Device::Cpu));
        assert_eq!(nce(&half(&[2]), &half(&[2, 3])).kind(), Kind::Float);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn equals_the_formula(seed in 0i64..1000, items in 1i64..6, k in 1i64..6) {
            let (data, noise) = (some_rows(1, items, seed).view(-1) * 8.0, some_rows(items, k, seed + 1000) * 8.0);
            let ratios = Vec::<f64>::try_from(&data).unwrap();
            // The paper's p, k·pₙ and P, with pₙ = ½ throughout.
            let p = |log_ratio: f64| {
                let (model, noise) = (0.5 * log_ratio.exp(), k as f64 * 0.5);
                model / (model + noise)
            };
            let mut expected = 0.0;
            for (&ratio, noise) in ratios.iter().zip(to_rows(&noise)) {
                expected -= p(ratio).ln();
                expected -= noise.iter().map(|&ratio| (1.0 - p(ratio)).ln()).sum::<f64>();
            }
            expected /= items as f64;
            prop_assert!((nce(&data, &noise).double_value(&[]) - expected).abs() < 1e-9);
        }
    }
}

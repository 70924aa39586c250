//! The loss of SwAV, and the codes it predicts.

use std::borrow::Borrow;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::Temperature;
use super::similarity::at_least_f32;

/// How [`sinkhorn()`] makes codes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct SinkhornConfig {
    /// ε, the temperature of the scores. Default: 0.05, the paper's. Lower makes harder codes; much
    /// higher makes all codes alike, and training collapses.
    pub epsilon: Temperature,
    /// Rounds, at least 1. Default: 3, the paper's. More balance the prototypes better.
    pub iterations: NonZeroU32,
}

impl SinkhornConfig {
    /// The paper's: ε = 0.05, 3 iterations.
    pub fn paper() -> Self {
        Self {
            epsilon: Temperature::new(0.05).expect("0.05 is a temperature"),
            iterations: NonZeroU32::new(3).expect("3 is not 0"),
        }
    }
}

impl Default for SinkhornConfig {
    fn default() -> Self {
        Self::paper()
    }
}

/// Codes, soft assignments that use all prototypes alike (Caron et al. 2020, eq. 5,
/// arXiv:2006.09882).
///
/// ```text
/// Q = Diag(u) · exp(Cᵀz / ε) · Diag(v)
/// ```
///
/// `u` and `v` scale rows and columns, by turns and prototypes first, so that each prototype has the
/// share 1/prototypes and each item 1/batch. The result is `batch · Q`, transposed.
///
/// `scores`: `[batch, prototypes]`, similarities of items and prototypes; result:
/// `[batch, prototypes]`, in 0..=1. Each row sums to 1, each column tends to `batch / prototypes`.
/// The codes carry no gradient.
///
/// # Panics
/// If `scores` is not `[batch, prototypes]`.
///
/// # Source
/// Tested against the same steps in plain loops and against a PyTorch 2.11 program
/// (`tests/golden/loss.py`).
///
/// ```
/// use chiffchaff::loss::{SinkhornConfig, sinkhorn};
/// use tch::{Device, Kind, Tensor};
///
/// // Scores that tell nothing apart give every prototype the same share.
/// let scores = Tensor::ones([6, 4], (Kind::Float, Device::Cpu));
/// let codes = sinkhorn(&scores, &SinkhornConfig::paper());
/// assert!((codes - 0.25).abs().max().double_value(&[]) < 1e-6);
/// ```
pub fn sinkhorn(scores: &Tensor, config: &SinkhornConfig) -> Tensor {
    scores.size2().expect("scores are [batch, prototypes]");
    tch::no_grad(|| {
        // In logarithms, since exp(score / ε) leaves fp32. The shares 1/prototypes and 1/batch drop
        // out: the last step gives each item 1/batch, which times batch is 1.
        let mut log_q = at_least_f32(scores) / config.epsilon.get();
        for _ in 0..config.iterations.get() {
            log_q = log_q.log_softmax(0, None); // Each prototype.
            log_q = log_q.log_softmax(1, None); // Each item.
        }
        log_q.exp()
    })
}

/// The swapped prediction loss of SwAV (Caron et al. 2020, eqs. 2 and 6).
///
/// ```text
/// ℓ(v, q) = −mean( Σₖ qₖ · log softmax(oᵥ / τ)ₖ )
/// L = mean over coded views i of mean over views v ≠ i of ℓ(v, qᵢ)
/// ```
///
/// `oᵥ` are the scores of view `v`, `qᵢ` the codes of view `i`, `τ` the temperature, 0.1 in the
/// paper. With two views and both coded it is `½ (ℓ(1, q₂) + ℓ(2, q₁))`; in multi-crop the first
/// two of all views are coded, those of the large crops.
///
/// `scores`: of each view `[batch, prototypes]`; `codes`: the same shape, of the first views in the
/// same order, from [`sinkhorn()`]; result: scalar, at least 0. No gradient flows to the codes.
///
/// # Panics
/// If there are no codes, more codes than views, fewer than two views, or shapes that differ.
///
/// # Source
/// The paper sums the terms; its code averages as here. Tested against the formula in plain loops
/// and against a PyTorch 2.11 program written from it (`tests/golden/loss.py`).
///
/// ```
/// use chiffchaff::loss::{SinkhornConfig, Temperature, sinkhorn, swapped_prediction};
/// use tch::{Device, Kind, Tensor};
///
/// // Views that tell nothing apart: each prototype is one guess in 4.
/// let scores = [(); 2].map(|()| Tensor::ones([6, 4], (Kind::Float, Device::Cpu)));
/// let codes = scores.each_ref().map(|scores| sinkhorn(scores, &SinkhornConfig::paper()));
/// let loss = swapped_prediction(&scores, &codes, Temperature::new(0.1)?);
/// assert!((loss.double_value(&[]) - 4f64.ln()).abs() < 1e-5);
/// # Ok::<(), chiffchaff::loss::LossError>(())
/// ```
pub fn swapped_prediction<T: Borrow<Tensor>>(
    scores: &[T],
    codes: &[T],
    temperature: Temperature,
) -> Tensor {
    let views = scores.len();
    assert!(views >= 2, "at least two views, not {views}");
    assert!(
        (1..=views).contains(&codes.len()),
        "codes of one to {views} views, not {}",
        codes.len()
    );
    let log_shares = |view: &T| {
        (at_least_f32(view.borrow()) / temperature.get()).log_softmax(1, None) // [batch, prototypes]
    };
    let predictions: Vec<_> = scores.iter().map(log_shares).collect();
    let mut losses = Vec::new();
    for (coded, codes) in codes.iter().enumerate() {
        for (view, prediction) in predictions.iter().enumerate() {
            if view != coded {
                losses.push(soft_cross_entropy(prediction, codes.borrow()));
            }
        }
    }
    Tensor::stack(&losses, 0).mean(None)
}

/// `−mean( Σₖ qₖ · log pₖ )` over rows.
fn soft_cross_entropy(log_p: &Tensor, q: &Tensor) -> Tensor {
    assert_eq!(log_p.size(), q.size(), "scores and codes have one shape");
    -(log_p * q.detach())
        .sum_dim_intlist(1, false, None)
        .mean(None)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tch::{Device, Kind};

    use super::super::testing::*;
    use super::*;

    fn config(epsilon: f64, iterations: u32) -> SinkhornConfig {
        SinkhornConfig {
            epsilon: tau(epsilon),
            iterations: NonZeroU32::new(iterations).unwrap(),
        }
    }

    /// The steps as the paper's algorithm has them: Q is `[prototypes, batch]`, all in shares.
    fn oracle_codes(scores: &[Vec<f64>], epsilon: f64, iterations: u32) -> Vec<Vec<f64>> {
        let (batch, prototypes) = (scores.len(), scores[0].len());
        let mut q = vec![vec![0.0; batch]; prototypes];
        for (item, row) in scores.iter().enumerate() {
            for (prototype, score) in row.iter().enumerate() {
                q[prototype][item] = (score / epsilon).exp();
            }
        }
        let total: f64 = q.iter().flatten().sum();
        q.iter_mut().flatten().for_each(|share| *share /= total);
        for _ in 0..iterations {
            for row in &mut q {
                let sum: f64 = row.iter().sum();
                row.iter_mut()
                    .for_each(|share| *share /= sum * prototypes as f64);
            }
            for item in 0..batch {
                let sum: f64 = q.iter().map(|row| row[item]).sum();
                q.iter_mut().for_each(|row| row[item] /= sum * batch as f64);
            }
        }
        let code = |item: usize| q.iter().map(|row| row[item] * batch as f64).collect();
        (0..batch).map(code).collect()
    }

    /// −mean Σ q log softmax(o / τ) in plain loops.
    fn oracle_term(scores: &[Vec<f64>], codes: &[Vec<f64>], temperature: f64) -> f64 {
        let mut total = 0.0;
        for (scores, codes) in scores.iter().zip(codes) {
            let sum: f64 = scores.iter().map(|score| (score / temperature).exp()).sum();
            for (score, code) in scores.iter().zip(codes) {
                total -= code * ((score / temperature).exp() / sum).ln();
            }
        }
        total / scores.len() as f64
    }

    #[test]
    fn one_round_by_hand() {
        // exp(score / ε) is 1 2 / 3 6 (items are rows). Prototypes first: columns become ¼ ¼ / ¾ ¾;
        // then items: ½ ½ / ½ ½.
        let scores = Tensor::from_slice(&[1f64, 2.0, 3.0, 6.0])
            .log()
            .view([2, 2])
            * 0.5;
        let codes = sinkhorn(&scores, &config(0.5, 1));
        assert_close(&codes, &Tensor::full_like(&codes, 0.5), 1e-12);
        // 1 1 / 1 3: columns ½ ¼ / ½ ¾, rows ⅔ ⅓ / ⅖ ⅗.
        let scores = Tensor::from_slice(&[1f64, 1.0, 1.0, 3.0])
            .log()
            .view([2, 2]);
        let expected = Tensor::from_slice(&[2.0 / 3.0, 1.0 / 3.0, 0.4, 0.6]).view([2, 2]);
        assert_close(&sinkhorn(&scores, &config(1.0, 1)), &expected, 1e-12);
    }

    #[test]
    fn many_rounds_balance_the_prototypes() {
        let codes = sinkhorn(&some_rows(12, 4, 1), &config(0.3, 200));
        let shares = codes.sum_dim_intlist(0, false, None);
        assert_close(&shares, &Tensor::full_like(&shares, 3.0), 1e-9);
    }

    #[test]
    fn two_views_by_hand() {
        // One item, two prototypes; shares ¾ ¼ and ½ ½, codes 1 0 and ½ ½.
        let row = |a: f64, b: f64| Tensor::from_slice(&[a, b]).view([1, 2]);
        let scores = [row(3f64.ln(), 0.0), row(1.0, 1.0)];
        let codes = [row(1.0, 0.0), row(0.5, 0.5)];
        let given = swapped_prediction(&scores, &codes, tau(1.0)).double_value(&[]);
        let first_predicts_second = -0.5 * (0.75f64.ln() + 0.25f64.ln());
        let second_predicts_first = -0.5f64.ln();
        assert!((given - (first_predicts_second + second_predicts_first) / 2.0).abs() < 1e-12);
    }

    #[test]
    fn agrees_with_pytorch_in_value_and_gradient() {
        for case in golden("sinkhorn") {
            let config = config(case.number("epsilon"), case.number("iterations") as u32);
            let codes = sinkhorn(&case.tensor("scores"), &config);
            assert_close(&codes, &case.tensor("codes"), 1e-12);
        }
        for case in golden("swapped_prediction") {
            let config = config(case.number("epsilon"), case.number("iterations") as u32);
            let names = ["first", "second", "third", "fourth"];
            let views = &names[..case.number("views") as usize];
            case.assert_agrees(views, |scores| {
                let codes = [0, 1].map(|view: usize| sinkhorn(&scores[view], &config));
                swapped_prediction(scores, &codes, tau(case.number("temperature")))
            });
        }
    }

    #[test]
    fn gradient_agrees_with_finite_differences() {
        let codes = [1, 2].map(|seed| sinkhorn(&some_rows(4, 3, seed), &SinkhornConfig::paper()));
        for view in 0..3 {
            let of_view = |scores: &Tensor| {
                let mut all = [1, 2, 3].map(|seed| some_rows(4, 3, seed));
                all[view] = scores.shallow_clone();
                swapped_prediction(&all, &codes, tau(0.2))
            };
            assert_gradient(&of_view, &some_rows(4, 3, 7));
        }
    }

    #[test]
    fn codes_carry_no_gradient() {
        let scores = some_rows(4, 3, 1).set_requires_grad(true);
        assert!(!sinkhorn(&scores, &SinkhornConfig::paper()).requires_grad());
        let codes = some_rows(4, 3, 2).abs().set_requires_grad(true);
        let other = some_rows(4, 3, 3);
        swapped_prediction(&[&other, &scores], &[&codes], tau(0.1)).backward();
        assert!(scores.grad().defined() && !codes.grad().defined());
    }

    #[test]
    fn a_view_does_not_predict_its_own_codes() {
        let (first, second) = (some_rows(4, 3, 1), some_rows(4, 3, 2));
        let codes = sinkhorn(&first, &SinkhornConfig::paper());
        let given = swapped_prediction(&[&first, &second], &[&codes], tau(0.1));
        let expected = oracle_term(&to_rows(&second), &to_rows(&codes), 0.1);
        assert!((given.double_value(&[]) - expected).abs() < 1e-12);
    }

    #[test]
    fn stays_finite_for_large_scores_in_single_precision() {
        // exp(100 / 0.05) is beyond all floating point.
        let scores = (some_rows(8, 5, 1) * 200.0).to_kind(Kind::Float);
        let codes = sinkhorn(&scores, &SinkhornConfig::paper());
        assert!(bool::try_from(codes.isfinite().all()).unwrap());
        let sums = codes.sum_dim_intlist(1, false, None);
        assert_close(&sums, &Tensor::ones_like(&sums), 1e-5);
        let leaf = scores.set_requires_grad(true);
        let loss = swapped_prediction(&[&leaf, &leaf], &[&codes, &codes], tau(0.01));
        loss.backward();
        assert!(loss.double_value(&[]).is_finite());
        assert!(bool::try_from(leaf.grad().isfinite().all()).unwrap());
    }

    #[test]
    fn narrow_inputs_are_computed_in_single_precision() {
        let scores = some_rows(4, 3, 1).to_kind(Kind::Half);
        let codes = sinkhorn(&scores, &SinkhornConfig::paper());
        assert_eq!(codes.kind(), Kind::Float);
        let loss = swapped_prediction(&[&scores, &scores], &[&codes], tau(0.1));
        assert_eq!(loss.kind(), Kind::Float);
    }

    #[test]
    fn config_reads_what_it_knows_and_refuses_the_rest() {
        let read = |text: &str| serde_json::from_str::<SinkhornConfig>(text);
        assert_eq!(read("{}").unwrap(), SinkhornConfig::paper());
        let given = read(r#"{"epsilon": 0.1, "iterations": 5}"#).unwrap();
        assert_eq!(given, config(0.1, 5));
        for refused in [r#"{"iterations": 0}"#, r#"{"epsilon": 0}"#, r#"{"eps": 1}"#] {
            assert!(read(refused).is_err(), "{refused}");
        }
    }

    #[test]
    #[should_panic(expected = "at least two views")]
    fn one_view_is_refused() {
        let scores = [some_rows(2, 3, 1)];
        let _ = swapped_prediction(&scores, &scores, tau(0.1));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn codes_equal_the_papers_steps(
            seed in 0i64..1000, batch in 1i64..7, prototypes in 1i64..6, epsilon in 0.05f64..2.0, iterations in 1u32..5,
        ) {
            let scores = some_rows(batch, prototypes, seed);
            let codes = sinkhorn(&scores, &config(epsilon, iterations));
            let expected = oracle_codes(&to_rows(&scores), epsilon, iterations).concat();
            assert_close(&codes.view(-1), &Tensor::from_slice(&expected), 1e-10);
        }

        #[test]
        fn loss_equals_the_formula(
            seed in 0i64..1000, batch in 1i64..5, prototypes in 1i64..6, views in 2i64..5, temperature in 0.05f64..2.0,
        ) {
            let scores: Vec<_> = (0..views).map(|view| some_rows(batch, prototypes, seed + 1000 * view)).collect();
            let codes: Vec<_> = scores[..2].iter().map(|scores| sinkhorn(scores, &SinkhornConfig::paper())).collect();
            let mut expected = 0.0;
            for (coded, codes) in codes.iter().enumerate() {
                for (view, scores) in scores.iter().enumerate() {
                    if view != coded {
                        expected += oracle_term(&to_rows(scores), &to_rows(codes), temperature);
                    }
                }
            }
            expected /= 2.0 * (views - 1) as f64;
            let given = swapped_prediction(&scores, &codes, tau(temperature)).double_value(&[]);
            prop_assert!((given - expected).abs() < 1e-9 * (1.0 + expected));
        }

        #[test]
        fn constant_scores_give_equal_shares(score in -3f64..3.0, batch in 1i64..9, prototypes in 1i64..9) {
            let codes = sinkhorn(&Tensor::full([batch, prototypes], score, (Kind::Double, Device::Cpu)), &SinkhornConfig::paper());
            assert_close(&codes, &Tensor::full_like(&codes, 1.0 / prototypes as f64), 1e-12);
        }

        #[test]
        fn swapping_views_permuting_items_and_shifting_scores_change_nothing(
            seed in 0i64..1000, shift in 1i64..5, offset in -3f64..3.0,
        ) {
            let (first, second) = (some_rows(5, 4, seed), some_rows(5, 4, seed + 1000));
            let loss = |first: &Tensor, second: &Tensor| {
                let codes = [first, second].map(|scores| sinkhorn(scores, &SinkhornConfig::paper()));
                swapped_prediction(&[first, second], &[&codes[0], &codes[1]], tau(0.1)).double_value(&[])
            };
            let expected = loss(&first, &second);
            for changed in [
                loss(&second, &first),
                loss(&first.roll(shift, 0), &second.roll(shift, 0)),
                loss(&first.roll(shift, 1), &second.roll(shift, 1)),
                loss(&(&first + offset), &second),
            ] {
                prop_assert!((changed - expected).abs() < 1e-9);
            }
        }
    }
}

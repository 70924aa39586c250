//! The losses of NPID, instance discrimination against a memory bank.

use tch::{Kind, Tensor};

use super::Temperature;
use super::cross_entropy::cross_entropy;
use super::similarity::{at_least_f32, unit_rows};

/// Added to both denominators, as in the authors' code; the paper has none.
const EPSILON: f64 = 1e-7;

/// NPID by noise-contrastive estimation (Wu et al. 2018, eqs. 4, 6 and 7, arXiv:1805.01978).
///
/// ```text
/// P(i|v)  = exp(mᵢ·v / τ) / Z
/// h(i, v) = P(i|v) / ( P(i|v) + m·Pₙ + ε )
/// ℓ(b)    = −ln h(i_b, v_b) − Σₖ ln( m·Pₙ / ( P(k|v_b) + m·Pₙ + ε ) )
/// ```
///
/// `v` is a feature at unit length, `mᵢ` a row of the memory bank as it is stored, `τ` the
/// temperature, `m` the number of noise rows per clip, `Pₙ = 1/items`, `ε` = 10⁻⁷ and `Z` a
/// constant from [`npid_log_normaliser()`]. Mean over the batch.
///
/// `features`: `[batch, dim]`; `memory_rows`: `[batch, 1 + m, dim]`, for each clip its own row first
/// and then `m` rows drawn with replacement from the whole bank; `items`: rows of the bank;
/// `log_normaliser`: `ln Z`; result: scalar, above 0. Gradients flow to the features only.
///
/// The paper's proximal term is left out, as in the authors' PyTorch code, where the slow update of
/// the memory takes its place.
///
/// # Panics
/// If `features` is not `[batch, dim]`, or `memory_rows` not `[batch, 1 + m, dim]` with `m` at
/// least 1.
///
/// # Source
/// Tested against the formulas in plain loops and against a PyTorch 2.11 program written from them
/// (`tests/golden/loss.py`).
///
/// ```
/// use chiffchaff::loss::{Temperature, npid_log_normaliser, npid_nce};
/// use tch::{Device, Kind, Tensor};
///
/// // A bank of 100 equal rows: own row and noise are told apart by guessing, 1 in 1 + 4.
/// let features = Tensor::ones([3, 8], (Kind::Double, Device::Cpu));
/// let rows = Tensor::full([3, 5, 8], 8f64.sqrt().recip(), (Kind::Double, Device::Cpu));
/// let tau = Temperature::new(0.4)?;
/// let log_z = npid_log_normaliser(&features, &rows, 100, tau);
/// let loss = npid_nce(&features, &rows, 100, log_z, tau).double_value(&[]);
/// assert!((loss - (5f64.ln() - 4.0 * 0.8f64.ln())).abs() < 1e-4);
/// # Ok::<(), chiffchaff::loss::LossError>(())
/// ```
pub fn npid_nce(
    features: &Tensor,
    memory_rows: &Tensor,
    items: i64,
    log_normaliser: f64,
    temperature: Temperature,
) -> Tensor {
    let log_p = logits(features, memory_rows, temperature) - log_normaliser; // [batch, 1 + m]
    let noise_rows = log_p.size()[1] - 1;
    assert!(noise_rows > 0, "at least one noise row");
    let noise = noise_rows as f64 / items as f64; // m·Pₙ
    // In logarithms, since exp(m·v / τ) overflows fp32 at low temperatures.
    let log_both = log_p.logaddexp(&log_p.full_like((noise + EPSILON).ln()));
    let log_h = log_p.select(1, 0) - log_both.select(1, 0); // [batch]
    let log_not_h = noise.ln() - log_both.narrow(1, 1, noise_rows); // [batch, m]
    -(log_h + log_not_h.sum_dim_intlist(1, false, None)).mean(None)
}

/// `ln Z` of [`npid_nce()`], estimated from one batch (Wu et al. 2018, eq. 8).
///
/// ```text
/// Z = items · mean( exp(m·v / τ) )
/// ```
///
/// The mean runs over all `batch · (1 + m)` pairs, those with the own rows included. The authors'
/// code estimates it on the first batch and never again; the arguments are those of `npid_nce`.
///
/// # Panics
/// If `features` is not `[batch, dim]` or `memory_rows` not `[batch, 1 + m, dim]`.
pub fn npid_log_normaliser(
    features: &Tensor,
    memory_rows: &Tensor,
    items: i64,
    temperature: Temperature,
) -> f64 {
    let logits = logits(&features.detach(), memory_rows, temperature).to_kind(Kind::Double);
    let pairs = logits.numel() as f64;
    logits.view(-1).logsumexp(0, false).double_value(&[]) + (items as f64 / pairs).ln()
}

/// NPID by the full softmax over the bank (Wu et al. 2018, eq. 2).
///
/// ```text
/// ℓ(b) = −log( exp(m_{i_b}·v_b / τ) / Σⱼ exp(mⱼ·v_b / τ) )
/// ```
///
/// Affordable for banks of some ten thousand rows, and then better than estimating. Mean over the
/// batch.
///
/// `features`: `[batch, dim]`; `memory`: `[items, dim]`, the whole bank; `indices`: `[batch]`, the
/// bank's row of each clip, whole numbers within `0..items`; result: scalar, at least 0. Gradients
/// flow to the features only.
///
/// # Panics
/// If `features` is not `[batch, dim]`, `memory` not `[items, dim]` or `indices` not `[batch]`.
pub fn npid_softmax(
    features: &Tensor,
    memory: &Tensor,
    indices: &Tensor,
    temperature: Temperature,
) -> Tensor {
    let (batch, dim) = features.size2().expect("features are [batch, dim]");
    let items = memory.size2().expect("a memory bank is [items, dim]").0;
    assert_eq!(memory.size(), [items, dim], "memory and features match");
    assert_eq!(indices.size(), [batch], "one index per feature");
    let memory = at_least_f32(&memory.detach());
    let logits = unit_rows(features).matmul(&memory.transpose(0, 1)) / temperature.get();
    cross_entropy(&logits, indices)
}

/// `m·v / τ` of each feature and its own rows: `[batch, rows]`.
fn logits(features: &Tensor, memory_rows: &Tensor, temperature: Temperature) -> Tensor {
    let (batch, dim) = features.size2().expect("features are [batch, dim]");
    let rows = memory_rows
        .size3()
        .expect("memory rows are [batch, 1 + m, dim]")
        .1;
    assert_eq!(
        memory_rows.size(),
        [batch, rows, dim],
        "memory rows and features match"
    );
    let memory_rows = at_least_f32(&memory_rows.detach());
    let features = unit_rows(features).unsqueeze(2); // [batch, dim, 1]
    memory_rows.bmm(&features).squeeze_dim(2) / temperature.get()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tch::Device;

    use super::super::nce;
    use super::super::testing::*;
    use super::*;

    /// The formulas in plain loops; `rows` is one list of rows for each clip.
    fn oracle(
        features: &[Vec<f64>],
        rows: &[Vec<Vec<f64>>],
        items: f64,
        z: f64,
        temperature: f64,
    ) -> f64 {
        let mut total = 0.0;
        for (feature, rows) in features.iter().zip(rows) {
            let noise = (rows.len() - 1) as f64 / items;
            let p = |row: &[f64]| (dot(row, &unit(feature)) / temperature).exp() / z;
            total -= (p(&rows[0]) / (p(&rows[0]) + noise + 1e-7)).ln();
            for row in &rows[1..] {
                total -= (noise / (p(row) + noise + 1e-7)).ln();
            }
        }
        total / features.len() as f64
    }

    fn memory_rows(batch: i64, rows: i64, dim: i64, seed: i64) -> Tensor {
        some_rows(batch * rows, dim, seed).view([batch, rows, dim])
    }

    fn nested(rows: &Tensor) -> Vec<Vec<Vec<f64>>> {
        let clips = 0..rows.size()[0];
        clips.map(|clip| to_rows(&rows.get(clip))).collect()
    }

    #[test]
    fn one_clip_by_hand() {
        // exp(m·v / τ) is 4 for the own row and 1 for the two of noise; Z = 2 and a bank of four
        // rows: P is 2 and ½, m·Pₙ = ½.
        let feature = Tensor::from_slice(&[5.0, 0.0]).view([1, 2]);
        let rows = Tensor::from_slice(&[4f64.ln(), 0.3, 0.0, 7.0, 0.0, 0.0]).view([1, 3, 2]);
        let given = npid_nce(&feature, &rows, 4, 2f64.ln(), tau(1.0)).double_value(&[]);
        let expected = -(2f64 / 2.5).ln() - 2.0 * 0.5f64.ln();
        assert!((given - expected).abs() < 1e-6, "{given} {expected}"); // ε is 10⁻⁷.
        // Z = 4 · (4 + 1 + 1) / 3.
        let log_z = npid_log_normaliser(&feature, &rows, 4, tau(1.0));
        assert!((log_z - 8f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn softmax_by_hand() {
        let features = Tensor::from_slice(&[1.0, 0.0, 0.0, 9.0]).view([2, 2]);
        let memory = Tensor::from_slice(&[2.0, 0.0, 0.0, 0.0, 0.0, 0.5]).view([3, 2]);
        let indices = Tensor::from_slice(&[0i64, 1]);
        let given = npid_softmax(&features, &memory, &indices, tau(0.5)).double_value(&[]);
        let first = -(4f64.exp() / (4f64.exp() + 2.0)).ln();
        let second = (1f64.exp() + 2.0).ln();
        assert!((given - (first + second) / 2.0).abs() < 1e-12);
    }

    #[test]
    fn agrees_with_pytorch_in_value_and_gradient() {
        for case in golden("npid_nce") {
            let (rows, items) = (case.tensor("memory_rows"), case.number("items") as i64);
            let tau = tau(case.number("temperature"));
            let log_z = npid_log_normaliser(&case.tensor("features"), &rows, items, tau);
            assert!((log_z.exp() / case.number("normaliser") - 1.0).abs() < 1e-12);
            case.assert_agrees(&["features"], |inputs| {
                npid_nce(&inputs[0], &rows, items, log_z, tau)
            });
        }
        for case in golden("npid_softmax") {
            let indices = case.tensor("indices").to_kind(Kind::Int64);
            case.assert_agrees(&["features"], |inputs| {
                let tau = tau(case.number("temperature"));
                npid_softmax(&inputs[0], &case.tensor("memory"), &indices, tau)
            });
        }
    }

    #[test]
    fn gradient_agrees_with_finite_differences() {
        let rows = memory_rows(3, 5, 4, 2);
        let of_features = |features: &Tensor| npid_nce(features, &rows, 20, 3.0, tau(0.3));
        assert_gradient(&of_features, &some_rows(3, 4, 1));
        let (memory, indices) = (some_rows(6, 4, 3), Tensor::from_slice(&[5i64, 0, 5]));
        let of_features = |features: &Tensor| npid_softmax(features, &memory, &indices, tau(0.3));
        assert_gradient(&of_features, &some_rows(3, 4, 1));
    }

    #[test]
    fn no_gradient_reaches_the_memory() {
        let features = some_rows(2, 4, 1).set_requires_grad(true);
        let rows = memory_rows(2, 3, 4, 2).set_requires_grad(true);
        let memory = some_rows(5, 4, 3).set_requires_grad(true);
        let indices = Tensor::from_slice(&[1i64, 4]);
        let losses = npid_nce(&features, &rows, 9, 1.0, tau(0.5))
            + npid_softmax(&features, &memory, &indices, tau(0.5));
        losses.backward();
        assert!(features.grad().defined());
        assert!(!rows.grad().defined() && !memory.grad().defined());
    }

    #[test]
    fn memory_counts_at_its_length_and_features_do_not() {
        // The bank starts with rows of length about 1, not exactly 1, and the loss sees them so.
        let (features, rows) = (some_rows(3, 4, 1), memory_rows(3, 5, 4, 2));
        let loss = |features: &Tensor, rows: &Tensor| {
            npid_nce(features, rows, 20, 3.0, tau(0.3)).double_value(&[])
        };
        let expected = loss(&features, &rows);
        assert!((loss(&(&features * 7.0), &rows) - expected).abs() < 1e-12);
        assert!((loss(&features, &(&rows * 2.0)) - expected).abs() > 0.1);
    }

    #[test]
    fn noise_is_independent_of_the_own_row() {
        // The own row may be drawn as noise as well, and then counts as both.
        let features = some_rows(1, 4, 1);
        let own = some_rows(1, 4, 2);
        let rows = Tensor::cat(&[&own, &own, &some_rows(1, 4, 3)], 0).unsqueeze(0);
        let given = npid_nce(&features, &rows, 10, 2.0, tau(0.3)).double_value(&[]);
        let expected = oracle(&to_rows(&features), &nested(&rows), 10.0, 2f64.exp(), 0.3);
        assert!((given - expected).abs() < 1e-10);
    }

    #[test]
    fn stays_finite_at_low_temperature_in_single_precision() {
        let features = some_rows(4, 16, 1)
            .to_kind(Kind::Float)
            .set_requires_grad(true);
        let rows = unit_rows(&some_rows(36, 16, 2))
            .view([4, 9, 16])
            .to_kind(Kind::Float);
        let log_z = npid_log_normaliser(&features, &rows, 50, tau(0.005));
        let result = npid_nce(&features, &rows, 50, log_z, tau(0.005));
        result.backward();
        let (clips, rows) = (to_rows(&features), nested(&rows));
        let expected = oracle(&clips, &rows, 50.0, log_z.exp(), 0.005);
        assert!(
            (result.double_value(&[]) / expected - 1.0).abs() < 1e-4,
            "{result:?} {expected}"
        );
        assert!(bool::try_from(features.grad().isfinite().all()).unwrap());
    }

    #[test]
    fn narrow_inputs_are_computed_in_single_precision() {
        let features = some_rows(2, 4, 1).to_kind(Kind::BFloat16);
        let memory = some_rows(6, 4, 2).to_kind(Kind::Float);
        let rows = memory.view([2, 3, 4]);
        let indices = Tensor::from_slice(&[0i64, 5]);
        for loss in [
            npid_nce(&features, &rows, 9, 1.0, tau(0.5)),
            npid_softmax(&features, &memory, &indices, tau(0.5)),
        ] {
            assert_eq!(loss.kind(), Kind::Float);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn equals_the_formulas(
            seed in 0i64..1000, batch in 1i64..5, noise in 1i64..8, items in 1i64..100, temperature in 0.05f64..2.0,
        ) {
            let (features, rows) = (some_rows(batch, 5, seed), memory_rows(batch, 1 + noise, 5, seed + 1000));
            let (clips, lists) = (to_rows(&features), nested(&rows));
            let pairs = clips.iter().zip(&lists).flat_map(|(clip, rows)| rows.iter().map(move |row| (clip, row)));
            let exponentials: Vec<_> =
                pairs.map(|(clip, row)| (dot(row, &unit(clip)) / temperature).exp()).collect();
            let z = items as f64 * exponentials.iter().sum::<f64>() / exponentials.len() as f64;
            let log_z = npid_log_normaliser(&features, &rows, items, tau(temperature));
            prop_assert!((log_z - z.ln()).abs() < 1e-10);
            let given = npid_nce(&features, &rows, items, log_z, tau(temperature)).double_value(&[]);
            let expected = oracle(&clips, &lists, items as f64, z, temperature);
            prop_assert!((given - expected).abs() < 1e-9 * (1.0 + expected.abs()), "{given} {expected}");
        }

        #[test]
        fn softmax_equals_the_formula(seed in 0i64..1000, batch in 1i64..5, items in 1i64..9, temperature in 0.05f64..2.0) {
            let (features, memory) = (some_rows(batch, 5, seed), some_rows(items, 5, seed + 1000));
            let indices: Vec<i64> = (0..batch).map(|clip| (clip * 7 + seed) % items).collect();
            let (clips, bank) = (to_rows(&features), to_rows(&memory));
            let mut expected = 0.0;
            for (clip, &index) in clips.iter().zip(&indices) {
                let p = |row: &Vec<f64>| (dot(row, &unit(clip)) / temperature).exp();
                expected -= (p(&bank[index as usize]) / bank.iter().map(p).sum::<f64>()).ln() / batch as f64;
            }
            let given = npid_softmax(&features, &memory, &Tensor::from_slice(&indices), tau(temperature));
            prop_assert!((given.double_value(&[]) - expected).abs() < 1e-9 * (1.0 + expected.abs()));
        }

        #[test]
        fn equal_rows_cost_guessing(noise in 1i64..20, items in 1i64..50, temperature in 0.05f64..3.0) {
            let features = Tensor::ones([2, 4], (Kind::Double, Device::Cpu));
            let rows = Tensor::full([2, 1 + noise, 4], 0.5, (Kind::Double, Device::Cpu));
            let tau = tau(temperature);
            let log_z = npid_log_normaliser(&features, &rows, items, tau);
            let given = npid_nce(&features, &rows, items, log_z, tau).double_value(&[]);
            let m = noise as f64;
            let expected = (1.0 + m).ln() - m * (m / (1.0 + m)).ln();
            // ε enters 1 + m times, relative to (1 + m)/items.
            prop_assert!((given - expected).abs() < 2e-7 * items as f64, "{given} {expected}");
        }

        #[test]
        fn but_for_epsilon_it_is_noise_contrastive_estimation(seed in 0i64..1000, noise in 1i64..6) {
            let (features, rows) = (some_rows(3, 5, seed), memory_rows(3, 1 + noise, 5, seed + 1000));
            let (items, tau) = (10, tau(0.5));
            let log_z = npid_log_normaliser(&features, &rows, items, tau);
            let log_ratios = logits(&features, &rows, tau) - log_z + (items as f64).ln();
            let expected = nce(&log_ratios.select(1, 0), &log_ratios.narrow(1, 1, noise));
            assert_close(&npid_nce(&features, &rows, items, log_z, tau), &expected, 1e-5);
        }
    }
}

//! The loss of MoCo.

use tch::{Kind, Tensor};

use super::Temperature;
use super::cross_entropy::cross_entropy;
use super::similarity::unit_rows;

/// InfoNCE against a queue, the loss of MoCo (He et al. 2020, eq. 1, arXiv:1911.05722).
///
/// ```text
/// ℓ(q) = −log( exp(q·k⁺ / τ) / ( exp(q·k⁺ / τ) + Σᵢ exp(q·kᵢ / τ) ) )
/// ```
///
/// `q` is a query, `k⁺` the key of the same clip, `kᵢ` the entries of the queue, `τ` the
/// temperature; the dot products are of rows at unit length. Mean over the batch.
///
/// `queries`, `keys`: `[batch, dim]`, row by row two views of the same clip; `queue`:
/// `[entries, dim]`, keys of earlier batches; result: scalar, between 0 and
/// `ln(entries + 1) + 2/τ`, and 0 for an empty queue. No gradient flows to the queue. To the keys
/// it flows if they have one; MoCo encodes them without.
///
/// # Panics
/// If `queries` and `keys` are not both `[batch, dim]`, or `queue` not `[entries, dim]`.
///
/// # Source
/// The paper prints the positive among the sum's terms, as here. Tested against the formula in
/// plain loops and against a PyTorch 2.11 program written from it (`tests/golden/loss.py`).
///
/// ```
/// use chiffchaff::loss::{Temperature, info_nce};
/// use tch::{Device, Kind, Tensor};
///
/// // When everything looks the same, the right key is one guess in entries + 1 = 9.
/// let same = |rows| Tensor::ones([rows, 16], (Kind::Float, Device::Cpu));
/// let loss = info_nce(&same(4), &same(4), &same(8), Temperature::new(0.2)?);
/// assert!((loss.double_value(&[]) - 9f64.ln()).abs() < 1e-5);
/// # Ok::<(), chiffchaff::loss::LossError>(())
/// ```
pub fn info_nce(
    queries: &Tensor,
    keys: &Tensor,
    queue: &Tensor,
    temperature: Temperature,
) -> Tensor {
    let (batch, dim) = queries.size2().expect("queries are [batch, dim]");
    assert_eq!(keys.size(), [batch, dim], "one key per query");
    let entries = queue.size2().expect("a queue is [entries, dim]").0;
    assert_eq!(queue.size(), [entries, dim], "queue and queries match");
    let (queries, keys) = (unit_rows(queries), unit_rows(keys));
    let queue = unit_rows(&queue.detach());
    let positive = (&queries * keys).sum_dim_intlist(1, true, None); // [batch, 1]
    let negatives = queries.matmul(&queue.transpose(0, 1)); // [batch, entries]
    let logits = Tensor::cat(&[positive, negatives], 1) / temperature.get();
    cross_entropy(
        &logits,
        &Tensor::zeros([batch], (Kind::Int64, queries.device())),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tch::Device;

    use super::super::testing::*;
    use super::*;

    /// Eq. 1 in plain loops.
    fn oracle(
        queries: &[Vec<f64>],
        keys: &[Vec<f64>],
        queue: &[Vec<f64>],
        temperature: f64,
    ) -> f64 {
        let mut total = 0.0;
        for (query, key) in queries.iter().zip(keys) {
            let positive = (cosine(query, key) / temperature).exp();
            let mut sum = positive;
            for entry in queue {
                sum += (cosine(query, entry) / temperature).exp();
            }
            total -= (positive / sum).ln();
        }
        total / queries.len() as f64
    }

    fn loss(queries: &Tensor, keys: &Tensor, queue: &Tensor, temperature: f64) -> f64 {
        info_nce(queries, keys, queue, tau(temperature)).double_value(&[])
    }

    #[test]
    fn one_query_by_hand() {
        // q·k⁺ = 1, the queue at 0 and −1, τ = ½: e² against e⁰ and e⁻².
        let query = Tensor::from_slice(&[1.0, 0.0]).view([1, 2]);
        let queue = Tensor::from_slice(&[0.0, 3.0, -0.5, 0.0]).view([2, 2]);
        let expected = -(2f64.exp() / (2f64.exp() + 1.0 + (-2f64).exp())).ln();
        assert!((loss(&query, &query, &queue, 0.5) - expected).abs() < 1e-12);
    }

    #[test]
    fn an_empty_queue_costs_nothing() {
        let rows = some_rows(3, 4, 1);
        let empty = Tensor::zeros([0, 4], (Kind::Double, Device::Cpu));
        assert_eq!(loss(&rows, &some_rows(3, 4, 2), &empty, 0.1), 0.0);
    }

    #[test]
    fn agrees_with_pytorch_in_value_and_gradient() {
        for case in golden("info_nce") {
            case.assert_agrees(&["queries", "keys"], |inputs| {
                let queue = case.tensor("queue");
                info_nce(
                    &inputs[0],
                    &inputs[1],
                    &queue,
                    tau(case.number("temperature")),
                )
            });
        }
    }

    #[test]
    fn gradient_agrees_with_finite_differences() {
        let (queries, keys, queue) = (some_rows(3, 5, 1), some_rows(3, 5, 2), some_rows(6, 5, 3));
        assert_gradient(&|rows| info_nce(rows, &keys, &queue, tau(0.3)), &queries);
        assert_gradient(&|rows| info_nce(&queries, rows, &queue, tau(0.3)), &keys);
    }

    #[test]
    fn no_gradient_reaches_the_queue() {
        let queries = some_rows(3, 5, 1).set_requires_grad(true);
        let queue = some_rows(6, 5, 3).set_requires_grad(true);
        info_nce(&queries, &some_rows(3, 5, 2), &queue, tau(0.3)).backward();
        assert!(queries.grad().defined());
        assert!(!queue.grad().defined());
    }

    #[test]
    fn stays_finite_at_low_temperature_in_single_precision() {
        let single = |rows, seed| some_rows(rows, 16, seed).to_kind(Kind::Float);
        let queries = single(4, 1).set_requires_grad(true);
        let (keys, queue) = (single(4, 2), single(20, 3));
        let result = info_nce(&queries, &keys, &queue, tau(0.005));
        result.backward();
        let expected = oracle(&to_rows(&queries), &to_rows(&keys), &to_rows(&queue), 0.005);
        assert!((result.double_value(&[]) / expected - 1.0).abs() < 1e-4);
        assert!(bool::try_from(queries.grad().isfinite().all()).unwrap());
    }

    #[test]
    fn narrow_inputs_are_computed_in_single_precision() {
        let narrow = some_rows(4, 8, 5).to_kind(Kind::BFloat16);
        let queue = some_rows(6, 8, 6).to_kind(Kind::Float);
        assert_eq!(
            info_nce(&narrow, &narrow, &queue, tau(0.2)).kind(),
            Kind::Float
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn equals_the_formula(
            seed in 0i64..1000, batch in 1i64..6, dim in 1i64..9, entries in 1i64..12, temperature in 0.02f64..2.0,
        ) {
            let (queries, keys) = (some_rows(batch, dim, seed), some_rows(batch, dim, seed + 1000));
            let queue = some_rows(entries, dim, seed + 2000);
            let expected = oracle(&to_rows(&queries), &to_rows(&keys), &to_rows(&queue), temperature);
            let given = loss(&queries, &keys, &queue, temperature);
            prop_assert!((given - expected).abs() < 1e-9 * (1.0 + expected.abs()));
        }

        #[test]
        fn permuting_clips_or_the_queue_and_rescaling_rows_change_nothing(
            seed in 0i64..1000, batch in 2i64..6, scale in 0.01f64..100.0, shift in 1i64..6,
        ) {
            let (queries, keys) = (some_rows(batch, 6, seed), some_rows(batch, 6, seed + 1000));
            let queue = some_rows(7, 6, seed + 2000);
            let expected = loss(&queries, &keys, &queue, 0.2);
            for changed in [
                loss(&queries.roll(shift, 0), &keys.roll(shift, 0), &queue, 0.2),
                loss(&queries, &keys, &queue.roll(shift, 0), 0.2),
                loss(&(&queries * scale), &keys, &(&queue * scale), 0.2),
            ] {
                prop_assert!((changed - expected).abs() < 1e-10);
            }
        }

        #[test]
        fn equal_rows_cost_log_of_the_candidates(batch in 1i64..5, entries in 1i64..50, temperature in 0.01f64..3.0) {
            let same = |rows| Tensor::ones([rows, 4], (Kind::Double, Device::Cpu));
            let given = loss(&same(batch), &same(batch), &same(entries), temperature);
            prop_assert!((given - ((entries + 1) as f64).ln()).abs() < 1e-9);
        }
    }
}

//! Prototypical networks (Snell, Swersky and Zemel 2017, arXiv:1703.05175), as the baseline of DCASE task 5 trains them.

use serde::{Deserialize, Serialize};
use tch::{Kind, Reduction, Tensor};

use super::chance::guess_among;
use super::settings::Settings;
use super::views::{BatchStatistics, embed};
use super::{MethodParts, Must, Objective, Sizes, Step, StepInput};
use crate::encoder::parameters::Parameters;
use crate::encoder::{Encoder, EncoderError};

/// Episodes: small classification tasks drawn from the training classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrototypicalConfig {
    /// Classes of an episode; fewer where the data has fewer. Baseline: 5.
    pub ways: usize,
    /// Support patches of each class, and as many others as queries. Baseline: 5.
    pub shots: usize,
    /// Episodes of an epoch. Baseline: 500.
    pub episodes_per_epoch: u64,
}

impl PrototypicalConfig {
    /// Support patches of an episode, and queries: what `train.batch_size` must be.
    pub(crate) fn patches(&self) -> usize {
        self.ways.saturating_mul(self.shots)
    }
}

impl Settings for PrototypicalConfig {
    fn objective(
        &self,
        _: &MethodParts<'_>,
        _: &Parameters,
    ) -> Result<Box<dyn Objective>, EncoderError> {
        Ok(Box::new(*self))
    }

    fn check(&self, batch: usize, must: &mut Must<'_>) {
        must(
            (2..=1000).contains(&self.ways),
            "method.ways",
            &self.ways,
            "within 2..=1000",
        );
        must(
            (1..=1000).contains(&self.shots),
            "method.shots",
            &self.shots,
            "within 1..=1000",
        );
        must(
            (1..=1_000_000_000).contains(&self.episodes_per_epoch),
            "method.episodes_per_epoch",
            &self.episodes_per_epoch,
            "within 1..=1000000000",
        );
        must(
            batch == self.patches(),
            "train.batch_size",
            &batch,
            "`method.ways` times `method.shots`",
        );
    }

    fn chance_loss(&self, sizes: &Sizes) -> Option<f64> {
        guess_among(self.ways.min(sizes.classes))
    }

    fn needs_labels(&self) -> bool {
        true
    }
}

impl Objective for PrototypicalConfig {
    fn step(&mut self, encoder: &Encoder, _: &Parameters, input: &StepInput<'_>) -> Step {
        let embeddings = embed(encoder, input, BatchStatistics::Joint);
        let [support, query] = &embeddings;
        let loss = prototypical_loss(support, query, self.shots);
        Step::of_two_views(loss, &embeddings, None)
    }
}

/// The mean negative log-likelihood of the queries' classes.
///
/// ```text
/// c_k = mean of the support embeddings of class k                            (eq. 1)
/// p(y = k | x) = exp(−‖f(x) − c_k‖²) / Σ_k' exp(−‖f(x) − c_k'‖²)              (eq. 2)
/// ```
/// `support`, `query`: `[ways · shots, dim]`, class after class; result: scalar.
pub fn prototypical_loss(support: &Tensor, query: &Tensor, shots: usize) -> Tensor {
    let shots = shots as i64;
    let (rows, dim) = support.size2().expect("embeddings are [batch, dim]");
    let ways = rows / shots;
    let by_class = support.view([ways, shots, dim]);
    let prototypes = by_class.mean_dim([1i64].as_slice(), false, None); // [ways, dim]
    let classes = Tensor::arange(ways, (Kind::Int64, query.device()));
    let targets = classes.repeat_interleave_self_int(shots, 0, rows); // [ways · shots]
    let logits = -squared_distances(query, &prototypes);
    logits.cross_entropy_loss(&targets, None::<&Tensor>, Reduction::Mean, -100, 0.0)
}

/// `‖xᵢ − cⱼ‖²` for `x`: `[items, dim]` and `c`: `[prototypes, dim]`; result: `[items, prototypes]`.
pub(crate) fn squared_distances(x: &Tensor, c: &Tensor) -> Tensor {
    let differences = x.unsqueeze(1) - c.unsqueeze(0); // [items, prototypes, dim]
    differences
        .square()
        .sum_dim_intlist([2i64].as_slice(), false, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(values: &[&[f64]]) -> Tensor {
        Tensor::from_slice2(values)
    }

    #[test]
    fn the_loss_is_that_of_the_formula() {
        // Two classes, two shots: prototypes (1, 0) and (0, 3).
        let support = rows(&[&[0.0, 0.0], &[2.0, 0.0], &[0.0, 2.0], &[0.0, 4.0]]);
        let query = rows(&[&[1.0, 1.0], &[0.0, 0.0], &[0.0, 3.0], &[1.0, 2.0]]);
        // Squared distances to both prototypes, the right one first.
        let pairs: [(f64, f64); 4] = [(1.0, 5.0), (1.0, 9.0), (0.0, 10.0), (2.0, 4.0)];
        let terms = pairs.map(|(right, wrong)| (1.0 + (right - wrong).exp()).ln());
        let expected = terms.iter().sum::<f64>() / 4.0;
        let loss = prototypical_loss(&support, &query, 2).double_value(&[]);
        assert!((loss - expected).abs() < 1e-12, "{loss} is not {expected}");
    }

    #[test]
    fn equal_embeddings_give_the_logarithm_of_the_number_of_classes() {
        let same = Tensor::ones([6, 4], (Kind::Double, tch::Device::Cpu));
        let loss = prototypical_loss(&same, &same, 2).double_value(&[]);
        assert!((loss - 3f64.ln()).abs() < 1e-12);
    }
}

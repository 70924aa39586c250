//! Cross-level discrimination: a view attracts to the cluster that the other view of its clip falls into.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::{Must, check};

use crate::encoder::Pass;
use crate::encoder::layers::Linear;
use crate::encoder::parameters::Scope;
use crate::loss::{KMeansConfig, Temperature, cld_group};

/// Cross-level discrimination (CLD, Wang, Liu and Yu 2021), beside a method that tells instances apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CldConfig {
    /// How each view of a batch is clustered.
    pub k_means: KMeansConfig,
    /// Of the softmax over centroids. Published: 0.2 and 0.4.
    pub temperature: Temperature,
    /// Weight beside the loss of instances. Published: 1 with NPID, 0.25 with MoCo.
    pub weight: f64,
    /// Numbers of the projection that is clustered. Published: 128.
    #[serde(default = "default_dim")]
    pub dim: i64,
}

fn default_dim() -> i64 {
    128
}

impl CldConfig {
    /// Tells `must` of every setting, for batches of `batch` patches.
    pub(super) fn check(&self, batch: usize, must: &mut Must<'_>) {
        must(
            self.k_means.clusters.get() as usize <= batch,
            "method.cld.k_means.clusters",
            &self.k_means.clusters,
            "at most `train.batch_size`",
        );
        let rounds = self.k_means.iterations;
        check::rounds("method.cld.k_means.iterations", rounds, must);
        check::temperature("method.cld.temperature", self.temperature, must);
        check::weight("method.cld.weight", self.weight, must);
        check::dim("method.cld.dim", self.dim, must);
    }

    /// The weighted loss when all embeddings are the same: all are in the first cluster, and the others are empty.
    pub(super) fn chance_loss(&self) -> f64 {
        let empty = f64::from(self.k_means.clusters.get() - 1);
        self.weight * (empty * (-1.0 / self.temperature.get()).exp()).ln_1p()
    }
}

#[derive(Debug)]
pub(super) struct Cld {
    config: CldConfig,
    head: Linear,
}

impl Cld {
    pub(super) fn new(config: &CldConfig, dim: i64, scope: &Scope<'_>) -> Self {
        Self {
            head: Linear::new(scope, dim, config.dim),
            config: config.clone(),
        }
    }

    /// The weighted loss of the embeddings of both views, `[batch, dim]` each.
    pub(super) fn loss(&self, embeddings: &[Tensor; 2], pass: Pass) -> Tensor {
        let groups = embeddings
            .each_ref()
            .map(|view| self.head.forward(view, pass).to_kind(tch::Kind::Float));
        let [first, second] = &groups;
        let config = &self.config;
        cld_group(first, second, &config.k_means, config.temperature) * config.weight
    }
}

//! The layers a contrastive loss sees the embedding through; dropped after training.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::encoder::layers::{BatchNorm, Linear, Pass};
use crate::encoder::parameters::Scope;

/// A projection head: linear layers with ReLU between them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectionHeadConfig {
    /// Width of each layer; the last is the projection's. Fonseca et al.: 512, 512; Moummad
    /// et al.: 2048, 512.
    pub widths: Vec<i64>,
    /// Whether batch normalisation stands before each ReLU. Fonseca et al.: yes; Moummad et al.: no.
    pub batch_norm: bool,
}

impl ProjectionHeadConfig {
    /// Numbers of the projection; 0 of a head without layers, which an experiment refuses.
    pub(crate) fn projection(&self) -> i64 {
        self.widths.last().copied().unwrap_or(0)
    }
}

/// The head; see [`ProjectionHeadConfig`].
#[derive(Debug)]
pub(crate) struct ProjectionHead {
    hidden: Vec<(Linear, Option<BatchNorm>)>,
    last: Linear,
}

impl ProjectionHead {
    /// A head on embeddings of `dim` numbers. `widths` must not be empty.
    pub(crate) fn new(config: &ProjectionHeadConfig, dim: i64, scope: &Scope<'_>) -> Self {
        let (&projection, hidden_widths) = config
            .widths
            .split_last()
            .expect("the experiment checks that a head has a layer");
        let mut inputs = dim;
        let mut hidden = Vec::new();
        for (index, &outputs) in hidden_widths.iter().enumerate() {
            let linear = scope.sub(format_args!("linear{index}"));
            let norm = scope.sub(format_args!("bn{index}"));
            hidden.push(if config.batch_norm {
                // The normalisation would take a bias out again.
                let linear = Linear::without_bias(&linear, inputs, outputs);
                (linear, Some(BatchNorm::new(&norm, outputs)))
            } else {
                (Linear::new(&linear, inputs, outputs), None)
            });
            inputs = outputs;
        }
        let last = scope.sub(format_args!("linear{}", hidden.len()));
        Self {
            hidden,
            last: Linear::new(&last, inputs, projection),
        }
    }

    /// `[batch, dim]` → fp32 projections `[batch, projection]`, not normalised.
    pub(crate) fn forward(&self, embeddings: &Tensor, pass: Pass) -> Tensor {
        let mut x = embeddings.shallow_clone();
        for (linear, norm) in &self.hidden {
            x = linear.forward(&x, pass);
            if let Some(norm) = norm {
                x = norm.forward(&x, pass);
            }
            x = x.relu();
        }
        self.last.forward(&x, pass).to_kind(tch::Kind::Float)
    }
}

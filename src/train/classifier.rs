//! A pre-trained encoder with a linear layer on top, of which as much learns as is wished.

use serde::{Deserialize, Serialize};
use tch::{Reduction, Tensor};

use super::Optimizer;
use crate::encoder::layers::Linear;
use crate::encoder::parameters::Parameters;
use crate::encoder::{Encoder, Mode, Pass, Precision};

/// What stays as it is in stages that are not trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FreezeMode {
    /// Weights, and the running statistics of batch normalisation, which uses them in training too.
    #[default]
    WeightsAndBn,
    /// Weights alone. Batch normalisation uses the statistics of the batch, and its running statistics move with every
    /// batch; predictions use those. The released code of Moummad et al. 2023 (arXiv:2309.00878) and of Fonseca et al. 2021
    /// (arXiv:2011.07616) does so.
    WeightsOnly,
}

/// A classifier of images `[batch, channels, mels, frames]`.
#[derive(Debug)]
pub(crate) struct Classifier {
    encoder: Encoder,
    head: Linear,
    head_parameters: Parameters,
    /// Stages that stay as they are, counted from the first.
    frozen: usize,
    freeze: FreezeMode,
    precision: Precision,
}

/// How a classifier is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClassifierParts {
    pub(crate) classes: i64,
    /// Stages that learn, counted from the last.
    pub(crate) tuned: usize,
    pub(crate) freeze: FreezeMode,
    pub(crate) precision: Precision,
    /// Draws the first weights of the linear layer.
    pub(crate) seed: u64,
}

impl Classifier {
    /// Takes `encoder` as it is, with an untrained linear layer.
    pub(crate) fn new(encoder: Encoder, parts: ClassifierParts) -> Self {
        let stages = encoder.stage_count();
        let tuned = parts.tuned.min(stages);
        for weight in encoder.parameters().weights() {
            let _ = weight.set_requires_grad(false);
        }
        for weight in encoder.last_weights(tuned) {
            let _ = weight.set_requires_grad(true);
        }
        let head_parameters = Parameters::new(parts.seed, encoder.parameters().device());
        Self {
            head: Linear::new(&head_parameters.root(), encoder.dim(), parts.classes),
            head_parameters,
            frozen: stages - tuned,
            freeze: parts.freeze,
            precision: parts.precision,
            encoder,
        }
    }

    /// What learns: the linear layer and the tuned stages.
    pub(crate) fn weights(&self) -> Vec<Tensor> {
        let stages = self.encoder.stage_count();
        let mut weights = self.encoder.last_weights(stages - self.frozen);
        weights.extend(self.head_parameters.weights());
        weights
    }

    /// Whether an image has the same embedding however long the classifier learns.
    pub(crate) fn keeps_embeddings(&self) -> bool {
        self.frozen == self.encoder.stage_count() && self.freeze == FreezeMode::WeightsAndBn
    }

    /// Embeddings while learning, `[batch, dim]`.
    pub(crate) fn embed_learning(&self, images: &Tensor) -> Tensor {
        self.encoder.embed_by(images, &|stage| {
            let still = stage < self.frozen && self.freeze == FreezeMode::WeightsAndBn;
            Pass {
                mode: if still {
                    Mode::Inference
                } else {
                    Mode::Training
                },
                precision: self.precision,
            }
        })
    }

    /// Embeddings to judge by, `[batch, dim]`, without gradient.
    pub(crate) fn embed(&self, images: &Tensor) -> Tensor {
        let pass = Pass {
            precision: self.precision,
            ..Pass::INFERENCE
        };
        tch::no_grad(|| self.encoder.embed(images, pass))
    }

    /// Embeddings `[batch, dim]` → fp32 `[batch, classes]`: few and cheap numbers, always in full precision.
    pub(crate) fn logits(&self, embeddings: &Tensor) -> Tensor {
        self.head.forward(embeddings, Pass::INFERENCE)
    }

    /// Descends the cross entropy of embeddings `[batch, dim]` with `targets` `[batch]` once; gives it.
    ///
    /// # Errors
    /// If libtorch cannot compute the gradients.
    pub(crate) fn learn(
        &self,
        embeddings: &Tensor,
        targets: &Tensor,
        class_weights: Option<&Tensor>,
        optimizer: &mut Optimizer,
        learning_rate: f64,
    ) -> Result<f64, tch::TchError> {
        let loss = self.logits(embeddings).cross_entropy_loss(
            targets,
            class_weights,
            Reduction::Mean,
            -100,
            0.0,
        );
        let value = loss.double_value(&[]);
        let gradients = Tensor::f_run_backward(&[loss], optimizer.weights(), false, false)?;
        optimizer.step(gradients, learning_rate);
        Ok(value)
    }
}

//! SwAV: a view predicts the cluster of another one.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::views::{BatchStatistics, project};
use super::{
    MethodParts, Objective, ProjectionHead, ProjectionHeadConfig, Prototypes, Queue, Step,
    StepInput,
};
use crate::encoder::Encoder;
use crate::encoder::parameters::Parameters;
use crate::loss::{SinkhornConfig, Temperature, sinkhorn, swapped_prediction, unit_rows};

/// Swapped assignments between views (Caron et al. 2020), with small views beside the two of full size where `views.small` asks for them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwavConfig {
    /// Of the softmax over prototypes. Published: 0.1.
    pub temperature: Temperature,
    /// The projection head. Published: 2048, 128 with batch normalisation.
    pub head: ProjectionHeadConfig,
    /// Number of prototypes. Published: 3000; for sound about ten times the classes that are expected.
    pub prototypes: i64,
    /// How embeddings are assigned to prototypes.
    #[serde(default)]
    pub codes: SinkhornConfig,
    /// Past embeddings of each view that are assigned along with a small batch, a multiple of it; 0 is without. Published: 3840.
    #[serde(default)]
    pub queue: i64,
    /// Epoch from which the queue is used. Published: 15.
    #[serde(default)]
    pub queue_from_epoch: u64,
    /// Steps in which the prototypes stay as they are. Published: 313.
    #[serde(default)]
    pub frozen_steps: u64,
}

#[derive(Debug)]
pub(super) struct Swav {
    config: SwavConfig,
    head: ProjectionHead,
    prototypes: Prototypes,
    queues: Option<[Queue; 2]>,
    /// The embeddings of the last batch, until it is over.
    heard: Option<[Tensor; 2]>,
}

impl Swav {
    pub(super) fn new(
        config: &SwavConfig,
        parts: &MethodParts<'_>,
        parameters: &Parameters,
    ) -> Self {
        let (root, dim) = (parameters.root(), config.head.projection());
        let queue = |view: &str| Queue::new(&root.sub(view), config.queue, dim);
        Self {
            head: ProjectionHead::new(&config.head, parts.encoder.dim(), &root),
            prototypes: Prototypes::new(&root.sub("prototypes"), config.prototypes, dim),
            queues: (config.queue > 0).then(|| ["queue0", "queue1"].map(queue)),
            config: config.clone(),
            heard: None,
        }
    }

    /// The soft assignments of one view's embeddings, `[batch, prototypes]`, with those of the past where they are used.
    fn codes(&self, z: &Tensor, view: usize, epoch: u64) -> Tensor {
        let batch = z.size()[0];
        let past = self
            .queues
            .as_ref()
            .filter(|_| epoch >= self.config.queue_from_epoch);
        let together = match past {
            Some(queues) => Tensor::cat(&[&z.detach(), queues[view].rows()], 0),
            None => z.detach(),
        };
        let scores = self.prototypes.scores(&together, true).detach();
        sinkhorn(&scores, &self.config.codes).narrow(0, 0, batch)
    }

    /// The scores of each small view, `[batch, prototypes]`; all of them go through the encoder together.
    fn small_scores(&self, encoder: &Encoder, input: &StepInput<'_>, frozen: bool) -> Vec<Tensor> {
        if input.small_views.is_empty() {
            return Vec::new();
        }
        let together = Tensor::cat(input.small_views, 0); // [small · batch, channels, mels, frames]
        let embeddings = encoder.embed(&together, input.pass);
        let z = unit_rows(&self.head.forward(&embeddings, input.pass));
        let scores = self.prototypes.scores(&z, frozen); // [small · batch, prototypes]
        scores.chunk(input.small_views.len() as i64, 0)
    }
}

impl Objective for Swav {
    fn step(&mut self, encoder: &Encoder, _: &Parameters, input: &StepInput<'_>) -> Step {
        self.prototypes.normalise();
        let seen = project(encoder, &self.head, input, BatchStatistics::PerView);
        let z = seen.projections.each_ref().map(unit_rows);
        let frozen = input.step < self.config.frozen_steps;
        let mut scores: Vec<_> = (z.iter())
            .map(|z| self.prototypes.scores(z, frozen))
            .collect();
        scores.extend(self.small_scores(encoder, input, frozen));
        let codes = [0, 1].map(|view| self.codes(&z[view], view, input.epoch));
        let loss = swapped_prediction(&scores, &codes, self.config.temperature);
        self.heard = Some(z.map(|z| z.detach()));
        Step::of_two_views(loss, seen.embeddings)
    }

    fn finish_step(&mut self) {
        if let (Some(heard), Some(queues)) = (self.heard.take(), &mut self.queues) {
            for (queue, z) in queues.iter_mut().zip(&heard) {
                queue.push(z);
            }
        }
    }
}

//! SwAV: a view predicts the cluster of another one.

use serde::{Deserialize, Serialize};
use std::num::NonZeroI64;
use tch::Tensor;

use super::chance::guess_among;
use super::settings::Settings;
use super::views::{BatchStatistics, project};
use super::{
    MethodParts, Must, Objective, ProjectionHead, ProjectionHeadConfig, Prototypes, Queue, Sizes,
    Step, StepInput, check,
};
use crate::encoder::parameters::Parameters;
use crate::encoder::{Encoder, EncoderError};
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
    /// Past embeddings of each view that are assigned along with a small batch, a multiple of it; without by default, in
    /// files also 0. Published: 3840.
    #[serde(default, with = "none_is_zero")]
    pub queue: Option<NonZeroI64>,
    /// Epoch from which the queue is used. Published: 15.
    #[serde(default)]
    pub queue_from_epoch: u64,
    /// Steps in which the prototypes stay as they are. Published: 313.
    #[serde(default)]
    pub frozen_steps: u64,
}

impl Settings for SwavConfig {
    fn objective(
        &self,
        parts: &MethodParts<'_>,
        parameters: &Parameters,
    ) -> Result<Box<dyn Objective>, EncoderError> {
        Ok(Box::new(Swav::new(self, parts, parameters)))
    }

    fn check(&self, batch: usize, must: &mut Must<'_>) {
        self.head.check(must);
        check::temperature("method.temperature", self.temperature, must);
        check::entries("method.prototypes", self.prototypes, must);
        if let Some(queue) = self.queue {
            must(
                (1..=1 << 24).contains(&queue.get()),
                "method.queue",
                &queue,
                "within 0..=16777216",
            );
            check::multiple_of_the_batch("method.queue", queue.get(), batch, must);
        }
        check::temperature("method.codes.epsilon", self.codes.epsilon, must);
        check::rounds("method.codes.iterations", self.codes.iterations, must);
    }

    fn chance_loss(&self, _: &Sizes) -> Option<f64> {
        guess_among(usize::try_from(self.prototypes).ok()?)
    }

    fn must_leave_chance(&self) -> bool {
        false
    }

    fn head(&self) -> Option<&ProjectionHeadConfig> {
        Some(&self.head)
    }
}

/// No queue is a 0 in files, so that runs of older versions can be resumed.
mod none_is_zero {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::num::NonZeroI64;

    pub(super) fn serialize<S: Serializer>(
        queue: &Option<NonZeroI64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        queue.map_or(0, NonZeroI64::get).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<NonZeroI64>, D::Error> {
        i64::deserialize(deserializer).map(NonZeroI64::new)
    }
}

#[derive(Debug)]
struct Swav {
    config: SwavConfig,
    head: ProjectionHead,
    prototypes: Prototypes,
    queues: Option<[Queue; 2]>,
    /// The embeddings of the last batch, until it is over.
    heard: Option<[Tensor; 2]>,
}

impl Swav {
    fn new(config: &SwavConfig, parts: &MethodParts<'_>, parameters: &Parameters) -> Self {
        let (root, dim) = (parameters.root(), config.head.projection());
        let queue =
            |entries: NonZeroI64, view: &str| Queue::new(&root.sub(view), entries.get(), dim);
        Self {
            head: ProjectionHead::new(&config.head, parts.encoder.dim(), &root),
            prototypes: Prototypes::new(&root.sub("prototypes"), config.prototypes, dim),
            queues: (config.queue)
                .map(|entries| ["queue0", "queue1"].map(|view| queue(entries, view))),
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
        let step = Step::of_two_views(loss, &seen.embeddings, Some(&z[0]));
        self.heard = Some(z.map(|z| z.detach()));
        step
    }

    fn finish_step(&mut self) {
        if let (Some(heard), Some(queues)) = (self.heard.take(), &mut self.queues) {
            for (queue, z) in queues.iter_mut().zip(&heard) {
                queue.push(z);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::{EncoderConfig, FrameNetConfig, InputShape, Pass};
    use tch::{Device, Kind};

    /// `[3, 1, 8, frames]`.
    fn view(number: i64, frames: i64) -> Tensor {
        let places = Tensor::arange(24 * frames, (Kind::Float, Device::Cpu)) + 1000 * number;
        (places.square() * 0.37).sin().view([3, 1, 8, frames])
    }

    #[test]
    fn small_views_predict_the_codes_of_whole_ones_and_have_none() {
        let encoder_config = EncoderConfig::FrameNet(FrameNetConfig {});
        let shape = InputShape {
            channels: 1,
            bands: 8,
        };
        let encoder = Encoder::new(&encoder_config, shape, 0, Device::Cpu).unwrap();
        let config = SwavConfig {
            temperature: Temperature::new(0.1).unwrap(),
            head: ProjectionHeadConfig {
                widths: vec![4],
                batch_norm: false,
            },
            prototypes: 5,
            codes: SinkhornConfig::default(),
            queue: None,
            queue_from_epoch: 0,
            frozen_steps: 0,
        };
        let parts = MethodParts {
            encoder: &encoder,
            encoder_config: &encoder_config,
            clips: 3,
            classes: 0,
            seed: 1,
        };
        let parameters = Parameters::new(1, Device::Cpu);
        let mut swav = Swav::new(&config, &parts, &parameters);
        let (views, small_views) = ([view(0, 16), view(1, 16)], [2, 3, 4].map(|n| view(n, 8)));
        let input = StepInput {
            views: &views,
            small_views: &small_views,
            labels: &Tensor::zeros([3], (Kind::Int64, Device::Cpu)),
            clips: &[0, 1, 2],
            frames: None,
            epoch: 0,
            step: 0,
            pass: Pass::INFERENCE,
        };
        let loss = swav.step(&encoder, &parameters, &input).loss;
        let scores: Vec<_> = views
            .iter()
            .chain(&small_views)
            .map(|view| {
                let embeddings = encoder.embed(view, Pass::INFERENCE);
                let z = unit_rows(&swav.head.forward(&embeddings, Pass::INFERENCE));
                swav.prototypes.scores(&z, false)
            })
            .collect();
        let codes = [0, 1].map(|whole| sinkhorn(&scores[whole], &config.codes));
        let expected = swapped_prediction(&scores, &codes, config.temperature);
        let difference = (&loss - expected).abs().double_value(&[]);
        assert!(difference < 1e-5, "{difference}");
        let of_whole = swapped_prediction(&scores[..2], &codes, config.temperature);
        assert!((loss - of_whole).abs().double_value(&[]) > 1e-2);
    }
}

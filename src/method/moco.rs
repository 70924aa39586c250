//! MoCo: a view attracts to what a slow twin makes of the other one, and is repelled by a queue of past ones.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::chance::guess_among;
use super::cld::{Cld, CldConfig};
use super::settings::Settings;
use super::views::{BatchStatistics, project};
use super::{
    MethodParts, MomentumTwin, Must, Objective, ProjectionHead, ProjectionHeadConfig, Queue, Sizes,
    Step, StepInput, check, draws,
};
use crate::augment::Purpose;
use crate::encoder::parameters::Parameters;
use crate::encoder::{Encoder, EncoderError};
use crate::loss::{Temperature, info_nce};

/// Momentum contrast (He et al. 2020; version 2: Chen et al. 2020).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MocoConfig {
    /// Of the softmax over similarities. Version 1: 0.07; version 2: 0.2.
    pub temperature: Temperature,
    /// The projection head. Version 1: one layer of 128; version 2: one as wide as the embedding, then 128.
    pub head: ProjectionHeadConfig,
    /// Past keys that a query is compared with, a multiple of the batch. Published: 65536. Well below the number of clips, or
    /// the queue holds keys of the query's own clip.
    pub queue: i64,
    /// How much of the twin stays at every step, 0 to 1. Published: 0.999.
    #[serde(default = "default_momentum")]
    pub momentum: f64,
    /// Parts in which the keys of a batch are normalised, after shuffling; a stand-in on one device for the shuffling between
    /// devices of the paper. Default 1: all together.
    #[serde(default = "default_key_groups")]
    pub key_groups: usize,
    /// Cross-level discrimination beside it; both views are then queries too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cld: Option<CldConfig>,
}

fn default_momentum() -> f64 {
    0.999
}

fn default_key_groups() -> usize {
    1
}

impl Settings for MocoConfig {
    fn objective(
        &self,
        parts: &MethodParts<'_>,
        parameters: &Parameters,
    ) -> Result<Box<dyn Objective>, EncoderError> {
        Ok(Box::new(Moco::new(self, parts, parameters)?))
    }

    fn check(&self, batch: usize, must: &mut Must<'_>) {
        self.head.check(must);
        check::temperature("method.temperature", self.temperature, must);
        check::entries("method.queue", self.queue, must);
        check::multiple_of_the_batch("method.queue", self.queue, batch, must);
        check::share("method.momentum", self.momentum, must);
        must(
            (1..=batch.max(2) / 2).contains(&self.key_groups),
            "method.key_groups",
            &self.key_groups,
            "at least 1, and at most half of `train.batch_size`",
        );
        if let Some(cld) = &self.cld {
            cld.check(batch, must);
        }
    }

    fn chance_loss(&self, _: &Sizes) -> Option<f64> {
        let beside = self.cld.as_ref().map_or(0.0, CldConfig::chance_loss);
        Some(guess_among(1 + usize::try_from(self.queue).ok()?)? + beside)
    }

    fn must_leave_chance(&self) -> bool {
        false
    }

    fn head(&self) -> Option<&ProjectionHeadConfig> {
        Some(&self.head)
    }
}

#[derive(Debug)]
struct Moco {
    config: MocoConfig,
    head: ProjectionHead,
    cld: Option<Cld>,
    twin: MomentumTwin,
    queue: Queue,
    seed: u64,
    /// The keys of the last batch, until it is over.
    keys: Option<Tensor>,
}

impl Moco {
    fn new(
        config: &MocoConfig,
        parts: &MethodParts<'_>,
        parameters: &Parameters,
    ) -> Result<Self, EncoderError> {
        let (root, dim) = (parameters.root(), parts.encoder.dim());
        let head = ProjectionHead::new(&config.head, dim, &root);
        let twin = MomentumTwin::new(parts, &config.head, parameters, config.momentum)?;
        Ok(Self {
            queue: Queue::new(&root.sub("queue"), config.queue, config.head.projection()),
            cld: (config.cld.as_ref()).map(|cld| Cld::new(cld, dim, &root.sub("cld"))),
            config: config.clone(),
            head,
            twin,
            seed: parts.seed,
            keys: None,
        })
    }

    fn keys(&self, views: &Tensor, input: &StepInput<'_>, view: u64) -> (Tensor, Tensor) {
        let key = draws(self.seed, input.step, Purpose::KeyOrder);
        let mut rng = key.rng_of_use(view);
        let groups = self.config.key_groups;
        self.twin.encode(views, input.pass, groups, &mut rng)
    }
}

impl Objective for Moco {
    fn step(&mut self, encoder: &Encoder, parameters: &Parameters, input: &StepInput<'_>) -> Step {
        let [first, second] = input.views;
        let (temperature, queue) = (self.config.temperature, self.queue.rows());
        self.twin.follow(encoder, parameters);
        let (embedding, keys) = self.keys(second, input, 0);
        let Some(cld) = &self.cld else {
            let queries = encoder.embed(first, input.pass);
            let projections = self.head.forward(&queries, input.pass);
            let loss = info_nce(&projections, &keys, queue, temperature);
            self.keys = Some(keys);
            return Step::of_two_views(loss, &[queries, embedding], Some(&projections));
        };
        let (_, keys_of_first) = self.keys(first, input, 1);
        let seen = project(encoder, &self.head, input, BatchStatistics::PerView);
        let [a, b] = &seen.projections;
        let instances = info_nce(a, &keys, queue, temperature)
            + info_nce(b, &keys_of_first, queue, temperature);
        let loss = instances / 2.0 + cld.loss(&seen.embeddings, input.pass);
        self.keys = Some(keys);
        Step::of_two_views(loss, &seen.embeddings, Some(a))
    }

    fn finish_step(&mut self) {
        if let Some(keys) = self.keys.take() {
            self.queue.push(&keys);
        }
    }

    fn followers(&self) -> Vec<(&'static str, &Parameters)> {
        self.twin.parameters().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::{EncoderConfig, FewShotResNetConfig, InputShape, Mode, Pass, Precision};
    use crate::method::Method;
    use crate::method::MethodConfig;
    use tch::{Device, Kind};

    const PASS: Pass = Pass {
        mode: Mode::Training,
        precision: Precision::Fp32,
    };

    fn config(momentum: f64, key_groups: usize) -> MethodConfig {
        MethodConfig::Moco(MocoConfig {
            temperature: Temperature::new(0.2).unwrap(),
            head: ProjectionHeadConfig {
                widths: vec![6],
                batch_norm: false,
            },
            queue: 8,
            momentum,
            key_groups,
            cld: None,
        })
    }

    fn tensor(method: &Method, name: &str) -> Tensor {
        let state = method.state();
        let (_, tensor) = state.iter().find(|(n, _)| n == name).unwrap();
        tensor.copy()
    }

    /// The twin's and the trained encoder's first kernel, before, and after the trained one moved by 1 and a step.
    fn kernels(momentum: f64) -> [Tensor; 3] {
        let encoder_config = EncoderConfig::FewShotResnet(FewShotResNetConfig::default());
        let input = InputShape {
            channels: 1,
            bands: 128,
        };
        let encoder = Encoder::new(&encoder_config, input, 3, Device::Cpu).unwrap();
        let parts = MethodParts {
            encoder: &encoder,
            encoder_config: &encoder_config,
            clips: 4,
            classes: 0,
            seed: 3,
        };
        let mut method = Method::new(&config(momentum, 1), &parts).unwrap();
        let name = encoder.parameters().named()[0].0.clone();
        let twin = format!("twin.encoder.{name}");
        let before = tensor(&method, &twin);
        tch::no_grad(|| {
            let _ = encoder.parameters().weights()[0].g_add_scalar_(1.0);
        });
        let view = || Tensor::randn([4, 1, 128, 8], (Kind::Float, Device::Cpu));
        let labels = Tensor::zeros([4], (Kind::Int64, Device::Cpu));
        let (views, rows) = ([view(), view()], tensor(&method, "queue.rows"));
        let input = StepInput {
            views: &views,
            small_views: &[],
            labels: &labels,
            clips: &[0, 1, 2, 3],
            frames: None,
            epoch: 0,
            step: 0,
            pass: PASS,
        };
        method.step(&encoder, &input);
        assert_eq!(
            tensor(&method, "queue.rows"),
            rows,
            "keys wait for the end of the step"
        );
        method.finish_step();
        assert_ne!(
            tensor(&method, "queue.rows").narrow(0, 0, 4),
            rows.narrow(0, 0, 4)
        );
        assert_eq!(
            tensor(&method, "queue.rows").narrow(0, 4, 4),
            rows.narrow(0, 4, 4)
        );
        [
            before,
            tensor(&method, &twin),
            encoder.parameters().weights()[0].copy(),
        ]
    }

    #[test]
    fn the_twin_stays_at_momentum_one_and_equals_the_encoder_at_zero() {
        let [before, after, _] = kernels(1.0);
        assert_eq!(before, after);
        let [before, after, trained] = kernels(0.0);
        assert_ne!(before, after);
        assert_eq!(after, trained);
        let [before, after, trained] = kernels(0.25);
        let expected = before * 0.25 + trained * 0.75;
        assert!(after.allclose(&expected, 1e-6, 1e-6, false));
    }
}

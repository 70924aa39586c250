//! A SimCLR training of any encoder on random views: what benches time.

use chiffchaff::encoder::{Encoder, EncoderConfig, InputShape, Mode, Pass};
use chiffchaff::loss::Temperature;
use chiffchaff::method::{
    BatchStatistics, Method, MethodConfig, MethodParts, ProjectionHeadConfig, SimClrConfig,
    StepInput,
};
use chiffchaff::train::{DecayScope, Optimizer, OptimizerConfig, PrecisionChoice};
use serde_json::json;
use tch::{Device, Kind, Tensor};

/// An encoder that learns from the same two views again and again.
pub(crate) struct Training {
    encoder: Encoder,
    method: Method,
    optimizer: Optimizer,
    views: [Tensor; 2],
    labels: Tensor,
    clips: Vec<usize>,
    pass: Pass,
}

impl Training {
    /// Of the encoder of this name, on two views of `[batch, channels, mels, frames]`.
    pub(crate) fn new(name: &str, shape: [i64; 4]) -> Self {
        let config = config(name);
        let input = InputShape {
            channels: shape[1] as usize,
            bands: shape[2] as usize,
        };
        let encoder = Encoder::new(&config, input, 0, Device::Cpu).expect("default settings");
        let method = MethodConfig::SimClr(SimClrConfig {
            temperature: Temperature::new(0.2).expect("positive"),
            head: ProjectionHeadConfig {
                widths: vec![512, 128],
                batch_norm: true,
            },
            batch_statistics: BatchStatistics::Joint,
        });
        let parts = MethodParts {
            encoder: &encoder,
            encoder_config: &config,
            clips: shape[0] as usize,
            classes: 0,
            seed: 1,
        };
        let method = Method::new(&method, &parts).expect("a known encoder");
        let mut weights = encoder.parameters().weights();
        weights.extend(method.weights());
        let sgd = OptimizerConfig::Sgd {
            momentum: 0.9,
            weight_decay: 1e-4,
        };
        tch::manual_seed(0);
        Self {
            optimizer: Optimizer::new(&sgd, DecayScope::All, weights),
            views: [0, 1].map(|_| Tensor::randn(shape, (Kind::Float, Device::Cpu))),
            labels: Tensor::arange(shape[0], (Kind::Int64, Device::Cpu)),
            clips: (0..shape[0] as usize).collect(),
            pass: Pass {
                mode: Mode::Training,
                precision: PrecisionChoice::Auto.resolve(&config, Device::Cpu),
            },
            encoder,
            method,
        }
    }

    /// Forward on both views, NT-Xent, backward, SGD.
    pub(crate) fn step(&mut self) {
        let input = StepInput {
            views: &self.views,
            small_views: &[],
            labels: &self.labels,
            clips: &self.clips,
            frames: None,
            epoch: 0,
            step: 0,
            pass: self.pass,
        };
        let loss = self.method.step(&self.encoder, &input).loss;
        let gradients = Tensor::run_backward(&[loss], self.optimizer.weights(), false, false);
        self.optimizer.step(gradients, 0.01);
    }
}

fn config(name: &str) -> EncoderConfig {
    let config = match name {
        "esresnet" => json!({ "type": name, "attention": true }),
        _ => json!({ "type": name }),
    };
    serde_json::from_value(config).expect("a known encoder")
}

//! One SimCLR training step of each encoder: forward on two views, NT-Xent, backward, SGD.
//!
//! Prints one JSON line per encoder; `benches/train_step_peers.py` does the same work in PyTorch.
//! Argument: number of timed steps (default 10).
#![expect(clippy::print_stdout, reason = "the result of a benchmark")]

use chiffchaff::encoder::{Encoder, EncoderConfig, InputShape, Mode, Pass};
use chiffchaff::loss::Temperature;
use chiffchaff::method::{
    BatchStatistics, Method, MethodConfig, MethodParts, ProjectionHeadConfig, SimClrConfig,
    StepInput,
};
use chiffchaff::train::{DecayScope, Optimizer, OptimizerConfig, PrecisionChoice, keep_memory};
use std::time::Instant;
use tch::{Device, Kind, Tensor};

/// Encoder, mels, frames, patches of a batch.
const WORK: [(&str, i64, i64, i64); 2] =
    [("resnet18", 64, 101, 64), ("few-shot-resnet", 128, 34, 32)];

fn main() {
    keep_memory();
    let steps = std::env::args().find_map(|argument| argument.parse().ok());
    for (name, mels, frames, batch) in WORK {
        let seconds = time_steps(name, [batch, 1, mels, frames], steps.unwrap_or(10));
        println!(
            "{}",
            serde_json::json!({
                "name": format!("train step, {name}, 2x{batch} views of {mels}x{frames}"),
                "unit": "ms/step",
                "values": seconds.iter().map(|s| s * 1e3).collect::<Vec<_>>(),
            })
        );
    }
}

fn time_steps(name: &str, shape: [i64; 4], steps: usize) -> Vec<f64> {
    let config: EncoderConfig =
        serde_json::from_value(serde_json::json!({ "type": name })).expect("a known encoder");
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
    let mut method = Method::new(&method, &parts).expect("a known encoder");
    let mut weights = encoder.parameters().weights();
    weights.extend(method.weights());
    let sgd = OptimizerConfig::Sgd {
        momentum: 0.9,
        weight_decay: 1e-4,
    };
    let mut optimizer = Optimizer::new(&sgd, DecayScope::All, weights);
    let pass = Pass {
        mode: Mode::Training,
        precision: PrecisionChoice::Auto.resolve(&config, Device::Cpu),
    };
    tch::manual_seed(0);
    let views = [0, 1].map(|_| Tensor::randn(shape, (Kind::Float, Device::Cpu)));
    let labels = Tensor::arange(shape[0], (Kind::Int64, Device::Cpu));
    let clips: Vec<usize> = (0..shape[0] as usize).collect();
    let mut step = || {
        let started = Instant::now();
        let input = StepInput {
            views: &views,
            small_views: &[],
            labels: &labels,
            clips: &clips,
            frames: None,
            epoch: 0,
            step: 0,
            pass,
        };
        let loss = method.step(&encoder, &input).loss;
        let gradients = Tensor::run_backward(&[loss], optimizer.weights(), false, false);
        optimizer.step(gradients, 0.01);
        started.elapsed().as_secs_f64()
    };
    for _ in 0..3 {
        step();
    }
    (0..steps).map(|_| step()).collect()
}

//! Encoders give what torchvision's networks give on the same weights, under the same names.
#![cfg(feature = "nn")]

use chiffchaff::encoder::{Encoder, EncoderConfig, EncoderError, InputShape, Mode, Pass};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tch::{Device, Kind, Tensor};

/// What `golden/encoder.py` wrote of a network.
#[derive(Deserialize)]
struct Golden {
    config: Value,
    shape: [i64; 4],
    /// Names and shapes, in torchvision's order.
    tensors: Vec<(String, Vec<i64>)>,
    /// Every how many columns of the embeddings are kept.
    every: i64,
    /// How far torch's single precision is from its double, in training mode, relative to the largest number.
    rounding: f64,
    inference: Vec<Vec<f64>>,
    training: Vec<Vec<f64>>,
}

impl Golden {
    fn encoder(&self) -> Encoder {
        encoder(&self.config, self.shape[1], self.shape[2])
    }
}

fn golden() -> Vec<Golden> {
    let mut file: Value = serde_json::from_str(include_str!("golden/encoder.json")).unwrap();
    serde_json::from_value(file["encoders"].take()).unwrap()
}

fn try_encoder(config: &Value, channels: i64, bands: i64) -> Result<Encoder, EncoderError> {
    let config: EncoderConfig = serde_json::from_value(config.clone()).unwrap();
    let input = InputShape {
        channels: channels as usize,
        bands: bands as usize,
    };
    Encoder::new(&config, input, 0, Device::Cpu)
}

fn encoder(config: &Value, channels: i64, bands: i64) -> Encoder {
    try_encoder(config, channels, bands).unwrap()
}

/// Every encoder with images that it takes: channels, bands.
fn all() -> Vec<(Value, [i64; 2])> {
    let several = |kind: &str| (json!({ "type": kind }), [2, 64]);
    let mut all: Vec<_> = ["resnet18", "resnet50"].map(several).to_vec();
    all.extend(["few-shot-resnet", "frame-net", "proto-resnet"].map(several));
    all.extend(["vgg", "crnn", "efficientnet-b0", "densenet121"].map(several));
    all.push((json!({"type": "resnet18-samples"}), [1, 1]));
    all.push((json!({"type": "esresnet", "attention": true}), [6, 64]));
    all
}

const TRAINING: Pass = Pass {
    mode: Mode::Training,
    ..Pass::INFERENCE
};

fn place(count: i64) -> Tensor {
    Tensor::arange(count, (Kind::Double, Device::Cpu))
}

fn wave(shape: &[i64], phase: f64) -> Tensor {
    let wave = (place(shape.iter().product()) * 0.7 + phase).sin();
    wave.view(shape).to_kind(Kind::Float)
}

/// The formula of `golden/encoder.py`, by the tensor's place in torchvision's order.
fn values(name: &str, index: usize, shape: &[i64]) -> Tensor {
    let place = place(shape.iter().product());
    let values = (&place * 0.7 + &place * 0.013 * &place + index as f64).sin();
    let values = values.view(shape);
    let values = if let [_, inputs @ ..] = shape
        && !inputs.is_empty()
    {
        values * (4.0 / inputs.iter().product::<i64>() as f64).sqrt()
    } else if name.ends_with("bias") || name.ends_with("running_mean") {
        values * 0.1
    } else {
        values * 0.2 + 1.0
    };
    values.to_kind(Kind::Float)
}

/// Counts of batches decide what is dropped in training, not what a network hears.
fn counts_batches(name: &str) -> bool {
    name.ends_with("num_batches_tracked")
}

#[test]
fn names_and_shapes_are_torchvisions() {
    for golden in golden() {
        let ours = golden.encoder().parameters().named().into_iter();
        let ours = ours.filter(|(name, _)| !counts_batches(name));
        let ours: BTreeSet<_> = ours.map(|(name, tensor)| (name, tensor.size())).collect();
        let theirs = BTreeSet::from_iter(golden.tensors);
        let differing: Vec<_> = ours.symmetric_difference(&theirs).collect();
        assert!(differing.is_empty(), "{}: {differing:?}", golden.config);
    }
}

#[test]
fn embeddings_are_torchvisions() {
    for golden in golden() {
        let encoder = golden.encoder();
        let tensors = golden.tensors.iter().enumerate();
        let weights: BTreeMap<&str, Tensor> = tensors
            .map(|(index, (name, shape))| (name.as_str(), values(name, index, shape)))
            .collect();
        let find = |name: &str| match counts_batches(name) {
            true => Some(Tensor::from(0.0f32)),
            false => weights.get(name).map(Tensor::shallow_clone),
        };
        encoder.parameters().load(find).unwrap();
        let images = wave(&golden.shape, 0.5);
        // Fifty normalisations by a few numbers each blow rounding up; whose sum is taken in which order, decides.
        let rounding = 3.0 * golden.rounding;
        for (pass, theirs, tolerance) in [
            (TRAINING, &golden.training, rounding.max(1e-4)),
            (Pass::INFERENCE, &golden.inference, 1e-4),
        ] {
            let ours = encoder.embed(&images, pass);
            assert_eq!(ours.size(), [theirs.len() as i64, encoder.dim()]);
            let ours = ours.slice(1, None, None, golden.every);
            let theirs = Tensor::from_slice2(theirs);
            let farthest = (&ours - &theirs).abs().max() / theirs.abs().max();
            let farthest = farthest.double_value(&[]);
            assert!(
                farthest <= tolerance,
                "{}, {:?}: {farthest} apart",
                golden.config,
                pass.mode
            );
        }
    }
}

#[test]
fn parameter_counts_are_the_published_ones() {
    // torchvision's, less the classifier of 1000 classes; the others by the sizes of their layers.
    let counts = [
        (json!({"type": "resnet18"}), 3, 11_689_512 - 513_000),
        (json!({"type": "resnet50"}), 3, 25_557_032 - 2_049_000),
        (json!({"type": "esresnet"}), 3, 25_557_032 - 2_049_000),
        (
            json!({"type": "esresnet", "attention": true}),
            6,
            30_531_648,
        ),
        (json!({"type": "efficientnet-b0"}), 3, 5_288_548 - 1_281_000),
        (json!({"type": "densenet121"}), 3, 7_978_856 - 1_025_000),
        (json!({"type": "vgg"}), 1, 280_032),
        (json!({"type": "crnn"}), 1, 946_816),
    ];
    for (config, channels, count) in counts {
        let encoder = encoder(&config, channels, 96);
        assert_eq!(encoder.parameters().count(), count, "{config}");
    }
}

#[test]
fn the_few_shot_embedding_has_2048_numbers_from_eight_frames_on() {
    let encoder = encoder(&json!({"type": "few-shot-resnet"}), 1, 128);
    for frames in [8, 9, 34, 50] {
        let images = Tensor::zeros([1, 1, 128, frames], (Kind::Float, Device::Cpu));
        assert_eq!(encoder.embed(&images, Pass::INFERENCE).size(), [1, 2048]);
    }
    assert_eq!(encoder.min_frames(), 8);
}

#[test]
fn the_fewest_frames_and_bands_of_every_network_can_be_heard_and_no_fewer() {
    for (config, [channels, _]) in all() {
        let is_heard = |encoder: &Encoder, bands: i64, frames: i64| {
            let images = wave(&[1, channels, bands, frames], 0.0);
            let f = || encoder.embed(&images, Pass::INFERENCE);
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(f))
                .is_ok_and(|embedding| embedding.isfinite().all().int64_value(&[]) == 1)
        };
        let fewest =
            (1..=64).find_map(|bands| Some((bands, try_encoder(&config, channels, bands).ok()?)));
        let (bands, encoder) = fewest.unwrap();
        let frames = encoder.min_frames() as i64;
        assert!(
            is_heard(&encoder, bands, frames),
            "{config}: {bands} × {frames}"
        );
        assert!(
            frames == 1 || !is_heard(&encoder, bands, frames - 1),
            "{config}"
        );
        if bands > 1 {
            let bands = bands - 1;
            let refused = try_encoder(&config, channels, bands).unwrap_err();
            assert!(
                refused.to_string().contains("bands are too few"),
                "{refused}"
            );
            assert!(
                !is_heard(&encoder, bands, frames),
                "{config}: {bands} are enough"
            );
        }
    }
}

#[test]
fn every_weight_of_every_network_gets_a_gradient() {
    for (config, [channels, bands]) in all() {
        let encoder = encoder(&config, channels, bands);
        let images = wave(&[3, channels, bands, 70], 0.5);
        let embeddings = encoder.embed(&images, TRAINING);
        assert_eq!(embeddings.size(), [3, encoder.dim()], "{config}");
        let weights = encoder.parameters().weights();
        let loss = (&embeddings * wave(&embeddings.size(), 0.2)).sum(Kind::Float);
        let gradients = Tensor::f_run_backward(&[loss], &weights, false, false).unwrap();
        for gradient in gradients {
            assert_eq!(gradient.isfinite().all().int64_value(&[]), 1, "{config}");
        }
    }
}

#[test]
fn in_half_precision_embeddings_are_nearly_the_same() {
    let half = Pass {
        precision: chiffchaff::encoder::Precision::Bf16,
        ..Pass::INFERENCE
    };
    for (config, [channels, bands]) in all() {
        let encoder = encoder(&config, channels, bands);
        let images = wave(&[2, channels, bands, 70], 0.5);
        let [whole, half] = [Pass::INFERENCE, half].map(|pass| encoder.embed(&images, pass));
        assert_eq!(half.kind(), Kind::Float);
        let apart = ((&half - &whole).norm() / whole.norm()).double_value(&[]);
        assert!(apart < 0.05, "{config}: {apart}");
    }
}

#[test]
fn the_last_stages_are_parts_of_the_network() {
    for (config, [channels, bands]) in all() {
        let encoder = encoder(&config, channels, bands);
        let images = wave(&[1, channels, bands, 70], 0.5);
        let stages = encoder.stage_count();
        assert_eq!(
            encoder.stages(&images, Pass::INFERENCE).len(),
            stages,
            "{config}"
        );
        let counts: Vec<_> = (0..=stages)
            .map(|n| encoder.last_weights(n).len())
            .collect();
        assert!(
            counts[0] == 0 && counts.is_sorted_by(|a, b| a < b),
            "{config}: {counts:?}"
        );
        assert_eq!(counts[stages], encoder.parameters().weights().len());
    }
}

#[test]
fn a_siamese_embedding_is_the_sum_of_its_sides() {
    for config in [
        json!({"type": "esresnet"}),
        json!({"type": "esresnet", "attention": true}),
        json!({"type": "densenet121", "siamese": true}),
    ] {
        let images = wave(&[2, 6, 48, 40], 0.5);
        let stereo = encoder(&config, 6, 48);
        let mono = encoder(&config, 3, 48);
        let both = stereo.embed(&images, Pass::INFERENCE);
        let sides = images.chunk(2, 1);
        let [left, right] = [0, 1].map(|side: usize| mono.embed(&sides[side], Pass::INFERENCE));
        assert_eq!(both, left + right, "{config}");
        for channels in [1, 2, 4] {
            let refused = try_encoder(&config, channels, 48).unwrap_err();
            assert!(
                refused.to_string().contains("three for each side"),
                "{refused}"
            );
        }
    }
}

#[test]
fn a_backward_state_of_the_last_frame_has_read_that_frame_alone() {
    let images = wave(&[1, 1, 40, 64], 0.5);
    let embeddings = [false, true].map(|whole| {
        let config = json!({"type": "crnn", "backward_final_state": whole});
        encoder(&config, 1, 40).embed(&images, Pass::INFERENCE)
    });
    assert_ne!(embeddings[0], embeddings[1]);
    // One frame behind the pooling: both states have read the same.
    let [code, whole] = [false, true].map(|whole| {
        let config = json!({"type": "crnn", "backward_final_state": whole});
        encoder(&config, 1, 40).embed(&images.narrow(3, 0, 8), Pass::INFERENCE)
    });
    assert_eq!(code, whole);
}

#[test]
fn samples_are_refused_where_bands_are_heard() {
    let refused = try_encoder(&json!({"type": "resnet18-samples"}), 1, 64).unwrap_err();
    assert!(refused.to_string().contains("64 bands"), "{refused}");
}

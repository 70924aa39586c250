//! Encoders give what torchvision's networks give on the same weights, under the same names.
#![cfg(feature = "nn")]

use chiffchaff::encoder::{Encoder, EncoderConfig, Pass};
use serde_json::{Value, json};
use std::collections::HashMap;
use tch::{Device, Kind, Tensor};

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/encoder.json")).unwrap()
}

fn encoder(kind: &str) -> Encoder {
    let config: EncoderConfig = serde_json::from_value(json!({ "type": kind })).unwrap();
    Encoder::new(&config, 0, Device::Cpu).unwrap()
}

fn wave(count: i64, phase: f64) -> Tensor {
    (Tensor::arange(count, (Kind::Double, Device::Cpu)) * 0.7 + phase).sin()
}

/// The formula of `golden/encoder.py`, by the tensor's place in torchvision's order.
fn values(name: &str, place: usize, shape: &[i64]) -> Tensor {
    let values = wave(shape.iter().product(), place as f64).view(shape);
    let values = if let [_, inputs, height, width] = shape {
        values * (2.0 / (inputs * height * width) as f64).sqrt()
    } else if name.ends_with("bias") || name.ends_with("running_mean") {
        values * 0.1
    } else {
        values * 0.2 + 1.0
    };
    values.to_kind(Kind::Float)
}

fn ints(value: &Value) -> Vec<i64> {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn names_and_shapes_are_torchvisions() {
    for (kind, golden) in golden()["encoders"].as_object().unwrap() {
        let mut ours: Vec<_> = encoder(kind).parameters().named();
        let ours = ours.drain(..).map(|(name, tensor)| (name, tensor.size()));
        let mut ours: Vec<_> = ours.collect();
        let theirs = golden["tensors"].as_array().unwrap().iter();
        let name = |entry: &Value| entry[0].as_str().unwrap().to_owned();
        let mut theirs: Vec<_> = theirs.map(|entry| (name(entry), ints(&entry[1]))).collect();
        ours.sort();
        theirs.sort();
        assert_eq!(ours, theirs, "{kind}");
    }
}

#[test]
fn embeddings_are_torchvisions() {
    for (kind, golden) in golden()["encoders"].as_object().unwrap() {
        let encoder = encoder(kind);
        let tensors = golden["tensors"].as_array().unwrap().iter().enumerate();
        let weights: HashMap<String, Tensor> = tensors
            .map(|(place, entry)| {
                let name = entry[0].as_str().unwrap();
                (name.to_owned(), values(name, place, &ints(&entry[1])))
            })
            .collect();
        let find = |name: &str| weights.get(name).map(Tensor::shallow_clone);
        encoder.parameters().load(find).unwrap();

        let shape = ints(&golden["shape"]);
        let images = wave(shape.iter().product(), 0.5).to_kind(Kind::Float);
        let ours = encoder.embed(&images.view(shape.as_slice()), Pass::INFERENCE);
        let theirs: Vec<Vec<f64>> = serde_json::from_value(golden["embeddings"].clone()).unwrap();
        assert_eq!(ours.size(), [theirs.len() as i64, encoder.dim()]);
        let largest = theirs
            .iter()
            .flatten()
            .fold(0.0, |max: f64, v| max.max(v.abs()));
        for (row, theirs) in theirs.iter().enumerate() {
            for (column, theirs) in theirs.iter().enumerate() {
                let ours = ours.double_value(&[row as i64, column as i64]);
                assert!(
                    (ours - theirs).abs() <= 1e-4 * largest,
                    "{kind}[{row}, {column}]: {ours}, not {theirs}"
                );
            }
        }
    }
}

#[test]
fn parameter_counts_are_the_published_ones() {
    // torchvision's 11 689 512, less the classifier (513 000) and two of three input channels.
    let resnet18 = 11_689_512 - 513_000 - 2 * 64 * 7 * 7;
    assert_eq!(encoder("resnet18").parameters().count(), resnet18);
}

#[test]
fn the_few_shot_embedding_has_2048_numbers_from_eight_frames_on() {
    let encoder = encoder("few-shot-resnet");
    for frames in [8, 9, 34, 50] {
        let images = Tensor::zeros([1, 1, 128, frames], (Kind::Float, Device::Cpu));
        assert_eq!(encoder.embed(&images, Pass::INFERENCE).size(), [1, 2048]);
    }
    assert_eq!(encoder.min_frames(), 8);
}

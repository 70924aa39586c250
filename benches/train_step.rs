//! One SimCLR training step of each encoder: forward on two views, NT-Xent, backward, SGD.
//!
//! Prints one JSON line per encoder; `benches/train_step_peers.py` does the same work in PyTorch.
//! Arguments: number of timed steps (default 10), and names of encoders (default all).
#![expect(clippy::print_stdout, reason = "the result of a benchmark")]

mod simclr;

use chiffchaff::train::keep_memory;
use serde_json::json;
use simclr::Training;
use std::time::Instant;

/// Encoder, and a view of each patch of a batch: `[batch, channels, mels, frames]`. Bands and frames are those of
/// presets, or parts of them; batches are as large as a second or two allows.
const WORK: [(&str, [i64; 4]); 11] = [
    ("resnet18", [32, 1, 96, 101]),
    ("resnet18-samples", [8, 1, 1, 16_000]),
    ("resnet50", [4, 1, 128, 197]),
    ("esresnet", [2, 3, 341, 158]),
    ("vgg", [32, 1, 96, 101]),
    ("crnn", [32, 1, 96, 101]),
    ("efficientnet-b0", [64, 1, 64, 96]),
    ("densenet121", [16, 1, 96, 101]),
    ("few-shot-resnet", [32, 1, 128, 34]),
    ("frame-net", [32, 1, 80, 160]),
    ("proto-resnet", [32, 1, 128, 17]),
];

fn main() {
    keep_memory();
    let (steps, names) = arguments();
    for (name, shape) in WORK {
        if !names.is_empty() && !names.iter().any(|wanted| wanted == name) {
            continue;
        }
        let seconds = time_steps(name, shape, steps);
        let [batch, channels, mels, frames] = shape;
        println!(
            "{}",
            json!({
                "name": format!("train step, {name}, 2x{batch} views of {channels}x{mels}x{frames}"),
                "unit": "ms/step",
                "values": seconds.iter().map(|s| s * 1e3).collect::<Vec<_>>(),
            })
        );
    }
}

/// How many steps are timed, and of which encoders; of all if none is named.
fn arguments() -> (usize, Vec<String>) {
    let given = std::env::args().skip(1);
    let given = given.filter(|argument| argument != "--bench"); // Cargo's
    let (numbers, names): (Vec<_>, Vec<_>) =
        given.partition(|argument| argument.parse::<usize>().is_ok());
    for name in &names {
        let known = WORK.iter().any(|(known, _)| known == name);
        assert!(known, "there is no encoder `{name}`");
    }
    let steps = numbers.first().and_then(|number| number.parse().ok());
    (steps.unwrap_or(10), names)
}

fn time_steps(name: &str, shape: [i64; 4], steps: usize) -> Vec<f64> {
    let mut training = Training::new(name, shape);
    let mut step = || {
        let started = Instant::now();
        training.step();
        started.elapsed().as_secs_f64()
    };
    for _ in 0..3 {
        step();
    }
    (0..steps).map(|_| step()).collect()
}

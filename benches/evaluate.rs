//! How long linear probe and weighted k-NN take over 5 folds of 2000 clips of 50 classes, from embeddings to scores with
//! intervals; `evaluate_peers.py` times scikit-learn at the same nested cross-validation.
//!
//!     cargo bench --no-default-features --bench evaluate -- [DIM [REPETITIONS]]
#![expect(clippy::print_stdout, reason = "the result is the program's output")]

use chiffchaff::Embeddings;
use chiffchaff::evaluate::{Protocol, Task, evaluate};
use std::{hint::black_box, time::Instant};

const CLIPS: usize = 2000;
const CLASSES: usize = 50;
const FOLDS: usize = 5;
/// Of a class's own direction in its clips, beside noise within −1..=1.
const SIGNAL: f32 = 0.3;

fn main() {
    let numbers: Vec<usize> = std::env::args()
        .filter_map(|arg| arg.parse().ok())
        .collect();
    let dim = numbers.first().copied().unwrap_or(512);
    let repetitions = numbers.get(1).copied().unwrap_or(3).max(1);

    let mut noise = Noise(1);
    let centres: Vec<f32> = (0..CLASSES * dim).map(|_| noise.next()).collect();
    let labels: Vec<usize> = (0..CLIPS).map(|clip| clip % CLASSES).collect();
    let value = |i: usize| {
        let (clip, d) = (i / dim, i % dim);
        noise.next() + SIGNAL * centres[labels[clip] * dim + d]
    };
    let embeddings = Embeddings::from_rows(dim, (0..CLIPS * dim).map(value).collect());
    let classes = (0..CLASSES).map(|class| class.to_string()).collect();
    let folds = (0..CLIPS).map(|clip| (clip / CLASSES % FOLDS) as u32 + 1);
    let task = Task::new("bench", classes, labels, folds.collect()).expect("a valid task");
    let time = |_| {
        let start = Instant::now();
        let scores = evaluate(&task, &embeddings, &Protocol::standard());
        black_box(scores).expect("finite embeddings");
        start.elapsed().as_secs_f64()
    };
    let seconds: Vec<f64> = (0..repetitions).map(time).collect();
    let result = serde_json::json!({
        "name": format!("linear probe and k-NN, nested, {CLIPS} clips of {dim} dimensions, {FOLDS} folds"),
        "unit": "s",
        "values": seconds,
    });
    println!("{result}");
}

/// White noise within −1..=1, the same as in `evaluate_peers.py`.
struct Noise(u32);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as f32 / 8_388_608.0 - 1.0
    }
}

//! How many times faster than real time one core computes the log-mel spectrogram of the preset
//! `moummad` (22.05 kHz, 512/128/128); `log_mel_peers.py` times librosa and torchaudio at the same.
//!
//!     cargo bench --no-default-features --bench log_mel -- [SECONDS [REPETITIONS]]
#![expect(clippy::print_stdout, reason = "the result is the program's output")]

use chiffchaff::features::{LogMel, LogMelConfig};
use std::{hint::black_box, time::Instant};

fn main() {
    let numbers: Vec<usize> = std::env::args()
        .filter_map(|arg| arg.parse().ok())
        .collect();
    let seconds = numbers.first().copied().unwrap_or(60);
    let repetitions = numbers.get(1).copied().unwrap_or(21).max(1);

    let config = LogMelConfig::moummad();
    let samples = noise(seconds * config.sample_rate.hz() as usize);
    let log_mel = LogMel::new(&config).expect("a preset is valid");
    let times_real_time: Vec<f64> = (0..repetitions)
        .map(|_| {
            let start = Instant::now();
            black_box(log_mel.compute(black_box(&samples)));
            seconds as f64 / start.elapsed().as_secs_f64()
        })
        .collect();
    let result = serde_json::json!({
        "name": format!("log-mel 512/128/128 of {seconds} s, one thread"),
        "unit": "x real time",
        "values": times_real_time,
    });
    println!("{result}");
}

/// White noise at a tenth of full scale, the same as in `log_mel_peers.py`.
fn noise(samples: usize) -> Vec<f32> {
    let mut state = 1u32;
    (0..samples)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            0.1 * ((state >> 8) as f32 / 8_388_608.0 - 1.0)
        })
        .collect()
}

//! How many times faster than real time one core computes each front end, and how fast a FLAC file becomes log-mel
//! features of 22.05 kHz: decoded, resampled, transformed. `front_ends_peers.py` times torch, librosa, torchaudio, SciPy,
//! PyWavelets, soundfile and soxr at the same.
//!
//!     cargo bench --no-default-features --bench front_ends -- [SECONDS [REPETITIONS]]
//!
//! `CHIFFCHAFF_FLAC` names another file for the whole job than the bundled finch, which has 32 kHz.
#![expect(clippy::print_stdout, reason = "the result is the program's output")]

use chiffchaff::audio::{SoundChannels, Waveform, read_mono};
use chiffchaff::features::{Extractor, FrontEnd, LogMelConfig};
use std::path::PathBuf;
use std::{hint::black_box, time::Instant};

/// What is timed: a name that the peers know, and the front end.
const FRONT_ENDS: [(&str, &str); 7] = [
    ("mfcc, librosa's", "mfcc"),
    ("PCEN of mel energies", "pcen"),
    ("three-band power, ESResNet's", "esresnet"),
    ("three-band power, stereo", "esresnet-stereo"),
    ("Morlet wavelets, 96 bands", "wavelet"),
    ("three stacked log-mels", "palanisamy"),
    ("magnitude, phase and mel, CLAR's", "clar"),
];

const FINCH: &str = "data/finch/bengalese_gy6or6_0324.flac";

fn main() {
    let numbers: Vec<usize> = std::env::args()
        .filter_map(|arg| arg.parse().ok())
        .collect();
    let seconds = numbers.first().copied().unwrap_or(30);
    let repetitions = numbers.get(1).copied().unwrap_or(11).max(1);

    for (name, front_end) in FRONT_ENDS {
        let front_end = FrontEnd::published(front_end).expect("a published front end");
        let sound = noise(&front_end, seconds);
        let extractor = front_end
            .extractor()
            .expect("a published front end is valid");
        report(
            &format!("{name} of {seconds} s, one thread"),
            &repeat(repetitions, seconds as f64, || {
                black_box(extractor.compute_sound(black_box(&sound)));
            }),
        );
    }
    let file = std::env::var_os("CHIFFCHAFF_FLAC").map_or_else(|| FINCH.into(), PathBuf::from);
    let config = LogMelConfig::moummad();
    let extractor = FrontEnd::LogMel(config.clone()).extractor();
    let extractor: Extractor = extractor.expect("a preset is valid");
    let read = || read_mono(&file, config.sample_rate).expect("the file can be read");
    let secs = read().secs();
    report(
        "FLAC decoded, resampled to 22.05 kHz, log-mel, one thread",
        &repeat(repetitions, secs, || {
            black_box(extractor.compute_sound(&read()));
        }),
    );
    report(
        "FLAC decoded, resampled to 22.05 kHz, one thread",
        &repeat(repetitions, secs, || {
            black_box(read());
        }),
    );
}

fn repeat(repetitions: usize, seconds: f64, work: impl Fn()) -> Vec<f64> {
    work(); // first calls plan transforms and fill caches
    let time = |_| {
        let start = Instant::now();
        work();
        seconds / start.elapsed().as_secs_f64()
    };
    (0..repetitions).map(time).collect()
}

fn report(name: &str, times_real_time: &[f64]) {
    let result = serde_json::json!({
        "name": name,
        "unit": "x real time",
        "values": times_real_time,
    });
    println!("{result}");
}

/// White noise at a tenth of full scale, the same as in `front_ends_peers.py`; both sides the same.
fn noise(front_end: &FrontEnd, seconds: usize) -> Waveform {
    let rate = front_end.sample_rate();
    let mut state = 1u32;
    let samples: Vec<f32> = (0..seconds * rate.hz() as usize)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            0.1 * ((state >> 8) as f32 / 8_388_608.0 - 1.0)
        })
        .collect();
    let sides = match front_end.sound_channels() {
        SoundChannels::Mono => vec![samples],
        SoundChannels::Stereo => vec![samples.clone(), samples],
    };
    Waveform::from_channels(sides, rate).expect("sides of one length")
}

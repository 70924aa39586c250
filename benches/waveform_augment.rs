//! How many times faster than real time one core augments sound at 22.05 kHz; `waveform_augment_peers.py` times librosa,
//! soxr and SciPy at the same.
//!
//!     cargo bench --no-default-features --bench waveform_augment -- [SECONDS [REPETITIONS]]
#![expect(clippy::print_stdout, reason = "the result is the program's output")]

use chiffchaff::audio::{SampleRate, Waveform};
use chiffchaff::augment::ViewKey;
use chiffchaff::augment::waveform::{Pipeline, WaveformAugmentConfig};
use std::{hint::black_box, time::Instant};

/// Name of the work, as in `waveform_augment_peers.py`, and the step that does it.
const WORKS: [(&str, &str); 14] = [
    (
        "time stretch to 1.1 times the speed",
        "type = \"time-stretch\"\nrate = [1.1, 1.1]",
    ),
    (
        "time stretch to 0.9 times the speed",
        "type = \"time-stretch\"\nrate = [0.9, 0.9]",
    ),
    (
        "pitch shift by 4 semitones",
        "type = \"pitch-shift\"\nsemitones = [4, 4]",
    ),
    (
        "scale within 1.25 on lines",
        "type = \"scale\"\nmax_factor = 1.25",
    ),
    (
        "scale within 1.25 band-limited",
        "type = \"scale\"\nmax_factor = 1.25\ninterpolation = \"sinc\"",
    ),
    (
        "room of 0.5 s",
        "type = \"reverb\"\nroom = { type = \"synthetic\", rt60_secs = [0.5, 0.5] }",
    ),
    ("white noise", "type = \"noise\"\ncolours = [\"white\"]"),
    ("pink noise", "type = \"noise\"\ncolours = [\"pink\"]"),
    ("background", "type = \"background\""),
    ("fade", "type = \"fade\""),
    ("time mask", "type = \"time-mask\"\nfills = [\"noise\"]"),
    ("time shift", "type = \"time-shift\""),
    ("gain", "type = \"gain\""),
    ("time reversal", "type = \"time-reversal\""),
];

fn main() {
    let numbers: Vec<usize> = std::env::args()
        .filter_map(|arg| arg.parse().ok())
        .collect();
    let seconds = numbers.first().copied().unwrap_or(5);
    let repetitions = numbers.get(1).copied().unwrap_or(21).max(1);

    let rate = SampleRate::new(22_050).expect("a common rate");
    let sound = Waveform::mono(noise(seconds * rate.hz() as usize), rate);
    for (name, step) in WORKS {
        let config: WaveformAugmentConfig =
            toml::from_str(&format!("[[steps]]\n{step}")).expect("the steps above are valid");
        let pipeline = Pipeline::new(&config, rate).expect("the steps above are valid");
        let once = |item| {
            let view = ViewKey {
                seed: 1,
                epoch: 0,
                item,
                view: 0,
            };
            let clip = black_box(sound.clone());
            let start = Instant::now();
            black_box(pipeline.augment(view, clip, Some(&sound)));
            seconds as f64 / start.elapsed().as_secs_f64()
        };
        once(0); // plans transforms and fills caches
        let times_real_time: Vec<f64> = (1..=repetitions as u64).map(once).collect();
        let result = serde_json::json!({
            "name": format!("{name}, {seconds} s, one thread"),
            "unit": "x real time",
            "values": times_real_time,
        });
        println!("{result}");
    }
}

/// White noise at a tenth of full scale, the same as in `waveform_augment_peers.py`.
fn noise(samples: usize) -> Vec<f32> {
    let mut state = 1u32;
    (0..samples)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            0.1 * ((state >> 8) as f32 / 8_388_608.0 - 1.0)
        })
        .collect()
}

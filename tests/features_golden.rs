//! Front ends against librosa, torchaudio and TensorFlow's formulas; `golden/features.py` made the
//! values, in double precision.
//!
//! The measure: features are taken back to energies (decibels and logarithms undone), where
//!
//! ```text
//! error = |ours − theirs| / max(theirs, 10⁻⁷·loudest)
//! ```
//! must stay below 10⁻⁴, that is 0.0004 dB, in every single band. Bands more than 70 dB below the
//! loudest of their clip are measured against that level, because single precision cannot say more
//! about them: a Fourier transform rounds every bin by about 10⁻⁷ of the loudest *amplitude*.

use chiffchaff::features::{Compression, Features, FrontEnd, LogMelConfig, MfccConfig};
use serde::Deserialize;

const TOLERANCE: f64 = 1e-4;
const RANGE: f64 = 1e-7;

#[derive(Deserialize)]
struct Golden {
    real: Excerpt,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Excerpt {
    samples: Vec<i16>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    reference: String,
    signal: String,
    samples: usize,
    preset: Option<String>,
    config: Option<FrontEnd>,
    bands: usize,
    total_frames: usize,
    /// Which frames were kept.
    frames: Vec<usize>,
    values: Vec<Vec<f64>>,
}

impl Golden {
    fn read() -> Self {
        serde_json::from_str(include_str!("golden/features.json")).expect("the golden file is ours")
    }

    fn signal(&self, case: &Case) -> Vec<f32> {
        let mut samples = match case.signal.as_str() {
            "synthetic" => synthetic(case.samples),
            _ => self
                .real
                .samples
                .iter()
                .map(|&x| f32::from(x) / 32_768.0)
                .collect(),
        };
        samples.truncate(case.samples);
        samples
    }
}

impl Case {
    fn front_end(&self) -> FrontEnd {
        match self.preset.as_deref() {
            None => self
                .config
                .clone()
                .expect("a case without preset has a configuration"),
            Some("moummad") => FrontEnd::LogMel(LogMelConfig::moummad()),
            Some("protonet") => FrontEnd::LogMel(LogMelConfig::protonet()),
            Some("fonseca") => FrontEnd::LogMel(LogMelConfig::fonseca()),
            Some("cola") => FrontEnd::LogMel(LogMelConfig::cola()),
            Some("mfcc") => FrontEnd::Mfcc(MfccConfig::librosa()),
            Some(other) => panic!("no preset {other}"),
        }
    }

    /// The worst error over the kept frames.
    fn error(&self, ours: &Features) -> f64 {
        let pairs = || {
            let frames = self.frames.iter().zip(&self.values);
            frames.flat_map(|(&frame, theirs)| {
                let ours = ours.frame(frame).iter().map(|&x| f64::from(x));
                ours.zip(theirs.iter().copied())
            })
        };
        let front_end = self.front_end();
        let energy = |value: f64| match &front_end {
            FrontEnd::LogMel(config) => energy(config.compression, value),
            _ => value,
        };
        let loudest = pairs()
            .map(|(_, theirs)| energy(theirs).abs())
            .fold(0.0, f64::max);
        let least = match front_end {
            FrontEnd::LogMel(_) => RANGE * loudest,
            // Coefficients pass through zero: they are measured against the largest.
            _ => loudest,
        };
        pairs()
            .map(|(ours, theirs)| (energy(ours), energy(theirs)))
            .map(|(ours, theirs)| (ours - theirs).abs() / theirs.abs().max(least).max(1e-30))
            .fold(0.0, f64::max)
    }
}

fn energy(compression: Compression, value: f64) -> f64 {
    match compression {
        Compression::Decibels { .. } => 10f64.powf(value / 10.0),
        Compression::Log10 { .. } => 10f64.powf(value),
        Compression::Ln { .. } => value.exp(),
        Compression::None {} => value,
    }
}

/// A rising tone over white noise, the same as in `golden/features.py`.
fn synthetic(samples: usize) -> Vec<f32> {
    let mut state = 1u32;
    (0..samples)
        .map(|n| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = f64::from(state >> 8) / 8_388_608.0 - 1.0;
            let n = n as f64;
            let tone = (std::f64::consts::TAU * (0.002 * n + 0.00002 * n * n)).sin();
            (0.5 * tone + 0.05 * noise) as f32
        })
        .collect()
}

#[test]
fn front_ends_agree_with_librosa_torchaudio_and_tensorflow() {
    let golden = Golden::read();
    let mut failures = Vec::new();
    for case in &golden.cases {
        let extractor = case.front_end().extractor().expect(&case.name);
        let ours = extractor.compute(&golden.signal(case));
        assert_eq!(
            (ours.bands(), ours.frames()),
            (case.bands, case.total_frames),
            "{}",
            case.name
        );
        let error = case.error(&ours);
        if error.is_nan() || error > TOLERANCE {
            failures.push(format!("{} ({}): {error:.1e}", case.name, case.reference));
        }
    }
    assert!(
        failures.is_empty(),
        "off by more than {TOLERANCE:.0e}:\n{}",
        failures.join("\n")
    );
}

#[test]
fn every_preset_and_both_libraries_are_compared() {
    let golden = Golden::read();
    for preset in ["moummad", "protonet", "fonseca", "cola", "mfcc"] {
        assert!(
            golden
                .cases
                .iter()
                .any(|case| case.preset.as_deref() == Some(preset))
        );
    }
    for reference in ["librosa", "torchaudio"] {
        let of_grid = |case: &&Case| case.reference == reference && case.config.is_some();
        assert!(golden.cases.iter().filter(of_grid).count() >= 24);
    }
}

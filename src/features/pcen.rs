//! Per-channel energy normalisation: every band relative to its own recent past.

use super::front_end::{Extract, Extractor, Published, Settings};
use super::{
    BandAxis, ChannelAxis, Features, FeaturesError, InputScaling, LogMel, LogMelConfig, Silence,
    error::Problems, log_mel::FrameExtent,
};
use crate::audio::SampleRate;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Mel energies through per-channel energy normalisation (Wang et al. 2017, arXiv:1607.05666), as librosa 0.11 computes it.
///
/// ```text
/// M[t] = (1 − b)·M[t−1] + b·S[t],   M[−1] = 1
/// P[t] = (S[t] / (eps + M[t])^gain + bias)^power − bias^power
/// b = (√(1 + 4T²) − 1) / 2T²,   T = time_constant · sample_rate / hop
/// ```
/// `S` are the energies of one band. Steady noise goes to about `(1 + bias)^power − bias^power` whatever its level; what
/// rises faster than the time constant stands out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PcenConfig {
    /// The mel spectrogram, whose compression must be none. Default [`LogMelConfig::protonet`]: the formula expects
    /// energies far above `eps`, hence samples × 2³².
    pub log_mel: LogMelConfig,
    /// How far the level of the past is divided out, 0..=1. Default 0.98.
    pub gain: f64,
    /// Added before the root, > 0: more suppresses what is weak. Default 2.
    pub bias: f64,
    /// The root, above 0 to 1. Default 0.5.
    pub power: f64,
    /// Memory of the smoother, seconds, > 0. Default 0.4.
    pub time_constant: f64,
    /// Keeps silence silent, > 0. Default 1e-6.
    pub eps: f64,
    /// The distance of frames, in samples, that `time_constant` is converted with, ≥ 1. Default the true one,
    /// `log_mel.hop_length`. The published baseline leaves librosa's 512 beside frames 256 apart, which halves its
    /// time constant to 0.2 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assumed_hop_length: Option<usize>,
}

impl Default for PcenConfig {
    fn default() -> Self {
        Self {
            log_mel: LogMelConfig::protonet(),
            gain: 0.98,
            bias: 2.0,
            power: 0.5,
            time_constant: 0.4,
            eps: 1e-6,
            assumed_hop_length: None,
        }
    }
}

impl PcenConfig {
    /// The front end of DCASE task 5's prototypical baseline, with its assumed hop of 512.
    pub fn protonet() -> Self {
        Self {
            assumed_hop_length: Some(512),
            ..Self::default()
        }
    }

    fn check(&self, problems: &mut Problems) {
        let mut positive = |key, value: f64| {
            let fine = (1e-12..=1e12).contains(&value);
            problems.check(fine, key, value, "from 1e-12 to 1e12");
        };
        positive("bias", self.bias);
        positive("time_constant", self.time_constant);
        positive("eps", self.eps);
        let gain = (0.0..=1.0).contains(&self.gain);
        problems.check(gain, "gain", self.gain, "from 0 to 1");
        let power = self.power > 0.0 && self.power <= 1.0;
        problems.check(power, "power", self.power, "above 0 to 1");
        let hop = self.assumed_hop_length.unwrap_or(1);
        let fine = (1..=1 << 20).contains(&hop);
        problems.check(fine, "assumed_hop_length", hop, "1 to 1048576 samples");
        let plain = matches!(self.log_mel.compression, super::Compression::None {});
        let given = if plain { "none" } else { "set" };
        let allowed = "none, as the energies themselves are normalised";
        problems.check(plain, "log_mel.compression", given, allowed);
    }

    /// `b`, the weight of the newest frame.
    fn newest_weight(&self) -> f64 {
        let hop = self.assumed_hop_length.unwrap_or(self.log_mel.hop_length);
        let frames = self.time_constant * f64::from(self.log_mel.sample_rate.hz()) / hop as f64;
        let squared = frames * frames;
        ((1.0 + 4.0 * squared).sqrt() - 1.0) / (2.0 * squared)
    }
}

impl Settings for PcenConfig {
    fn published() -> Published<Self> {
        &[("pcen", Self::protonet)]
    }

    fn problems(&self) -> Problems {
        let mut problems = Problems::default();
        self.check(&mut problems);
        problems.append_under("log_mel", self.log_mel.problems());
        problems
    }

    fn timing(&self) -> (SampleRate, usize) {
        self.log_mel.timing()
    }

    fn hearing(&self) -> Range<f64> {
        self.log_mel.hearing()
    }

    fn bands(&self) -> usize {
        self.log_mel.n_mels
    }

    fn axes(&self) -> Vec<ChannelAxis> {
        ChannelAxis::alone(BandAxis::Mel(self.log_mel.centres()), "")
    }

    fn needs_whole_clip(&self) -> Option<&'static str> {
        self.log_mel.needs_whole_clip()
    }

    fn clip_rules_mut(&mut self) -> (Option<&mut Silence>, Option<&mut InputScaling>) {
        self.log_mel.clip_rules_mut()
    }

    fn keep_background(&mut self) {
        self.log_mel.keep_background();
    }

    fn streamed(&self) -> Option<FrameExtent> {
        self.log_mel.streamed()
    }

    fn extractor(&self) -> Result<Extractor, FeaturesError> {
        Ok(Extractor::of(Pcen::new(self)?))
    }
}

/// Computes PCEN features; one serves any number of threads.
#[derive(Debug, Clone)]
struct Pcen {
    log_mel: LogMel,
    newest_weight: f64,
    gain: f64,
    bias: f64,
    power: f64,
    eps: f64,
}

impl Pcen {
    /// Checks the settings and plans the computation.
    ///
    /// # Errors
    /// [`FeaturesError::Config`] with every setting that is out of range.
    fn new(config: &PcenConfig) -> Result<Self, FeaturesError> {
        config.problems().into_result()?;
        Ok(Self {
            log_mel: LogMel::new(&config.log_mel)?,
            newest_weight: config.newest_weight(),
            gain: config.gain,
            bias: config.bias,
            power: config.power,
            eps: config.eps,
        })
    }

    /// Number of mel bands.
    fn bands(&self) -> usize {
        self.log_mel.bands()
    }

    /// The features `[mels, frames]` of mono `samples` at the configured rate, full scale at ±1.
    fn compute(&self, samples: &[f32]) -> Features {
        let mut values = self.energies(samples).values().to_vec();
        self.normalize(&mut values, &mut self.past());
        Features::from_frames(self.bands(), values)
    }

    /// The mel energies before normalisation.
    fn energies(&self, samples: &[f32]) -> Features {
        self.log_mel.compute(samples)
    }

    /// `M` before the first frame.
    fn past(&self) -> Vec<f64> {
        vec![1.0; self.bands()]
    }

    /// Turns energies, frame after frame, into features; `past`, the `M` of every band, goes on to the next frames.
    fn normalize(&self, energies: &mut [f32], past: &mut [f64]) {
        let (b, floor) = (self.newest_weight, self.bias.powf(self.power));
        for frame in energies.chunks_exact_mut(self.bands()) {
            for (value, smooth) in frame.iter_mut().zip(past.iter_mut()) {
                let energy = f64::from(*value);
                *smooth += b * (energy - *smooth);
                let relative = energy / (self.eps + *smooth).powf(self.gain);
                // (relative + bias)^power − bias^power, exact where `relative` is small
                let rise = (self.power * (relative / self.bias).ln_1p()).exp_m1();
                *value = (floor * rise) as f32;
            }
        }
    }
}

impl Extract for Pcen {
    fn bands(&self) -> usize {
        self.bands()
    }

    fn image(&self, sides: &[&[f32]]) -> Features {
        self.compute(sides[0])
    }

    fn local_image(&self, samples: &[f32]) -> Features {
        self.energies(samples)
    }

    fn memory(&self) -> Vec<f64> {
        self.past()
    }

    fn follow(&self, values: &mut [f32], memory: &mut [f64]) {
        self.normalize(values, memory);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn numbers(value: &Value) -> Vec<f64> {
        serde_json::from_value(value.clone()).unwrap()
    }

    /// `golden/pcen.py` made the values with librosa's `pcen`, in double precision.
    #[test]
    fn equals_librosa_for_every_constant() {
        let file: Value =
            serde_json::from_str(include_str!("../../tests/golden/pcen.json")).unwrap();
        let cases = file["cases"].as_array().unwrap();
        assert!(cases.len() >= 4);
        for case in cases {
            let config: PcenConfig = serde_json::from_value(case["config"].clone()).unwrap();
            let bands = config.log_mel.n_mels;
            let pcen = Pcen::new(&config).unwrap();
            let mut values: Vec<f32> = numbers(&case["energies"])
                .iter()
                .map(|&x| x as f32)
                .collect();
            let mut past = pcen.past();
            // In two pieces: the memory must carry over.
            let (first, second) = values.split_at_mut(3 * bands);
            pcen.normalize(first, &mut past);
            pcen.normalize(second, &mut past);
            for (given, wanted) in values.iter().zip(numbers(&case["pcen"])) {
                let error = (f64::from(*given) - wanted).abs();
                // Energies and results are rounded to f32 once each.
                assert!(
                    error <= 3e-6 * wanted.abs() + 1e-9,
                    "{given} is not {wanted}"
                );
            }
        }
    }

    #[test]
    fn steady_noise_of_any_level_ends_at_the_same_value() {
        let pcen = Pcen::new(&PcenConfig {
            gain: 1.0,
            ..PcenConfig::default()
        })
        .unwrap();
        let settled = |level: f32| {
            let mut values = vec![level; 2000 * pcen.bands()];
            pcen.normalize(&mut values, &mut pcen.past());
            *values.last().unwrap()
        };
        let expected = 3f32.sqrt() - 2f32.sqrt();
        for level in [1e3, 1e12, 1e20] {
            assert!((settled(level) - expected).abs() < 1e-4);
        }
    }

    #[test]
    fn compressed_energies_are_refused() {
        let config = PcenConfig {
            log_mel: LogMelConfig::small(),
            power: 0.0,
            ..PcenConfig::default()
        };
        let message = Pcen::new(&config).unwrap_err().to_string();
        assert!(
            message.contains("`power` is 0") && message.contains("`log_mel.compression`"),
            "{message}"
        );
    }
}

//! Front ends of several images, and wavelets, against PyTorch, torchaudio, SciPy and PyWavelets;
//! `golden/front_ends.py` made the values, in double precision.
//!
//! Levels are compared as `features_golden.rs` does: taken back to energies, relative to what is there but no finer than
//! 70 dB below the loudest. Phases are compared as the distance of unit vectors times the amplitude relative to the
//! loudest, as a phase means nothing where there is no sound.

use chiffchaff::audio::{SampleRate, Waveform};
use chiffchaff::features::{Features, FrontEnd, Pooling, WaveletConfig};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    /// Channels of the sound.
    sides: usize,
    samples: usize,
    channels: usize,
    bands: usize,
    total_frames: usize,
    /// Which frames were kept.
    frames: Vec<usize>,
    values: Vec<Vec<f64>>,
}

impl Case {
    fn front_end(&self) -> FrontEnd {
        match self.name.as_str() {
            "wavelet, point" => FrontEnd::Wavelet(WaveletConfig {
                pooling: Pooling::Point,
                ..WaveletConfig::default()
            }),
            "wavelet, point, PyWavelets" => FrontEnd::Wavelet(WaveletConfig {
                pooling: Pooling::Point,
                n_bands: 72,
                f_max: 2500.0,
                ..WaveletConfig::default()
            }),
            name => FrontEnd::published(name).expect(name),
        }
    }

    /// How far energies may be off, relatively.
    fn tolerance(&self) -> f64 {
        match self.name.as_str() {
            // Some points stand for all samples of a frame: 0.2 dB.
            "wavelet" => 0.05,
            // It samples an integral of the wavelet at the nearest of a fixed grid.
            "wavelet, point, PyWavelets" => 0.05,
            // Single bins: unlike in a mel band, rounding does not average out. PyTorch in single precision: 1.5e-4.
            "esresnet" | "esresnet-stereo" => 3e-4,
            _ => 1e-4,
        }
    }

    /// How far below the loudest levels are told apart, as energy.
    fn range(&self) -> f64 {
        match self.name.as_str() {
            "wavelet" | "wavelet, point, PyWavelets" => 1e-2,
            _ => 1e-7,
        }
    }

    /// Values become energies by 10^(value / this).
    fn per_decade(&self) -> f64 {
        if self.name == "palanisamy" { 1.0 } else { 10.0 }
    }

    /// Pairs of our and their values of one channel.
    fn pairs(&self, ours: &Features, channel: usize) -> Vec<(f64, f64)> {
        let own = channel * self.bands..(channel + 1) * self.bands;
        let frames = self.frames.iter().zip(&self.values);
        let pairs = frames.flat_map(|(&frame, theirs)| {
            let ours = ours.frame(frame)[own.clone()].iter();
            ours.map(|&x| f64::from(x))
                .zip(theirs[own.clone()].iter().copied())
        });
        pairs.collect()
    }

    fn is_phase(&self, channel: usize) -> bool {
        self.name == "clar" && channel == 1
    }

    fn worst(&self, ours: &Features) -> f64 {
        let levels = |channel| -> Vec<(f64, f64)> {
            let energy = |value: f64| 10f64.powf(value / self.per_decade());
            let pairs = self.pairs(ours, channel).into_iter();
            pairs.map(|(a, b)| (energy(a), energy(b))).collect()
        };
        let loudest = (0..self.channels).map(|channel| match self.is_phase(channel) {
            true => 0.0,
            false => loudest(&levels(channel)),
        });
        let loudest = loudest.fold(0.0, f64::max);
        let error = |channel: usize| -> f64 {
            if self.is_phase(channel) {
                return phase_error(&self.pairs(ours, 1), &levels(0));
            }
            let levels = levels(channel);
            let least = self.range() * loudest;
            let errors = levels.iter().map(|(a, b)| (a - b).abs() / b.max(least));
            errors.fold(0.0, f64::max)
        };
        (0..self.channels).map(error).fold(0.0, f64::max)
    }
}

fn loudest(levels: &[(f64, f64)]) -> f64 {
    levels.iter().map(|&(_, theirs)| theirs).fold(0.0, f64::max)
}

fn phase_error(phases: &[(f64, f64)], levels: &[(f64, f64)]) -> f64 {
    let loudest = loudest(levels);
    let errors = phases.iter().zip(levels).map(|((a, b), (_, level))| {
        let distance = 2.0 * ((a - b) / 2.0).sin().abs();
        distance * (level / loudest).sqrt()
    });
    errors.fold(0.0, f64::max)
}

/// A rising tone over white noise, the same as in `golden/front_ends.py`.
fn synthetic(samples: usize, rise: f64) -> Vec<f32> {
    let mut state = 1u32;
    (0..samples)
        .map(|n| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = f64::from(state >> 8) / 8_388_608.0 - 1.0;
            let n = n as f64;
            let tone = (std::f64::consts::TAU * (0.002 * n + rise * n * n)).sin();
            (0.5 * tone + 0.05 * noise) as f32
        })
        .collect()
}

fn sound(samples: usize, sides: usize, rate: SampleRate) -> Waveform {
    let mut channels = vec![synthetic(samples, 0.00002), synthetic(samples, 0.00001)];
    channels.truncate(sides);
    Waveform::from_channels(channels, rate).unwrap()
}

#[test]
fn front_ends_agree_with_pytorch_torchaudio_scipy_and_pywavelets() {
    let golden: Golden = serde_json::from_str(include_str!("golden/front_ends.json")).unwrap();
    let mut failures = Vec::new();
    for case in &golden.cases {
        let front_end = case.front_end();
        let sound = sound(case.samples, case.sides, front_end.sample_rate());
        let ours = front_end.extractor().unwrap().compute_sound(&sound);
        assert_eq!(
            (ours.channels(), ours.bands(), ours.frames()),
            (case.channels, case.bands, case.total_frames),
            "{}",
            case.name
        );
        let error = case.worst(&ours);
        if error.is_nan() || error > case.tolerance() {
            failures.push(format!("{}: {error:.1e}", case.name));
        }
    }
    assert!(failures.is_empty(), "off:\n{}", failures.join("\n"));
    let compared = |name| golden.cases.iter().any(|case| case.name == name);
    for name in [
        "esresnet",
        "esresnet-stereo",
        "palanisamy",
        "clar",
        "wavelet",
    ] {
        assert!(compared(name), "{name}");
    }
}

#[test]
fn front_ends_survive_their_file_and_refuse_unknown_keys() {
    for name in FrontEnd::published_names() {
        let front_end = FrontEnd::published(name).unwrap();
        let file = toml::to_string(&front_end).unwrap();
        assert_eq!(
            toml::from_str::<FrontEnd>(&file).unwrap(),
            front_end,
            "{file}"
        );
        let more = format!("{}\nunheard_of = 1", file.lines().next().unwrap());
        assert!(toml::from_str::<FrontEnd>(&more).is_err(), "{name}");
    }
}

#[test]
fn silence_clicks_and_single_samples_give_finite_features() {
    for name in FrontEnd::published_names() {
        let extractor = FrontEnd::published(name).unwrap().extractor().unwrap();
        let mut click = vec![0.0; 9000];
        click[4500] = f32::MAX;
        for samples in [&[][..], &[0.5], &[0.0; 5000], &click] {
            let image = extractor.compute(samples);
            assert!(image.values().iter().all(|x| x.is_finite()), "{name}");
            assert_eq!(image.channels(), extractor.channels(), "{name}");
        }
    }
}

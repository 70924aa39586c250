//! What holds for every front end, whatever its settings.

use chiffchaff::features::{
    Compression, FeaturesError, FrontEnd, InputScaling, LogMel, LogMelConfig, Mfcc, MfccConfig,
    Spectrum,
};
use chiffchaff::signal::Padding;
use proptest::prelude::*;

fn presets() -> Vec<(&'static str, LogMelConfig)> {
    vec![
        ("small", LogMelConfig::small()),
        ("moummad", LogMelConfig::moummad()),
        ("protonet", LogMelConfig::protonet()),
        ("fonseca", LogMelConfig::fonseca()),
        ("cola", LogMelConfig::cola()),
    ]
}

fn sine(hz: f64, rate: f64, samples: usize) -> Vec<f32> {
    let radians = std::f64::consts::TAU * hz / rate;
    (0..samples)
        .map(|n| (radians * n as f64).sin() as f32)
        .collect()
}

#[test]
fn silence_lies_at_the_floor_in_every_preset() {
    let floors = [
        ("small", -100.0),
        ("moummad", -100.0),
        ("protonet", 0.0),
        ("fonseca", 1.1e-8f32.log10()),
        ("cola", 1e-5f32.ln()),
    ];
    for ((name, config), (_, floor)) in presets().iter().zip(floors) {
        let features = LogMel::new(config).unwrap().compute(&[0.0; 22_050]);
        let near = |x: &f32| (x - floor).abs() < 1e-4;
        assert!(features.values().iter().all(near), "{name}");
    }
}

#[test]
fn a_sine_is_loudest_in_the_band_around_it() {
    let config = LogMelConfig::small();
    let log_mel = LogMel::new(&config).unwrap();
    let mel = |hz: f64| config.mel_scale.mel(hz);
    let bands_per_mel = 65.0 / (mel(config.f_max) - mel(config.f_min));
    for hz in [500.0, 1500.0, 4000.0, 9000.0] {
        let features = log_mel.compute(&sine(hz, 22_050.0, 22_050));
        let frame = features.frame(50);
        let loudest = (0..64)
            .max_by(|&a, &b| frame[a].total_cmp(&frame[b]))
            .unwrap();
        let wanted = (mel(hz) - mel(config.f_min)) * bands_per_mel - 1.0;
        assert!(
            (loudest as f64 - wanted).abs() <= 1.0,
            "{hz} Hz in band {loudest}, not {wanted}"
        );
    }
}

#[test]
fn ten_times_the_amplitude_is_twenty_decibels_more() {
    let log_mel = LogMel::new(&LogMelConfig::moummad()).unwrap();
    let quiet: Vec<f32> = sine(1000.0, 22_050.0, 8000)
        .iter()
        .map(|x| 0.05 * x)
        .collect();
    let loud: Vec<f32> = quiet.iter().map(|x| 10.0 * x).collect();
    let (quiet, loud) = (log_mel.compute(&quiet), log_mel.compute(&loud));
    for (quiet, loud) in quiet.values().iter().zip(loud.values()) {
        assert!(
            *quiet <= -60.0 || (loud - quiet - 20.0).abs() < 1e-2,
            "{quiet} {loud}"
        );
    }
}

#[test]
fn a_clip_alone_gives_the_bytes_it_gives_after_another() {
    let (first, second) = (sine(700.0, 22_050.0, 9000), sine(3000.0, 22_050.0, 5001));
    for (name, config) in presets() {
        let log_mel = LogMel::new(&config).unwrap();
        let alone = LogMel::new(&config).unwrap().compute(&second);
        log_mel.compute(&first);
        assert_eq!(log_mel.compute(&second), alone, "{name}");
    }
}

#[test]
fn frames_do_not_depend_on_what_lies_beyond_their_reach() {
    let log_mel = LogMel::new(&LogMelConfig::moummad()).unwrap();
    let long = sine(2000.0, 22_050.0, 20_000);
    let (whole, part) = (log_mel.compute(&long), log_mel.compute(&long[..10_000]));
    for frame in 0..part.frames() - 4 {
        assert_eq!(whole.frame(frame), part.frame(frame), "frame {frame}");
    }
}

#[test]
fn louder_than_numbers_can_say_saturates() {
    for (name, config) in presets() {
        let features = LogMel::new(&config).unwrap().compute(&[f32::MAX; 22_050]);
        assert!(features.values().iter().all(|x| x.is_finite()), "{name}");
    }
}

#[test]
fn mfcc_of_white_spectrum_is_its_level_alone() {
    let config = MfccConfig::librosa();
    let features = Mfcc::new(&config).unwrap().compute(&[0.0; 22_050]);
    assert_eq!((features.bands(), features.frames()), (20, 44));
    let frame = features.frame(20);
    assert!((frame[0] + 100.0 * 128f32.sqrt()).abs() < 1e-2); // −100 dB · √bands
    assert!(frame[1..].iter().all(|x| x.abs() < 1e-2));
}

#[test]
fn all_problems_of_a_configuration_are_told_at_once() {
    let config = LogMelConfig {
        input_scaling: InputScaling::Gain { factor: -1.0 },
        n_fft: 1,
        win_length: 2000,
        hop_length: 0,
        n_mels: 0,
        f_min: -3.0,
        f_max: 12_000.0,
        compression: Compression::Log10 { offset: 0.0 },
        ..LogMelConfig::small()
    };
    let Err(FeaturesError::Config { problems }) = LogMel::new(&config) else {
        panic!("accepted");
    };
    let keys: Vec<&str> = problems
        .iter()
        .map(|problem| problem.key.as_str())
        .collect();
    let wanted = [
        "input_scaling.factor",
        "n_fft",
        "win_length",
        "hop_length",
        "n_mels",
        "f_min",
        "f_max",
        "compression.offset",
    ];
    assert_eq!(keys, wanted);
    let message = FeaturesError::Config { problems }.to_string();
    assert!(
        message.contains("`win_length` is 2000, but must be 1 to `n_fft`, 1 samples"),
        "{message}"
    );
}

#[test]
fn problems_of_a_part_carry_its_key() {
    let mut config = MfccConfig {
        n_mfcc: 200,
        ..MfccConfig::librosa()
    };
    config.log_mel.hop_length = 0;
    let message = Mfcc::new(&config).unwrap_err().to_string();
    assert!(
        message.contains("`n_mfcc` is 200, but must be 1 to `log_mel.n_mels`, 128"),
        "{message}"
    );
    assert!(message.contains("`log_mel.hop_length` is 0"), "{message}");
}

#[test]
fn front_ends_survive_their_file_and_refuse_unknown_keys() {
    let mut front_ends: Vec<FrontEnd> = presets()
        .into_iter()
        .map(|(_, config)| FrontEnd::LogMel(config))
        .collect();
    front_ends.push(FrontEnd::Mfcc(MfccConfig::librosa()));
    for front_end in front_ends {
        let file = toml::to_string(&front_end).unwrap();
        assert_eq!(
            toml::from_str::<FrontEnd>(&file).unwrap(),
            front_end,
            "{file}"
        );
    }
    for file in [
        "type = \"log-mel\"\nn_mel = 64",
        "type = \"log-mel\"\ncompression = { type = \"none\", floor = 1.0 }",
        "type = \"log-mel\"\ninput_scaling = { type = \"none\", factor = 1.0 }",
        "type = \"mfcc\"\nn_mels = 64",
    ] {
        assert!(toml::from_str::<FrontEnd>(file).is_err(), "{file}");
    }
}

#[test]
fn an_empty_table_is_the_default() {
    let front_end: FrontEnd = toml::from_str("type = \"log-mel\"").unwrap();
    assert_eq!(front_end, FrontEnd::LogMel(LogMelConfig::small()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn finite_sound_gives_finite_features(
        samples in prop::collection::vec(
            prop_oneof![-1.0f32..1.0, Just(0.0), any::<f32>().prop_filter("finite", |x| x.is_finite())],
            0..1500,
        ),
        preset in 0usize..5,
        padding in prop::sample::select(vec![Padding::None, Padding::Reflect, Padding::Zero]),
        spectrum in prop::sample::select(vec![Spectrum::Power, Spectrum::Magnitude]),
    ) {
        let config = LogMelConfig { padding, spectrum, ..presets()[preset].1.clone() };
        let features = LogMel::new(&config).unwrap().compute(&samples);
        prop_assert!(features.values().iter().all(|x| x.is_finite()));
    }
}

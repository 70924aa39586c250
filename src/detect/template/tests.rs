use super::*;
use crate::audio::{WavEncoding, Waveform, write_wav};
use crate::dataset::{ShotChoice, ShotCount, parse_marks};
use crate::detect::{Event, Fitter};
use std::f64::consts::TAU;
use std::path::PathBuf;

const RATE: u32 = 16_000;

/// A recording in a folder of its own, of chirps of 0.12 s in noise.
struct Recording {
    folder: tempfile::TempDir,
    secs: f64,
}

impl Recording {
    fn with_chirps(secs: f64, at: &[f64]) -> Self {
        let mut state = 3u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state) / f64::from(u32::MAX) - 0.5
        };
        let mut samples: Vec<f32> = (0..(secs * f64::from(RATE)) as usize)
            .map(|_| (0.02 * noise()) as f32)
            .collect();
        for &onset in at {
            let first = (onset * f64::from(RATE)).round() as usize;
            for (i, sample) in samples.iter_mut().skip(first).take(CHIRP_LEN).enumerate() {
                let t = i as f64 / f64::from(RATE);
                let fade = (TAU * 0.5 * i as f64 / CHIRP_LEN as f64).sin();
                *sample += (0.3 * fade * (TAU * (2000.0 + 10_000.0 * t) * t).sin()) as f32;
            }
        }
        Self::of(samples)
    }

    fn of(samples: Vec<f32>) -> Self {
        let recording = Self {
            folder: tempfile::tempdir().unwrap(),
            secs: samples.len() as f64 / f64::from(RATE),
        };
        let sound = Waveform::mono(samples, SampleRate::new(RATE).unwrap());
        write_wav(recording.path(), &sound, WavEncoding::Float32).unwrap();
        recording
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("a.wav")
    }

    fn support(&self, shots: &[f64]) -> Support {
        let rows: String = shots
            .iter()
            .map(|onset| format!("{onset},{}\n", onset + CHIRP_SECS))
            .collect();
        let marks = parse_marks("shots.csv".as_ref(), rows.as_bytes()).unwrap();
        let all = ShotChoice {
            count: ShotCount::All,
            ..ShotChoice::default()
        };
        marks.support(&self.path(), self.secs, &all).unwrap()
    }

    fn found(&self, shots: &[f64], config: &TemplateConfig) -> Vec<Event> {
        detect(&self.path(), self.support(shots), *config).unwrap()
    }
}

fn detect(
    recording: &Path,
    support: Support,
    config: TemplateConfig,
) -> Result<Vec<Event>, DetectError> {
    let marked = MarkedRecording {
        path: recording.to_owned(),
        channel: None,
        time_scale: None,
        support,
    };
    let detector = Fitter::new(config.into())?.fit(&[marked], |_| {})?;
    Ok(detector.detect(recording, |_| {})?.events)
}

use crate::audio::SampleRate;

const CHIRP_SECS: f64 = 0.12;
const CHIRP_LEN: usize = (CHIRP_SECS * RATE as f64) as usize;
const SHOTS: [f64; 5] = [0.0, 1.0, 1.7, 2.6, 3.33];
const OTHERS: [f64; 6] = [4.2, 4.5, 6.0, 6.31, 8.0, 9.7];

fn both() -> [TemplateConfig; 2] {
    [TemplateConfig::published(), TemplateConfig::default()]
}

fn chirps() -> Recording {
    Recording::with_chirps(10.0, &[&SHOTS[..], &OTHERS[..]].concat())
}

#[test]
fn every_other_event_of_the_kind_is_found_and_nothing_else() {
    let found = chirps().found(&SHOTS, &TemplateConfig::default());
    assert_eq!(found.len(), OTHERS.len(), "{found:?}");
    for (event, onset) in found.iter().zip(OTHERS) {
        // A hop is a quarter of half a chirp.
        assert!(
            (event.span.onset() - onset).abs() < 0.016,
            "{event:?} for {onset}"
        );
        assert!((event.span.secs() - CHIRP_SECS).abs() < 1e-6, "{event:?}");
        assert!(event.score > 0.8 && event.score <= 1.0, "{event:?}");
    }
}

#[test]
fn the_published_rules_find_some_of_them_and_nothing_else() {
    let found = chirps().found(&SHOTS, &TemplateConfig::published());
    assert!(!found.is_empty());
    for event in found {
        let is_near = |onset: &f64| (event.span.onset() - onset).abs() < 0.1;
        assert!(OTHERS.iter().any(is_near), "{event:?}");
    }
}

#[test]
fn events_are_sorted_apart_inside_the_recording_and_after_the_shots() {
    let recording = chirps();
    for config in both() {
        let found = recording.found(&SHOTS[..3], &config);
        assert!(!found.is_empty(), "{config:?}");
        let first = found.first().unwrap().span.onset();
        assert!(first >= SHOTS[2] + CHIRP_SECS - 0.03, "{config:?}: {first}");
        assert!(
            found
                .windows(2)
                .all(|pair| pair[0].span.offset() <= pair[1].span.onset())
        );
        assert!(found.last().unwrap().span.offset() <= recording.secs);
    }
}

#[test]
fn a_lower_threshold_finds_more() {
    let recording = chirps();
    let with = |part| {
        let config = TemplateConfig {
            rules: Rules::Strongest { part },
            ..TemplateConfig::default()
        };
        recording.found(&SHOTS, &config).len()
    };
    assert!(with(0.0) > with(0.8), "{} {}", with(0.0), with(0.8));
}

#[test]
fn odd_support_and_odd_recordings_end_in_events_or_none() {
    let recording = chirps();
    let silence = Recording::of(vec![0.0; 3 * RATE as usize]);
    let short = Recording::with_chirps(0.13, &[0.0]);
    let many: Vec<f64> = (0..40).map(|i| f64::from(i) * 0.25).collect();
    for config in both() {
        assert_eq!(silence.found(&[0.0, 1.0], &config), []);
        assert_eq!(short.found(&[0.0], &config), []);
        assert_eq!(
            recording.found(&[9.7], &config),
            [],
            "nothing follows the last shot"
        );
        assert!(
            !recording.found(&[0.0], &config).is_empty(),
            "one shot finds others"
        );
        recording.found(&many, &config);
    }
}

#[test]
fn a_recording_of_too_low_a_rate_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    let sound = Waveform::mono(vec![0.1; 500], SampleRate::new(50).unwrap());
    write_wav(&path, &sound, WavEncoding::Int16).unwrap();
    let marks = parse_marks("m.csv".as_ref(), b"1,2\n").unwrap();
    let support = marks.support(&path, 10.0, &ShotChoice::default()).unwrap();
    let message = detect(&path, support, TemplateConfig::published())
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("a.wav: sample rate is 50 Hz, but templates need at least 320 Hz"),
        "{message}"
    );
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let recording = chirps();
    let refusal = |config: TemplateConfig| {
        let support = recording.support(&SHOTS);
        detect(&recording.path(), support, config)
            .unwrap_err()
            .to_string()
    };
    let default = TemplateConfig::default();
    let part = refusal(TemplateConfig {
        rules: Rules::Strongest { part: 1.5 },
        ..default
    });
    assert!(
        part.contains("`rules.part` is 1.5, but must be between 0 and 1"),
        "{part}"
    );
    let frame = FrameLength::Fixed { secs: f64::NAN };
    let secs = refusal(TemplateConfig { frame, ..default });
    assert!(
        secs.contains("`frame.secs` is NaN, but must be above 0"),
        "{secs}"
    );
}

#[test]
fn chunks_of_the_search_join_without_a_seam() {
    // Longer than several blocks, the same chirp every 0.5 s: all found, none twice.
    let onsets: Vec<f64> = (0..80).map(|i| 0.25 + 0.5 * f64::from(i)).collect();
    let recording = Recording::with_chirps(41.0, &onsets);
    let found = recording.found(&onsets[..5], &TemplateConfig::default());
    assert_eq!(found.len(), 75);
}

#[test]
fn of_many_shots_some_are_taken_from_all_over() {
    let shots: Vec<Span> = (0..40)
        .map(|i| Span::new(f64::from(i), f64::from(i) + 0.5).unwrap())
        .collect();
    let chosen = evenly_chosen(&shots, 4);
    assert_eq!(chosen, [shots[0], shots[10], shots[20], shots[30]]);
    assert_eq!(evenly_chosen(&shots[..3], 4), shots[..3]);
}

#[test]
fn long_shots_fit_into_the_blocks_of_the_correlator() {
    // 128 frames: with margins, one block of 256.
    let recording = Recording::with_chirps(9.0, &[0.5, 4.0, 6.5]);
    for config in both() {
        for secs in [1.275, 1.28, 1.3] {
            let rows = format!("0.2,{}\n3.0,{}\n", 0.2 + secs, 3.0 + secs);
            let marks = parse_marks("m.csv".as_ref(), rows.as_bytes()).unwrap();
            let support = marks.support(&recording.path(), recording.secs, &ShotChoice::default());
            let frame = FrameLength::Fixed { secs: 0.04 };
            let config = TemplateConfig { frame, ..config };
            detect(&recording.path(), support.unwrap(), config).unwrap();
        }
    }
}

#[test]
fn another_recording_and_several_recordings_are_refused() {
    let (recording, other) = (chirps(), chirps());
    let marked = MarkedRecording {
        path: recording.path(),
        channel: None,
        time_scale: None,
        support: recording.support(&SHOTS),
    };
    let fitter = Fitter::new(TemplateConfig::default().into()).unwrap();
    let detector = fitter.fit(std::slice::from_ref(&marked), |_| {}).unwrap();
    let folder = recording.folder.path();
    let by_other_name = folder
        .join("..")
        .join(folder.file_name().unwrap())
        .join("a.wav");
    assert!(detector.detect(&by_other_name, |_| {}).is_ok());
    let refused = detector.detect(&other.path(), |_| {}).unwrap_err();
    let message = refused.to_string();
    assert!(
        message.contains("a.wav: this detector was fitted to"),
        "{message}"
    );
    for several in [&[][..], &[marked.clone(), marked.clone()]] {
        let refused = fitter.fit(several, |_| {}).unwrap_err().to_string();
        let given = format!("but {} recordings were given", several.len());
        assert!(refused.contains(&given), "{refused}");
    }
}

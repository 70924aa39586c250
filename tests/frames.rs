//! The frame detector, and the training of its encoder, on sound whose calls are known.
#![cfg(feature = "nn")]

mod few_shot_sound;

use chiffchaff::audio::{AudioReader, SampleRate, WavEncoding, Waveform, write_wav};
use chiffchaff::dataset::{
    LabelChoice, Marked, ShotChoice, Span, Support, SyntheticConfig, parse_marks,
};
use chiffchaff::detect::frames::FrameConfig;
use chiffchaff::detect::template::TemplateConfig;
use chiffchaff::detect::{
    DetectError, Detection, Detector, DetectorConfig, Event, EventBand, Fitter, KeptOptions,
    MarkedRecording, ShotPicture, Stage, Threshold, expected_precision,
};
use chiffchaff::encoder::{Encoder, InputShape, Model, ModelCard, TrainingRecord};
use chiffchaff::experiment::Experiment;
use chiffchaff::features::{CacheConfig, CachePrecision, FeatureCache, FeatureSet, Normalization};
use chiffchaff::train::{FrameLabels, Outcome, RunDir, Start, TrainingData, pretrain};
use few_shot_sound::{CALL_SECS, found_and_false, hidden_calls, shots, write_recording};
use std::ops::ControlFlow;
use std::path::Path;
use tch::Device;

/// Of the images of `moummad-supcon`.
const INPUT: InputShape = InputShape {
    channels: 1,
    bands: 128,
};

fn support(recording: &Path, extra: &str) -> Support {
    support_after(recording, 0.0, extra)
}

/// The shots, so many seconds later than they are.
fn support_after(recording: &Path, secs: f64, extra: &str) -> Support {
    let rows = shots()
        .iter()
        .map(|s| format!("{},{}\n", secs + s.onset(), secs + s.offset()))
        .collect::<String>();
    let table = format!("onset,offset\n{rows}{extra}");
    let marks = parse_marks("marks.csv".as_ref(), table.as_bytes()).unwrap();
    marks
        .support(recording, 1e9, &ShotChoice::default())
        .unwrap()
}

fn detect(recording: &Path, config: FrameConfig) -> Detection {
    detect_like(recording, support(recording, ""), config).unwrap()
}

fn detect_like(
    recording: &Path,
    support: Support,
    config: FrameConfig,
) -> Result<Detection, DetectError> {
    let marked = MarkedRecording {
        path: recording.to_owned(),
        channel: None,
        time_scale: None,
        support,
    };
    let detector = Fitter::new(config.into())?.fit(&[marked], |_| {})?;
    detector.detect(recording, |_| {})
}

#[test]
fn finds_the_planted_calls_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("calls.wav");
    write_recording(&recording);
    let found = detect(&recording, FrameConfig::default());
    assert_eq!(
        found_and_false(&found.events),
        (hidden_calls().len(), 0),
        "{:?}",
        found.events
    );
    assert_eq!(
        found,
        detect(&recording, FrameConfig::default()),
        "the same seed, the same events"
    );
    let everything = FrameConfig {
        threshold: Threshold::Score(0.0),
        ..FrameConfig::default()
    };
    assert_eq!(detect(&recording, everything).events, found.candidates);
    assert!(found.candidates.len() >= found.events.len());
    let track = found.track.unwrap();
    assert!((track.secs(track.len()) - 12.0).abs() < 0.02);
}

/// Nine minutes are read as two stretches; the calls of the last seconds are found as those of the first.
#[test]
fn a_recording_of_several_stretches_is_searched_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let short = folder.path().join("calls.wav");
    write_recording(&short);
    let once = AudioReader::open(&short).unwrap().read_all().unwrap();
    let repeats = 45; // nine minutes
    let samples = once.channels()[0].repeat(repeats);
    let long = folder.path().join("long.wav");
    write_wav(
        &long,
        &Waveform::mono(samples, once.sample_rate()),
        WavEncoding::Int16,
    )
    .unwrap();
    let found = detect(&long, FrameConfig::default());
    let wanted = few_shot_sound::CALLS.len() * repeats - 5;
    assert!(
        found.events.len().abs_diff(wanted) <= wanted / 100,
        "{} of {wanted}",
        found.events.len()
    );
    let last = found.events.last().unwrap().span;
    let truth = 12.0 * (repeats - 1) as f64 + few_shot_sound::CALLS[13];
    assert!((last.onset() - truth).abs() < CALL_SECS / 2.0, "{last}");

    // Marked in the last twelve seconds, and learned from two seconds around the marks.
    let mut config = FrameConfig::default();
    config.fit.heard_secs = 2.0;
    let before = 12.0 * (repeats - 1) as f64;
    let late = support_after(&long, before, "");
    let found = detect_like(&long, late, config).unwrap().events;
    let found: Vec<_> = found
        .iter()
        .map(|event| {
            let span = Span::new(event.span.onset() - before, event.span.offset() - before);
            Event {
                span: span.unwrap(),
                ..*event
            }
        })
        .collect();
    assert_eq!(found_and_false(&found), (hidden_calls().len(), 0));
}

#[test]
fn fitting_and_scoring_tell_how_far_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("calls.wav");
    write_recording(&recording);
    let marked = MarkedRecording {
        path: recording.clone(),
        channel: None,
        time_scale: None,
        support: support(&recording, ""),
    };
    let mut config = FrameConfig {
        ensemble: 2,
        ..FrameConfig::default()
    };
    config.fit.steps = 3;
    let mut stages = Vec::new();
    let fitter = Fitter::new(config.into()).unwrap();
    let detector = fitter.fit(&[marked], |stage| stages.push(stage)).unwrap();
    let steps: Vec<_> = (1..=6).map(|step| Stage::Fitting(step, 6)).collect();
    assert_eq!(stages, steps);
    stages.clear();
    detector
        .detect(&recording, |stage| stages.push(stage))
        .unwrap();
    let [Stage::Scoring(secs)] = stages[..] else {
        panic!("{stages:?}");
    };
    assert!((secs - 12.0).abs() < 0.02);
}

/// Five marks anywhere, the other calls without marks before, between and behind them.
#[test]
fn calls_without_marks_among_the_marked_ones_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("calls.wav");
    write_recording(&recording);
    let calls: Vec<Span> = few_shot_sound::CALLS
        .iter()
        .map(|&onset| Span::new(onset, onset + CALL_SECS).unwrap())
        .collect();
    let marked: Vec<usize> = (0..5).map(|n| 1 + n * (calls.len() - 2) / 4).collect();
    let rows: String = (marked.iter())
        .map(|&n| format!("{},{}\n", calls[n].onset(), calls[n].offset()))
        .collect();
    let marks = parse_marks(
        "marks.csv".as_ref(),
        format!("onset,offset\n{rows}").as_bytes(),
    )
    .unwrap();
    let some = ShotChoice {
        marked: Marked::Some,
        ..ShotChoice::default()
    };
    let support = marks.support(&recording, 12.0, &some).unwrap();
    let found = detect_like(&recording, support, FrameConfig::default()).unwrap();
    let hit = |call: &Span| {
        let near = |event: &Event| (event.span.onset() - call.onset()).abs() < CALL_SECS / 2.0;
        found.events.iter().filter(|event| near(event)).count()
    };
    let hits: Vec<usize> = calls.iter().map(hit).collect();
    let wanted: Vec<usize> = (0..calls.len())
        .map(|n| usize::from(!marked.contains(&n)))
        .collect();
    assert_eq!(hits, wanted, "{:?}", found.events);
    assert_eq!(found.events.len(), calls.len() - marked.len());
}

/// Falling whistles and low hums, five marks of each.
#[test]
fn several_kinds_are_found_at_once_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let [recording, other, file] =
        ["calls.wav", "other.wav", "both.safetensors"].map(|name| folder.path().join(name));
    write_recording(&recording);
    std::fs::copy(&recording, &other).unwrap();
    let kinds = [
        ("hum", &few_shot_sound::OTHERS[..]),
        ("whistle", &few_shot_sound::CALLS[..]),
    ];
    let rows: String = (kinds.iter())
        .flat_map(|(label, onsets)| onsets[..5].iter().map(move |onset| (label, onset)))
        .map(|(label, onset)| format!("{onset},{},{label}\n", onset + CALL_SECS))
        .collect();
    let table = format!("onset,offset,label\n{rows}");
    let marks = parse_marks("marks.csv".as_ref(), table.as_bytes()).unwrap();
    let all = ShotChoice {
        label: LabelChoice::All,
        ..ShotChoice::default()
    };
    let marked = [MarkedRecording {
        path: recording.clone(),
        channel: None,
        time_scale: None,
        support: marks.support(&recording, 12.0, &all).unwrap(),
    }];
    let fitted = Fitter::new(FrameConfig::default().into()).unwrap();
    let fitted = fitted.fit(&marked, |_| {}).unwrap();
    let found = fitted.detect(&recording, |_| {}).unwrap();
    for (label, onsets) in kinds {
        let own = found.events.iter();
        let own: Vec<f64> = own
            .filter(|event| found.label_of(event) == Some(label))
            .map(|event| event.span.onset())
            .collect();
        let near = |onset: &&f64| {
            own.iter()
                .any(|found| (found - **onset).abs() < CALL_SECS / 2.0)
        };
        let hits = onsets[5..].iter().filter(near).count();
        assert!(hits + 1 >= onsets.len() - 5, "{label}: {own:?}");
        assert!(own.len() <= hits + 1, "{label}: {own:?}");
    }

    fitted.save(&file).unwrap();
    let kept = Detector::load(&file, KeptOptions::default(), Device::Cpu).unwrap();
    let by_kept = kept.detect(&other, |_| {}).unwrap();
    assert_eq!(by_kept, fitted.detect(&other, |_| {}).unwrap());
    assert_eq!(
        by_kept.labels,
        ["hum", "whistle"].map(|label| Some(label.to_owned()))
    );
    assert_eq!(kept.learned(), fitted.learned());
    let pictures = kept.shot_pictures();
    let of_hums = pictures.iter().filter(|picture| picture.kind == 0);
    assert_eq!((pictures.len(), of_hums.count()), (10, 5));

    let template = Fitter::new(TemplateConfig::default().into()).unwrap();
    let refused = template.fit(&marked, |_| {}).unwrap_err();
    assert!(matches!(refused, DetectError::SeveralKinds), "{refused}");
}

/// Every marked hum has a louder whistle with it; behind the marks hums and whistles come alone.
#[test]
fn what_lies_outside_of_the_frequencies_of_the_marks_decides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("hums.wav");
    let (hums, whistles) = ([6.0, 7.0, 8.0, 9.5, 11.0], [6.5, 7.5, 8.6, 10.2]);
    let both = [1.0, 2.0, 3.0, 4.0, 5.0];
    let rate = 22_050.0;
    let mut noise = 1_u32;
    let sample = |n: u32| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let secs = f64::from(n) / rate;
        let sounds = |onsets: &[f64], hz: f64| {
            let onset = onsets.iter().find(|&&o| (o..o + CALL_SECS).contains(&secs));
            let tone = |onset: &f64| {
                let share = (secs - onset) / CALL_SECS;
                (std::f64::consts::PI * share).sin() * (std::f64::consts::TAU * hz * secs).sin()
            };
            onset.map_or(0.0, tone)
        };
        let hum = 0.1 * (sounds(&both, 600.0) + sounds(&hums, 600.0));
        let whistle = 0.3 * (sounds(&both, 5000.0) + sounds(&whistles, 5000.0));
        let hiss = 0.004 * (f64::from(noise) / f64::from(u32::MAX) - 0.5);
        (hum + whistle + hiss) as f32
    };
    let samples = (0..12 * 22_050).map(sample).collect();
    let sound = Waveform::mono(samples, SampleRate::new(22_050).unwrap());
    write_wav(&recording, &sound, WavEncoding::Int16).unwrap();

    let rows = both.map(|onset| format!("{onset},{},400,900\n", onset + CALL_SECS));
    let table = format!("onset,offset,low_hz,high_hz\n{}", rows.concat());
    let marks = parse_marks("marks.csv".as_ref(), table.as_bytes()).unwrap();
    let support = marks.support(&recording, 12.0, &ShotChoice::default());
    let marked = MarkedRecording {
        path: recording.clone(),
        channel: None,
        time_scale: None,
        support: support.unwrap(),
    };
    let fitter = Fitter::new(FrameConfig::default().into()).unwrap();
    let detector = fitter.fit(&[marked], |_| {}).unwrap();
    let band = EventBand {
        low_hz: 400.0,
        high_hz: 900.0,
        is_marked: true,
    };
    assert_eq!(detector.band(), Some(band));
    let found = detector.detect(&recording, |_| {}).unwrap().events;
    let near = |onset: f64| {
        let is_near = |event: &Event| (event.span.onset() - onset).abs() < CALL_SECS / 2.0;
        found.iter().any(is_near)
    };
    assert_eq!(hums.map(near), [true; 5], "{found:?}");
    assert_eq!(whistles.map(near), [false; 4], "{found:?}");
}

/// A detector in a file finds in another recording, at another rate, what the one in memory finds.
#[test]
fn a_kept_detector_finds_what_it_found_before() {
    let folder = tempfile::tempdir().unwrap();
    let [recording, other, file] =
        ["calls.wav", "other.wav", "calls.safetensors"].map(|name| folder.path().join(name));
    write_recording(&recording);
    let sound = AudioReader::open(&recording).unwrap().read_all().unwrap();
    let twice = sound.channels()[0].iter().flat_map(|&x| [x, x]).collect();
    let rate = SampleRate::new(2 * sound.sample_rate().hz()).unwrap();
    write_wav(&other, &Waveform::mono(twice, rate), WavEncoding::Int16).unwrap();

    let mut config = FrameConfig {
        ensemble: 2,
        ..FrameConfig::default()
    };
    config.fit.steps = 30;
    let marked = MarkedRecording {
        path: recording.clone(),
        channel: None,
        time_scale: None,
        support: support(&recording, ""),
    };
    let fitted = Fitter::new(config.into()).unwrap();
    let fitted = fitted.fit(&[marked], |_| {}).unwrap();
    fitted.save(&file).unwrap();
    let load = |options| Detector::load(&file, options, Device::Cpu);
    let kept = load(KeptOptions::default()).unwrap();
    let found = kept.detect(&other, |_| {}).unwrap();
    assert_eq!(found, fitted.detect(&other, |_| {}).unwrap());
    assert!(found.events.len() >= hidden_calls().len(), "{found:?}");
    assert_eq!(kept.learned(), fitted.learned());
    assert_eq!(kept.learned().to_string(), "5 marks of 1 recording");
    // The calls fall from 6000 to 3500 Hz.
    let band = fitted.band().unwrap();
    assert_eq!(kept.band(), Some(band));
    assert!(!band.is_marked, "the marks say nothing of frequencies");
    assert!((2500.0..4500.0).contains(&band.low_hz), "{band:?}");
    assert!((5000.0..7500.0).contains(&band.high_hz), "{band:?}");
    let pictures = kept.shot_pictures();
    let alike = |(kept, fitted): (&ShotPicture, &ShotPicture)| {
        let values = kept.values.iter().zip(&fitted.values);
        let differ = |(a, b): (&f32, &f32)| (a - b).abs() > 0.01 * b.abs().max(0.1);
        (kept.bands, &kept.shot) == (fitted.bands, &fitted.shot) && !values.into_iter().any(differ)
    };
    assert_eq!(pictures.len(), 5);
    assert!(pictures.iter().zip(&fitted.shot_pictures()).all(alike));

    let all = KeptOptions {
        threshold: Some(Threshold::Score(0.0)),
        ..KeptOptions::default()
    };
    let all = load(all).unwrap().detect(&other, |_| {}).unwrap();
    assert_eq!(all.events, found.candidates);
    let beyond = KeptOptions {
        threshold: Some(Threshold::Score(1.5)),
        ..KeptOptions::default()
    };
    assert!(matches!(load(beyond), Err(DetectError::Config { .. })));

    // A wanted precision is kept, too, and each recording gets its threshold by it.
    let by_score = |a: &&Event, b: &&Event| a.score.total_cmp(&b.score);
    let best = found.candidates.iter().max_by(by_score);
    let of_all = expected_precision(&found.candidates).unwrap();
    let wanted = 0.5 * (of_all + expected_precision(best).unwrap()) - 1e-6;
    let sure = KeptOptions {
        threshold: Some(Threshold::Precision(wanted as f32)),
        ..KeptOptions::default()
    };
    let sure = load(sure).unwrap();
    let file_of_sure = folder.path().join("sure.safetensors");
    sure.save(&file_of_sure).unwrap();
    let sure = sure.detect(&other, |_| {}).unwrap();
    let expected = expected_precision(&sure.events).unwrap();
    assert!(expected > wanted - 1e-6, "{expected} for {wanted}");
    let scores_enough = |event: &&Event| event.score >= sure.threshold;
    let enough = sure.candidates.iter().filter(scores_enough).count();
    assert_eq!(sure.events.len(), enough);
    let again = Detector::load(&file_of_sure, KeptOptions::default(), Device::Cpu).unwrap();
    assert_eq!(again.detect(&other, |_| {}).unwrap(), sure);
    let unheard_of = KeptOptions {
        threshold: Some(Threshold::Precision(1.0)),
        ..KeptOptions::default()
    };
    let refused = load(unheard_of).unwrap_err();
    assert!(matches!(refused, DetectError::PrecisionTooHigh { .. }));

    // The calls fall from 6000 to 3500 Hz.
    let low = folder.path().join("low.wav");
    let rate = SampleRate::new(6_000).unwrap();
    write_wav(
        &low,
        &Waveform::mono(vec![0.1; 60_000], rate),
        WavEncoding::Int16,
    )
    .unwrap();
    let refused = kept.detect(&low, |_| {}).unwrap_err();
    assert!(
        matches!(
            refused,
            DetectError::RateTooLow {
                held_hz: 3000.0,
                ..
            }
        ),
        "{refused}"
    );

    // As earlier versions wrote it, which did not know the frequencies of events.
    let whole = std::fs::read(&file).unwrap();
    let start = position(&whole, br#",\"band\":{"#);
    let end = start + position(&whole[start..], b"}") + 1;
    let mut earlier = whole.clone();
    earlier[start..end].fill(b' ');
    std::fs::write(&file, &earlier).unwrap();
    let earlier = load(KeptOptions::default()).unwrap();
    assert_eq!(earlier.band(), None);
    assert_eq!(earlier.detect(&other, |_| {}).unwrap(), found);

    // Cut, or of another kind.
    for length in [0, 7, 100, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&file, &whole[..length]).unwrap();
        let refused = load(KeptOptions::default());
        assert!(
            matches!(refused, Err(DetectError::NotADetector { .. })),
            "{length}"
        );
    }
    let config = DetectorConfig::from(FrameConfig::default());
    let encoder = config.built_in_model(Device::Cpu).unwrap().unwrap();
    Model::save(&file, &encoder.card, &encoder.encoder).unwrap();
    let refused = load(KeptOptions::default()).unwrap_err().to_string();
    assert!(refused.contains("it is an encoder"), "{refused}");
    std::fs::remove_file(&file).unwrap();
    assert!(matches!(
        load(KeptOptions::default()),
        Err(DetectError::Io { .. })
    ));
}

/// Where these bytes are.
fn position(bytes: &[u8], part: &[u8]) -> usize {
    let mut windows = bytes.windows(part.len());
    windows.position(|window| window == part).unwrap()
}

/// As where a header promises more than there is.
#[test]
fn shots_behind_the_end_of_a_recording_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("calls.wav");
    write_recording(&recording);
    let late = support_after(&recording, 5000.0, "");
    let refused = detect_like(&recording, late, FrameConfig::default()).unwrap_err();
    assert!(
        refused.to_string().contains("calls.wav: holds not"),
        "{refused}"
    );
}

#[test]
fn a_network_that_mixes_frames_is_refused() {
    let experiment = Experiment::preset("moummad-supcon", &[]).unwrap();
    let model = Model {
        encoder: Encoder::new(&experiment.encoder, INPUT, 0, Device::Cpu).unwrap(),
        card: ModelCard {
            channel: experiment.channel,
            front_end: experiment.features,
            normalization: Normalization::PatchMinMax,
            encoder: experiment.encoder,
            frames: 34,
            embed: experiment.embed,
            seed: 0,
            provenance: TrainingRecord::default(),
        },
    };
    let refused = Fitter::with_model(FrameConfig::default().into(), Some(model));
    assert!(matches!(refused, Err(DetectError::NotFrames { .. })));
}

/// The preset `calls` from imagined animals to a model file: stopped half-way and resumed, it ends in the same bytes.
#[test]
fn the_encoder_of_frames_trains_and_resumes_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let config = SyntheticConfig {
        recordings: 8,
        secs: 3.0,
        sample_rate: SampleRate::new(22_050).unwrap(),
        seed: 1,
    };
    let animals = folder.path().join("animals");
    config.write(&animals, &[], || ()).unwrap();
    let settings = ["train.max_steps=6", "train.batch_size=4", "train.threads=1"].map(String::from);
    let experiment = Experiment::preset("calls", &settings).unwrap();
    let source = format!("fewshot:{}", animals.display());
    let dataset = source
        .parse::<chiffchaff::dataset::DatasetSource>()
        .unwrap()
        .load()
        .unwrap();
    let (recordings, of_clip) = dataset.recordings();
    let cache = CacheConfig {
        dir: folder.path().join("cache"),
        precision: CachePrecision::default(),
    };
    let rate = experiment.features.sample_rate();
    let opened = FeatureCache::open(
        &cache,
        &recordings,
        &experiment.features,
        |clip| clip.read_mono(rate),
        |_, _| {},
    );
    let (cache, _) = opened.unwrap();
    let frame_rate = experiment.features.frame_rate();
    let labels_of = |recording: usize| {
        let of_this = dataset
            .clips
            .iter()
            .zip(&of_clip)
            .filter(move |(_, of)| **of == recording);
        let events = of_this.filter_map(|(clip, _)| Some((clip.span?, clip.label?)));
        FrameLabels::new(events, frame_rate)
    };
    let count = recordings.clips.len();
    let data = TrainingData {
        clips: FeatureSet::of(&cache, 0..count),
        sounds: FeatureSet::default(),
        frame_labels: (0..count).map(labels_of).collect(),
        labels: vec![None; count],
        names: (0..count).map(|n| format!("recording {n}")).collect(),
        provenance: TrainingRecord::default(),
    };
    let run = |name: &str, stop_at: Option<u64>| {
        let run = RunDir::new(folder.path().join(name));
        let stops = |step: u64| match stop_at {
            Some(last) if step == last => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        let mut outcome = pretrain(&experiment, &data, &run, Start::New, Device::Cpu, |p| {
            stops(p.metrics.step)
        })
        .unwrap();
        if outcome == Outcome::Interrupted {
            outcome = pretrain(&experiment, &data, &run, Start::Resume, Device::Cpu, |_| {
                ControlFlow::Continue(())
            })
            .unwrap();
        }
        assert!(matches!(outcome, Outcome::Finished(_)));
        std::fs::read(run.model()).unwrap()
    };
    assert!(run("whole", None) == run("in two", Some(3)));
}

//! Few-shot data → presets → detection: the way of `pretrain --data fewshot:…`, and the prototypical detector.
#![cfg(feature = "nn")]

mod few_shot_sound;

use chiffchaff::dataset::{Clip, DatasetSource, Support};
use chiffchaff::detect::prototypical::{Prototypes, PrototypesConfig, ShortestEvent};
use chiffchaff::detect::{Fitter, MarkedRecording};
use chiffchaff::encoder::{Model, TrainingRecord};
use chiffchaff::experiment::Experiment;
use chiffchaff::features::{CacheConfig, CachePrecision, FeatureCache, FeatureSet};
use chiffchaff::train::{Cut, Metrics, Outcome, RunDir, Start, TrainError, TrainingData, pretrain};
use few_shot_sound::{
    CALL_SECS, CALLS, OTHERS, found_and_false, hidden_calls, shots, write_recording,
};
use std::fmt::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use tch::Device;

/// A tree in DCASE's training layout, its features, and a place for runs.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bench = Self { folder };
        write_recording(&bench.recording());
        let mut table = "Audiofilename,Starttime,Endtime,WHISTLE,HUM\n".to_owned();
        let mut row = |onset: f64, marks: &str| {
            writeln!(table, "calls.wav,{onset},{},{marks}", onset + CALL_SECS).unwrap();
        };
        CALLS.iter().for_each(|&onset| row(onset, "POS,NEG"));
        OTHERS.iter().for_each(|&onset| row(onset, "UNK,POS"));
        std::fs::write(bench.recording().with_extension("csv"), table).unwrap();
        bench
    }

    fn recording(&self) -> PathBuf {
        self.folder.path().join("calls.wav")
    }

    /// Trains a preset with changes; stops after `stop_after` steps.
    fn train(
        &self,
        name: &str,
        preset: &str,
        settings: &[&str],
        start: Start,
        stop_after: u64,
    ) -> Result<Option<Metrics>, TrainError> {
        let settings: Vec<_> = settings.iter().map(ToString::to_string).collect();
        let experiment = Experiment::preset(preset, &settings).unwrap();
        let source = format!("fewshot:{}", self.folder.path().display());
        let dataset = source.parse::<DatasetSource>().unwrap().load().unwrap();
        assert_eq!(dataset.classes, ["HUM", "WHISTLE"]);
        let (recordings, of_clip) = dataset.recordings();
        let config = CacheConfig {
            dir: self.folder.path().join("cache"),
            precision: CachePrecision::F16,
        };
        let rate = experiment.features.sample_rate();
        let load = |clip: &Clip| clip.read_mono(rate);
        let opened =
            FeatureCache::open(&config, &recordings, &experiment.features, load, |_, _| {});
        let (cache, skipped) = opened.unwrap();
        assert_eq!(skipped, []);
        let Cut::Windows(cut) = &experiment.views.cut else {
            panic!("{preset} does not cut windows");
        };
        let mut clips = FeatureSet::default();
        for (clip, recording) in dataset.clips.iter().zip(of_clip) {
            let (rate, frames) = (experiment.features.frame_rate(), cache.frames(recording));
            let frames = cut.event_frames(clip.span.unwrap().into(), rate, frames);
            clips.push_stretch(&cache, recording, frames.unwrap());
        }
        let data = TrainingData {
            sounds: FeatureSet::default(),
            frame_labels: Vec::new(),
            names: (0..clips.len()).map(|clip| clip.to_string()).collect(),
            clips,
            labels: dataset.clips.iter().map(|clip| clip.label).collect(),
            provenance: TrainingRecord::default(),
        };
        let run = RunDir::new(self.folder.path().join(name));
        let outcome =
            pretrain(
                &experiment,
                &data,
                &run,
                start,
                Device::Cpu,
                |progress| match progress.metrics.step >= stop_after {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                },
            )?;
        Ok(match outcome {
            Outcome::Finished(metrics) => Some(metrics),
            Outcome::Interrupted => None,
        })
    }

    fn model(&self, name: &str) -> Model {
        Model::load(&self.folder.path().join(name), Device::Cpu).unwrap()
    }

    fn model_bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.path().join(name).join("encoder.safetensors")).unwrap()
    }
}

const NEVER: u64 = u64::MAX;

/// Small enough to train within seconds.
const TINY: [&str; 5] = [
    "encoder.type=resnet18",
    "encoder.width=4",
    "train.threads=1",
    "train.precision=fp32",
    "train.epochs=20",
];

#[test]
fn supervised_contrast_learns_from_marked_calls_in_both_presets() {
    let bench = Bench::new();
    for preset in ["moummad-supcon", "moummad-supcon-compat"] {
        let short = [
            &TINY[..],
            &[
                "train.batch_size=16",
                "train.learning_rate=0.02",
                "train.epochs=40",
            ],
        ]
        .concat();
        let metrics = bench.train(preset, preset, &short, Start::New, NEVER);
        let metrics = metrics.unwrap().unwrap();
        // 22 events of 26 frames are 22 patches, one batch an epoch.
        assert_eq!(metrics.step, 40);
        // Sixteen patches that are all the same would give ln 31 = 3.43.
        assert!(metrics.loss < 3.0, "{preset}: {}", metrics.loss);
    }
    assert_ne!(
        bench.model_bytes("moummad-supcon"),
        bench.model_bytes("moummad-supcon-compat")
    );
}

#[test]
fn episodes_resume_to_the_same_bytes() {
    let bench = Bench::new();
    let short = [
        &TINY[..],
        &["method.episodes_per_epoch=1", "train.max_steps=6"],
    ]
    .concat();
    let train = |name, start, until| bench.train(name, "prototypical", &short, start, until);
    train("whole", Start::New, NEVER).unwrap();
    assert!(train("halves", Start::New, 3).unwrap().is_none());
    train("halves", Start::Resume, NEVER).unwrap();
    assert_eq!(bench.model_bytes("whole"), bench.model_bytes("halves"));
}

#[test]
fn prototypes_find_the_planted_calls_after_some_episodes() {
    let bench = Bench::new();
    let short = [
        "train.threads=1",
        "train.epochs=1",
        "method.episodes_per_epoch=12",
        "train.learning_rate=0.001",
    ];
    bench
        .train("model", "prototypical", &short, Start::New, NEVER)
        .unwrap();
    let model = bench.model("model");
    let detect = |config: PrototypesConfig| {
        let marked = MarkedRecording {
            path: bench.recording(),
            channel: None,
            time_scale: None,
            support: Support::of_spans(shots(), Vec::new()).unwrap(),
        };
        let model = model.copy().unwrap();
        let fitter = Fitter::with_model(config.into(), Some(model)).unwrap();
        let detector = fitter.fit(&[marked], |_| {}).unwrap();
        detector.detect(&bench.recording(), |_| {}).unwrap().events
    };
    let events = detect(PrototypesConfig::default());
    let (found, wrong) = found_and_false(&events);
    let calls = hidden_calls().len();
    assert!(
        found >= calls - 1 && wrong <= 2,
        "{found} found, {wrong} wrong: {events:?}"
    );
    assert_eq!(events, detect(PrototypesConfig::default()));
    let others = [
        PrototypesConfig {
            margin_secs: 0.1,
            ..PrototypesConfig::default()
        },
        PrototypesConfig {
            threshold: 0.9999,
            ..PrototypesConfig::default()
        },
        PrototypesConfig {
            prototypes: Prototypes::Released,
            ..PrototypesConfig::default()
        },
        PrototypesConfig {
            seed: 1,
            ..PrototypesConfig::default()
        },
    ];
    for other in others {
        assert_ne!(events, detect(other.clone()), "{other:?}");
    }
    let long_only = detect(PrototypesConfig {
        shortest: ShortestEvent::Fixed { secs: 5.0 },
        ..PrototypesConfig::default()
    });
    assert_eq!(long_only, []);
}

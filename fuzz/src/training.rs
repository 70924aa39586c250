//! What a run reads: its settings, the feature cache, checkpoints, models, and its own results.
//!
//! Features, models and checkpoints are damaged copies of whole ones, made anew from today's code, so that the fuzzer
//! starts behind the checks of their outermost layers.

use crate::{damage::damaged, tree::plant};
use chiffchaff::{
    audio::{SampleRate, WavEncoding, Waveform, write_wav},
    dataset::{Clip, Dataset, Span, Support},
    detect::{Detector, Fitter, KeptOptions, MarkedRecording, frames::FrameConfig},
    encoder::{Model, TrainingRecord},
    experiment::{Experiment, PRESETS},
    features::{CacheConfig, CachePrecision, FeatureCache, FeatureSet},
    report,
    train::{RunDir, Start, TrainingData, pretrain},
};
use std::{convert::Infallible, fs, ops::ControlFlow, path::PathBuf, sync::LazyLock};
use tempfile::TempDir;

/// A configuration in TOML, as `--config` and every run directory hold it.
///
/// # Panics
/// At a finding.
pub fn experiment(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    // A first line that names a preset stands for it, what follows for `--set`.
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let read = match PRESETS.iter().any(|(name, _)| *name == first) {
        true => Experiment::preset(first, &lines.map(str::to_owned).collect::<Vec<_>>()),
        false => Experiment::parse("file.toml", &text, &[]),
    };
    match read {
        Ok(experiment) => {
            let again = Experiment::parse("again.toml", &experiment.to_toml(), &[]);
            assert_eq!(again.expect("what was written is read"), experiment);
            // May be refused, with a reason.
            let _ = experiment.features.extractor();
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A run directory as `report` reads it, and the report of it.
///
/// # Panics
/// At a finding.
pub fn run(bytes: &[u8]) {
    let (_, folder) = plant(bytes);
    let Ok(run) = report::Run::read(folder.path()) else {
        return;
    };
    if let Some(evaluation) = &run.evaluation {
        let _ = report::table(evaluation, 80);
        let _ = report::markdown(evaluation);
        let _ = report::csv(evaluation);
    }
    let _ = report::html(&[run]);
}

/// A damaged feature cache, which is read as far as it is whole, and the rest computed anew.
///
/// # Panics
/// At a finding.
pub fn features(bytes: &[u8]) {
    let whole = &*WHOLE;
    fs::write(&whole.cache_file, damaged(&whole.cache, bytes)).expect("a temporary file");
    let cache = whole.open_cache();
    assert_eq!(cache.usable().count(), CLIPS);
    for clip in 0..CLIPS {
        assert_eq!(cache.frames(clip), whole.frames);
        let mut first = vec![0.0; cache.bands()];
        cache.crop(clip, 0, 1, &mut first);
    }
}

/// A damaged model.
///
/// # Panics
/// At a finding.
pub fn model(bytes: &[u8]) {
    let model = damaged_tensors(&WHOLE.model, bytes);
    match Model::parse("encoder.safetensors", &model, tch::Device::Cpu) {
        Ok(model) => drop(model.card.front_end.extractor()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A damaged detector, which then searches a second of sound.
///
/// # Panics
/// At a finding.
pub fn detector(bytes: &[u8]) {
    let whole = &*DETECTOR;
    let path = whole.folder.path().join("damaged.safetensors");
    fs::write(&path, damaged_tensors(&whole.file, bytes)).expect("a temporary file");
    match Detector::load(&path, KeptOptions::default(), tch::Device::Cpu) {
        Ok(detector) => {
            assert!(detector.learned().typical_secs() >= 0.0);
            for picture in detector.shot_pictures() {
                assert!(picture.shot.end * picture.bands <= picture.values.len());
            }
            if let Ok(found) = detector.detect(&whole.sound, |_| {}) {
                assert!(found.candidates.len() >= found.events.len());
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A run that is resumed from a damaged checkpoint.
///
/// # Panics
/// At a finding.
pub fn checkpoint(bytes: &[u8]) {
    let whole = &*WHOLE;
    let run = RunDir::new(whole.folder.path().join("damaged"));
    fs::create_dir_all(run.path()).expect("a temporary folder");
    let checkpoint = damaged_tensors(&whole.checkpoint, bytes);
    fs::write(run.checkpoint(), checkpoint).expect("a temporary file");
    fs::write(run.metrics(), &whole.metrics).expect("a temporary file");
    // Whole or refused; what it learns from damaged weights is its own business.
    let _ = whole.train(&run, Start::Resume);
}

const CLIPS: usize = 4;

/// A small network on small images, so that a step takes milliseconds.
const TINY: [&str; 13] = [
    "encoder.width=4",
    "features.sample_rate=8000",
    "features.n_fft=256",
    "features.win_length=256",
    "features.hop_length=80",
    "features.n_mels=16",
    "features.f_max=4000.0",
    "augment.steps[4].frequency_width=4",
    "views.frames=32",
    "train.batch_size=2",
    "train.max_steps=1",
    "train.data_threads=1",
    "train.threads=1",
];

static WHOLE: LazyLock<Whole> = LazyLock::new(Whole::new);
static DETECTOR: LazyLock<KeptDetector> = LazyLock::new(KeptDetector::new);

/// A detector in a file, and a second of sound.
struct KeptDetector {
    folder: TempDir,
    sound: PathBuf,
    file: Vec<u8>,
}

impl KeptDetector {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let sound = folder.path().join("tone.wav");
        let rate = SampleRate::new(22_050).expect("a rate");
        let sample = |n: u32| (n as f32 * 0.3).sin() * if n % 4410 < 2205 { 0.5 } else { 0.01 };
        let tone = Waveform::mono((0..22_050).map(sample).collect(), rate);
        write_wav(&sound, &tone, WavEncoding::Int16).expect("a temporary file");
        let mut config = FrameConfig::default();
        config.fit.steps = 1;
        let shots = vec![Span::new(0.2, 0.3).expect("a span")];
        let marked = MarkedRecording {
            path: sound.clone(),
            channel: None,
            time_scale: None,
            support: Support::of_spans(shots, Vec::new()).expect("a shot"),
        };
        let fitter = Fitter::new(config.into()).expect("settings that fit");
        let detector = fitter.fit(&[marked], |_| {}).expect("a detector");
        let path = folder.path().join("whole.safetensors");
        detector.save(&path).expect("a temporary file");
        let file = fs::read(path).expect("a temporary file");
        Self {
            folder,
            sound,
            file,
        }
    }
}

/// The files of a run that went well.
struct Whole {
    folder: TempDir,
    experiment: Experiment,
    dataset: Dataset,
    frames: usize,
    cache_file: PathBuf,
    cache: Vec<u8>,
    model: Vec<u8>,
    checkpoint: Vec<u8>,
    metrics: Vec<u8>,
}

impl Whole {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let clips = (0..CLIPS).map(|number| {
            let path = folder.path().join(format!("{number}.wav"));
            fs::write(&path, "stands for a sound").expect("a temporary file");
            Clip::unlabelled(path)
        });
        let dataset = Dataset::new("tones", clips.collect(), Vec::new());
        let experiment = Experiment::preset("small", &TINY.map(str::to_owned));
        let mut whole = Self {
            dataset,
            experiment: experiment.expect("settings that fit"),
            frames: 0,
            cache_file: PathBuf::new(),
            cache: Vec::new(),
            model: Vec::new(),
            checkpoint: Vec::new(),
            metrics: Vec::new(),
            folder,
        };
        whole.frames = whole.open_cache().frames(0);
        let run = RunDir::new(whole.folder.path().join("run"));
        whole.train(&run, Start::New).expect("a run of one step");
        let read = |path: PathBuf| fs::read(path).expect("a file of the run");
        let cached = fs::read_dir(whole.folder.path().join("cache")).expect("the cache");
        let largest = cached
            .map(|entry| entry.expect("a file of the cache").path())
            .max_by_key(|path| fs::metadata(path).map_or(0, |file| file.len()));
        whole.cache_file = largest.expect("the cache's file");
        whole.cache = read(whole.cache_file.clone());
        whole.model = read(run.model());
        whole.checkpoint = read(run.checkpoint());
        whole.metrics = read(run.metrics());
        whole
    }

    fn open_cache(&self) -> FeatureCache {
        let config = CacheConfig {
            dir: self.folder.path().join("cache"),
            precision: CachePrecision::F16,
        };
        let front_end = &self.experiment.features;
        let rate = front_end.sample_rate();
        let load = |_: &Clip| {
            let tone = |i: u32| (i as f32 * 0.3).sin();
            Ok::<_, Infallible>(Waveform::mono((0..4000).map(tone).collect(), rate))
        };
        let opened = FeatureCache::open(&config, &self.dataset, front_end, load, |_, _| {});
        let (cache, skipped) = opened.expect("a cache, whatever it held before");
        assert_eq!(skipped, []);
        cache
    }

    fn train(&self, run: &RunDir, start: Start) -> Result<(), chiffchaff::train::TrainError> {
        let cache = self.open_cache();
        let data = TrainingData {
            clips: FeatureSet::of(&cache, 0..CLIPS),
            sounds: FeatureSet::default(),
            labels: vec![None; CLIPS],
            frame_labels: Vec::new(),
            names: (0..CLIPS).map(|clip| clip.to_string()).collect(),
            provenance: TrainingRecord::default(),
        };
        let device = tch::Device::Cpu;
        pretrain(&self.experiment, &data, run, start, device, |_| {
            ControlFlow::Continue(())
        })
        .map(drop)
    }
}

/// As [`damaged`], of a safetensors file: with a first byte that is odd, only its header, whose length stays right.
fn damaged_tensors(whole: &[u8], edits: &[u8]) -> Vec<u8> {
    let Some((first, edits)) = edits.split_first() else {
        return whole.to_vec();
    };
    if first % 2 == 0 {
        return damaged(whole, edits);
    }
    let (length, rest) = whole.split_first_chunk().expect("a header's length");
    let (header, values) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let header = damaged(header, edits);
    let length = header.len() as u64;
    [&length.to_le_bytes()[..], &header, values].concat()
}

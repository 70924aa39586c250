//! Training from sound files to a model: exact resume, independence of threads, learning.
#![cfg(feature = "nn")]

use chiffchaff::audio::{SampleRate, WavEncoding, Waveform, write_wav};
use chiffchaff::dataset::{Clip, Dataset};
use chiffchaff::encoder::{Model, TrainingRecord, embed};
use chiffchaff::experiment::Experiment;
use chiffchaff::features::{
    CacheConfig, CachePrecision, FeatureCache, FeatureSet, FrontEnd, SamplesConfig,
};
use chiffchaff::train::{Metrics, Outcome, RunDir, Start, TrainError, TrainingData, pretrain};
use std::ops::ControlFlow;
use std::path::Path;
use tch::Device;

/// A small network on small images, so that a step takes milliseconds.
const TINY: [&str; 10] = [
    "encoder.width=4",
    "features.sample_rate=8000",
    "features.n_fft=256",
    "features.win_length=256",
    "features.hop_length=80",
    "features.n_mels=16",
    "features.f_max=4000.0",
    "augment.steps[4].frequency_width=4",
    "views.frames=32",
    "train.batch_size=8",
];

fn experiment(more: &[&str]) -> Experiment {
    let overrides = TINY.iter().chain(more).map(ToString::to_string);
    Experiment::preset("small", &overrides.collect::<Vec<_>>()).unwrap()
}

/// 24 clips of a second: three kinds of sound, each clip with its own pitch and rhythm.
fn dataset(folder: &Path) -> Dataset {
    let rate = SampleRate::new(8000).unwrap();
    let clips = (0..24usize).map(|number| {
        let path = folder.join(format!("{number:02}.wav"));
        let sample = |i: usize| {
            let t = i as f32 / 8000.0;
            let pitch = 300.0 + 45.0 * number as f32;
            let tone = (std::f32::consts::TAU * pitch * t).sin();
            let noise = ((i * 2_654_435_761 + number * 97) % 1000) as f32 / 500.0 - 1.0;
            let beat = if (t * (3.0 + number as f32 / 4.0)).fract() < 0.4 {
                1.0
            } else {
                0.01
            };
            match number % 3 {
                0 => 0.3 * tone * beat,
                1 => 0.3 * noise * beat,
                _ => 0.15 * (tone + noise),
            }
        };
        let sound = Waveform::mono((0..8000).map(sample).collect(), rate);
        write_wav(&path, &sound, WavEncoding::Int16).unwrap();
        Clip {
            label: Some(number % 3),
            ..Clip::unlabelled(path)
        }
    });
    let classes = ["tone", "noise", "both"].map(String::from);
    Dataset::new("three kinds", clips.collect(), classes.to_vec())
}

fn cache(folder: &Path, dataset: &Dataset, front_end: &FrontEnd) -> FeatureCache {
    let config = CacheConfig {
        dir: folder.join("cache"),
        precision: CachePrecision::F16,
    };
    let rate = front_end.sample_rate();
    let load = |clip: &Clip| clip.read(rate, front_end.sound_channels());
    let opened = FeatureCache::open(&config, dataset, front_end, load, |_, _| {});
    let (cache, skipped) = opened.unwrap();
    assert_eq!(skipped, []);
    cache
}

fn data<'a>(
    cache: &'a FeatureCache,
    sounds: &'a FeatureCache,
    dataset: &Dataset,
) -> TrainingData<'a> {
    let clips = 0..dataset.clips.len();
    TrainingData {
        clips: FeatureSet::of(cache, clips.clone()),
        sounds: FeatureSet::of(sounds, clips.clone()),
        frame_labels: Vec::new(),
        labels: dataset.clips.iter().map(|clip| clip.label).collect(),
        names: clips.map(|clip| format!("clip {clip}")).collect(),
        provenance: TrainingRecord::default(),
    }
}

/// Sound files and their features, and a place for runs.
struct Bench {
    folder: tempfile::TempDir,
    dataset: Dataset,
    cache: FeatureCache,
    sounds: FeatureCache,
}

impl Bench {
    fn new() -> Self {
        Self::hearing(&experiment(&[]).features)
    }

    /// With the features of another front end.
    fn hearing(front_end: &FrontEnd) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dataset = dataset(folder.path());
        let samples = FrontEnd::Samples(SamplesConfig::heard_by(front_end));
        Self {
            cache: cache(folder.path(), &dataset, front_end),
            sounds: cache(folder.path(), &dataset, &samples),
            folder,
            dataset,
        }
    }

    /// With what `change` makes of the sound of every clip, in files of the same names.
    fn resounded(self, front_end: &FrontEnd, change: impl Fn(Waveform) -> Waveform) -> Self {
        for clip in &self.dataset.clips {
            let sound = clip.read_mono(SampleRate::new(8000).unwrap()).unwrap();
            write_wav(&clip.path, &change(sound), WavEncoding::Int16).unwrap();
        }
        let Self {
            folder, dataset, ..
        } = self;
        let samples = FrontEnd::Samples(SamplesConfig::heard_by(front_end));
        Self {
            cache: cache(folder.path(), &dataset, front_end),
            sounds: cache(folder.path(), &dataset, &samples),
            folder,
            dataset,
        }
    }

    fn run_dir(&self, name: &str) -> RunDir {
        RunDir::new(self.folder.path().join(name))
    }

    /// Trains until the end, or until `stop_after` steps of this call.
    fn train(
        &self,
        name: &str,
        start: Start,
        settings: &[&str],
        stop_after: usize,
    ) -> Result<(Outcome, Vec<Metrics>), TrainError> {
        let mut seen = Vec::new();
        let outcome = pretrain(
            &experiment(settings),
            &data(&self.cache, &self.sounds, &self.dataset),
            &self.run_dir(name),
            start,
            Device::Cpu,
            |progress| {
                seen.push(progress.metrics.clone());
                if seen.len() == stop_after {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            },
        )?;
        Ok((outcome, seen))
    }

    fn model_bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.run_dir(name).model()).unwrap()
    }
}

#[test]
fn a_resumed_run_ends_in_the_same_bytes_whatever_the_data_threads() {
    let bench = Bench::new();
    for precision in ["train.precision=fp32", "train.precision=bf16"] {
        let name = |part: &str| format!("{part} {precision}");
        let settings = [precision, "train.threads=1", "train.max_steps=7"];
        let whole = bench.train(&name("whole"), Start::New, &settings, usize::MAX);
        assert!(matches!(whole.unwrap().0, Outcome::Finished(_)));

        // Stopped in the middle of the second epoch (three steps each), and again in the third.
        let parts = name("parts");
        let threaded = [&settings[..], &["train.data_threads=3"]].concat();
        let (outcome, _) = bench.train(&parts, Start::New, &threaded, 4).unwrap();
        assert_eq!(outcome, Outcome::Interrupted);
        let (outcome, seen) = bench.train(&parts, Start::Resume, &settings, 2).unwrap();
        assert_eq!((outcome, seen[0].step), (Outcome::Interrupted, 5));
        bench
            .train(&parts, Start::Resume, &threaded, usize::MAX)
            .unwrap();

        assert!(
            bench.model_bytes(&name("whole")) == bench.model_bytes(&parts),
            "models differ at {precision}"
        );
        let lines = std::fs::read_to_string(bench.run_dir(&parts).metrics()).unwrap();
        assert_eq!(lines.lines().count(), 7);
    }
}

/// What a run in two parts leaves is what a run in one leaves; the model of it.
fn resumed(bench: &Bench, settings: &[&str]) -> Model {
    let settings = [settings, &["train.threads=1", "train.max_steps=3"]].concat();
    bench
        .train("whole", Start::New, &settings, usize::MAX)
        .unwrap();
    bench.train("parts", Start::New, &settings, 1).unwrap();
    bench
        .train("parts", Start::Resume, &settings, usize::MAX)
        .unwrap();
    assert!(bench.model_bytes("whole") == bench.model_bytes("parts"));
    Model::load(&bench.run_dir("whole").model(), Device::Cpu).unwrap()
}

#[test]
fn images_of_several_channels_train_and_their_model_loads() {
    let coloured = resumed(&Bench::new(), &["normalization=imagenet"]);
    assert_eq!(coloured.encoder.input().channels, 3);

    let stereo = STEREO;
    let bench = Bench::hearing(&experiment(&[stereo]).features);
    let trained = resumed(&bench, &[stereo]);
    assert_eq!(trained.encoder.input().channels, 6);
}

#[test]
fn blocks_left_out_by_chance_are_the_same_after_a_resume() {
    let settings = [r#"encoder={ type = "efficientnet-b0", stochastic_depth = 0.5 }"#];
    resumed(&Bench::new(), &settings);
}

/// Every kind of draw: one number, noise, a room, another clip.
const OF_SOUND: &str = r#"augment.waveform=[
    { type = "time-stretch", probability = 0.5 }, { type = "background" }, { type = "reverb" },
    { type = "noise", views = "first" }, { type = "gain", drawn_for = "batch" },
]"#;

#[test]
fn augmented_sound_is_the_same_whatever_the_data_threads_and_after_a_resume() {
    let bench = Bench::new();
    let settings = [OF_SOUND, "train.threads=1", "train.max_steps=5"];
    let alone = [&settings[..], &["train.data_threads=1"]].concat();
    let (_, whole) = bench
        .train("whole", Start::New, &alone, usize::MAX)
        .unwrap();
    let threaded = [&settings[..], &["train.data_threads=8"]].concat();
    bench.train("parts", Start::New, &threaded, 2).unwrap();
    let resumed = bench.train("parts", Start::Resume, &threaded, usize::MAX);
    resumed.unwrap();
    assert!(bench.model_bytes("whole") == bench.model_bytes("parts"));
    let plain = ["train.threads=1", "train.max_steps=5"];
    let (_, plain) = bench
        .train("plain", Start::New, &plain, usize::MAX)
        .unwrap();
    assert!(
        whole[0].loss != plain[0].loss,
        "the augmentation is not heard"
    );
}

const STEREO: &str = r#"features={
    type = "three-band", sample_rate = 8000, n_fft = 128, win_length = 128, hop_length = 80, channels = "stereo",
}"#;

#[test]
fn stereo_is_stereo_where_sound_is_augmented_and_channel_swap_acts() {
    // A quiet echo of each clip, backwards, is on the right.
    let two_sided = |sound: Waveform| {
        let left = sound.channels()[0].clone();
        let right = left.iter().rev().map(|sample| 0.25 * sample).collect();
        Waveform::from_channels(vec![left, right], sound.sample_rate()).unwrap()
    };
    let front_end = experiment(&[STEREO]).features;
    let hearing = |change: &dyn Fn(Waveform) -> Waveform| {
        Bench::hearing(&front_end).resounded(&front_end, change)
    };
    let trained = |bench: &Bench, name: &str, augment: &str| {
        let settings = [
            STEREO,
            augment,
            "normalization=none",
            "augment.steps=[]",
            "train.max_steps=1",
            "train.threads=1",
        ];
        bench
            .train(name, Start::New, &settings, usize::MAX)
            .unwrap();
        bench.model_bytes(name)
    };
    let gain = r#"augment.waveform=[{ type = "gain" }]"#;
    let apart = hearing(&two_sided);
    let mixed = hearing(&|sound| two_sided(sound).mix_down());
    let of_sides = trained(&apart, "gain", gain);
    assert!(
        of_sides != trained(&mixed, "gain", gain),
        "the mix is heard twice"
    );
    let swapped = hearing(&|sound| {
        let sides = two_sided(sound);
        let channels = sides.channels().iter().rev().cloned().collect();
        Waveform::from_channels(channels, sides.sample_rate()).unwrap()
    });
    let none = r#"augment.waveform=[{ type = "gain", gain_db = [0.0, 0.0] }]"#;
    let swap = r#"augment.waveform=[{ type = "channel-swap" }]"#;
    let weights = |bench: &Bench, name: &str, augment: &str| {
        trained(bench, name, augment);
        let model = Model::load(
            &bench.run_dir(name).path().join("encoder.safetensors"),
            Device::Cpu,
        );
        let embeddings = embed(
            &model.unwrap(),
            &FeatureSet::of(&apart.cache, 0..24),
            |_| {},
        );
        embeddings.unwrap()
    };
    let exchanged = weights(&swapped, "none", none);
    assert_eq!(weights(&apart, "swap", swap), exchanged);
    assert_ne!(weights(&apart, "none", none), exchanged);
}

#[test]
fn clips_replaced_by_others_of_the_same_length_are_not_resumed() {
    let front_end = experiment(&[]).features;
    let bench = Bench::new();
    let settings = ["train.threads=1", "train.max_steps=4"];
    bench.train("run", Start::New, &settings, 2).unwrap();
    let backwards = |sound: Waveform| {
        let samples = sound.channels()[0].iter().rev().copied().collect();
        Waveform::mono(samples, sound.sample_rate())
    };
    let replaced = bench.resounded(&front_end, backwards);
    let error = replaced.train("run", Start::Resume, &settings, usize::MAX);
    let error = error.unwrap_err();
    assert!(matches!(error, TrainError::SoundDiffers { .. }), "{error}");
    let back = replaced.resounded(&front_end, backwards);
    back.train("run", Start::Resume, &settings, usize::MAX)
        .unwrap();
}

#[test]
fn another_seed_gives_another_model() {
    let bench = Bench::new();
    let seeds = ["train.seed=0", "train.seed=1"];
    for seed in seeds {
        bench
            .train(seed, Start::New, &[seed, "train.max_steps=2"], usize::MAX)
            .unwrap();
    }
    assert!(bench.model_bytes(seeds[0]) != bench.model_bytes(seeds[1]));
}

#[test]
fn resuming_with_other_settings_is_refused_by_name() {
    let bench = Bench::new();
    bench
        .train("run", Start::New, &["train.max_steps=4"], 2)
        .unwrap();
    let error = bench
        .train("run", Start::Resume, &["train.max_steps=5"], 9)
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("max_steps = 5") && text.contains("max_steps = 4"),
        "{text}"
    );
    let error = bench
        .train("run", Start::New, &["train.max_steps=4"], 9)
        .unwrap_err();
    assert!(error.to_string().contains("--resume"), "{error}");
    let run = bench.run_dir("run");
    std::fs::remove_file(run.checkpoint()).unwrap();
    std::fs::write(run.model(), "an encoder").unwrap();
    for start in [Start::Resume, Start::New] {
        let error = bench
            .train("run", start, &["train.max_steps=4"], 9)
            .unwrap_err();
        assert!(error.to_string().contains("run: "), "{error}");
    }
}

#[test]
fn a_run_that_ended_before_its_first_checkpoint_starts_anew_and_resumes_alike() {
    let bench = Bench::new();
    let settings = ["train.max_steps=4"];
    bench.train("whole", Start::New, &settings, 9).unwrap();
    let model = |name: &str| std::fs::read(bench.run_dir(name).model()).unwrap();
    for (name, start) in [
        ("new", Start::New),
        ("resumed", Start::Resume),
        ("none", Start::Resume),
    ] {
        if name != "none" {
            let run = bench.run_dir(name);
            std::fs::create_dir(run.path()).unwrap();
            std::fs::write(run.experiment(), "what a killed run left").unwrap();
            std::fs::write(run.path().join(".checkpoint.safetensors.1-0.tmp"), "x").unwrap();
        }
        bench.train(name, start, &settings, 9).unwrap();
        assert!(model(name) == model("whole"), "{name}");
        assert!(
            !bench
                .run_dir(name)
                .path()
                .join(".checkpoint.safetensors.1-0.tmp")
                .exists()
        );
    }
}

#[test]
fn of_two_runs_into_one_directory_one_is_refused() {
    let bench = Bench::new();
    let race = || bench.train("run", Start::New, &["train.max_steps=4"], 9);
    let ended = std::thread::scope(|scope| {
        let both = [scope.spawn(race), scope.spawn(race)];
        both.map(|one| one.join().unwrap())
    });
    assert_eq!(
        ended.iter().filter(|ended| ended.is_ok()).count(),
        1,
        "{ended:?}"
    );
}

/// Every method on clips, with its settings, and how far its loss must fall in 60 steps on one batch of 24 clips.
///
/// The bounds: where all others look alike, `sim-clr` has ln 47 = 3.85, `sup-con` cannot go below ln 15 = 2.71, as each of a
/// class's 16 views competes with the other 14 positives, `moco` not below ln 3 = 1.10 as its queue holds two older keys of
/// every clip, and `swav` not below the entropy of its codes.
const METHODS: [(&str, &[&str], f64); 12] = [
    (
        "sim-clr",
        &["method={type='sim-clr', temperature=0.2, head={widths=[64,32], batch_norm=true}}"],
        0.8,
    ),
    (
        "sup-con",
        &["method={type='sup-con', temperature=0.2, head={widths=[64,32], batch_norm=true}}"],
        0.8,
    ),
    (
        "moco",
        &[
            "method={type='moco', temperature=0.2, queue=48, momentum=0.9, head={widths=[64,32], batch_norm=false}}",
        ],
        0.4,
    ),
    (
        "moco in groups, with clusters",
        &[
            "method={type='moco', temperature=0.2, queue=48, momentum=0.9, key_groups=4, \
          head={widths=[32], batch_norm=false}, cld={k_means={clusters=6}, temperature=0.2, weight=0.25, dim=16}}",
        ],
        0.4,
    ),
    (
        "npid",
        &[
            "method={type='npid', temperature=0.2, negatives=16, head={widths=[32], batch_norm=false}}",
        ],
        0.8,
    ),
    (
        "npid, all rows, with clusters",
        &[
            "method={type='npid', temperature=0.2, negatives=0, head={widths=[32], batch_norm=false}, \
          cld={k_means={clusters=6}, temperature=0.2, weight=1.0, dim=16}}",
        ],
        0.8,
    ),
    ("cola", &["method={type='cola', dim=32}"], 0.8),
    (
        "cola by cosine",
        &["method={type='cola', dim=32, similarity={type='dot-product', temperature=0.2}}"],
        0.8,
    ),
    (
        "swav",
        &[
            "method={type='swav', temperature=0.1, prototypes=12, queue=48, queue_from_epoch=2, frozen_steps=2, \
          head={widths=[64,32], batch_norm=true}}",
        ],
        0.3,
    ),
    (
        "swav with small views",
        &[
            "method={type='swav', temperature=0.1, prototypes=12, head={widths=[64,32], batch_norm=true}}",
            "views.small={count=3, frames=24}",
        ],
        0.3,
    ),
    (
        "clar",
        &[
            "method={type='clar', temperature=0.5, sound_encoder={width=4}, head={widths=[64,32], batch_norm=true}}",
        ],
        0.8,
    ),
    ("supervised", &["method={type='supervised'}"], 0.8),
];

/// The settings of a method with double quotes, and `more`.
fn with_method(method: &[&str], more: &[&str]) -> Vec<String> {
    let method = method.iter().map(|setting| setting.replace('\'', "\""));
    method.chain(more.iter().map(ToString::to_string)).collect()
}

#[test]
fn every_method_learns_its_batch() {
    let bench = Bench::new();
    for (name, method, fall) in METHODS {
        let more = [
            "augment.steps=[]",
            "train.max_steps=60",
            "train.batch_size=24",
            "train.threads=1",
        ];
        let settings = with_method(method, &more);
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let (_, seen) = bench
            .train(name, Start::New, &settings, usize::MAX)
            .unwrap();
        let mean = |some: &[Metrics]| some.iter().map(|m| m.loss).sum::<f64>() / some.len() as f64;
        let (first, last) = (mean(&seen[..5]), mean(&seen[50..]));
        assert!(last < first - fall, "{name} goes from {first} to {last}");
        let state = seen[59].diagnostics.unwrap();
        assert!(state.collapse().is_none(), "{name}: {state:?}");
    }
}

#[test]
fn every_method_resumes_to_the_same_bytes() {
    let bench = Bench::new();
    for (name, method, _) in METHODS {
        let settings = with_method(method, &["train.threads=1", "train.max_steps=7"]);
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        bench
            .train(name, Start::New, &settings, usize::MAX)
            .unwrap();
        let parts = format!("{name}, in parts");
        bench.train(&parts, Start::New, &settings, 4).unwrap();
        let resumed = bench.train(&parts, Start::Resume, &settings, usize::MAX);
        resumed.unwrap();
        assert!(
            bench.model_bytes(name) == bench.model_bytes(&parts),
            "{name} differs"
        );
        let checkpoints = [name, &parts].map(|run| bench.run_dir(run).checkpoint());
        let [whole, parts] = checkpoints.map(|path| tensors(&path));
        assert!(whole == parts, "{name} remembers otherwise");
    }
}

/// Everything a checkpoint holds but its header, which counts seconds.
fn tensors(checkpoint: &Path) -> Vec<u8> {
    let bytes = std::fs::read(checkpoint).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap());
    bytes[8 + header as usize..].to_vec()
}

#[test]
fn a_model_read_from_its_file_embeds_as_it_did() {
    let bench = Bench::new();
    bench
        .train("run", Start::New, &["train.max_steps=3"], usize::MAX)
        .unwrap();
    let all = FeatureSet::of(&bench.cache, 0..24);
    let [first, second] = [
        bench.run_dir("run").path().to_owned(),
        bench.run_dir("run").model(),
    ]
    .map(|path| embed(&Model::load(&path, Device::Cpu).unwrap(), &all, |_| {}).unwrap());
    assert_eq!(first, second);
    // Three stages of 8, 16 and 32 channels, three statistics each.
    assert_eq!((first.items(), first.dim()), (24, 3 * (8 + 16 + 32)));

    let model = Model::load(&bench.run_dir("run").model(), Device::Cpu).unwrap();
    let untrained = embed(&model.untrained().unwrap(), &all, |_| {}).unwrap();
    assert_ne!(untrained, first);
    // A clip alone is embedded as among others.
    let alone = embed(&model, &FeatureSet::of(&bench.cache, [5]), |_| {}).unwrap();
    for (a, b) in alone.row(0).iter().zip(first.row(5)) {
        assert!((a - b).abs() <= 1e-4 * (1.0 + b.abs()));
    }
}

#[test]
fn labels_are_asked_for_only_by_methods_that_use_them() {
    let mut bench = Bench::new();
    bench.dataset.clips[3].label = None;
    bench
        .train("sim-clr", Start::New, &["train.max_steps=1"], usize::MAX)
        .unwrap();
    let settings = ["train.max_steps=1", "method.type=sup-con"];
    let error = bench
        .train("sup-con", Start::New, &settings, usize::MAX)
        .unwrap_err();
    assert!(error.to_string().contains("clip 3"), "{error}");
}

#[test]
fn sound_is_heard_by_a_method_that_asks_for_it_and_augmented_where_asked() {
    let mut bench = Bench::new();
    bench
        .dataset
        .clips
        .iter_mut()
        .step_by(2)
        .for_each(|clip| clip.label = None);
    let clar = r#"method={type="clar", temperature=0.5, sound_encoder={width=2}, head={widths=[16], batch_norm=false}}"#;
    let settings = [clar, "train.max_steps=2", "train.threads=1"];
    let loss = |name: &str, more: &str| {
        let settings = [&settings[..], &[more]].concat();
        let (_, seen) = bench
            .train(name, Start::New, &settings, usize::MAX)
            .unwrap();
        seen[0].loss
    };
    let plain = loss("plain", "train.data_threads=1");
    assert_eq!(loss("again", "train.data_threads=4"), plain);
    // The sound alone is turned upside down: no spectrogram shows that.
    let flipped = loss(
        "flipped",
        r#"augment.waveform=[{ type = "polarity-flip" }]"#,
    );
    assert!(flipped != plain);
    let unlabelled = loss("without labels", "method.label_weight=0.0");
    assert!(unlabelled < plain, "{unlabelled} and {plain}");
}

#[test]
fn a_diverging_run_stops_with_step_and_clips() {
    let bench = Bench::new();
    let settings = [
        "train.learning_rate=1e6",
        "train.max_steps=50",
        "train.precision=fp32",
    ];
    let error = bench
        .train("run", Start::New, &settings, usize::MAX)
        .unwrap_err();
    let text = error.to_string();
    assert!(text.contains("at step") && text.contains("clip "), "{text}");
}

#[test]
fn fewer_clips_than_a_batch_are_named() {
    let bench = Bench::new();
    let error = bench
        .train("run", Start::New, &["train.batch_size=25"], usize::MAX)
        .unwrap_err();
    assert!(error.to_string().contains("24 training patches"), "{error}");
}

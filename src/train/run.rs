//! One training run, from its first step or from a checkpoint to its last.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tch::{Device, Tensor};

use super::batches::{Batch, Batches, FeatureView, View};
use super::checkpoint::{self, Checkpoint, CheckpointHeader};
use super::error::file_error;
use super::feed::for_each_batch;
use super::memory_need::{self, DataSize, MemoryNeed};
use super::metrics::{MetricsLog, Speedometer, keep_metrics_until, last_metrics};
use super::sound_views::SoundViews;
use super::{Diagnostics, FrameLabels, Metrics, Moment, Optimizer, TrainError};
use crate::augment::spectrogram::{LogUnit, Patch, Pipeline};
use crate::cores::{Threads, compute_with};
use crate::encoder::{
    Encoder, InputShape, Mode, Model, ModelCard, Pass, StartingWeights, TrainingRecord,
    layout::images,
};
use crate::experiment::Experiment;
use crate::features::{FeatureSet, Normalization};
use crate::method::{Method, MethodConfig, MethodParts, Step, StepInput};
use crate::output::Claim;

/// What a run hears.
#[derive(Debug, Default)]
pub struct TrainingData<'a> {
    /// The features of every clip.
    pub clips: FeatureSet<'a>,
    /// The sound of every clip, as [`FrontEnd::Samples`](crate::features::FrontEnd::Samples) gives it; empty unless
    /// [`Experiment::hears_sound`].
    pub sounds: FeatureSet<'a>,
    /// The label of every clip, where it has one.
    pub labels: Vec<Option<usize>>,
    /// What the frames of every clip are of; empty unless the method compares frames.
    pub frame_labels: Vec<FrameLabels>,
    /// The name of every clip, for messages.
    pub names: Vec<String>,
    /// What the data is called, and which folds were left out; goes into the model.
    pub provenance: TrainingRecord,
}

/// From where to train.
#[derive(Debug, Clone, Copy)]
pub enum Start<'w> {
    /// The beginning; refuses a directory that already holds a run.
    New,
    /// The beginning, with an encoder that starts from these weights.
    From(&'w StartingWeights),
    /// The last checkpoint; the beginning, where the run ended before its first one.
    Resume,
    /// As [`Start::Resume`]; the beginning is with an encoder that starts from these weights.
    ResumeFrom(&'w StartingWeights),
}

/// How a call to [`pretrain`] ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// All epochs are done; the model is in the run directory.
    Finished(Metrics),
    /// The observer asked to stop; the checkpoint is up to date.
    Interrupted,
}

/// What an observer is told after every step.
#[derive(Debug)]
pub struct Progress<'a> {
    /// The step's numbers.
    pub metrics: &'a Metrics,
    /// Steps of the whole run.
    pub total_steps: u64,
}

/// The files of a run.
#[derive(Debug, Clone)]
pub struct RunDir(PathBuf);

impl RunDir {
    /// The run in this directory, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Whether there is something to go on from or to lose: a checkpoint or a model. A run that ended before its first
    /// checkpoint has a configuration at most.
    pub fn is_begun(&self) -> bool {
        self.checkpoint().exists() || self.model().exists()
    }

    /// The resolved configuration.
    pub fn experiment(&self) -> PathBuf {
        self.0.join("experiment.toml")
    }

    /// One JSON object a line.
    pub fn metrics(&self) -> PathBuf {
        self.0.join("metrics.jsonl")
    }

    /// What resume needs.
    pub fn checkpoint(&self) -> PathBuf {
        self.0.join("checkpoint.safetensors")
    }

    /// The trained encoder with its front end.
    pub fn model(&self) -> PathBuf {
        self.0.join("encoder.safetensors")
    }
}

/// Trains an encoder and writes it, with everything needed to resume or repeat, into `run`.
///
/// `observe` hears of every step and may ask to stop.
///
/// # Errors
/// If settings and data do not fit together, the loss stops being finite, or the disk refuses.
/// The last checkpoint is whole in every case. [`TrainError::Output`] while another process trains into `run`.
///
/// # Panics
/// If sound is heard or augmented, and there is not one for each clip.
pub fn pretrain(
    experiment: &Experiment,
    data: &TrainingData<'_>,
    run: &RunDir,
    start: Start<'_>,
    device: Device,
    mut observe: impl FnMut(&Progress<'_>) -> ControlFlow<()>,
) -> Result<Outcome, TrainError> {
    let weights = match start {
        Start::From(weights) | Start::ResumeFrom(weights) => Some(weights),
        Start::New | Start::Resume => None,
    };
    let mut training = Training::new(experiment, data, run, weights, device)?;
    let _claim = Claim::of(run.path(), "in training")?;
    match start {
        Start::New | Start::From(_) => training.begin()?,
        Start::Resume | Start::ResumeFrom(_) if run.is_begun() => training.resume()?,
        Start::Resume | Start::ResumeFrom(_) => training.begin()?,
    }
    training.run(&mut observe)
}

/// The state of a run between two steps.
struct Training<'a> {
    experiment: &'a Experiment,
    data: &'a TrainingData<'a>,
    run: &'a RunDir,
    batches: Batches<'a>,
    encoder: Encoder,
    method: Method,
    optimizer: Optimizer,
    labels: Vec<i64>,
    header: CheckpointHeader,
    device: Device,
}

impl<'a> Training<'a> {
    fn new(
        experiment: &'a Experiment,
        data: &'a TrainingData<'a>,
        run: &'a RunDir,
        weights: Option<&StartingWeights>,
        device: Device,
    ) -> Result<Self, TrainError> {
        let config = &experiment.train;
        must_fit(experiment, data, device)?;
        let threads = config.compute_threads();
        compute_with(Threads::of_setting(config.threads));
        let normalization = Normalization::fit(
            experiment.normalization,
            (0..data.clips.len()).map(|clip| data.clips.features(clip)),
        );
        let input = InputShape {
            channels: normalization.channels(data.clips.channels()),
            bands: data.clips.bands(),
        };
        let encoder = Encoder::new(&experiment.encoder, input, config.seed, device)?;
        if let Some(weights) = weights {
            encoder.start_from(weights)?;
        }
        let parts = MethodParts {
            encoder: &encoder,
            encoder_config: &experiment.encoder,
            clips: data.clips.len(),
            classes: data
                .labels
                .iter()
                .flatten()
                .max()
                .map_or(0, |last| last + 1),
            seed: !config.seed,
        };
        let method = Method::new(&experiment.method, &parts)?;
        let mut weights = encoder.parameters().weights();
        weights.extend(method.weights());
        let header = CheckpointHeader {
            step: 0,
            elapsed_secs: 0.0,
            experiment: experiment.identity(),
            data: identity(data),
            sound: Some(sound_identity(data)),
            precision: config.precision.resolve(&experiment.encoder, device),
            threads,
            normalization,
        };
        let labels = labels(experiment, data)?;
        let augment = |frames| {
            let patch = Patch {
                bands: data.clips.bands(),
                frames,
                unit: experiment.log_unit().unwrap_or(LogUnit::Ln),
            };
            Pipeline::new(&experiment.augment.of_spectrogram(), patch)
        };
        let views = &experiment.views;
        let mut batches = Batches::new(
            &data.clips,
            views,
            augment(views.frames)?,
            config.batch_size,
            config.seed,
        );
        if let Some(small) = views.small {
            batches = batches.with_small_views(small.count, augment(small.frames)?);
        }
        if experiment.hears_sound() {
            assert_eq!(
                data.sounds.len(),
                data.clips.len(),
                "one sound for each clip"
            );
            let config = experiment.augment.of_waveform();
            let sounds = SoundViews::new(&data.sounds, &config, &experiment.features)?;
            batches = batches.with_sounds(sounds, experiment.method.view_forms());
        }
        match &experiment.method {
            MethodConfig::Prototypical(episodes) => {
                batches = batches.with_episodes(*episodes, &labels);
            }
            MethodConfig::FrameSupCon(config) => {
                batches = batches.with_frame_labels(&data.frame_labels, config);
            }
            _ => {}
        }
        if let Some(classes) = batches.episode_classes().filter(|&classes| classes < 2) {
            return Err(TrainError::TooFewClasses { classes });
        }
        if batches.steps_per_epoch() == 0 {
            return Err(TrainError::TooFewPatches {
                patches: batches.patches(),
                batch_size: config.batch_size,
            });
        }
        Ok(Self {
            labels,
            optimizer: Optimizer::new(&config.optimizer, config.weight_decay_on, weights),
            experiment,
            data,
            run,
            batches,
            encoder,
            method,
            header,
            device,
        })
    }

    /// Makes the run directory, refusing to write over another run.
    fn begin(&self) -> Result<(), TrainError> {
        let run = self.run;
        if run.is_begun() {
            return Err(TrainError::RunExists {
                path: run.path().to_owned(),
            });
        }
        keep_metrics_until(&run.metrics(), 0).map_err(file_error(&run.metrics()))?;
        let toml = self.experiment.to_toml();
        crate::write_whole(&run.experiment(), toml.as_bytes())
            .map_err(file_error(&run.experiment()))?;
        self.checkpoint()
    }

    /// Takes up the last checkpoint, and forgets the metrics of steps after it.
    fn resume(&mut self) -> Result<(), TrainError> {
        let path = self.run.checkpoint();
        if !path.exists() {
            return Err(TrainError::NothingToResume {
                path: self.run.path().to_owned(),
            });
        }
        let checkpoint = Checkpoint::read(&path)?;
        checkpoint.must_match(&self.header)?;
        checkpoint.restore(&self.encoder, &self.method, &mut self.optimizer)?;
        self.header = checkpoint.header;
        keep_metrics_until(&self.run.metrics(), self.header.step)
            .map_err(file_error(&self.run.metrics()))
    }

    fn run(
        mut self,
        observe: &mut dyn FnMut(&Progress<'_>) -> ControlFlow<()>,
    ) -> Result<Outcome, TrainError> {
        let mut log = MetricsLog::append(&self.run.metrics())?;
        let config = &self.experiment.train;
        let steps = self.batches.steps_per_epoch();
        let total_steps = config.total_steps(steps);
        let before = self.header.elapsed_secs;
        let started = Instant::now();
        let mut speed = Speedometer::start();
        let mut saved = Instant::now();
        let mut last = None;
        let (from, batches) = (self.header.step, self.batches.clone());
        let threads = config.data_threads.max(1);
        let finished = for_each_batch(
            &batches,
            from,
            total_steps,
            threads,
            |epoch, step, batch| {
                let moment = Moment {
                    epoch,
                    epochs: total_steps as f64 / steps as f64,
                    step,
                    steps_per_epoch: steps,
                };
                let rate = config.schedule.learning_rate(config.learning_rate, moment);
                let ends_epoch = step + 1 == steps;
                let (loss, seen) = self.step(&batch, epoch, rate)?;
                self.header.step += 1;
                self.header.elapsed_secs = before + started.elapsed().as_secs_f64();
                let metrics = Metrics {
                    step: self.header.step,
                    epoch: f64::from(epoch) + (step + 1) as f64 / steps as f64,
                    loss,
                    learning_rate: rate,
                    clips_per_sec: speed.per_sec(batch.clips.len()),
                    elapsed_secs: self.header.elapsed_secs,
                    threads: tch::get_num_threads() as usize,
                    diagnostics: ends_epoch.then(|| Diagnostics::of_step(&seen)),
                };
                log.write(&metrics)?;
                let told = observe(&Progress {
                    metrics: &metrics,
                    total_steps,
                });
                last = Some(metrics);
                let interrupted = told.is_break();
                if interrupted || saved.elapsed() >= Duration::from_secs_f64(config.checkpoint_secs)
                {
                    log.sync()?;
                    self.checkpoint()?;
                    saved = Instant::now();
                }
                if interrupted {
                    Err(Stop::Asked)
                } else {
                    Ok(())
                }
            },
        );
        match finished {
            Err(Stop::Asked) => return Ok(Outcome::Interrupted),
            Err(Stop::Failed(error)) => return Err(error),
            Ok(()) => {}
        }
        log.sync()?;
        self.checkpoint()?;
        self.save_model()?;
        let last = last.or_else(|| last_metrics(&self.run.metrics()));
        Ok(last.map_or(Outcome::Interrupted, Outcome::Finished))
    }

    /// Views → embeddings → loss → weights, once. Gives the loss as a number, and what was looked at.
    fn step(&mut self, batch: &Batch, epoch: u32, rate: f64) -> Result<(f64, Step), TrainError> {
        let labels: Vec<i64> = batch.clips.iter().map(|&clip| self.labels[clip]).collect();
        let labels = Tensor::from_slice(&labels).to_device(self.device);
        let [first, second] = &batch.views;
        let items = batch.clips.len();
        let views = [self.view(first, items)?, self.view(second, items)?];
        let small_views = (self.batches.augment_small().iter())
            .flat_map(|augment| (batch.small_views.iter()).map(|view| self.features(view, augment)))
            .collect::<Result<Vec<_>, _>>()?;
        let pass = Pass {
            mode: Mode::Training,
            precision: self.header.precision,
        };
        let input = StepInput {
            views: &views,
            small_views: &small_views,
            labels: &labels,
            clips: &batch.clips,
            frames: batch.frames.as_ref(),
            epoch: epoch.into(),
            step: self.header.step,
            pass,
        };
        let seen = self.method.step(&self.encoder, &input);
        let value = seen.loss.double_value(&[]);
        if !value.is_finite() {
            return Err(TrainError::NotFinite {
                loss: value,
                step: self.header.step + 1,
                clips: self.names(&batch.clips),
            });
        }
        let gradients =
            Tensor::f_run_backward(&[&seen.loss], self.optimizer.weights(), false, false)?;
        self.optimizer.step(gradients, rate);
        self.method.finish_step();
        Ok((value, seen))
    }

    /// One augmented view of `items` patches: normalised features, `[batch, channels, mels, frames]`, or sound,
    /// `[batch, 1, 1, samples]`.
    fn view(&self, view: &View, items: usize) -> Result<Tensor, TrainError> {
        match view {
            View::Features(view) => self.features(view, &self.batches.augment),
            View::Sound(values) => Ok(images(values, items, [1, 1], self.device)?),
        }
    }

    /// Augmented and normalised features, `[batch, channels, mels, frames]`.
    fn features(&self, view: &FeatureView, augment: &Pipeline) -> Result<Tensor, TrainError> {
        let clips = &self.data.clips;
        let shape = [clips.channels(), clips.bands()];
        let image = |values: &[f32]| images(values, view.draws.len(), shape, self.device);
        let normalization = &self.header.normalization;
        let patches = normalization.before_augmentation(image(&view.patches)?);
        let background = view.background.as_deref().map(image).transpose()?;
        let background = background.map(|b| normalization.before_augmentation(b));
        let augmented = augment.apply(&patches, &view.draws, background.as_ref());
        Ok(normalization.after_augmentation(augmented))
    }

    fn checkpoint(&self) -> Result<(), TrainError> {
        let path = self.run.checkpoint();
        let (encoder, method) = (&self.encoder, &self.method);
        checkpoint::save(&path, &self.header, encoder, method, &self.optimizer)
    }

    fn save_model(&self) -> Result<(), TrainError> {
        let card = ModelCard {
            channel: self.experiment.channel,
            front_end: self.experiment.features.clone(),
            normalization: self.header.normalization,
            encoder: self.experiment.encoder.clone(),
            frames: self.experiment.views.frames,
            embed: self.experiment.embed.clone(),
            seed: self.experiment.train.seed,
            provenance: self.data.provenance.clone(),
        };
        Ok(Model::save(&self.run.model(), &card, &self.encoder)?)
    }

    fn names(&self, clips: &[usize]) -> String {
        let names: Vec<_> = clips.iter().map(|&c| self.data.names[c].as_str()).collect();
        names.join(", ")
    }
}

/// Refuses a run that the memory of this machine cannot hold; that of other devices is not known.
fn must_fit(
    experiment: &Experiment,
    data: &TrainingData<'_>,
    device: Device,
) -> Result<(), TrainError> {
    if device != Device::Cpu {
        return Ok(());
    }
    let clips = data.clips.len();
    let size = DataSize {
        clips,
        channels: data.clips.channels(),
        patches: clips.saturating_mul(experiment.views.patches_per_clip),
    };
    let precision = experiment
        .train
        .precision
        .resolve(&experiment.encoder, device);
    MemoryNeed::of(experiment, precision, size).must_fit(memory_need::present())
}

/// Every clip's label, or −1 where the method asks for none.
fn labels(experiment: &Experiment, data: &TrainingData<'_>) -> Result<Vec<i64>, TrainError> {
    let unlabelled = data.labels.iter().position(Option::is_none);
    match unlabelled {
        _ if !data.frame_labels.is_empty() => Ok(vec![-1; data.labels.len()]),
        Some(clip) if experiment.method.needs_labels() => Err(TrainError::Unlabelled {
            clip: data.names[clip].clone(),
        }),
        _ => Ok(data
            .labels
            .iter()
            .map(|l| l.map_or(-1, |l| l as i64))
            .collect()),
    }
}

/// What tells one set of clips from another: names, lengths and labels, hashed.
fn identity(data: &TrainingData<'_>) -> String {
    let mut hash = Fnv::default();
    for labels in &data.frame_labels {
        hash.add(format!("{labels:?}\n").as_bytes());
    }
    for (clip, (name, label)) in data.names.iter().zip(&data.labels).enumerate() {
        let frames = data.clips.frames(clip);
        hash.add(format!("{name}\n{frames}\n{label:?}\n").as_bytes());
    }
    format!("{} clips, {:016x}", data.names.len(), hash.0)
}

/// What tells the sound of one set of clips from that of another, hashed: files of the same name and length may hold another.
fn sound_identity(data: &TrainingData<'_>) -> String {
    let mut hash = Fnv::default();
    for set in [&data.clips, &data.sounds] {
        for clip in 0..set.len() {
            let (checksum, frames) = set.identity(clip);
            hash.add(&checksum.to_le_bytes());
            hash.add(format!("{frames:?}").as_bytes());
        }
    }
    format!("{:016x}", hash.0)
}

/// The 64-bit FNV-1a hash: the same on every machine and in every version.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

/// Why the loop over batches ended early.
enum Stop {
    Asked,
    Failed(TrainError),
}

impl<E: Into<TrainError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

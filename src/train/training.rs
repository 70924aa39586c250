//! The state of a run between two steps, and what a step does to it.

use tch::{Device, Tensor};

use super::batches::{Batch, Batches, FeatureView, View};
use super::checkpoint::{self, Checkpoint, CheckpointHeader};
use super::error::file_error;
use super::memory_need::{self, DataSize, MemoryNeed};
use super::metrics::keep_metrics_until;
use super::{Experiment, Optimizer, RunDir, TrainError, TrainingData};
use crate::augment::spectrogram::Pipeline;
use crate::cores::{Threads, compute_with};
use crate::encoder::{
    Encoder, InputShape, Mode, Model, ModelCard, Pass, StartingWeights, layout::images,
};
use crate::features::Normalization;
use crate::method::{Method, MethodParts, Step, StepInput};

/// The state of a run between two steps.
pub(super) struct Training<'a> {
    pub(super) experiment: &'a Experiment,
    data: &'a TrainingData<'a>,
    pub(super) run: &'a RunDir,
    pub(super) batches: Batches<'a>,
    encoder: Encoder,
    method: Method,
    optimizer: Optimizer,
    labels: Vec<i64>,
    pub(super) header: CheckpointHeader,
    device: Device,
}

impl<'a> Training<'a> {
    pub(super) fn new(
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
            classes: data.classes(),
            seed: !config.seed,
        };
        let method = Method::new(&experiment.method, &parts)?;
        let mut weights = encoder.parameters().weights();
        weights.extend(method.weights());
        let header = CheckpointHeader {
            step: 0,
            elapsed_secs: 0.0,
            experiment: experiment.identity(),
            data: data.identity(),
            sound: Some(data.sound_identity()),
            precision: config.precision.resolve(&experiment.encoder, device),
            threads,
            normalization,
        };
        let labels = data.labels_for(experiment)?;
        let batches = Batches::new(experiment, data, &labels)?;
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
    pub(super) fn begin(&self) -> Result<(), TrainError> {
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
    pub(super) fn resume(&mut self) -> Result<(), TrainError> {
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

    /// Views → embeddings → loss → weights, once. Gives the loss as a number, and what was looked at.
    pub(super) fn step(
        &mut self,
        batch: &Batch,
        epoch: u32,
        rate: f64,
    ) -> Result<(f64, Step), TrainError> {
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
                clips: self.data.names_of(&batch.clips),
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

    pub(super) fn checkpoint(&self) -> Result<(), TrainError> {
        let path = self.run.checkpoint();
        let (encoder, method) = (&self.encoder, &self.method);
        checkpoint::save(&path, &self.header, encoder, method, &self.optimizer)
    }

    pub(super) fn save_model(&self) -> Result<(), TrainError> {
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

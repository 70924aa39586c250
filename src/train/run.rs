//! One training run, from its first step or from a checkpoint to its last.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};
use tch::Device;

use super::feed::for_each_batch;
use super::metrics::{MetricsLog, Speedometer, last_metrics};
use super::training::Training;
use super::{Diagnostics, Experiment, Metrics, Moment, RunDir, TrainError, TrainingData};
use crate::encoder::StartingWeights;
use crate::output::Claim;

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

impl Training<'_> {
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

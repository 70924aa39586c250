//! A linear layer on the encoder, trained anew for every fold together with as much of the encoder as is wished.

use rand::RngExt;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::{EvaluateError, Score, Task};
use crate::augment::{DrawKey, Purpose};
use crate::encoder::{Model, layout::images};
use crate::features::FeatureSet;
use crate::train::{
    Classifier, ClassifierParts, DecayScope, FreezeMode, Optimizer, OptimizerConfig,
    PrecisionChoice,
};

/// Patches that are judged at a time.
const JUDGED: usize = 64;

/// How much of the encoder learns along with the linear layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unfreeze {
    /// Nothing: the encoder is frozen.
    Nothing,
    /// Its last stage.
    Last,
    /// Its last two stages.
    LastTwo,
    /// All of it.
    #[default]
    All,
}

impl Unfreeze {
    fn stages(self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Last => 1,
            Self::LastTwo => 2,
            Self::All => usize::MAX,
        }
    }
}

/// Fine-tuning by gradient descent, for a number of epochs that is given beforehand (SYSTEMS §9).
///
/// An epoch visits each training clip once, in a patch at a random place, in batches of cross entropy, at a constant
/// learning rate with Adam. A clip is judged by the mean logits of overlapping patches. Nothing is chosen: the score is
/// that of the last epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FineTune {
    /// What learns. Default all.
    pub unfreeze: Unfreeze,
    /// What stays as it is in what does not learn. Default weights and statistics.
    pub freeze: FreezeMode,
    /// Epochs, within 1..=10000. Lin: 30, the default.
    pub epochs: u32,
    /// Clips of a step, at least 2. ESResNet: 16, the default.
    pub batch_size: usize,
    /// Learning rate of Adam. ESResNet: 2.5e-4, the default.
    pub learning_rate: f64,
    /// Number format of the encoder. Default `auto`.
    pub precision: PrecisionChoice,
    /// Keys every random draw. Default 0.
    pub seed: u64,
}

impl Default for FineTune {
    fn default() -> Self {
        Self {
            unfreeze: Unfreeze::All,
            freeze: FreezeMode::WeightsAndBn,
            epochs: 30,
            batch_size: 16,
            learning_rate: 2.5e-4,
            precision: PrecisionChoice::Auto,
            seed: 0,
        }
    }
}

/// How far fine-tuning has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FineTuneProgress {
    /// Folds that are done.
    pub folds_done: usize,
    /// Epochs done in the current fold.
    pub epoch: u32,
    /// Accuracy on the scored fold after that epoch.
    pub accuracy: f64,
}

impl FineTune {
    /// A linear layer alone, at the rate that suits it: 1e-3.
    pub fn frozen() -> Self {
        Self {
            unfreeze: Unfreeze::Nothing,
            learning_rate: 1e-3,
            ..Self::default()
        }
    }

    /// Scores `model` on the task, whose clip i has the features `clips[i]`: each scored fold is predicted by a copy of the
    /// encoder that was tuned on all others. [`Score::accuracy_by_epoch`] tells how it got there.
    ///
    /// # Errors
    /// If a setting is out of range, there is not one clip of features for each of the task, or the loss stops being finite.
    pub fn score(
        &self,
        task: &Task,
        model: &Model,
        clips: &FeatureSet<'_>,
        mut observe: impl FnMut(FineTuneProgress),
    ) -> Result<Score, EvaluateError> {
        self.check()?;
        if clips.len() != task.clips() {
            return Err(EvaluateError::Length {
                what: "features",
                given: clips.len(),
                clips: task.clips(),
            });
        }
        let (mut predictions, mut curves) = (Vec::new(), Vec::new());
        for (folds_done, &fold) in task.scored_folds().iter().enumerate() {
            let tuning = Tuning::new(self, task, model, clips)?;
            let told = |epoch, accuracy| {
                observe(FineTuneProgress {
                    folds_done,
                    epoch,
                    accuracy,
                });
            };
            let (predicted, curve) = tuning.run(fold, told)?;
            predictions.push((task.labels_of(&task.clips_in(fold)), predicted));
            curves.push(curve);
        }
        let mut score = Score::new(task, Vec::new(), &predictions);
        score.accuracy_by_epoch = curves;
        Ok(score)
    }

    fn check(&self) -> Result<(), EvaluateError> {
        let refuse = |key, given: String, required| {
            Err(EvaluateError::Config {
                key,
                given,
                required,
            })
        };
        if !(1..=10_000).contains(&self.epochs) {
            return refuse(
                "finetune.epochs",
                self.epochs.to_string(),
                "within 1..=10000",
            );
        }
        if self.batch_size < 2 {
            let given = self.batch_size.to_string();
            return refuse("finetune.batch_size", given, "at least 2");
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            let given = self.learning_rate.to_string();
            return refuse("finetune.learning_rate", given, "above 0");
        }
        Ok(())
    }
}

/// One copy of the encoder while it learns.
struct Tuning<'a> {
    config: &'a FineTune,
    task: &'a Task,
    model: &'a Model,
    clips: &'a FeatureSet<'a>,
    classifier: Classifier,
    device: Device,
}

impl<'a> Tuning<'a> {
    fn new(
        config: &'a FineTune,
        task: &'a Task,
        model: &'a Model,
        clips: &'a FeatureSet<'a>,
    ) -> Result<Self, EvaluateError> {
        let encoder = model.encoder_copy()?;
        let device = encoder.parameters().device();
        let parts = ClassifierParts {
            classes: task.classes().len() as i64,
            tuned: config.unfreeze.stages(),
            freeze: config.freeze,
            precision: config.precision.resolve(&model.card.encoder, device),
            seed: config.seed,
        };
        Ok(Self {
            config,
            task,
            model,
            clips,
            classifier: Classifier::new(encoder, parts),
            device,
        })
    }

    /// Learns from all folds but `fold`. Gives the classes predicted for its clips in the end, and the accuracy after every
    /// epoch.
    fn run(
        &self,
        fold: u32,
        mut told: impl FnMut(u32, f64),
    ) -> Result<(Vec<usize>, Vec<f64>), EvaluateError> {
        let training = self.task.clips_where(|other| other != fold);
        let scored = self.task.clips_in(fold);
        let truth = self.task.labels_of(&scored);
        let adam = OptimizerConfig::Adam {
            betas: [0.9, 0.999],
            weight_decay: 0.0,
        };
        let mut optimizer = Optimizer::new(&adam, DecayScope::All, self.classifier.weights());
        let (mut predicted, mut curve) = (Vec::new(), Vec::new());
        for epoch in 0..self.config.epochs {
            for batch in self.batches(&training, epoch) {
                let loss = self.step(&batch, epoch, &mut optimizer)?;
                if !loss.is_finite() {
                    let epoch = epoch + 1;
                    return Err(EvaluateError::Diverged { loss, fold, epoch });
                }
            }
            predicted = self.judge(&scored)?;
            let hits = (predicted.iter().zip(&truth)).filter(|(p, t)| p == t);
            let accuracy = hits.count() as f64 / truth.len() as f64;
            curve.push(accuracy);
            told(epoch + 1, accuracy);
        }
        Ok((predicted, curve))
    }

    /// The training clips of an epoch, shuffled. A last batch of one clip, of which batch normalisation can make nothing,
    /// is left out.
    fn batches(&self, training: &[usize], epoch: u32) -> Vec<Vec<usize>> {
        let mut order = training.to_vec();
        order.shuffle(&mut self.draws(epoch, 0, Purpose::Order).rng());
        let batches = order.chunks(self.config.batch_size);
        batches
            .filter(|batch| batch.len() > 1)
            .map(<[usize]>::to_vec)
            .collect()
    }

    /// One step on a random patch of each clip; gives the loss.
    fn step(
        &self,
        batch: &[usize],
        epoch: u32,
        optimizer: &mut Optimizer,
    ) -> Result<f64, EvaluateError> {
        let frames = self.model.card.frames;
        let start = |&clip: &usize| {
            let latest = self.clips.frames(clip).saturating_sub(frames);
            let mut rng = self.draws(epoch, clip, Purpose::PatchStart).rng();
            (clip, rng.random_range(0..=latest))
        };
        let patches: Vec<_> = batch.iter().map(start).collect();
        let embeddings = self.classifier.embed_learning(&self.images(&patches)?);
        let labels = batch.iter().map(|&clip| self.task.labels()[clip] as i64);
        let targets = Tensor::from_slice(&labels.collect::<Vec<_>>()).to_device(self.device);
        let rate = self.config.learning_rate;
        Ok(self
            .classifier
            .learn(&embeddings, &targets, None, optimizer, rate)?)
    }

    /// The class of each of these clips, by the mean logits of patches that overlap by half.
    fn judge(&self, clips: &[usize]) -> Result<Vec<usize>, EvaluateError> {
        let frames = self.model.card.frames;
        let mut patches = Vec::new();
        let mut of_clip = Vec::new();
        for (row, &clip) in clips.iter().enumerate() {
            let last = self.clips.frames(clip).saturating_sub(frames);
            for start in (0..last).step_by(frames.div_ceil(2)).chain([last]) {
                patches.push((clip, start));
                of_clip.push(row as i64);
            }
        }
        let judged = tch::no_grad(|| {
            let logits = patches.chunks(JUDGED).map(|patches| {
                let embeddings = self.classifier.embed(&self.images(patches)?);
                Ok(self.classifier.logits(&embeddings))
            });
            let logits = logits.collect::<Result<Vec<_>, EvaluateError>>()?;
            let logits = Tensor::f_cat(&logits, 0)?.to_device(Device::Cpu); // [patches, classes]
            let sums = Tensor::zeros(
                [clips.len() as i64, logits.size()[1]],
                (Kind::Float, Device::Cpu),
            );
            let rows = Tensor::from_slice(&of_clip);
            let counts = Tensor::zeros([clips.len() as i64], (Kind::Float, Device::Cpu));
            let counts = counts.index_add(0, &rows, &Tensor::ones_like(&rows).to_kind(Kind::Float));
            let means = sums.index_add(0, &rows, &logits) / counts.unsqueeze(1);
            Ok::<_, EvaluateError>(means.argmax(1, false))
        })?;
        let classes = Vec::<i64>::try_from(&judged)?;
        Ok(classes.into_iter().map(|class| class as usize).collect())
    }

    /// Patches, clip and first frame each, → `[patches, channels, mels, frames]`, normalised as the encoder is used to.
    fn images(&self, patches: &[(usize, usize)]) -> Result<Tensor, EvaluateError> {
        let size = self.model.card.frames * self.clips.frame_len();
        let mut values = vec![0.0; patches.len() * size];
        for (&(clip, start), patch) in patches.iter().zip(values.chunks_mut(size)) {
            self.clips.stretch(clip, start, patch);
        }
        let shape = [self.clips.channels(), self.clips.bands()];
        let images = images(&values, patches.len(), shape, self.device)?;
        Ok(self.model.card.normalization.apply(images))
    }

    fn draws(&self, epoch: u32, clip: usize, purpose: Purpose) -> DrawKey {
        DrawKey {
            seed: self.config.seed,
            epoch: epoch.into(),
            item: clip as u64,
            view: 0,
            purpose,
        }
    }
}

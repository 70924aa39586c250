//! A linear layer on the encoder, trained anew for every fold together with as much of the encoder as is wished.

use rand::RngExt;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use tch::{Device, Kind, Tensor};

use super::{EvaluateError, Prediction, Predictions, Score, Task};
use crate::augment::{DrawKey, Purpose};
use crate::choices::{Choice, UnknownChoice};
use crate::encoder::{EncoderError, Model, layout::images};
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

impl Choice for Unfreeze {
    /// What can learn along with the linear layer.
    const ALL: &'static [Self] = &[Self::All, Self::Last, Self::LastTwo];

    fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Last => "last",
            Self::LastTwo => "last-two",
            Self::All => "all",
        }
    }

    fn about(self) -> &'static str {
        match self {
            Self::Nothing => "The linear layer alone",
            Self::Last => "Its last stage",
            Self::LastTwo => "Its last two stages",
            Self::All => "The whole encoder",
        }
    }
}

impl FromStr for Unfreeze {
    type Err = UnknownChoice;

    fn from_str(name: &str) -> Result<Self, UnknownChoice> {
        Self::named(name)
    }
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

/// Fine-tuning by gradient descent, for a number of epochs that is given beforehand.
///
/// An epoch visits each training clip once, in a patch at a random place, in batches of cross entropy, at a constant
/// learning rate with Adam. The prediction for a clip is the mean of the logits of overlapping patches. The score
/// is that of the last epoch; no epoch is chosen.
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
    /// Folds that are done, by all seeds.
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

    /// Scores `model` on the task by each seed in `seeds` in place of this one's, as one: all of [`Self::score`] is the mean
    /// over them.
    ///
    /// `model_of`: the model that a seed begins with.
    ///
    /// # Errors
    /// As [`Self::score`]; what `model_of` gives.
    ///
    /// # Panics
    /// If there is no seed.
    pub fn score_by_seeds(
        &self,
        seeds: &[u64],
        task: &Task,
        model_of: impl Fn(u64) -> Result<Model, EncoderError>,
        clips: &FeatureSet<'_>,
        mut observe: impl FnMut(FineTuneProgress),
    ) -> Result<Score, EvaluateError> {
        let scored = task.scored_folds().len();
        let by_seed = seeds.iter().enumerate().map(|(done, &seed)| {
            let config = Self {
                seed,
                ..self.clone()
            };
            config.score(task, &model_of(seed)?, clips, |progress| {
                observe(FineTuneProgress {
                    folds_done: done * scored + progress.folds_done,
                    ..progress
                });
            })
        });
        Ok(Score::of_seeds(task, by_seed.collect::<Result<_, _>>()?))
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
        let (mut predictions, mut curves) = (Predictions::none(task.clips()), Vec::new());
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
            for (clip, prediction) in task.clips_in(fold).into_iter().zip(predicted) {
                predictions.set(clip, prediction);
            }
            curves.push(curve);
        }
        let mut score = Score::new(task, Vec::new(), vec![predictions]);
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

    /// Learns from all folds but `fold`. Gives what its clips are taken for in the end, and the accuracy after every epoch.
    fn run(
        &self,
        fold: u32,
        mut told: impl FnMut(u32, f64),
    ) -> Result<(Vec<Prediction>, Vec<f64>), EvaluateError> {
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
            let hits = (predicted.iter().zip(&truth)).filter(|(p, t)| p.class == **t);
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

    /// What each of these clips is taken for, by the mean logits of patches that overlap by half.
    fn judge(&self, clips: &[usize]) -> Result<Vec<Prediction>, EvaluateError> {
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
        let (shares, classes) = tch::no_grad(|| {
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
            Ok::<_, EvaluateError>(means.softmax(1, Kind::Float).max_dim(1, false))
        })?;
        let classes = Vec::<i64>::try_from(&classes)?.into_iter();
        let shares = Vec::<f32>::try_from(&shares)?;
        let prediction = |(class, confidence)| Prediction {
            class: class as usize,
            confidence,
        };
        Ok(classes.zip(shares).map(prediction).collect())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{SampleRate, Waveform};
    use crate::dataset::{Clip, Dataset};
    use crate::encoder::{Encoder, InputShape, ModelCard, TrainingRecord};
    use crate::evaluate::{Evaluation, ProtocolName, Scores};
    use crate::experiment::Experiment;
    use crate::features::{CacheConfig, CachePrecision, FeatureCache, Normalization};

    const CLIPS: usize = 36;

    /// A model, and clips of three kinds of sound in three folds.
    struct Garden {
        _folder: tempfile::TempDir,
        model: Model,
        cache: FeatureCache,
        task: Task,
    }

    impl Garden {
        fn new() -> Self {
            let set = [
                "encoder.width=4",
                "features.sample_rate=8000",
                "features.n_fft=256",
                "features.win_length=256",
                "features.hop_length=80",
                "features.n_mels=16",
                "features.f_max=4000.0",
                "augment.steps[4].frequency_width=4",
                "views.frames=32",
            ];
            tch::set_num_threads(1); // Such small steps only wait for one another.
            let experiment = Experiment::preset("small", &set.map(String::from)).unwrap();
            let folder = tempfile::tempdir().unwrap();
            let path = |clip: usize| folder.path().join(format!("{clip}.wav"));
            let clips: Vec<_> = (0..CLIPS)
                .map(|clip| {
                    std::fs::write(path(clip), clip.to_string()).unwrap();
                    Clip::unlabelled(path(clip))
                })
                .collect();
            let dataset = Dataset::new("garden", clips, vec![]);
            let config = CacheConfig {
                dir: folder.path().join("cache"),
                precision: CachePrecision::F32,
            };
            let load = |clip: &Clip| {
                let number: usize = std::fs::read_to_string(&clip.path)?.parse().unwrap();
                let rate = SampleRate::new(8000).unwrap();
                Ok::<_, std::io::Error>(Waveform::mono(sound(number), rate))
            };
            let front_end = &experiment.features;
            let (cache, _) =
                FeatureCache::open(&config, &dataset, front_end, load, |_, _| {}).unwrap();
            let input = InputShape {
                channels: 1,
                bands: 16,
            };
            let card = ModelCard {
                channel: experiment.channel,
                front_end: experiment.features.clone(),
                normalization: Normalization::None,
                encoder: experiment.encoder.clone(),
                frames: 32,
                embed: experiment.embed.clone(),
                seed: 3,
                provenance: TrainingRecord::default(),
            };
            let encoder = Encoder::new(&card.encoder, input, card.seed, Device::Cpu).unwrap();
            Self {
                _folder: folder,
                model: Model { card, encoder },
                cache,
                task: task((0..CLIPS).map(|clip| clip % 3).collect()),
            }
        }

        fn score(&self, config: &FineTune, task: &Task) -> Score {
            let clips = FeatureSet::of(&self.cache, 0..CLIPS);
            config.score(task, &self.model, &clips, |_| {}).unwrap()
        }
    }

    fn task(labels: Vec<usize>) -> Task {
        let classes = ["low", "noise", "high"].map(String::from).to_vec();
        let folds = (0..CLIPS).map(|clip| (clip / 3 % 3) as u32 + 1).collect();
        Task::new("garden", classes, labels, folds).unwrap()
    }

    fn sound(number: usize) -> Vec<f32> {
        let sample = |i: usize| {
            let tone = |pitch: f32| {
                let pitch = pitch + 10.0 * number as f32;
                0.3 * (std::f32::consts::TAU * pitch * i as f32 / 8000.0).sin()
            };
            let noise = ((i * 2_654_435_761 + number * 97) % 1000) as f32 / 500.0 - 1.0;
            [tone(300.0), 0.3 * noise, tone(3000.0)][number % 3]
        };
        (0..4000).map(sample).collect()
    }

    fn short(of: FineTune) -> FineTune {
        FineTune {
            epochs: 6,
            batch_size: 8,
            learning_rate: 2e-3,
            precision: PrecisionChoice::Fp32,
            ..of
        }
    }

    #[test]
    fn what_is_tuned_learns_and_leaves_the_model_as_it_was() {
        let garden = Garden::new();
        let weights = || garden.model.encoder.parameters().named();
        let before: Vec<_> = weights().iter().map(|(_, w)| w.copy()).collect();
        let config = FineTune {
            epochs: 20, // until the statistics of batch normalisation are those of the clips
            learning_rate: 5e-3,
            ..short(FineTune::default())
        };
        let tuned = garden.score(&config, &garden.task);
        assert!(tuned.accuracy.mean > 0.8, "{:?}", tuned.accuracy_by_epoch);
        let lengths: Vec<_> = tuned.accuracy_by_epoch.iter().map(Vec::len).collect();
        assert_eq!(lengths, [20; 3]);
        let last = tuned.accuracy_by_epoch.iter().map(|fold| fold[19]);
        assert_eq!(last.collect::<Vec<_>>(), tuned.accuracy.per_fold);
        for (before, (name, after)) in before.iter().zip(weights()) {
            assert!(before.equal(&after), "{name} moved");
        }
        assert_eq!(garden.score(&config, &garden.task), tuned);
    }

    #[test]
    fn as_much_learns_as_is_unfrozen() {
        let garden = Garden::new();
        let learning = |unfreeze| {
            let config = FineTune {
                unfreeze,
                ..short(FineTune::default())
            };
            let clips = FeatureSet::of(&garden.cache, 0..CLIPS);
            let tuning = Tuning::new(&config, &garden.task, &garden.model, &clips).unwrap();
            tuning.classifier.weights().len()
        };
        let all = garden.model.encoder.parameters().weights().len() + 2;
        assert_eq!(learning(Unfreeze::Nothing), 2);
        assert_eq!(learning(Unfreeze::All), all);
        let (last, two) = (learning(Unfreeze::Last), learning(Unfreeze::LastTwo));
        assert!(2 < last && last < two && two < all, "{last} {two} {all}");
    }

    #[test]
    fn the_labels_of_the_scored_fold_teach_nothing() {
        let garden = Garden::new();
        let folds = |clip: usize| clip / 3 % 3 + 1;
        let lied = (0..CLIPS).map(|clip| match folds(clip) {
            1 => 0,
            _ => clip % 3,
        });
        let predicted = |task: &Task| {
            let score = garden.score(
                &short(FineTune::frozen()),
                &task.clone().scoring_only(&[1]).unwrap(),
            );
            let rows = score.confusion.counts().to_vec();
            (0..3)
                .map(|c| rows.iter().map(|row| row[c]).sum())
                .collect::<Vec<u32>>()
        };
        assert_eq!(predicted(&garden.task), predicted(&task(lied.collect())));
    }

    #[test]
    fn folds_scored_one_by_one_join_to_what_all_give_at_once() {
        let garden = Garden::new();
        let config = FineTune {
            epochs: 2,
            ..short(FineTune::default())
        };
        let evaluation = |folds: &[u32]| {
            let task = garden.task.clone().scoring_only(folds).unwrap();
            let score = garden.score(&config, &task);
            Evaluation::new(&task, "m", Scores::from([(ProtocolName::Finetune, score)]))
        };
        let parts = [1, 2, 3].map(|fold| evaluation(&[fold])).to_vec();
        let joined = Evaluation::joined(parts, "m");
        let (joined, whole) = (&joined.protocols, evaluation(&[1, 2, 3]).protocols);
        let (joined, whole) = (
            &joined[&ProtocolName::Finetune],
            &whole[&ProtocolName::Finetune],
        );
        assert_eq!(joined.accuracy.per_fold, whole.accuracy.per_fold);
        assert_eq!(joined.accuracy_by_epoch, whole.accuracy_by_epoch);
        assert_eq!(
            (&joined.confusion, &joined.folds),
            (&whole.confusion, &whole.folds)
        );
    }

    #[test]
    fn settings_that_cannot_work_are_refused_by_key() {
        let refused = |config: FineTune| config.check().unwrap_err().to_string();
        let default = FineTune::default;
        let epochs = refused(FineTune {
            epochs: 0,
            ..default()
        });
        assert!(epochs.starts_with("`finetune.epochs` is 0"), "{epochs}");
        let batch = refused(FineTune {
            batch_size: 1,
            ..default()
        });
        assert!(batch.starts_with("`finetune.batch_size` is 1"), "{batch}");
        let rate = refused(FineTune {
            learning_rate: f64::NAN,
            ..default()
        });
        assert!(
            rate.starts_with("`finetune.learning_rate` is NaN"),
            "{rate}"
        );
    }
}

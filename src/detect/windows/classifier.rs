//! A classifier of windows for one recording: the pre-trained network with a linear layer, trained on the shots.
//!
//! # Source
//! Moummad et al. 2023 (arXiv:2309.00878), the section on few-shot detection, and the code released with it.

use super::config::{ClassWeights, Scaling, WindowsConfig};
use crate::augment::spectrogram::{
    Augmentation, LogUnit, Patch, Pipeline, SpectrogramAugmentConfig, Step, TimeCrop,
};
use crate::augment::{Interval, Purpose, ViewKey};
use crate::detect::DetectError;
use crate::encoder::Model;
use crate::features::Normalization;
use crate::train::{
    self, ClassifierParts, DecayScope, Moment, Optimizer, OptimizerConfig, Schedule,
};
use rand::seq::SliceRandom;
use tch::{Kind, Tensor};

/// Patches of a training step.
const BATCH: usize = 32;

pub(super) struct Classifier {
    config: WindowsConfig,
    network: train::Classifier,
    normalization: Normalization,
}

impl Classifier {
    /// The pre-trained network with an untrained linear layer for two classes.
    pub(super) fn new(model: &Model, config: &WindowsConfig) -> Result<Self, DetectError> {
        let encoder = model.encoder_copy()?;
        let device = encoder.parameters().device();
        let parts = ClassifierParts {
            classes: 2,
            tuned: config.adapt.tuned_blocks(encoder.stage_count()),
            freeze: config.freeze,
            precision: config.precision.resolve(&model.card.encoder, device),
            seed: config.seed,
        };
        Ok(Self {
            network: train::Classifier::new(encoder, parts),
            normalization: match config.scaling {
                Scaling::AsTrained => model.card.normalization,
                Scaling::Raw => Normalization::None,
            },
            config: config.clone(),
        })
    }

    /// Trains on images `[items, 1, mels, window]`, of which the first `positives` are shots.
    pub(super) fn fit(&self, images: &Tensor, positives: usize) -> Result<(), DetectError> {
        let images = self
            .normalization
            .before_augmentation(images.shallow_clone());
        let items = images.size()[0] as usize;
        let labels: Vec<i64> = (0..items).map(|item| i64::from(item < positives)).collect();
        let labels = Tensor::from_slice(&labels).to_device(images.device());
        let weights = self.class_weights(items, positives, &images);
        let crop = self.crop(&images)?;
        // Where nothing before the linear layer changes, its inputs need be computed only once.
        let fixed = self.nothing_moves().then(|| self.embed_all(&images));

        let adapt = self.config.adapt;
        let adam = OptimizerConfig::Adam {
            betas: [0.9, 0.999],
            weight_decay: 0.0,
        };
        let halving = Schedule::Step {
            milestones: vec![10, 20, 30],
            factor: 0.5,
        };
        let mut optimizer = Optimizer::new(&adam, DecayScope::All, self.network.weights());
        for epoch in 0..adapt.epochs() {
            let rate = halving.learning_rate(
                adapt.learning_rate(),
                Moment {
                    epoch,
                    epochs: adapt.epochs().into(),
                    step: 0,
                    steps_per_epoch: 1,
                },
            );
            for (step, batch) in self.order(epoch, items).chunks(BATCH).enumerate() {
                let rows = Tensor::from_slice(batch).to_device(images.device());
                let embeddings = match &fixed {
                    Some(fixed) => fixed.index_select(0, &rows),
                    None => {
                        let patches = images.index_select(0, &rows);
                        let patches = match &crop {
                            Some(crop) => {
                                let key = |&item: &i64| self.key(epoch, item as u64);
                                let draw = |item| crop.draw_in_batch(key(item), step as u64);
                                let draws: Vec<_> = batch.iter().map(draw).collect();
                                crop.apply(&patches, &draws, None)
                            }
                            None => patches,
                        };
                        let patches = self.normalization.after_augmentation(patches);
                        self.network.embed_learning(&patches)
                    }
                };
                let targets = labels.index_select(0, &rows);
                let weights = weights.as_ref();
                (self.network).learn(&embeddings, &targets, weights, &mut optimizer, rate)?;
            }
        }
        Ok(())
    }

    /// The probability that each of these images `[items, 1, mels, window]` is of the shots' class, 0..=1.
    pub(super) fn probabilities(&self, images: Tensor) -> Result<Vec<f32>, DetectError> {
        let images = self.normalization.apply(images);
        let logits = tch::no_grad(|| self.network.logits(&self.network.embed(&images)));
        let probabilities = logits.softmax(1, Kind::Float); // [items, 2]
        let positive = probabilities
            .select(1, 1)
            .contiguous()
            .to_device(tch::Device::Cpu);
        Ok(Vec::try_from(&positive)?)
    }

    fn nothing_moves(&self) -> bool {
        self.network.keeps_embeddings() && !self.config.adapt.crops()
    }

    fn embed_all(&self, images: &Tensor) -> Tensor {
        let batches = images.split(BATCH as i64, 0);
        let embedded = batches.iter().map(|batch| {
            let batch = self.normalization.after_augmentation(batch.shallow_clone());
            self.network.embed(&batch)
        });
        Tensor::cat(&embedded.collect::<Vec<_>>(), 0)
    }

    fn crop(&self, images: &Tensor) -> Result<Option<Pipeline>, DetectError> {
        if !self.config.adapt.crops() {
            return Ok(None);
        }
        let (_, _, bands, frames) = images.size4()?;
        let crop = TimeCrop {
            share: Interval::new(0.9, 1.0),
        };
        let step = Step {
            drawn_for: self.config.crop_drawn_for,
            ..Step::from(Augmentation::TimeCrop(crop))
        };
        let patch = Patch {
            bands: bands as usize,
            frames: frames as usize,
            unit: LogUnit::Decibel, // which no crop asks for
        };
        let config = SpectrogramAugmentConfig { steps: vec![step] };
        Ok(Some(
            Pipeline::new(&config, patch).expect("the published crop is a possible one"),
        ))
    }

    fn class_weights(&self, items: usize, positives: usize, like: &Tensor) -> Option<Tensor> {
        let weight = |count: usize| items as f32 / (2.0 * count.max(1) as f32);
        match self.config.class_weights {
            ClassWeights::Equal => None,
            ClassWeights::Balanced => {
                let weights = [weight(items - positives), weight(positives)];
                Some(Tensor::from_slice(&weights).to_device(like.device()))
            }
        }
    }

    /// All items, shuffled anew in every epoch.
    fn order(&self, epoch: u32, items: usize) -> Vec<i64> {
        let mut order: Vec<i64> = (0..items as i64).collect();
        let key = self.key(epoch, 0);
        order.shuffle(&mut key.draws(Purpose::Order).rng());
        order
    }

    fn key(&self, epoch: u32, item: u64) -> ViewKey {
        ViewKey {
            seed: self.config.seed,
            epoch: epoch.into(),
            item,
            view: 0,
        }
    }
}

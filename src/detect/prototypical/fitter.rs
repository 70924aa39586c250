//! Shots → prototypes.

use super::config::{Prototypes, PrototypesConfig, ShortestEvent};
use super::detector::{Embedder, PrototypeDetector};
use super::plan::Plan;
use super::reservoir::Reservoir;
use crate::audio::ChannelChoice;
use crate::augment::{DrawKey, Purpose};
use crate::dataset::Span;
use crate::detect::detector::Fitted;
use crate::detect::fitter::{Fit, Playback};
use crate::detect::windows::patches::{Frames, Patches, Query, tiled};
use crate::detect::windows::refuse_shots_outside;
use crate::detect::{DetectError, MarkedRecording, Stage};
use crate::encoder::Model;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use tch::Tensor;

/// Windows whose mean is a negative prototype, as published.
const NEGATIVES: usize = 50;
/// Negative prototypes whose probabilities are averaged, as published.
const REDRAWS: usize = 10;

/// Makes prototypes of shots and of other windows.
pub(in crate::detect) struct PrototypeFitter {
    model: Model,
    config: PrototypesConfig,
    bands: usize,
}

impl PrototypeFitter {
    /// A fitter that embeds by `model`, pre-trained by the preset `prototypical` or otherwise; an error if a setting is out
    /// of range.
    pub(in crate::detect) fn new(
        model: Model,
        config: PrototypesConfig,
    ) -> Result<Self, DetectError> {
        config.check()?;
        let bands = model.card.front_end.extractor()?.bands();
        Ok(Self {
            model,
            config,
            bands,
        })
    }

    fn shortest_secs(&self, shots: &[Span]) -> f64 {
        match self.config.shortest {
            ShortestEvent::Fixed { secs } => secs,
            ShortestEvent::OfShot { share } => {
                let secs = shots.iter().map(Span::secs);
                share * secs.fold(f64::INFINITY, f64::min)
            }
        }
    }

    /// The windows of the shots, and as many others, evenly drawn, as prototypes need.
    fn references(
        &self,
        marked: &MarkedRecording,
        channel: ChannelChoice,
        plan: &Plan,
    ) -> Result<References, DetectError> {
        let (recording, front_end) = (&marked.path, &self.model.card.front_end);
        let mut frames = Frames::open(recording, channel, front_end)?;
        let length = plan.window * frames.bands();
        let mut positives = Vec::new();
        for window in &plan.positives {
            let found = frames.get(window)?;
            if !found.is_empty() {
                positives.push(tiled(found, length));
            }
        }
        refuse_shots_outside(recording, marked.support.shots(), &frames, plan.frame_rate)?;
        if positives.is_empty() {
            return Err(DetectError::TooShort {
                path: recording.clone(),
                frame_secs: 1.0 / plan.frame_rate,
            });
        }
        let mut rng = self.rng(0);
        let mut drawn = match self.config.prototypes {
            Prototypes::Released => Reservoir::new(NEGATIVES),
            Prototypes::Whole => Reservoir::new(NEGATIVES * REDRAWS),
        };
        let frames = Frames::open(recording, channel, front_end)?;
        let mut everything = Query::new(frames, 0, plan.window, plan.hop);
        let mut start = 0;
        while let Some(patch) = everything.next_patch()? {
            let window = start..start + plan.window;
            if self.config.prototypes == Prototypes::Released || !plan.touches_a_shot(&window) {
                drawn.offer(patch, &mut rng);
            }
            start += plan.hop;
        }
        if drawn.is_empty() {
            return Err(DetectError::NoNegatives {
                path: recording.clone(),
            });
        }
        Ok(References {
            positives,
            others: drawn.drawn(&mut rng),
        })
    }

    /// The mean of the shots' windows, `[1, dim]`.
    fn positive_prototype(
        &self,
        embedder: &Embedder,
        positives: &[Vec<f32>],
    ) -> Result<Tensor, DetectError> {
        if self.config.prototypes == Prototypes::Whole {
            return embedder.mean(positives);
        }
        let mut rng = self.rng(1);
        let draws = (0..2).flat_map(|_| {
            let mut order = positives.to_vec();
            order.shuffle(&mut rng);
            order.truncate(5);
            order
        });
        embedder.mean(&draws.collect::<Vec<_>>())
    }

    /// One negative prototype `[1, dim]` for each redraw.
    fn negative_prototypes(
        &self,
        embedder: &Embedder,
        others: &[Vec<f32>],
    ) -> Result<Vec<Tensor>, DetectError> {
        let draws = match self.config.prototypes {
            Prototypes::Released => 1,
            // The windows are in random order, so each part of them is a draw.
            Prototypes::Whole => REDRAWS.min(others.len()),
        };
        let part = |n: usize| &others[n * others.len() / draws..(n + 1) * others.len() / draws];
        (0..draws).map(|n| embedder.mean(part(n))).collect()
    }

    fn rng(&self, item: u64) -> ChaCha8Rng {
        let key = DrawKey {
            seed: self.config.seed,
            epoch: 0,
            item,
            view: 0,
            purpose: Purpose::Reference,
        };
        key.rng()
    }
}

impl Fit for PrototypeFitter {
    fn fit(
        &self,
        marked: &MarkedRecording,
        Playback { channel, .. }: Playback,
        _observe: &mut dyn FnMut(Stage),
    ) -> Result<Box<dyn Fitted>, DetectError> {
        let (shots, card) = (marked.support.shots(), &self.model.card);
        let min_frames = self.model.encoder.min_frames();
        let plan = Plan::new(shots, &self.config, card.front_end.frame_rate(), min_frames);
        let references = self.references(marked, channel, &plan)?;
        let embedder = Embedder {
            model: self.model.copy()?,
            bands: self.bands,
        };
        Ok(Box::new(PrototypeDetector {
            positive: self.positive_prototype(&embedder, &references.positives)?,
            negatives: self.negative_prototypes(&embedder, &references.others)?,
            embedder,
            channel,
            window: plan.window,
            hop: plan.hop,
            query_start: plan.query_start,
            threshold: self.config.threshold,
            shortest_secs: self.shortest_secs(shots),
        }))
    }
}

/// The windows that become prototypes.
struct References {
    positives: Patches,
    /// In random order.
    others: Patches,
}

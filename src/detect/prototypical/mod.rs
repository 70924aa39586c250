//! Few-shot detection by prototypes, the trained baseline of DCASE task 5 (SYSTEMS §4.2).
//!
//! A model of the preset `prototypical` embeds windows; one is positive where it lies nearer to the mean of the shots
//! than to the mean of some windows that are none.

use super::windows::detector::refuse_shots_outside;
use super::windows::patches::{Frames, Patches, Query, images, tiled};
use super::windows::runs::Runs;
use super::{DetectError, Event};
use crate::audio::ChannelChoice;
use crate::augment::{DrawKey, Purpose};
use crate::dataset::Span;
use crate::encoder::{Model, Pass};
use crate::features::{Rest, WindowCut};
use crate::method::squared_distances;
use rand::seq::SliceRandom;
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::path::Path;
use tch::{Device, Kind, Tensor};

/// Windows that are embedded together.
const BATCH: usize = 64;
/// Windows whose mean is a negative prototype, as published.
const NEGATIVES: usize = 50;
/// Negative prototypes whose probabilities are averaged, as published.
const REDRAWS: usize = 10;

/// Settings of [`PrototypicalDetector`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrototypesConfig {
    /// Seconds by which every shot is widened at both ends, 0..=10. Default 0.025, as published.
    pub margin_secs: f64,
    /// Probability above which a window is positive, 0..1. Default 0.45, as published.
    pub threshold: f32,
    /// How prototypes are drawn. Default [`Prototypes::Whole`].
    pub prototypes: Prototypes,
    /// Which events are dropped for their length. Default below 60 % of the shortest shot.
    pub shortest: ShortestEvent,
    /// Which channel of the recording is heard. Default the mean of all.
    pub channel: ChannelChoice,
    /// Keys every random draw. Default 0.
    pub seed: u64,
}

/// What the two prototypes are the means of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prototypes {
    /// All windows of the shots; ten times fifty windows that touch no shot, the probabilities averaged.
    #[default]
    Whole,
    /// Two draws of up to five windows of the shots; fifty windows of the whole recording, shots included. The released
    /// code means to draw those ten times, but has only the same fifty to draw from after the first.
    Released,
}

/// Which events are too short to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ShortestEvent {
    /// Those below this share of the shortest shot.
    OfShot {
        /// 0..=1.
        share: f64,
    },
    /// Those below this many seconds; the published score comes with 0.2.
    Fixed {
        /// Seconds, ≥ 0.
        secs: f64,
    },
}

impl Default for PrototypesConfig {
    fn default() -> Self {
        Self {
            margin_secs: 0.025,
            threshold: 0.45,
            prototypes: Prototypes::Whole,
            shortest: ShortestEvent::OfShot { share: 0.6 },
            channel: ChannelChoice::Mix,
            seed: 0,
        }
    }
}

impl PrototypesConfig {
    /// The baseline as released and scored.
    pub fn compat() -> Self {
        Self {
            prototypes: Prototypes::Released,
            shortest: ShortestEvent::Fixed { secs: 0.2 },
            ..Self::default()
        }
    }

    fn check(&self) -> Result<(), DetectError> {
        let (shortest_key, shortest, most) = match self.shortest {
            ShortestEvent::OfShot { share } => ("shortest.share", share, 1.0),
            ShortestEvent::Fixed { secs } => ("shortest.secs", secs, f64::MAX),
        };
        let values = [
            (
                "margin_secs",
                self.margin_secs,
                10.0,
                "from 0 to 10 seconds",
            ),
            ("threshold", f64::from(self.threshold), 1.0, "from 0 to 1"),
            (
                shortest_key,
                shortest,
                most,
                "a share up to 1, or seconds, not below 0",
            ),
        ];
        for (key, value, most, required) in values {
            if !(0.0..=most).contains(&value) {
                return Err(DetectError::Config {
                    key,
                    given: value.to_string(),
                    required,
                });
            }
        }
        Ok(())
    }
}

/// The window for events of at most `longest` frames, by the published table: whole up to 100 frames, a quarter of
/// them up to 500, an eighth above.
///
/// The released code leaves out 100 itself, which thereby gets an eighth (`Released`).
pub fn prototype_window(longest: usize, prototypes: Prototypes) -> usize {
    match (longest, prototypes) {
        (100, Prototypes::Whole) => 100,
        (0..=99, _) => longest,
        (101..=499, _) => longest / 4,
        _ => longest / 8,
    }
}

/// Detects by comparison with prototypes. A recording is read three times as a stream: memory does not grow with its length.
#[derive(Debug)]
pub struct PrototypicalDetector<'a> {
    model: &'a Model,
    config: PrototypesConfig,
    bands: usize,
}

impl<'a> PrototypicalDetector<'a> {
    /// A detector that embeds by `model`, pre-trained by the preset `prototypical` or otherwise.
    ///
    /// # Errors
    /// If a setting is out of range.
    pub fn new(model: &'a Model, config: PrototypesConfig) -> Result<Self, DetectError> {
        config.check()?;
        let bands = model.card.front_end.extractor()?.bands();
        Ok(Self {
            model,
            config,
            bands,
        })
    }

    /// The events of `recording` after the last of `shots`, in order of time.
    ///
    /// # Errors
    /// If there is no shot, one lies outside the recording, there is nothing else to compare with, or the recording
    /// cannot be read.
    pub fn detect(&self, recording: &Path, shots: &[Span]) -> Result<Vec<Event>, DetectError> {
        let plan = Plan::new(self, recording, shots)?;
        let references = self.references(recording, shots, &plan)?;
        let positive = self.positive_prototype(&references.positives)?;
        let negatives = self.negative_prototypes(&references.others)?;

        let frames = Frames::open(recording, self.config.channel, &self.model.card)?;
        let query = Query::new(frames, plan.query_start, plan.window, plan.hop);
        let threshold = self.config.threshold;
        let runs = Runs::new(plan.query_start, plan.hop, plan.frame_rate, threshold);
        let shortest = match self.config.shortest {
            ShortestEvent::Fixed { secs } => secs,
            ShortestEvent::OfShot { share } => {
                let secs = shots.iter().map(Span::secs);
                share * secs.fold(f64::INFINITY, f64::min)
            }
        };
        let mut events = query.events(runs, |patches| {
            probabilities(&self.embed(patches)?, &positive, &negatives)
        })?;
        events.retain(|event| event.span.secs() >= shortest);
        Ok(events)
    }

    /// The windows of the shots, and as many others, evenly drawn, as prototypes need.
    fn references(
        &self,
        recording: &Path,
        shots: &[Span],
        plan: &Plan,
    ) -> Result<References, DetectError> {
        let mut frames = Frames::open(recording, self.config.channel, &self.model.card)?;
        let length = plan.window * frames.bands();
        let mut positives = Vec::new();
        for window in &plan.positives {
            let found = frames.get(window)?;
            if !found.is_empty() {
                positives.push(tiled(found, length));
            }
        }
        refuse_shots_outside(recording, shots, &frames, plan.frame_rate)?;
        if positives.is_empty() {
            return Err(DetectError::TooShort {
                path: recording.to_owned(),
                frame_secs: 1.0 / plan.frame_rate,
            });
        }
        let mut rng = self.rng(0);
        let mut drawn = match self.config.prototypes {
            Prototypes::Released => Reservoir::new(NEGATIVES),
            Prototypes::Whole => Reservoir::new(NEGATIVES * REDRAWS),
        };
        let frames = Frames::open(recording, self.config.channel, &self.model.card)?;
        let mut everything = Query::new(frames, 0, plan.window, plan.hop);
        let mut start = 0;
        while let Some(patch) = everything.next_patch()? {
            let window = start..start + plan.window;
            if self.config.prototypes == Prototypes::Released || !plan.touches_a_shot(&window) {
                drawn.offer(patch, &mut rng);
            }
            start += plan.hop;
        }
        if drawn.kept.is_empty() {
            return Err(DetectError::NoNegatives {
                path: recording.to_owned(),
            });
        }
        Ok(References {
            positives,
            others: drawn.drawn(&mut rng),
        })
    }

    /// `[1, dim]`
    fn positive_prototype(&self, positives: &[Vec<f32>]) -> Result<Tensor, DetectError> {
        if self.config.prototypes == Prototypes::Whole {
            return self.mean(positives);
        }
        let mut rng = self.rng(1);
        let draws = (0..2).flat_map(|_| {
            let mut order = positives.to_vec();
            order.shuffle(&mut rng);
            order.truncate(5);
            order
        });
        self.mean(&draws.collect::<Vec<_>>())
    }

    /// One negative prototype `[1, dim]` for each redraw.
    fn negative_prototypes(&self, others: &[Vec<f32>]) -> Result<Vec<Tensor>, DetectError> {
        let draws = match self.config.prototypes {
            Prototypes::Released => 1,
            // In random order, parts are draws of their own.
            Prototypes::Whole => REDRAWS.min(others.len()),
        };
        let part = |n: usize| &others[n * others.len() / draws..(n + 1) * others.len() / draws];
        (0..draws).map(|n| self.mean(part(n))).collect()
    }

    /// The mean embedding of patches, `[1, dim]`.
    fn mean(&self, patches: &[Vec<f32>]) -> Result<Tensor, DetectError> {
        let embedded = patches.chunks(BATCH).map(|batch| self.embed(batch));
        let embedded = Tensor::cat(&embedded.collect::<Result<Vec<_>, _>>()?, 0);
        Ok(embedded.mean_dim([0i64].as_slice(), true, None))
    }

    /// Patches `[window, mels]` → `[batch, dim]`.
    fn embed(&self, patches: &[Vec<f32>]) -> Result<Tensor, DetectError> {
        let Model { card, encoder } = self.model;
        let images = images(patches, self.bands, encoder.parameters().device())?;
        let images = card.normalization.apply(images);
        Ok(tch::no_grad(|| encoder.embed(&images, Pass::INFERENCE)))
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

/// Which windows of a recording are looked at, all in frames.
struct Plan {
    frame_rate: f64,
    window: usize,
    hop: usize,
    /// The widened shots.
    shots: Vec<Range<usize>>,
    /// Windows of the widened shots, in order of their starts.
    positives: Vec<Range<usize>>,
    query_start: usize,
}

impl Plan {
    fn new(
        detector: &PrototypicalDetector<'_>,
        recording: &Path,
        shots: &[Span],
    ) -> Result<Self, DetectError> {
        let frame_rate = detector.model.card.front_end.frame_rate();
        let margin = detector.config.margin_secs;
        let frame_at = |secs: f64| (secs.max(0.0) * frame_rate).floor() as usize;
        let widened =
            |shot: &Span| frame_at(shot.onset() - margin)..frame_at(shot.offset() + margin);
        let mut shots: Vec<_> = shots.iter().map(widened).collect();
        shots.sort_by_key(|shot| shot.start);
        let longest = shots.iter().map(Range::len).max();
        let longest = longest.ok_or_else(|| DetectError::NoShots {
            path: recording.to_owned(),
        })?;
        let window = prototype_window(longest, detector.config.prototypes);
        // The released code stumbles over windows that the network cannot hear.
        let window = window.max(detector.model.encoder.min_frames());
        let hop = (window / 2).max(1);
        let cut = WindowCut {
            window,
            hop,
            alone_above: 0,
            rest_above: 0,
            rest: Rest::Flush,
        };
        let mut positives: Vec<_> = shots.iter().flat_map(|s| cut.windows(s.clone())).collect();
        positives.sort_by_key(|window| window.start);
        Ok(Self {
            frame_rate,
            window,
            hop,
            query_start: shots.iter().map(|shot| shot.end).max().unwrap_or(0),
            shots,
            positives,
        })
    }

    fn touches_a_shot(&self, window: &Range<usize>) -> bool {
        let mut shots = self.shots.iter();
        shots.any(|shot| window.start < shot.end && shot.start < window.end)
    }
}

/// What to compare with.
struct References {
    positives: Patches,
    /// In random order.
    others: Patches,
}

/// An even draw from a stream of unknown length (Vitter 1985, algorithm R).
struct Reservoir {
    size: usize,
    offered: usize,
    kept: Patches,
}

impl Reservoir {
    fn new(size: usize) -> Self {
        Self {
            size,
            offered: 0,
            kept: Vec::new(),
        }
    }

    fn offer(&mut self, patch: Vec<f32>, rng: &mut impl Rng) {
        self.offered += 1;
        if self.kept.len() < self.size {
            self.kept.push(patch);
        } else if let Some(place) = self.kept.get_mut(rng.random_range(0..self.offered)) {
            *place = patch;
        }
    }

    /// What was drawn, in random order.
    fn drawn(mut self, rng: &mut impl Rng) -> Patches {
        self.kept.shuffle(rng);
        self.kept
    }
}

/// `exp(−‖x − c₊‖²) / (exp(−‖x − c₊‖²) + exp(−‖x − c₋‖²))` of each of `embeddings`, `[items, dim]`, averaged over the
/// negative prototypes.
fn probabilities(
    embeddings: &Tensor,
    positive: &Tensor,
    negatives: &[Tensor],
) -> Result<Vec<f32>, DetectError> {
    let of_prototype = negatives.iter().map(|negative| {
        let prototypes = Tensor::cat(&[positive, negative], 0); // [2, dim]
        let logits = -squared_distances(embeddings, &prototypes); // [items, 2]
        logits.softmax(1, Kind::Float).select(1, 0)
    });
    let all = Tensor::stack(&of_prototype.collect::<Vec<_>>(), 0); // [negatives, items]
    let mean = all.mean_dim([0i64].as_slice(), false, None);
    Ok(Vec::try_from(&mean.to_device(Device::Cpu))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn the_window_follows_the_published_table_and_its_slip_is_a_choice() {
        for (longest, window) in [
            (5, 5),
            (99, 99),
            (101, 25),
            (499, 124),
            (500, 62),
            (800, 100),
        ] {
            assert_eq!(prototype_window(longest, Prototypes::Whole), window);
            assert_eq!(prototype_window(longest, Prototypes::Released), window);
        }
        assert_eq!(prototype_window(100, Prototypes::Whole), 100);
        assert_eq!(prototype_window(100, Prototypes::Released), 12);
    }

    #[test]
    fn a_reservoir_keeps_every_offer_equally_often() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut kept = [0; 20];
        for _ in 0..2000 {
            let mut reservoir = Reservoir::new(5);
            for offer in 0..20 {
                reservoir.offer(vec![offer as f32], &mut rng);
            }
            for patch in reservoir.drawn(&mut rng) {
                kept[patch[0] as usize] += 1;
            }
        }
        // Expected 500 each, standard deviation 19.
        assert!(
            kept.iter().all(|count| (420..580).contains(count)),
            "{kept:?}"
        );
    }

    #[test]
    fn probabilities_are_those_of_the_formula() {
        let embeddings = Tensor::from_slice2(&[[0.0f32, 0.0], [1.0, 0.0]]);
        let positive = Tensor::from_slice2(&[[1.0f32, 0.0]]);
        let negatives = [[[0.0f32, 0.0]], [[1.0, 1.0]]].map(|n| Tensor::from_slice2(&n));
        let found = probabilities(&embeddings, &positive, &negatives).unwrap();
        let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
        let expected = [
            (sigmoid(-1.0) + sigmoid(1.0)) / 2.0,
            (sigmoid(1.0) + sigmoid(1.0)) / 2.0,
        ];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn settings_out_of_range_are_refused_by_key() {
        let config = PrototypesConfig {
            threshold: f32::NAN,
            ..PrototypesConfig::default()
        };
        let message = config.check().unwrap_err().to_string();
        assert!(message.contains("`threshold` is NaN"), "{message}");
        assert!(PrototypesConfig::compat().check().is_ok());
    }
}

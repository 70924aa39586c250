//! A few shots → a detector of their kind, by fine-tuning for a few seconds.

use super::FRAME_RADIUS;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use tch::{Kind, Reduction, Tensor};

use crate::detect::ShotPicture;
use crate::encoder::layers::Linear;
use crate::encoder::parameters::Parameters;
use crate::encoder::{Encoder, EncoderError, Mode, Model, Pass, Precision};
use crate::train::{DecayScope, Moment, Optimizer, OptimizerConfig, Schedule};

/// How a detector is fitted to shots.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FitConfig {
    /// Seconds of the recording that are training material. If the last shot ends later than this, only the surroundings
    /// of the shots are used, this long in total. Default 600.
    pub heard_secs: f64,
    /// Training steps. More are slower and, beyond some point, no better. Default 60.
    pub steps: u32,
    /// The highest learning rate of the schedule. Default 0.004.
    pub learning_rate: f64,
    /// Crops of a training step; half of them hold a part of a shot. Default 16.
    pub crops: usize,
    /// Length of a crop, in mean lengths of a shot. Default 4.
    pub crop_shots: f64,
    /// The shortest and the longest crop, in frames. Default 64 and 200.
    pub crop_frames: [usize; 2],
    /// The highest weight of a frame inside a shot, where a frame outside weighs 1. The weight is the number of frames
    /// outside for each frame inside, and at least 1. Default 4.
    pub max_positive_weight: f64,
    /// Most bands by which a crop is shifted up or down. Default 2.
    pub band_shift: usize,
    /// Half of the crops become fainter, above a floor of noise. This is the largest attenuation, as a share of the level
    /// that one in twenty values inside the shots exceeds. Default 0.8.
    pub max_attenuation: f32,
    /// Most bursts of noise in a crop; half of the crops get some. So the network learns that a rattle is no call. Default 3.
    pub max_bursts: usize,
    /// Standard deviation of the random offset of a crop's level, in standard deviations of the recording. Default 0.3.
    pub level_std: f32,
    /// Highest standard deviation of the noise that is added to a crop, in the same unit. Default 0.3.
    pub max_noise: f32,
    /// Most neighbouring bands of a crop that are masked. Default 12.
    pub mask_bands: usize,
    /// Only bands in which the shots stand out are heard, and so many on either side of them; all bands if this is not given.
    /// Default 6.
    pub focus: Option<usize>,
    /// Where events may be unmarked, so much sound on either side of each shot is taken to be none, in lengths of the shot. All
    /// else is unknown. Default 1.
    pub surroundings: f64,
    /// Frames behind the last shot that the network sees as context. Their loss has no weight, as it is not known whether
    /// they hold an event. Default 28.
    pub context: usize,
}

impl Default for FitConfig {
    fn default() -> Self {
        Self {
            heard_secs: 600.0,
            steps: 60,
            learning_rate: 4e-3,
            crops: 16,
            crop_shots: 4.0,
            crop_frames: [64, 200],
            max_positive_weight: 4.0,
            band_shift: 2,
            max_attenuation: 0.8,
            max_bursts: 3,
            level_std: 0.3,
            max_noise: 0.3,
            mask_bands: 12,
            focus: Some(6),
            surroundings: 1.0,
            context: 28,
        }
    }
}

/// The training material of one detector: marked frames of a recording.
pub(super) struct SupportFrames {
    pub(super) bands: usize,
    /// `[frames, bands]`, normalised.
    pub(super) values: Vec<f32>,
    /// How many kinds of event there are.
    pub(super) kinds: usize,
    /// `[frames, kinds]`: 1 inside a shot of the kind, 0 outside.
    pub(super) targets: Vec<f32>,
    /// `[frames, kinds]`: 1 where the target is known, 0 elsewhere.
    pub(super) weights: Vec<f32>,
    /// Frames of each shot.
    pub(super) shots: Vec<Range<usize>>,
    /// The number of each shot's kind.
    pub(super) shot_kinds: Vec<usize>,
    /// Frames of each sound that is known to be no event of a kind.
    pub(super) negatives: Vec<Range<usize>>,
    /// The number of the kind that it is not.
    pub(super) negative_kinds: Vec<usize>,
}

impl SupportFrames {
    /// `values`, of which nothing is known yet.
    pub(super) fn unmarked(values: Vec<f32>, bands: usize, kinds: usize) -> Self {
        let places = values.len() / bands * kinds;
        Self {
            bands,
            values,
            kinds,
            targets: vec![0.0; places],
            weights: vec![0.0; places],
            shots: Vec::new(),
            shot_kinds: Vec::new(),
            negatives: Vec::new(),
            negative_kinds: Vec::new(),
        }
    }

    /// Says whether it is known, 1 or 0, what frames are for a kind.
    pub(super) fn weigh(&mut self, frames: Range<usize>, kind: usize, weight: f32) {
        for frame in frames {
            self.weights[frame * self.kinds + kind] = weight;
        }
    }

    /// Makes frames a shot of a kind.
    pub(super) fn mark(&mut self, shot: Range<usize>, kind: usize) {
        for frame in shot.clone() {
            self.targets[frame * self.kinds + kind] = 1.0;
        }
        self.weigh(shot.clone(), kind, 1.0);
        self.shots.push(shot);
        self.shot_kinds.push(kind);
    }

    /// Appends those of another recording. Frames near the seam have surroundings that nobody recorded.
    pub(super) fn append(&mut self, other: Self) {
        let seam = self.frames();
        self.values.extend(other.values);
        self.targets.extend(other.targets);
        self.weights.extend(other.weights);
        let moved = |shot: Range<usize>| shot.start + seam..shot.end + seam;
        self.shots.extend(other.shots.into_iter().map(moved));
        self.shot_kinds.extend(other.shot_kinds);
        self.negatives
            .extend(other.negatives.into_iter().map(moved));
        self.negative_kinds.extend(other.negative_kinds);
        let torn = seam.saturating_sub(FRAME_RADIUS)..(seam + FRAME_RADIUS).min(self.frames());
        for place in torn.start * self.kinds..torn.end * self.kinds {
            self.weights[place] *= self.targets[place]; // shots stay
        }
    }

    fn frames(&self) -> usize {
        self.targets.len() / self.kinds
    }

    /// The frames of each shot of a kind.
    pub(super) fn shots_of(&self, kind: usize) -> impl Iterator<Item = &Range<usize>> {
        let of_kinds = self.shots.iter().zip(&self.shot_kinds);
        of_kinds.filter_map(move |(shot, &of)| (of == kind).then_some(shot))
    }

    /// The first `most` shots, of each kind its share but one at least, with half their length before and behind them, as far
    /// as that is known.
    pub(super) fn pictures(&self, most: usize) -> Vec<ShotPicture> {
        let mut room = vec![(most / self.kinds).max(1); self.kinds];
        let has_room = |&(_, &kind): &(&Range<usize>, &usize)| {
            let has_room = room[kind] > 0;
            room[kind] = room[kind].saturating_sub(1);
            has_room
        };
        let picture = |(shot, &kind): (&Range<usize>, &usize)| {
            let around = (shot.len() / 2).max(8);
            let frames = shot.start.saturating_sub(around)..shot.end + around;
            let end = frames.end.min(self.values.len() / self.bands);
            ShotPicture {
                bands: self.bands,
                values: self.values[frames.start * self.bands..end * self.bands].to_vec(),
                shot: shot.start - frames.start..shot.end - frames.start,
                kind,
            }
        };
        let shots = self.shots.iter().zip(&self.shot_kinds);
        shots.filter(has_room).map(picture).collect()
    }

    /// Pictures of so many kinds put end to end. Nothing can be fitted to them, as it is not known what is around them.
    pub(super) fn of_pictures(pictures: &[ShotPicture], kinds: usize) -> Self {
        let bands = pictures.first().map_or(1, |picture| picture.bands);
        let values: Vec<&[f32]> = pictures.iter().map(|own| own.values.as_slice()).collect();
        let mut frames = Self::unmarked(values.concat(), bands, kinds);
        let mut start = 0;
        for ShotPicture {
            values, shot, kind, ..
        } in pictures
        {
            frames.mark(start + shot.start..start + shot.end, *kind);
            start += values.len() / bands;
        }
        frames
    }

    /// Takes everything for unknown but all shots and so much beside each, in lengths of the shot; that only for its own kind.
    /// What is marked as no event stays known.
    pub(super) fn know_surroundings(&mut self, lengths: f64) {
        let mut known: Vec<bool> = self
            .targets
            .chunks_exact(self.kinds)
            .flat_map(|targets| {
                let is_shot = targets.iter().any(|&target| target > 0.0);
                vec![is_shot; self.kinds]
            })
            .collect();
        for (shot, kind) in self.shots.iter().zip(&self.shot_kinds) {
            let beside = (lengths * shot.len() as f64).ceil() as usize;
            let end = (shot.end + beside).min(self.frames());
            for frame in shot.start.saturating_sub(beside)..end {
                known[frame * self.kinds + kind] = true;
            }
        }
        for (weight, known) in self.weights.iter_mut().zip(known) {
            *weight *= f32::from(u8::from(known));
        }
        self.know_negatives();
    }

    /// What is known to be no event is an example of that, unless it is one.
    pub(super) fn know_negatives(&mut self) {
        for (negative, kind) in self.negatives.iter().cloned().zip(&self.negative_kinds) {
            for frame in negative {
                self.weights[frame * self.kinds + kind] = 1.0;
            }
        }
    }

    /// Mean length of the shots, frames.
    fn mean_shot(&self) -> f64 {
        let total: usize = self.shots.iter().map(Range::len).sum();
        total as f64 / self.shots.len() as f64
    }

    /// Geometric mean of the lengths of a kind's shots, frames: one long shot among short ones moves it less.
    pub(super) fn typical_shot(&self, kind: usize) -> f64 {
        let logs = self.shots_of(kind).map(|shot| (shot.len() as f64).ln());
        let (logs, shots) = logs.fold((0.0, 0_u32), |(sum, n), log| (sum + log, n + 1));
        (logs / f64::from(shots)).exp()
    }

    /// The level that one in twenty values inside the shots exceeds.
    fn loud(&self) -> f32 {
        let frames = self.shots.iter().cloned().flatten();
        let mut inside: Vec<f32> = frames
            .flat_map(|frame| &self.values[frame * self.bands..][..self.bands])
            .copied()
            .collect();
        let place = (0.95 * (inside.len() - 1) as f64) as usize;
        *inside.select_nth_unstable_by(place, f32::total_cmp).1
    }

    /// Known frames outside shots of a kind for each inside.
    fn imbalance(&self, kind: usize) -> f64 {
        let weights = self.weights.iter().skip(kind).step_by(self.kinds);
        let targets = self.targets.iter().skip(kind).step_by(self.kinds);
        let known = weights.clone().map(|&w| f64::from(w)).sum::<f64>();
        let inside = targets.zip(weights);
        let inside = inside.map(|(&t, &w)| f64::from(t * w)).sum::<f64>();
        (known - inside) / inside.max(1.0)
    }
}

/// An encoder fine-tuned to one kind of event or several, with a logit for each on top.
pub(super) struct Fitted {
    encoder: Encoder,
    head: Linear,
    of_head: Parameters,
    precision: Precision,
}

impl Fitted {
    /// `encoder` with a logit for each of so many kinds on top, which is not fitted yet.
    pub(super) fn unfitted(
        encoder: Encoder,
        kinds: usize,
        precision: Precision,
        seed: u64,
    ) -> Self {
        let of_head = Parameters::new(!seed, encoder.parameters().device());
        Self {
            head: Linear::new(&of_head.root(), encoder.dim(), kinds as i64),
            encoder,
            of_head,
            precision,
        }
    }

    /// The weights of the encoder.
    pub(super) fn encoder(&self) -> &Parameters {
        self.encoder.parameters()
    }

    /// The weights of the logits.
    pub(super) fn head(&self) -> &Parameters {
        &self.of_head
    }

    /// Fine-tunes a copy of `model` to the shots; the same seed gives the same detector.
    pub(super) fn new(
        model: &Model,
        support: &SupportFrames,
        config: &FitConfig,
        precision: Precision,
        seed: u64,
        mut observe: impl FnMut(u32),
    ) -> Result<Self, EncoderError> {
        let device = model.encoder.parameters().device();
        let fitted = Self::unfitted(model.encoder_copy()?, support.kinds, precision, seed);
        let mut weights = fitted.encoder().weights();
        weights.extend(fitted.head().weights());
        let rule = OptimizerConfig::AdamW {
            betas: [0.9, 0.999],
            weight_decay: 0.01,
        };
        let mut optimizer = Optimizer::new(&rule, DecayScope::Kernels, weights);
        let steps = config.steps.max(1);
        let schedule = Schedule::WarmupCosine { warmup_epochs: 0.3 };
        let positive = (0..support.kinds).map(|kind| {
            let imbalance = support.imbalance(kind);
            config.max_positive_weight.min(imbalance).max(1.0) as f32
        });
        let positive = Tensor::from_slice(&positive.collect::<Vec<_>>()).to_device(device);
        let mut crops = Crops::new(support, config, seed);
        for step in 0..steps {
            let moment = Moment {
                epoch: 0,
                epochs: 1.0,
                step: step.into(),
                steps_per_epoch: steps.into(),
            };
            let [x, targets, known] = crops.draw().map(|t| t.to_device(device));
            let logits = fitted.logits(&x, Mode::Training);
            let loss = logits.binary_cross_entropy_with_logits(
                &targets,
                Some(&known),
                Some(&positive),
                Reduction::Sum,
            ) / known.sum(None).clamp_min(1.0);
            let gradients = Tensor::f_run_backward(&[loss], optimizer.weights(), false, false)?;
            optimizer.step(
                gradients,
                schedule.learning_rate(config.learning_rate, moment),
            );
            observe(step + 1);
        }
        Ok(fitted)
    }

    /// Log odds of every frame being inside an event of each kind, `[batch, 1, mels, frames]` → `[batch, frames, kinds]`.
    pub(super) fn logits(&self, x: &Tensor, mode: Mode) -> Tensor {
        let pass = Pass {
            mode,
            precision: self.precision,
        };
        let frames = self
            .encoder
            .embed_frames(x, pass)
            .expect("checked when the detector was made"); // [batch, dim, frames]
        let fp32 = Pass {
            precision: Precision::Fp32,
            ..pass
        };
        self.head.forward(&frames.transpose(1, 2), fp32)
    }
}

/// Draws training crops.
struct Crops<'a> {
    support: &'a SupportFrames,
    config: &'a FitConfig,
    /// Frames of a crop.
    length: usize,
    /// See [`SupportFrames::loud`].
    loud: f32,
    /// The frames of each kind's shots.
    shots: Vec<Vec<&'a Range<usize>>>,
    /// How many crops held a part of a shot. They take turns among the kinds: one with few shots is drawn as often.
    turns: usize,
    rng: ChaCha8Rng,
}

impl<'a> Crops<'a> {
    fn new(support: &'a SupportFrames, config: &'a FitConfig, seed: u64) -> Self {
        let [shortest, longest] = config.crop_frames;
        let wanted = (config.crop_shots * support.mean_shot()).round() as usize;
        Self {
            support,
            config,
            length: wanted.max(shortest).min(longest).min(support.frames()),
            loud: support.loud(),
            shots: (0..support.kinds)
                .map(|kind| support.shots_of(kind).collect())
                .collect(),
            turns: 0,
            rng: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    /// Images `[crops, 1, bands, frames]`, targets and weights `[crops, frames, kinds]`.
    fn draw(&mut self) -> [Tensor; 3] {
        let (crops, length, bands) = (self.config.crops, self.length, self.support.bands);
        let kinds = self.support.kinds;
        let mut images = vec![0.0; crops * length * bands];
        let (mut targets, mut weights) = (Vec::new(), Vec::new());
        for (index, image) in images.chunks_mut(length * bands).enumerate() {
            let start = self.start(index % 2 == 0);
            self.fill(image, start);
            let known = start * kinds..(start + length) * kinds;
            targets.extend_from_slice(&self.support.targets[known.clone()]);
            weights.extend_from_slice(&self.support.weights[known]);
        }
        let shape = [crops, length, kinds].map(|size| size as i64);
        let images = Tensor::from_slice(&images).view([shape[0], shape[1], bands as i64]);
        [
            images.transpose(1, 2).unsqueeze(1).contiguous(),
            Tensor::from_slice(&targets).view(shape),
            Tensor::from_slice(&weights).view(shape),
        ]
    }

    /// Where a crop begins: such that it holds some frame of a shot, or anywhere else.
    fn start(&mut self, on_shot: bool) -> usize {
        let latest = self.support.frames() - self.length;
        let negatives = &self.support.negatives;
        // Half of the others lie on what is known to be no event, where there is such.
        let on_negative = !on_shot && !negatives.is_empty() && self.rng.random::<bool>();
        if !on_shot && !on_negative {
            return self.rng.random_range(0..=latest);
        }
        let shot = if on_shot {
            let among = &self.shots[self.turns % self.shots.len()];
            self.turns += 1;
            among[self.rng.random_range(0..among.len())]
        } else {
            &negatives[self.rng.random_range(0..negatives.len())]
        };
        let heard = self.rng.random_range(shot.clone());
        heard
            .saturating_sub(self.rng.random_range(0..self.length))
            .min(latest)
    }

    /// Copies a crop into `image`, `[frames, bands]`, and augments it.
    fn fill(&mut self, image: &mut [f32], start: usize) {
        self.copy_shifted(image, start);
        if self.rng.random::<bool>() {
            self.attenuate(image);
        }
        if self.rng.random::<bool>() && self.config.max_bursts > 0 {
            for _ in 0..self.rng.random_range(1..=self.config.max_bursts) {
                self.add_burst(image);
            }
        }
        let level = self.config.level_std * self.normal();
        let noise = self.config.max_noise * self.rng.random::<f32>();
        for value in image.iter_mut() {
            *value += level + noise * self.normal();
        }
        self.mask(image);
    }

    /// Copies a crop, shifted along the bands; bands that become free are background.
    fn copy_shifted(&mut self, image: &mut [f32], start: usize) {
        let bands = self.support.bands;
        let most = self.config.band_shift.min(bands - 1) as i64;
        let shift = self.rng.random_range(-most..=most);
        for (frame, row) in image.chunks_mut(bands).enumerate() {
            let source = &self.support.values[(start + frame) * bands..][..bands];
            for (band, value) in row.iter_mut().enumerate() {
                let heard = usize::try_from(band as i64 - shift)
                    .ok()
                    .and_then(|from| source.get(from));
                *value = heard.copied().unwrap_or(0.0);
            }
        }
    }

    /// Makes the crop fainter, as if the animal were farther away, above a floor of noise.
    fn attenuate(&mut self, image: &mut [f32]) {
        let by = self.config.max_attenuation * self.loud * self.rng.random::<f32>();
        for value in image.iter_mut() {
            *value = louder_of(*value - by, self.normal() / 2.0);
        }
    }

    /// Adds a burst of noise that fades, centred on a random band.
    fn add_burst(&mut self, image: &mut [f32]) {
        let bands = self.support.bands;
        let frames = (image.len() / bands) as i64;
        let length = 2.0 * 30f32.powf(self.rng.random::<f32>()); // 2 to 60 frames
        let first = self.rng.random_range(-(length as i64) / 2..frames);
        let height = self.loud * self.rng.random_range(0.2..1.0f32);
        let centre = self.rng.random_range(0.0..bands as f32);
        let width = self.rng.random_range(0.125..1.0f32) * bands as f32;
        let fading = self.rng.random::<f32>();
        for frame in first.max(0)..(first + length as i64).min(frames) {
            let left = 1.0 - fading * (frame - first) as f32 / length;
            let row = &mut image[frame as usize * bands..][..bands];
            for (band, value) in row.iter_mut().enumerate() {
                let place = (band as f32 - centre) / width;
                let burst = height * (-0.5 * place * place).exp() * left + 0.5 * self.normal();
                *value = louder_of(*value, burst);
            }
        }
    }

    /// Masks some neighbouring bands.
    fn mask(&mut self, image: &mut [f32]) {
        let bands = self.support.bands;
        let width = self.rng.random_range(0..=self.config.mask_bands.min(bands));
        let lowest = self.rng.random_range(0..=bands - width);
        for row in image.chunks_mut(bands) {
            row[lowest..lowest + width].fill(0.0);
        }
    }

    fn normal(&mut self) -> f32 {
        StandardNormal.sample(&mut self.rng)
    }
}

/// The level of two sounds at once, in the unit of both levels: ½ log(e²ᵃ + e²ᵇ), hardly more than that of the louder one.
fn louder_of(a: f32, b: f32) -> f32 {
    a.max(b) + 0.5 * (-2.0 * (a - b).abs()).exp().ln_1p()
}

/// Scores `[frames, bands]` piece by piece: for each of so many kinds one probability per frame.
pub(super) fn probabilities(
    detectors: &[Fitted],
    kinds: usize,
    bands: usize,
    values: &[f32],
    radius: usize,
) -> Vec<Vec<f32>> {
    /// Frames that are scored at once: the feature maps of more would not fit the processor's cache.
    const PIECE: usize = 1000;
    let frames = values.len() / bands;
    let mut probabilities: Vec<Vec<f32>> = (0..kinds).map(|_| Vec::with_capacity(frames)).collect();
    tch::no_grad(|| {
        for start in (0..frames).step_by(PIECE) {
            let end = (start + PIECE).min(frames);
            let (from, to) = (start.saturating_sub(radius), (end + radius).min(frames));
            let piece = Tensor::from_slice(&values[from * bands..to * bands]);
            let x = piece
                .view([1, (to - from) as i64, bands as i64])
                .transpose(1, 2)
                .unsqueeze(1)
                .contiguous();
            let logits = detectors.iter().map(|d| d.logits(&x, Mode::Inference));
            let sum = logits
                .reduce(|sum, logits| sum + logits)
                .expect("there is a detector");
            let mean = (sum / detectors.len() as f64).sigmoid().squeeze_dim(0);
            let mean = mean.narrow(0, (start - from) as i64, (end - start) as i64);
            for (kind, probabilities) in probabilities.iter_mut().enumerate() {
                let own = mean.select(1, kind as i64).to_kind(Kind::Float);
                let own = Vec::<f32>::try_from(own.contiguous());
                probabilities.extend(own.expect("a row of fp32 numbers"));
            }
        }
    });
    probabilities
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_with_few_shots_is_drawn_as_often_as_one_with_many() {
        let mut support = SupportFrames::unmarked(vec![0.0; 1000], 1, 2);
        (0..9).for_each(|n| support.mark(20 * n..20 * n + 10, 0));
        support.mark(900..910, 1);
        let config = FitConfig::default();
        let mut crops = Crops::new(&support, &config, 0);
        for turn in 0..10 {
            let start = crops.start(true);
            let held = start..start + crops.length;
            let is_rare = held.start < 910 && held.end > 900;
            assert_eq!(is_rare, turn % 2 == 1, "{held:?}");
        }
    }

    #[test]
    fn pictures_are_of_all_kinds() {
        let mut support = SupportFrames::unmarked(vec![0.0; 1000], 1, 2);
        (0..9).for_each(|n| support.mark(20 * n..20 * n + 10, 0));
        support.mark(900..910, 1);
        let pictures = support.pictures(4);
        let kinds: Vec<usize> = pictures.iter().map(|picture| picture.kind).collect();
        assert_eq!(kinds, [0, 0, 1]);
        let again = SupportFrames::of_pictures(&pictures, 2);
        assert_eq!(again.shot_kinds, kinds);
        assert_eq!(again.shots_of(1).count(), 1);
    }
}

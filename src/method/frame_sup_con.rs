//! Supervised contrastive learning of frames: those of one unit attract, all others repel.

use rand::Rng;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tch::{Reduction, Tensor};

use super::settings::Settings;
use super::views::halves;
use super::{
    MethodParts, Must, Objective, ProjectionHead, ProjectionHeadConfig, Sizes, Step, StepInput,
    check,
};
use crate::encoder::layers::Linear;
use crate::encoder::parameters::Parameters;
use crate::encoder::{Encoder, EncoderError, Pass, Precision};
use crate::loss::{Temperature, frame_contrast};

/// Supervised contrastive learning of frames, our own: Khosla et al. 2020 with frames in place of clips.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrameSupConConfig {
    /// Of the softmax over similarities.
    pub temperature: Temperature,
    /// The projection head.
    pub head: ProjectionHeadConfig,
    /// At most so many frames of a unit are compared at each step, and twice as many of a background. More is slower,
    /// by its square. Default 24.
    #[serde(default = "default_frames_per_unit")]
    pub frames_per_unit: usize,
    /// Weight of a second loss beside the contrastive one: whether anything at all sounds in a frame (binary cross
    /// entropy). 0 is without. Default 0.3.
    #[serde(default = "default_presence")]
    pub presence: f64,
}

fn default_frames_per_unit() -> usize {
    24
}

fn default_presence() -> f64 {
    0.3
}

/// Which frames of a batch are compared, and as what.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameTargets {
    /// `[2·batch · frames]`: what sounds in each frame; below zero nothing.
    pub units: Vec<i64>,
    /// Places in `units` of the frames that are compared.
    pub compared: Vec<i64>,
}

impl FrameTargets {
    /// Draws the frames to compare.
    pub(crate) fn choose(units: Vec<i64>, config: &FrameSupConConfig, rng: &mut impl Rng) -> Self {
        let mut frames_of = BTreeMap::<i64, Vec<i64>>::new();
        for (place, &unit) in units.iter().enumerate() {
            frames_of.entry(unit).or_default().push(place as i64);
        }
        let mut compared = Vec::new();
        for (unit, mut frames) in frames_of {
            let most = config.frames_per_unit * if unit < 0 { 2 } else { 1 };
            let (chosen, _) = frames.partial_shuffle(rng, most);
            compared.extend_from_slice(chosen);
        }
        Self { units, compared }
    }
}

impl Settings for FrameSupConConfig {
    fn objective(
        &self,
        parts: &MethodParts<'_>,
        parameters: &Parameters,
    ) -> Result<Box<dyn Objective>, EncoderError> {
        Ok(Box::new(FrameSupCon::new(self, parts, parameters)))
    }

    fn check(&self, _: usize, must: &mut Must<'_>) {
        self.head.check(must);
        check::temperature("method.temperature", self.temperature, must);
        must(
            (2..=10_000).contains(&self.frames_per_unit),
            "method.frames_per_unit",
            &self.frames_per_unit,
            "within 2..=10000",
        );
        check::weight("method.presence", self.presence, must);
    }

    /// None: how many frames are compared depends on how many each unit of a batch has.
    fn chance_loss(&self, _: &Sizes) -> Option<f64> {
        None
    }

    fn head(&self) -> Option<&ProjectionHeadConfig> {
        Some(&self.head)
    }

    fn needs_labels(&self) -> bool {
        true
    }
}

#[derive(Debug)]
struct FrameSupCon {
    config: FrameSupConConfig,
    head: ProjectionHead,
    /// On frame embeddings: does anything sound?
    presence: Option<Linear>,
}

impl FrameSupCon {
    fn new(config: &FrameSupConConfig, parts: &MethodParts<'_>, parameters: &Parameters) -> Self {
        let (root, dim) = (parameters.root(), parts.encoder.dim());
        let head = ProjectionHead::new(&config.head, dim, &root);
        let presence = (config.presence > 0.0).then(|| Linear::new(&root.sub("presence"), dim, 1));
        Self {
            config: config.clone(),
            head,
            presence,
        }
    }
}

impl Objective for FrameSupCon {
    fn step(&mut self, encoder: &Encoder, _: &Parameters, input: &StepInput<'_>) -> Step {
        let targets = input
            .frames
            .expect("the experiment checks that there are frames");
        let frames = encoder
            .embed_frames(&Tensor::cat(input.views, 0), input.pass)
            .expect("the experiment checks that the encoder keeps frames apart"); // [2·batch, dim, frames]
        let device = frames.device();
        let embeddings = frames.detach().mean_dim([2i64].as_slice(), false, None);
        let rows = frames.transpose(1, 2).flatten(0, 1); // [2·batch·frames, dim]
        let units = Tensor::from_slice(&targets.units).to_device(device);
        let compared = Tensor::from_slice(&targets.compared).to_device(device);
        let chosen = rows.index_select(0, &compared);
        let projections = self.head.forward(&chosen, input.pass);
        let mut loss = frame_contrast(
            &projections,
            &units.index_select(0, &compared),
            self.config.temperature,
        );
        if let Some(presence) = &self.presence {
            let pass = Pass {
                precision: Precision::Fp32,
                ..input.pass
            };
            let logits = presence.forward(&rows, pass).squeeze_dim(1);
            loss += self.config.presence * presence_loss(&logits, &units);
        }
        Step::of_two_views(loss, &halves(&embeddings), Some(&projections))
    }
}

/// Mean binary cross entropy of `logits`, `[items]`, for frames in which something sounds: `units`, `[items]`, not
/// below zero.
fn presence_loss(logits: &Tensor, units: &Tensor) -> Tensor {
    let sounds = units.ge(0).to_kind(logits.kind());
    logits.binary_cross_entropy_with_logits(
        &sounds,
        None::<&Tensor>,
        None::<&Tensor>,
        Reduction::Mean,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn units_are_thinned_and_backgrounds_half_as_much() {
        let units: Vec<i64> = [vec![5; 40], vec![2; 3], vec![-1; 40]].concat();
        let config = FrameSupConConfig {
            temperature: Temperature::new(0.1).unwrap(),
            head: ProjectionHeadConfig {
                widths: vec![4],
                batch_norm: false,
            },
            frames_per_unit: 10,
            presence: 0.0,
        };
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
        let targets = FrameTargets::choose(units, &config, &mut rng);
        let count = |unit: i64| {
            targets
                .compared
                .iter()
                .filter(|&&place| targets.units[place as usize] == unit)
                .count()
        };
        assert_eq!([count(5), count(2), count(-1)], [10, 3, 20]);
    }
}

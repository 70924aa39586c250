//! Plain supervised learning.

use serde::{Deserialize, Serialize};
use tch::{Reduction, Tensor};

use super::chance::guess_among;
use super::settings::Settings;
use super::{MethodParts, Must, Objective, Sizes, Step, StepInput};
use crate::encoder::layers::Linear;
use crate::encoder::parameters::Parameters;
use crate::encoder::{Encoder, EncoderError};

/// A linear classifier on the embedding, learned with the encoder by cross entropy. It hears the first view alone.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SupervisedConfig {
    /// How much of the target's weight is spread over all classes, `0..1`. Default 0.
    pub label_smoothing: f64,
}

impl Settings for SupervisedConfig {
    fn objective(
        &self,
        parts: &MethodParts<'_>,
        parameters: &Parameters,
    ) -> Result<Box<dyn Objective>, EncoderError> {
        Ok(Box::new(Supervised::new(*self, parts, parameters)))
    }

    fn check(&self, _: usize, must: &mut Must<'_>) {
        must(
            (0.0..1.0).contains(&self.label_smoothing),
            "method.label_smoothing",
            &self.label_smoothing,
            "0 or more, and below 1",
        );
    }

    fn chance_loss(&self, sizes: &Sizes) -> Option<f64> {
        guess_among(sizes.classes)
    }

    fn needs_labels(&self) -> bool {
        true
    }
}

#[derive(Debug)]
struct Supervised {
    config: SupervisedConfig,
    classifier: Linear,
}

impl Supervised {
    fn new(config: SupervisedConfig, parts: &MethodParts<'_>, parameters: &Parameters) -> Self {
        let scope = parameters.root().sub("classifier");
        Self {
            config,
            classifier: Linear::new(&scope, parts.encoder.dim(), parts.classes as i64),
        }
    }
}

impl Objective for Supervised {
    fn step(&mut self, encoder: &Encoder, _: &Parameters, input: &StepInput<'_>) -> Step {
        let embeddings = encoder.embed(&input.views[0], input.pass);
        let logits = self.classifier.forward(&embeddings, input.pass);
        let loss = logits.to_kind(tch::Kind::Float).cross_entropy_loss(
            input.labels,
            None::<&Tensor>,
            Reduction::Mean,
            -100,
            self.config.label_smoothing,
        );
        Step::of_one_view(loss, &embeddings, &logits)
    }
}

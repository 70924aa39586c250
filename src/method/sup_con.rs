//! Supervised contrastive learning: all views of a class attract, all others repel.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::chance::guess_among_views;
use super::settings::Settings;
use super::views::{BatchStatistics, project};
use super::{
    MethodParts, Must, Objective, ProjectionHead, ProjectionHeadConfig, Sizes, Step, StepInput,
    check,
};
use crate::encoder::parameters::Parameters;
use crate::encoder::{Encoder, EncoderError};
use crate::loss::{Denominator, Reduction, Temperature, supervised_contrastive};

/// Supervised contrastive learning (Khosla et al. 2020).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SupConConfig {
    /// Of the softmax over similarities. Moummad et al.: 0.06.
    pub temperature: Temperature,
    /// What an anchor is compared with. Default: all others, as the published code does.
    #[serde(default)]
    pub denominator: Denominator,
    /// The projection head.
    pub head: ProjectionHeadConfig,
    /// What batch normalisation sees at a time.
    #[serde(default)]
    pub batch_statistics: BatchStatistics,
}

impl Settings for SupConConfig {
    fn objective(
        &self,
        parts: &MethodParts<'_>,
        parameters: &Parameters,
    ) -> Result<Box<dyn Objective>, EncoderError> {
        Ok(Box::new(SupCon::new(self, parts, parameters)))
    }

    fn check(&self, _: usize, must: &mut Must<'_>) {
        self.head.check(must);
        check::temperature("method.temperature", self.temperature, must);
    }

    /// None where positives are not compared: how many negatives there are depends on the classes of a batch.
    fn chance_loss(&self, sizes: &Sizes) -> Option<f64> {
        match self.denominator {
            Denominator::AllOthers => guess_among_views(sizes.batch),
            Denominator::NegativesOnly => None,
        }
    }

    fn head(&self) -> Option<&ProjectionHeadConfig> {
        Some(&self.head)
    }

    fn needs_labels(&self) -> bool {
        true
    }
}

#[derive(Debug)]
struct SupCon {
    config: SupConConfig,
    head: ProjectionHead,
}

impl SupCon {
    fn new(config: &SupConConfig, parts: &MethodParts<'_>, parameters: &Parameters) -> Self {
        Self {
            head: ProjectionHead::new(&config.head, parts.encoder.dim(), &parameters.root()),
            config: config.clone(),
        }
    }
}

impl Objective for SupCon {
    fn step(&mut self, encoder: &Encoder, _: &Parameters, input: &StepInput<'_>) -> Step {
        let statistics = self.config.batch_statistics;
        let seen = project(encoder, &self.head, input, statistics);
        let loss = supervised_contrastive(
            &Tensor::cat(&seen.projections, 0),             // [2·batch, dim]
            &Tensor::cat(&[input.labels, input.labels], 0), // [2·batch]
            self.config.temperature,
            self.config.denominator,
            Reduction::Mean,
        );
        Step::of_two_views(loss, &seen.embeddings, Some(&seen.projections[0]))
    }
}

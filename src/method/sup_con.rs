//! Supervised contrastive learning: all views of a class attract, all others repel.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::views::{BatchStatistics, project};
use super::{MethodParts, Objective, ProjectionHead, ProjectionHeadConfig, Step, StepInput};
use crate::encoder::Encoder;
use crate::encoder::parameters::Parameters;
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

#[derive(Debug)]
pub(super) struct SupCon {
    config: SupConConfig,
    head: ProjectionHead,
}

impl SupCon {
    pub(super) fn new(
        config: &SupConConfig,
        parts: &MethodParts<'_>,
        parameters: &Parameters,
    ) -> Self {
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

//! SimCLR: two views of a patch attract, all other patches of the batch repel.

use serde::{Deserialize, Serialize};

use super::views::{BatchStatistics, project};
use super::{MethodParts, Objective, ProjectionHead, ProjectionHeadConfig, Step, StepInput};
use crate::encoder::Encoder;
use crate::encoder::parameters::Parameters;
use crate::loss::{Temperature, nt_xent};

/// SimCLR (Chen et al. 2020).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimClrConfig {
    /// Of the softmax over similarities. Fonseca et al.: 0.2.
    pub temperature: Temperature,
    /// The projection head.
    pub head: ProjectionHeadConfig,
    /// What batch normalisation sees at a time.
    #[serde(default)]
    pub batch_statistics: BatchStatistics,
}

#[derive(Debug)]
pub(super) struct SimClr {
    config: SimClrConfig,
    head: ProjectionHead,
}

impl SimClr {
    pub(super) fn new(
        config: &SimClrConfig,
        parts: &MethodParts<'_>,
        parameters: &Parameters,
    ) -> Self {
        Self {
            head: ProjectionHead::new(&config.head, parts.encoder.dim(), &parameters.root()),
            config: config.clone(),
        }
    }
}

impl Objective for SimClr {
    fn step(&mut self, encoder: &Encoder, _: &Parameters, input: &StepInput<'_>) -> Step {
        let statistics = self.config.batch_statistics;
        let seen = project(encoder, &self.head, input, statistics);
        let [first, second] = &seen.projections;
        let loss = nt_xent(first, second, self.config.temperature);
        Step::of_two_views(loss, &seen.embeddings, Some(first))
    }
}

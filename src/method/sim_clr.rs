//! SimCLR: two views of a patch attract, all other patches of the batch repel.

use serde::{Deserialize, Serialize};

use super::chance::guess_among_views;
use super::settings::Settings;
use super::views::{BatchStatistics, project};
use super::{
    MethodParts, Must, Objective, ProjectionHead, ProjectionHeadConfig, Sizes, Step, StepInput,
    check,
};
use crate::encoder::parameters::Parameters;
use crate::encoder::{Encoder, EncoderError};
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

impl Settings for SimClrConfig {
    fn objective(
        &self,
        parts: &MethodParts<'_>,
        parameters: &Parameters,
    ) -> Result<Box<dyn Objective>, EncoderError> {
        Ok(Box::new(SimClr::new(self, parts, parameters)))
    }

    fn check(&self, _: usize, must: &mut Must<'_>) {
        self.head.check(must);
        check::temperature("method.temperature", self.temperature, must);
    }

    fn chance_loss(&self, sizes: &Sizes) -> Option<f64> {
        guess_among_views(sizes.batch)
    }

    fn head(&self) -> Option<&ProjectionHeadConfig> {
        Some(&self.head)
    }
}

#[derive(Debug)]
struct SimClr {
    config: SimClrConfig,
    head: ProjectionHead,
}

impl SimClr {
    fn new(config: &SimClrConfig, parts: &MethodParts<'_>, parameters: &Parameters) -> Self {
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

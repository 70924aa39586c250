//! COLA: a view picks out the other one of its clip among those of all clips.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::chance::guess_among;
use super::settings::Settings;
use super::views::{BatchStatistics, embed};
use super::{MethodParts, Must, Objective, Sizes, Step, StepInput, check};
use crate::encoder::layers::Linear;
use crate::encoder::parameters::{Init, Parameters};
use crate::encoder::{Encoder, EncoderError, Pass};
use crate::loss::{Temperature, bilinear_similarity, cola, cosine_similarity};

/// COLA (Saeed, Grangier and Zeghidour 2021); with augmented views, Emami et al.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColaConfig {
    /// How anchors and positives are compared. Default: bilinear.
    #[serde(default)]
    pub similarity: ColaSimilarity,
    /// Numbers of the projection. Published: 512.
    #[serde(default = "default_dim")]
    pub dim: i64,
}

fn default_dim() -> i64 {
    512
}

/// How COLA compares an anchor and a positive.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ColaSimilarity {
    /// `zᵀ W z'` of projections that went through layer normalisation and tanh, with a `W` that is learned.
    #[default]
    Bilinear,
    /// Cosine similarity over a temperature.
    DotProduct {
        /// Published: 0.2.
        temperature: Temperature,
    },
}

impl Settings for ColaConfig {
    fn objective(
        &self,
        parts: &MethodParts<'_>,
        parameters: &Parameters,
    ) -> Result<Box<dyn Objective>, EncoderError> {
        Ok(Box::new(Cola::new(self, parts, parameters)))
    }

    fn check(&self, _: usize, must: &mut Must<'_>) {
        if let ColaSimilarity::DotProduct { temperature } = self.similarity {
            check::temperature("method.similarity.temperature", temperature, must);
        }
        check::dim("method.dim", self.dim, must);
    }

    fn chance_loss(&self, sizes: &Sizes) -> Option<f64> {
        guess_among(sizes.batch)
    }
}

#[derive(Debug)]
struct Cola {
    config: ColaConfig,
    projection: Linear,
    /// Scale and offset of the layer normalisation, and `W`.
    bilinear: Option<[Tensor; 3]>,
}

/// Keras' layer normalisation, which the released code uses.
const LAYER_NORM_EPS: f64 = 1e-3;
/// Keras' `random_normal`.
const BILINEAR_STD: f64 = 0.05;

impl Cola {
    fn new(config: &ColaConfig, parts: &MethodParts<'_>, parameters: &Parameters) -> Self {
        let (root, dim) = (parameters.root(), config.dim);
        let bilinear = || {
            let norm = root.sub("norm");
            [
                norm.weight("weight", &[dim], Init::Constant(1.0)),
                norm.weight("bias", &[dim], Init::Constant(0.0)),
                root.weight("bilinear", &[dim, dim], Init::Normal(BILINEAR_STD)),
            ]
        };
        Self {
            projection: Linear::new(&root.sub("projection"), parts.encoder.dim(), dim),
            bilinear: (config.similarity == ColaSimilarity::Bilinear).then(bilinear),
            config: config.clone(),
        }
    }

    /// `[batch, embedding]` → fp32 `[batch, dim]`.
    fn project(&self, embeddings: &Tensor, pass: Pass) -> Tensor {
        let z = self.projection.forward(embeddings, pass);
        let z = z.to_kind(tch::Kind::Float);
        match &self.bilinear {
            Some([scale, offset, _]) => z
                .layer_norm(
                    [self.config.dim],
                    Some(scale),
                    Some(offset),
                    LAYER_NORM_EPS,
                    false,
                )
                .tanh(),
            None => z,
        }
    }
}

impl Objective for Cola {
    fn step(&mut self, encoder: &Encoder, _: &Parameters, input: &StepInput<'_>) -> Step {
        let embeddings = embed(encoder, input, BatchStatistics::PerView);
        let [anchors, positives] = embeddings
            .each_ref()
            .map(|view| self.project(view, input.pass));
        let similarities = match (self.config.similarity, &self.bilinear) {
            (ColaSimilarity::DotProduct { temperature }, _) => {
                cosine_similarity(&anchors, &positives, temperature)
            }
            (ColaSimilarity::Bilinear, Some([_, _, w])) => {
                bilinear_similarity(&anchors, w, &positives)
            }
            (ColaSimilarity::Bilinear, None) => unreachable!("made above"),
        };
        Step::of_two_views(cola(&similarities), &embeddings, Some(&anchors))
    }
}

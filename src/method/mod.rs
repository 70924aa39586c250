//! What a method adds to an encoder while it trains: heads and the rule that compares views.
//!
//! | method | paper | loss | keeps |
//! |---|---|---|---|
//! | `sim-clr` | Chen et al. 2020; for sound, Fonseca et al. 2021 | [`crate::loss::nt_xent`] | a head |
//! | `prototypical` | Snell et al. 2017 | [`prototypical_loss`] | nothing |
//! | `sup-con` | Khosla et al. 2020; for sound, Moummad et al. 2023 | [`crate::loss::supervised_contrastive`] | a head |

mod head;
mod prototypical;

pub use head::{ProjectionHead, ProjectionHeadConfig};
pub use prototypical::{PrototypicalConfig, prototypical_loss, squared_distances};

use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use crate::encoder::parameters::Parameters;
use crate::encoder::{Encoder, Pass};
use crate::loss::{Denominator, Reduction, Temperature, nt_xent, supervised_contrastive};

/// Which method, with its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum MethodConfig {
    /// Two views of a patch attract, all other patches of the batch repel.
    SimClr(SimClrConfig),
    /// All views of a class attract, all others repel.
    SupCon(SupConConfig),
    /// Queries attract to the mean of their class's support; the views of a batch are support and query.
    Prototypical(PrototypicalConfig),
}

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

/// What batch normalisation takes its statistics from while training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BatchStatistics {
    /// Both views in one pass (Chen et al., Fonseca et al.).
    #[default]
    Joint,
    /// Each view in a pass of its own (Moummad et al.).
    PerView,
}

/// A method at work: its configuration and the tensors it trains beside the encoder's.
#[derive(Debug)]
pub struct Method {
    config: MethodConfig,
    head: Option<ProjectionHead>,
    parameters: Parameters,
}

/// What one step gives.
#[derive(Debug)]
pub struct Step {
    /// The scalar to descend.
    pub loss: Tensor,
    /// The encoder's output for the first and the second view, `[batch, dim]` each, detached.
    pub embeddings: [Tensor; 2],
}

impl Method {
    /// A method for embeddings of `dim` numbers; the same `seed` starts the same head.
    pub fn new(config: &MethodConfig, dim: i64, seed: u64, device: Device) -> Self {
        let parameters = Parameters::new(seed, device);
        let head = config.head();
        let head = head.map(|head| ProjectionHead::new(head, dim, &parameters.root()));
        Self {
            config: config.clone(),
            head,
            parameters,
        }
    }

    /// The tensors that train beside the encoder's.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// One step on two views, `[batch, 1, mels, frames]` each; `labels`, `[batch]`, are what
    /// `sup-con` attracts by. For `prototypical` the views are the support and the queries of an episode.
    pub fn step(
        &self,
        encoder: &Encoder,
        views: &[Tensor; 2],
        labels: &Tensor,
        pass: Pass,
    ) -> Step {
        let (embeddings, projections) = self.project(encoder, views, pass);
        let [first, second] = &projections;
        let loss = match &self.config {
            MethodConfig::SimClr(config) => nt_xent(first, second, config.temperature),
            MethodConfig::SupCon(config) => supervised_contrastive(
                &Tensor::cat(&projections, 0),      // [2·batch, dim]
                &Tensor::cat(&[labels, labels], 0), // [2·batch]
                config.temperature,
                config.denominator,
                Reduction::Mean,
            ),
            MethodConfig::Prototypical(config) => prototypical_loss(first, second, config.shots),
        };
        Step {
            loss,
            embeddings: embeddings.map(|view| view.detach()),
        }
    }

    /// Embeddings and projections of both views.
    fn project(
        &self,
        encoder: &Encoder,
        views: &[Tensor; 2],
        pass: Pass,
    ) -> ([Tensor; 2], [Tensor; 2]) {
        let both = |x: &Tensor| {
            let embeddings = encoder.embed(x, pass);
            let projections = match &self.head {
                Some(head) => head.forward(&embeddings, pass),
                None => embeddings.shallow_clone(),
            };
            (embeddings, projections)
        };
        match self.config.batch_statistics() {
            BatchStatistics::Joint => {
                let (embeddings, projections) = both(&Tensor::cat(views, 0)); // [2·batch, …]
                (halves(&embeddings), halves(&projections))
            }
            BatchStatistics::PerView => {
                let [(e1, p1), (e2, p2)] = [both(&views[0]), both(&views[1])];
                ([e1, e2], [p1, p2])
            }
        }
    }
}

impl MethodConfig {
    /// The projection head's settings, where there is one.
    pub fn head(&self) -> Option<&ProjectionHeadConfig> {
        match self {
            Self::SimClr(config) => Some(&config.head),
            Self::SupCon(config) => Some(&config.head),
            Self::Prototypical(_) => None,
        }
    }

    /// Whether every clip must have a label.
    pub fn needs_labels(&self) -> bool {
        match self {
            Self::SimClr(_) => false,
            Self::SupCon(_) | Self::Prototypical(_) => true,
        }
    }

    fn batch_statistics(&self) -> BatchStatistics {
        match self {
            Self::SimClr(config) => config.batch_statistics,
            Self::SupCon(config) => config.batch_statistics,
            Self::Prototypical(_) => BatchStatistics::Joint,
        }
    }
}

/// The first and the second half of the rows.
fn halves(x: &Tensor) -> [Tensor; 2] {
    let half = x.size()[0] / 2;
    [x.narrow(0, 0, half), x.narrow(0, half, half)]
}

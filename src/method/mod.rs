//! What a method adds to an encoder while it trains: heads and the rule that compares views.
//!
//! | method | paper | loss | keeps |
//! |---|---|---|---|
//! | `sim-clr` | Chen et al. 2020; for sound, Fonseca et al. 2021 | [`crate::loss::nt_xent`] | a head |
//! | `frame-sup-con` | our own, after Khosla et al. 2020 | [`crate::loss::frame_contrast`] | a head |
//! | `prototypical` | Snell et al. 2017 | [`prototypical_loss`] | nothing |
//! | `sup-con` | Khosla et al. 2020; for sound, Moummad et al. 2023 | [`crate::loss::supervised_contrastive`] | a head |

mod frame_sup_con;
mod head;
mod prototypical;

pub use frame_sup_con::{FrameSupConConfig, FrameTargets};
pub use head::{ProjectionHead, ProjectionHeadConfig};
pub use prototypical::{PrototypicalConfig, prototypical_loss, squared_distances};

use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use crate::encoder::layers::Linear;
use crate::encoder::parameters::Parameters;
use crate::encoder::{Encoder, Pass, Precision};
use crate::loss::{
    Denominator, Reduction, Temperature, frame_contrast, nt_xent, supervised_contrastive,
};

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
    /// Frames of a unit attract, all others repel.
    FrameSupCon(FrameSupConConfig),
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
    /// On frame embeddings: does anything sound?
    presence: Option<Linear>,
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
        let presence = matches!(config, MethodConfig::FrameSupCon(config) if config.presence > 0.0);
        let presence = presence.then(|| Linear::new(&parameters.root().sub("presence"), dim, 1));
        Self {
            config: config.clone(),
            head,
            presence,
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
            MethodConfig::FrameSupCon(_) => panic!("frames are compared by `step_frames`"),
        };
        Step {
            loss,
            embeddings: embeddings.map(|view| view.detach()),
        }
    }

    /// One step of `frame-sup-con` on two views, `[batch, 1, mels, frames]` each.
    ///
    /// # Panics
    /// If the method is another, or the encoder does not keep frames apart; an experiment checks both.
    pub fn step_frames(
        &self,
        encoder: &Encoder,
        views: &[Tensor; 2],
        targets: &FrameTargets,
        pass: Pass,
    ) -> Step {
        let (MethodConfig::FrameSupCon(config), Some(head)) = (&self.config, &self.head) else {
            panic!("{:?} does not compare frames", self.config)
        };
        let frames = encoder
            .embed_frames(&Tensor::cat(views, 0), pass)
            .expect("the encoder keeps frames apart"); // [2·batch, dim, frames]
        let device = frames.device();
        let embeddings = frames.detach().mean_dim([2i64].as_slice(), false, None);
        let rows = frames.transpose(1, 2).flatten(0, 1); // [2·batch·frames, dim]
        let units = Tensor::from_slice(&targets.units).to_device(device);
        let compared = Tensor::from_slice(&targets.compared).to_device(device);
        let chosen = rows.index_select(0, &compared);
        let mut loss = frame_contrast(
            &head.forward(&chosen, pass),
            &units.index_select(0, &compared),
            config.temperature,
        );
        if let Some(presence) = &self.presence {
            let pass = Pass {
                precision: Precision::Fp32,
                ..pass
            };
            let logits = presence.forward(&rows, pass).squeeze_dim(1);
            loss += config.presence * frame_sup_con::presence_loss(&logits, &units);
        }
        Step {
            loss,
            embeddings: halves(&embeddings),
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
            Self::FrameSupCon(config) => Some(&config.head),
            Self::Prototypical(_) => None,
        }
    }

    /// Whether every clip must have a label.
    pub fn needs_labels(&self) -> bool {
        match self {
            Self::SimClr(_) => false,
            Self::SupCon(_) | Self::Prototypical(_) | Self::FrameSupCon(_) => true,
        }
    }

    fn batch_statistics(&self) -> BatchStatistics {
        match self {
            Self::SimClr(config) => config.batch_statistics,
            Self::SupCon(config) => config.batch_statistics,
            Self::Prototypical(_) | Self::FrameSupCon(_) => BatchStatistics::Joint,
        }
    }
}

/// The first and the second half of the rows.
fn halves(x: &Tensor) -> [Tensor; 2] {
    let half = x.size()[0] / 2;
    [x.narrow(0, 0, half), x.narrow(0, half, half)]
}

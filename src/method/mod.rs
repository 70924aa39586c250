//! What a method adds to an encoder while it trains: heads, what it remembers, and the rule that compares views.
//!
//! | method | paper | loss | keeps |
//! |---|---|---|---|
//! | `sim-clr` | Chen et al. 2020; for sound, Fonseca et al. 2021 | [`crate::loss::nt_xent`] | a head |
//! | `sup-con` | Khosla et al. 2020; for sound, Moummad et al. 2023 | [`crate::loss::supervised_contrastive`] | a head |
//! | `moco` | He et al. 2020, Chen et al. 2020; for sound, Lin 2022 | [`crate::loss::info_nce`] | a head, a `MomentumTwin`, a `Queue` |
//! | `npid` | Wu et al. 2018; for sound, Hornauer et al. (DLS) | [`crate::loss::npid_nce`] | a head, a `MemoryBank` |
//! | `cola` | Saeed et al. 2021; augmented, Emami et al. | [`crate::loss::cola`] | a head, a bilinear form |
//! | `swav` | Caron et al. 2020 | [`crate::loss::swapped_prediction`] | a head, `Prototypes`, queues |
//! | `clar` | Al-Tahan and Mohsenzadeh 2021 | [`crate::loss::nt_xent`], cross entropy | an encoder of sound, two heads, a classifier |
//! | `supervised` | plain cross entropy | cross entropy | a classifier |
//! | `prototypical` | Snell et al. 2017 | [`prototypical_loss`] | nothing |
//! | `frame-sup-con` | our own, after Khosla et al. 2020 | [`crate::loss::frame_contrast`] | a head |
//!
//! To add a method, write its file (`sim_clr.rs` is a short one), and below its `mod`, `pub use`, row of this table and line of
//! `methods!`: the file says what its settings are, checks them, and makes the method.
//!
//! `moco` and `npid` can add cross-level discrimination (CLD, Wang, Liu and Yu 2021, [`crate::loss::cld_group`]) by their
//! setting `cld`.
//!
//! A training loop of your own makes a step like this one; [`crate::train`] has the whole loop:
//!
//! ```
//! use chiffchaff::encoder::{Encoder, EncoderConfig, FrameNetConfig, InputShape, Mode, Pass};
//! use chiffchaff::loss::Temperature;
//! use chiffchaff::method::{
//!     BatchStatistics, Method, MethodConfig, MethodParts, ProjectionHeadConfig, SimClrConfig, StepInput,
//! };
//! use tch::{Device, Kind, Tensor};
//!
//! let encoder_config = EncoderConfig::FrameNet(FrameNetConfig {});
//! let shape = InputShape { channels: 1, bands: 64 };
//! let encoder = Encoder::new(&encoder_config, shape, 0, Device::Cpu)?;
//! let config = MethodConfig::SimClr(SimClrConfig {
//!     temperature: Temperature::new(0.2)?,
//!     head: ProjectionHeadConfig { widths: vec![64, 32], batch_norm: false },
//!     batch_statistics: BatchStatistics::Joint,
//! });
//! let parts = MethodParts {
//!     encoder: &encoder,
//!     encoder_config: &encoder_config,
//!     clips: 4,
//!     classes: 0,
//!     seed: 1,
//! };
//! let mut method = Method::new(&config, &parts)?;
//!
//! let views = [0, 1].map(|_| Tensor::randn([4, 1, 64, 50], (Kind::Float, Device::Cpu)));
//! let labels = Tensor::from_slice(&[-1i64; 4]);
//! let input = StepInput {
//!     views: &views,
//!     small_views: &[],
//!     labels: &labels,
//!     clips: &[0, 1, 2, 3],
//!     frames: None,
//!     epoch: 0,
//!     step: 0,
//!     pass: Pass { mode: Mode::Training, ..Pass::INFERENCE },
//! };
//! let loss = method.step(&encoder, &input).loss;
//! loss.backward(); // then the weights move
//! method.finish_step();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod chance;
mod check;
mod clar;
mod cld;
mod cola;
mod frame_sup_con;
mod head;
mod memory_bank;
mod moco;
mod momentum_twin;
mod npid;
mod prototypes;
mod prototypical;
mod queue;
mod settings;
mod sim_clr;
mod sup_con;
mod supervised;
mod swav;
mod views;

pub use chance::Sizes;
pub(crate) use check::Must;
pub use clar::ClarConfig;
pub use cld::CldConfig;
pub use cola::{ColaConfig, ColaSimilarity};
pub use frame_sup_con::{FrameSupConConfig, FrameTargets};
pub(crate) use head::ProjectionHead;
pub use head::ProjectionHeadConfig;
pub(crate) use memory_bank::MemoryBank;
pub use moco::MocoConfig;
pub(crate) use momentum_twin::MomentumTwin;
pub use npid::{Negatives, NpidConfig};
pub(crate) use prototypes::Prototypes;
pub(crate) use prototypical::squared_distances;
pub use prototypical::{PrototypicalConfig, prototypical_loss};
pub(crate) use queue::Queue;
pub use sim_clr::SimClrConfig;
pub use sup_con::SupConConfig;
pub use supervised::SupervisedConfig;
pub use swav::SwavConfig;
pub use views::BatchStatistics;

use std::fmt::Debug;
use tch::Tensor;

use crate::augment::{DrawKey, Purpose};
use crate::encoder::parameters::Parameters;
use crate::encoder::{Encoder, EncoderConfig, EncoderError, Pass};

settings::methods! {
    /// Which method, with its settings.
    #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
    enum MethodConfig {
        /// Two views of a patch attract, all other patches of the batch repel.
        "sim-clr" => SimClr(SimClrConfig),
        /// All views of a class attract, all others repel.
        "sup-con" => SupCon(SupConConfig),
        /// A view attracts to what a slow twin makes of the other one, and is repelled by a queue of past ones.
        "moco" => Moco(MocoConfig),
        /// A clip attracts to what is remembered of it, and is repelled by what is remembered of others.
        "npid" => Npid(NpidConfig),
        /// A view picks out the other one of its clip among those of all clips.
        "cola" => Cola(ColaConfig),
        /// A view predicts the cluster of the other one.
        "swav" => Swav(SwavConfig),
        /// The sound of a clip and its spectrogram attract, all other clips of the batch repel; labels are predicted.
        "clar" => Clar(ClarConfig),
        /// Labels are predicted.
        "supervised" => Supervised(SupervisedConfig),
        /// Queries attract to the mean of their class's support; the views of a batch are support and query.
        "prototypical" => Prototypical(PrototypicalConfig),
        /// Frames of a unit attract, all others repel.
        "frame-sup-con" => FrameSupCon(FrameSupConConfig),
    }
}

/// In which form a method hears a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewForm {
    /// What the front end makes of it, as the encoder does.
    Features,
    /// As it is: samples, as long as the features of the other view.
    Sound,
}

/// What a method is made for.
#[derive(Debug)]
pub struct MethodParts<'a> {
    /// The encoder that it trains.
    pub encoder: &'a Encoder,
    /// What that was made of.
    pub encoder_config: &'a EncoderConfig,
    /// Clips of the data.
    pub clips: usize,
    /// Classes of the data; 0 without labels.
    pub classes: usize,
    /// The same seed starts the same method.
    pub seed: u64,
}

/// What a step is about.
#[derive(Debug)]
pub struct StepInput<'a> {
    /// Two views, `[batch, channels, mels, frames]` each; sound as it is, `[batch, 1, 1, samples]`, where the method asks for
    /// it ([`MethodConfig::view_forms`]). For `prototypical`, the support and the queries of an episode.
    pub views: &'a [Tensor; 2],
    /// Small views, `[batch, channels, mels, fewer frames]` each, for `swav`; else none.
    pub small_views: &'a [Tensor],
    /// Class of each clip, `[batch]`; −1 without label.
    pub labels: &'a Tensor,
    /// Which clips of the data these are, `[batch]`.
    pub clips: &'a [usize],
    /// What the frames are of, for `frame-sup-con`.
    pub frames: Option<&'a FrameTargets>,
    /// Epoch, from 0.
    pub epoch: u64,
    /// Step of the whole run, from 0.
    pub step: u64,
    /// How the encoder computes.
    pub pass: Pass,
}

/// What one step gives.
#[derive(Debug)]
pub struct Step {
    /// The scalar to descend.
    pub loss: Tensor,
    /// The encoder's output for a view, and for the other one where it looks at both; `[batch, dim]` each, detached.
    pub embeddings: (Tensor, Option<Tensor>),
    /// What the loss compares of the first of them, `[items, dim]`, detached: projections or logits. None where it compares
    /// the embeddings themselves.
    pub projections: Option<Tensor>,
}

impl Step {
    fn of_one_view(loss: Tensor, embeddings: &Tensor, projections: &Tensor) -> Self {
        Self {
            loss,
            embeddings: (embeddings.detach(), None),
            projections: Some(projections.detach()),
        }
    }

    fn of_two_views(
        loss: Tensor,
        [first, second]: &[Tensor; 2],
        projections: Option<&Tensor>,
    ) -> Self {
        Self {
            loss,
            embeddings: (first.detach(), Some(second.detach())),
            projections: projections.map(Tensor::detach),
        }
    }
}

/// The rule of a method, with what it keeps.
trait Objective: Debug {
    /// The loss of a batch.
    fn step(&mut self, encoder: &Encoder, parameters: &Parameters, input: &StepInput<'_>) -> Step;

    /// Takes the batch into memory, once the weights have moved.
    fn finish_step(&mut self) {}

    /// Networks that train with the method's own tensors, with a prefix for their names.
    fn companions(&self) -> Vec<(&'static str, &Parameters)> {
        Vec::new()
    }

    /// Tensors beside those that train that a checkpoint must hold, with a prefix for their names.
    fn followers(&self) -> Vec<(&'static str, &Parameters)> {
        Vec::new()
    }
}

/// A method at work: its rule and the tensors it trains beside the encoder's.
#[derive(Debug)]
pub struct Method {
    objective: Box<dyn Objective>,
    parameters: Parameters,
}

impl Method {
    /// A method for an encoder and its data.
    ///
    /// # Errors
    /// None for the configuration that the encoder came from.
    pub fn new(config: &MethodConfig, parts: &MethodParts<'_>) -> Result<Self, EncoderError> {
        let parameters = Parameters::new(parts.seed, parts.encoder.parameters().device());
        let objective = config.objective(parts, &parameters)?;
        Ok(Self {
            objective,
            parameters,
        })
    }

    /// The tensors that train beside the encoder's.
    pub fn weights(&self) -> Vec<Tensor> {
        let mut weights = self.parameters.weights();
        for (_, companion) in self.objective.companions() {
            weights.extend(companion.weights());
        }
        weights
    }

    /// The loss of a batch. After the weights have moved by its gradient, [`Self::finish_step`] must follow.
    ///
    /// # Panics
    /// If views, labels or frames are not what the method needs; an experiment checks that.
    pub fn step(&mut self, encoder: &Encoder, input: &StepInput<'_>) -> Step {
        self.objective.step(encoder, &self.parameters, input)
    }

    /// Takes the last batch into memory, where the method has one.
    pub fn finish_step(&mut self) {
        self.objective.finish_step();
    }

    /// Everything that a checkpoint must hold, by name.
    pub(crate) fn state(&self) -> Vec<(String, Tensor)> {
        let mut state = self.parameters.named();
        for (prefix, parameters) in self.beside() {
            let named = parameters.named().into_iter();
            state.extend(named.map(|(name, tensor)| (format!("{prefix}.{name}"), tensor)));
        }
        state
    }

    /// Takes up what [`Self::state`] gave.
    ///
    /// # Errors
    /// If a tensor is missing or has another shape.
    pub(crate) fn restore(
        &self,
        find: impl Fn(&str) -> Option<Tensor>,
    ) -> Result<(), EncoderError> {
        self.parameters.load(&find)?;
        for (prefix, parameters) in self.beside() {
            parameters.load(|name| find(&format!("{prefix}.{name}")))?;
        }
        Ok(())
    }

    /// Everything that a checkpoint must hold beside the method's own tensors.
    fn beside(&self) -> Vec<(&'static str, &Parameters)> {
        let mut beside = self.objective.companions();
        beside.extend(self.objective.followers());
        beside
    }
}

/// The key of a method's own draws at a step of the run.
fn draws(seed: u64, step: u64, purpose: Purpose) -> DrawKey {
    DrawKey {
        seed,
        epoch: 0,
        item: step,
        view: 0,
        purpose,
    }
}

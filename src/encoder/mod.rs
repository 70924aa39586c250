//! Networks: log-mel images `[batch, 1, mels, frames]` → embeddings `[batch, dim]`.
//!
//! | encoder | source | embedding | file |
//! |---|---|---|---|
//! | `resnet18` | He et al. 2016, torchvision names | mean (and maximum) of the last map | `resnet.rs` |
//! | `few-shot-resnet` | Moummad et al. 2023 | 2048, max over 8 rows × all frames | `few_shot_resnet.rs` |
//! | `frame-net` | our own | every frame: maximum and mean over mels, 192; clips: their mean | `frame_net.rs` |
//! | `proto-resnet` | baseline of DCASE task 5 | 512, mean over 2 rows × 4 stretches | `proto_resnet.rs` |

mod device;
mod embed;
mod error;
mod few_shot_resnet;
mod frame_net;
pub mod layers;
pub(crate) mod layout;
mod model;
pub mod parameters;
mod proto_resnet;
mod resnet;
pub mod tensor_file;

pub use device::DeviceName;
pub use embed::{EmbedConfig, Statistic, embed};
pub use error::EncoderError;
pub use few_shot_resnet::{FewShotResNet, FewShotResNetConfig};
pub use frame_net::{FrameNet, FrameNetConfig};
pub use layers::{Mode, Pass, Precision};
pub use model::{Model, ModelCard, Provenance};
pub use proto_resnet::{ProtoResNet, ProtoResNetConfig};
pub use resnet::{MapPool, ResNet18, ResNet18Config};

use layout::channels_last;
use parameters::{Parameters, Scope};
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

/// Which network, with its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum EncoderConfig {
    /// torchvision's ResNet-18 with a one-channel stem.
    #[serde(rename = "resnet18")]
    ResNet18(ResNet18Config),
    /// The three-block ResNet of few-shot detection.
    FewShotResnet(FewShotResNetConfig),
    /// Our own light network for detection.
    FrameNet(FrameNetConfig),
    /// The three-block network of the prototypical baseline.
    ProtoResnet(ProtoResNetConfig),
}

/// A network with its parameters.
#[derive(Debug)]
pub struct Encoder {
    network: Network,
    parameters: Parameters,
}

#[derive(Debug)]
enum Network {
    ResNet18(ResNet18),
    FewShotResNet(Box<FewShotResNet>),
    FrameNet(FrameNet),
    ProtoResNet(Box<ProtoResNet>),
}

impl Encoder {
    /// Channels of the images that every network sees as yet.
    pub const CHANNELS: usize = 1;

    /// A network as it is before training; the same `seed` gives the same one.
    ///
    /// # Errors
    /// If a setting is out of range.
    pub fn new(config: &EncoderConfig, seed: u64, device: Device) -> Result<Self, EncoderError> {
        let parameters = Parameters::new(seed, device);
        let network = Network::new(config, &parameters.root())?;
        Ok(Self {
            network,
            parameters,
        })
    }

    /// The network's tensors.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Length of an embedding.
    pub fn dim(&self) -> i64 {
        match &self.network {
            Network::ResNet18(network) => network.dim(),
            Network::FewShotResNet(_) => FewShotResNet::CHANNELS * FewShotResNet::ROWS,
            Network::FrameNet(_) => FrameNet::DIM,
            Network::ProtoResNet(_) => {
                ProtoResNet::CHANNELS * ProtoResNet::ROWS * ProtoResNet::COLUMNS
            }
        }
    }

    /// The fewest frames that can be embedded.
    pub fn min_frames(&self) -> usize {
        match &self.network {
            Network::ResNet18(_) | Network::FrameNet(_) => 1,
            Network::FewShotResNet(_) => FewShotResNet::MIN_FRAMES,
            Network::ProtoResNet(_) => ProtoResNet::MIN_FRAMES,
        }
    }

    /// `[batch, 1, mels, frames]` → fp32 embeddings `[batch, dim]`.
    pub fn embed(&self, x: &Tensor, pass: Pass) -> Tensor {
        self.embed_by(x, &|_| pass)
    }

    /// As [`Self::embed`], each stage in the pass that `pass_of` gives for it: stages that are frozen and stages that
    /// are tuned.
    pub fn embed_by(&self, x: &Tensor, pass_of: &dyn Fn(usize) -> Pass) -> Tensor {
        let maps = self.stages_by(x, pass_of);
        let last = maps.last().expect("a network has stages");
        match &self.network {
            Network::ResNet18(network) => network.pool(last),
            Network::FewShotResNet(_) => FewShotResNet::pool(last),
            Network::FrameNet(_) => {
                FrameNet::pool_mels(last).mean_dim([2i64].as_slice(), false, None)
            }
            Network::ProtoResNet(_) => ProtoResNet::pool(last),
        }
        .to_kind(tch::Kind::Float)
    }

    /// `[batch, 1, mels, frames]` → the feature map of each stage, `[batch, channels, rows,
    /// frames']`, in the pass's precision.
    pub fn stages(&self, x: &Tensor, pass: Pass) -> Vec<Tensor> {
        self.stages_by(x, &|_| pass)
    }

    /// As [`Self::stages`], each in the pass that `pass_of` gives for it.
    pub fn stages_by(&self, x: &Tensor, pass_of: &dyn Fn(usize) -> Pass) -> Vec<Tensor> {
        let x = &channels_last(x.shallow_clone());
        match &self.network {
            Network::ResNet18(network) => network.stages(x, pass_of),
            Network::FewShotResNet(network) => network.stages(x, pass_of),
            Network::ProtoResNet(network) => network.stages(x, pass_of),
            Network::FrameNet(network) => vec![network.map(x, pass_of(0))],
        }
    }

    /// `[batch, 1, mels, frames]` → fp32 embeddings of every frame, `[batch, dim, frames]`, where the network keeps
    /// frames apart.
    pub fn embed_frames(&self, x: &Tensor, pass: Pass) -> Option<Tensor> {
        match &self.network {
            Network::FrameNet(_) => Some(FrameNet::pool_mels(&self.stages(x, pass)[0])),
            Network::ResNet18(_) | Network::FewShotResNet(_) | Network::ProtoResNet(_) => None,
        }
    }

    /// Number of stages, which are named `layer1` to `layerN`.
    pub fn stage_count(&self) -> usize {
        match &self.network {
            Network::ResNet18(_) => 4,
            Network::FewShotResNet(_) | Network::ProtoResNet(_) => 3,
            Network::FrameNet(_) => 1,
        }
    }

    /// The trainable tensors of the last `stages` stages; with all of them, those of the stem too.
    pub fn last_weights(&self, stages: usize) -> Vec<Tensor> {
        let count = self.stage_count();
        if stages >= count {
            return self.parameters.weights();
        }
        let tuned = count - stages + 1..=count;
        let tuned = tuned.map(|stage| self.parameters.weights_under(&format!("layer{stage}.")));
        tuned.flatten().collect()
    }
}

impl Network {
    fn new(config: &EncoderConfig, scope: &Scope<'_>) -> Result<Self, EncoderError> {
        Ok(match config {
            EncoderConfig::ResNet18(config) => Self::ResNet18(ResNet18::new(config, scope)?),
            EncoderConfig::FewShotResnet(_) => {
                Self::FewShotResNet(Box::new(FewShotResNet::new(scope)))
            }
            EncoderConfig::FrameNet(_) => Self::FrameNet(FrameNet::new(scope)),
            EncoderConfig::ProtoResnet(_) => Self::ProtoResNet(Box::new(ProtoResNet::new(scope))),
        })
    }
}

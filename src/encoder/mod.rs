//! Networks: images `[batch, channels, mels, frames]` → embeddings `[batch, dim]`.
//!
//! The front end decides the channels and the bands ([`InputShape`]). A network gives the map of each of its stages and
//! makes an embedding of the last. An [`Encoder`] is a network with its numbers; a [`Model`] is a trained encoder with all
//! that its sounds must go through first.
//!
//! ```no_run
//! use chiffchaff::audio::read_mono;
//! use chiffchaff::encoder::{DeviceName, Model};
//!
//! let model = Model::load("runs/mine".as_ref(), DeviceName::Cpu.open()?)?;
//! let sound = read_mono("dawn.wav", model.card.front_end.sample_rate())?;
//! let embedding: Vec<f32> = model.embed(&sound)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | encoder | source | embedding | file |
//! |---|---|---|---|
//! | `resnet18` | He et al. 2016, torchvision names | 512, mean (and maximum) of the last map | `resnet.rs` |
//! | `resnet18-samples` | CLAR, Al-Tahan and Mohsenzadeh 2021 | the same, of sound as it is | `resnet.rs` |
//! | `resnet50` | He et al. 2016, v1.5, torchvision names | 2048, mean (and maximum) of the last map | `resnet.rs` |
//! | `esresnet` | Guzhov et al. 2020 | 2048, mean of the last map, summed over sides | `esresnet.rs` |
//! | `vgg` | Fonseca et al. 2021 | 512, maximum and mean, then linear | `vgg.rs` |
//! | `crnn` | Fonseca et al. 2021 | 64, product of two directions | `crnn.rs` |
//! | `efficientnet-b0` | Tan and Le 2019, torchvision names | 1280, maximum (or mean) of the last map | `efficientnet.rs` |
//! | `densenet121` | Huang et al. 2017, torchvision names | 1024, mean of the last map | `densenet.rs` |
//! | `few-shot-resnet` | Moummad et al. 2023 | 2048, max over 8 rows × all frames | `few_shot_resnet.rs` |
//! | `frame-net` | our own | every frame: maximum and mean over mels, 192; clips: their mean | `frame_net.rs` |
//! | `proto-resnet` | baseline of DCASE task 5 | 512, mean over 2 rows × 4 stretches | `proto_resnet.rs` |

mod crnn;
mod densenet;
mod device;
mod efficientnet;
mod embed;
mod embed_sound;
mod error;
mod esresnet;
mod few_shot_resnet;
mod frame_net;
mod init;
pub(crate) mod layers;
pub(crate) mod layout;
mod model;
#[cfg(test)]
mod model_tests;
mod network;
pub(crate) mod parameters;
mod proto_resnet;
mod pth;
mod resnet;
pub(crate) mod tensor_file;
mod vgg;

pub use crnn::CrnnConfig;
pub use densenet::DenseNetConfig;
pub use device::DeviceName;
pub use efficientnet::EfficientNetConfig;
pub use embed::{EmbedConfig, Statistic, embed};
pub use embed_sound::{EmbeddedSound, SoundWindows};
pub use error::EncoderError;
pub use esresnet::EsResNetConfig;
pub use few_shot_resnet::FewShotResNetConfig;
pub(crate) use frame_net::FrameNet;
pub use frame_net::FrameNetConfig;
pub use init::{Initialized, StartingWeights};
pub use layers::{Mode, Pass, Precision};
pub use model::{Model, ModelCard, TrainingRecord};
pub use network::InputShape;
pub use parameters::Parameters;
pub use proto_resnet::ProtoResNetConfig;
pub use resnet::{MapPool, ResNetConfig};
pub use vgg::VggConfig;

use crate::cores;
use layout::channels_last;
use network::Network;
use parameters::Scope;
use resnet::{Architecture, ResNet};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

/// Which network, with its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum EncoderConfig {
    /// torchvision's ResNet-18.
    #[serde(rename = "resnet18")]
    ResNet18(ResNetConfig),
    /// ResNet-18 over time alone, for sound as it is.
    #[serde(rename = "resnet18-samples")]
    ResNet18Samples(ResNetConfig),
    /// torchvision's ResNet-50.
    #[serde(rename = "resnet50")]
    ResNet50(ResNetConfig),
    /// ResNet-50 on three bands, side by side.
    #[serde(rename = "esresnet")]
    EsResNet(EsResNetConfig),
    /// Fonseca's VGG-like network.
    Vgg(VggConfig),
    /// Fonseca's convolutional recurrent network.
    Crnn(CrnnConfig),
    /// torchvision's EfficientNet-B0.
    #[serde(rename = "efficientnet-b0")]
    EfficientNetB0(EfficientNetConfig),
    /// torchvision's DenseNet-121.
    #[serde(rename = "densenet121")]
    DenseNet121(DenseNetConfig),
    /// The three-block ResNet of few-shot detection.
    FewShotResnet(FewShotResNetConfig),
    /// Our own light network for detection.
    FrameNet(FrameNetConfig),
    /// The three-block network of the prototypical baseline.
    ProtoResnet(ProtoResNetConfig),
}

impl EncoderConfig {
    /// Whether there is such a network.
    ///
    /// # Errors
    /// [`EncoderError::Setting`] for a setting that is out of range.
    pub fn check(&self) -> Result<(), EncoderError> {
        match self {
            Self::ResNet18(config) | Self::ResNet18Samples(config) | Self::ResNet50(config) => {
                config.check()
            }
            Self::EfficientNetB0(config) => config.check(),
            Self::EsResNet(_)
            | Self::Vgg(_)
            | Self::Crnn(_)
            | Self::DenseNet121(_)
            | Self::FewShotResnet(_)
            | Self::FrameNet(_)
            | Self::ProtoResnet(_) => Ok(()),
        }
    }

    fn network(
        &self,
        input: InputShape,
        scope: &Scope<'_>,
    ) -> Result<Box<dyn Network>, EncoderError> {
        let resnet = |architecture, config| ResNet::new(architecture, config, input, scope);
        Ok(match self {
            Self::ResNet18(config) => Box::new(resnet(Architecture::ResNet18, config)?),
            Self::ResNet18Samples(config) => {
                Box::new(resnet(Architecture::ResNet18Samples, config)?)
            }
            Self::ResNet50(config) => Box::new(resnet(Architecture::ResNet50, config)?),
            Self::EsResNet(config) => Box::new(esresnet::EsResNet::new(config, input, scope)?),
            Self::Vgg(_) => Box::new(vgg::Vgg::new(input, scope)),
            Self::Crnn(config) => Box::new(crnn::Crnn::new(config, input, scope)),
            Self::EfficientNetB0(config) => {
                Box::new(efficientnet::EfficientNet::new(config, input, scope)?)
            }
            Self::DenseNet121(config) => Box::new(densenet::DenseNet::new(config, input, scope)?),
            Self::FewShotResnet(_) => Box::new(few_shot_resnet::FewShotResNet::new(input, scope)),
            Self::FrameNet(_) => Box::new(FrameNet::new(input, scope)),
            Self::ProtoResnet(_) => Box::new(proto_resnet::ProtoResNet::new(input, scope)),
        })
    }
}

/// A network with its parameters.
#[derive(Debug)]
pub struct Encoder {
    network: Box<dyn Network>,
    input: InputShape,
    parameters: Parameters,
}

impl Encoder {
    /// A network for images of this shape as it is before training; the same `seed` gives the same one.
    ///
    /// # Errors
    /// If a setting is out of range, or the network cannot take such images.
    pub fn new(
        config: &EncoderConfig,
        input: InputShape,
        seed: u64,
        device: Device,
    ) -> Result<Self, EncoderError> {
        Self::made(config, input, Parameters::new(seed, device))
    }

    /// A network whose tensors have names and shapes, but no memory: what such a network would need, before it is made.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(crate) fn outline(
        config: &EncoderConfig,
        input: InputShape,
    ) -> Result<Parameters, EncoderError> {
        Ok(Self::made(config, input, Parameters::outline())?.parameters)
    }

    fn made(
        config: &EncoderConfig,
        input: InputShape,
        parameters: Parameters,
    ) -> Result<Self, EncoderError> {
        let network = config.network(input, &parameters.root())?;
        let [minimum, _] = network.min_shape();
        if input.bands < minimum {
            return Err(EncoderError::TooFewBands {
                given: input.bands,
                minimum,
            });
        }
        Ok(Self {
            network,
            input,
            parameters,
        })
    }

    /// The network's tensors.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The images it was made for.
    pub fn input(&self) -> InputShape {
        self.input
    }

    /// Length of an embedding.
    pub fn dim(&self) -> i64 {
        self.network.dim()
    }

    /// The fewest frames that can be embedded.
    pub fn min_frames(&self) -> usize {
        let [_, frames] = self.network.min_shape();
        frames
    }

    /// `[batch, channels, mels, frames]` → fp32 embeddings `[batch, dim]`.
    pub fn embed(&self, x: &Tensor, pass: Pass) -> Tensor {
        self.embed_by(x, &|_| pass)
    }

    /// As [`Self::embed`], each stage in the pass that `pass_of` gives for it: stages that are frozen and stages that
    /// are tuned.
    pub(crate) fn embed_by(&self, x: &Tensor, pass_of: &dyn Fn(usize) -> Pass) -> Tensor {
        let last_pass = pass_of(self.stage_count() - 1);
        let embed = |side: Tensor| {
            let maps = self.network.stages(&side, pass_of);
            let last = maps.last().expect("a network has stages");
            let pooled = self.network.pool(last, last_pass);
            pooled.to_kind(Kind::Float)
        };
        let sides = self.sides(x).map(embed);
        sides.reduce(|sum, side| sum + side).expect("one side")
    }

    /// `[batch, channels, mels, frames]` → the feature map of each stage, `[batch, channels', rows,
    /// frames']`, in the pass's precision; summed over the two sides where the network takes each side as an input of its own.
    pub fn stages(&self, x: &Tensor, pass: Pass) -> Vec<Tensor> {
        let maps = self
            .sides(x)
            .map(|side| self.network.stages(&side, &|_| pass));
        let add = |(a, b): (Tensor, Tensor)| a + b;
        maps.reduce(|sum, maps| sum.into_iter().zip(maps).map(add).collect())
            .expect("one side")
    }

    /// The images of each side, channels beside one another in memory.
    fn sides(&self, x: &Tensor) -> impl Iterator<Item = Tensor> {
        cores::before_pass();
        let sides = x.chunk(self.network.sides() as i64, 1);
        sides.into_iter().map(channels_last)
    }

    /// `[batch, channels, mels, frames]` → fp32 embeddings of every frame, `[batch, dim, frames]`, where the network
    /// keeps frames apart.
    pub(crate) fn embed_frames(&self, x: &Tensor, pass: Pass) -> Option<Tensor> {
        let pool = self.network.pool_frames()?;
        Some(pool(&self.stages(x, pass)[0]))
    }

    /// Number of stages.
    pub fn stage_count(&self) -> usize {
        self.network.stage_names().len()
    }

    /// The trainable tensors of the last `stages` stages; with all of them, those of the stem too.
    pub fn last_weights(&self, stages: usize) -> Vec<Tensor> {
        let names = self.network.stage_names();
        if stages >= names.len() {
            return self.parameters.weights();
        }
        let tuned = names[names.len() - stages..].iter().copied().flatten();
        tuned
            .flat_map(|prefix| self.parameters.weights_under(prefix))
            .collect()
    }
}

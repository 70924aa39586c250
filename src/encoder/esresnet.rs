//! ESResNet (Guzhov et al. 2020, arXiv:2004.07301, the section on the model, and its released code): a ResNet-50 on three
//! bands, with attention or without.
//!
//! The ResNet's names are torchvision's, the attention's those of the published code.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::layers::{BatchNorm, Conv2d, ConvShape, Pass};
use super::parameters::{Init, Scope};
use super::resnet::{Architecture, ResNet, ResNetConfig};
use super::{EncoderError, InputShape, Network};

/// The settings of ESResNet: ResNet-50 on three bands, side by side.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EsResNetConfig {
    /// Whether every stage is weighed by what attention makes of the map before it. Default: no, as in the published
    /// protocols; it adds 7.0 million parameters to 23.5 million.
    #[serde(default)]
    pub attention: bool,
}

/// Bands of the spectrum of one side, each a channel.
pub(super) const BANDS: usize = 3;

/// The network. The sides of a stereo sound go through it one after another, with statistics of their own in training,
/// and their embeddings are summed.
#[derive(Debug)]
pub(crate) struct EsResNet {
    resnet: ResNet,
    attention: Option<[Attention; 5]>,
    sides: usize,
}

impl EsResNet {
    /// Adds the network's tensors to `scope`.
    ///
    /// # Errors
    /// If the channels are not three for each side.
    pub(crate) fn new(
        config: &EsResNetConfig,
        input: InputShape,
        scope: &Scope<'_>,
    ) -> Result<Self, EncoderError> {
        let sides = sides(input)?;
        let side = InputShape {
            channels: BANDS,
            ..input
        };
        let resnet = ResNetConfig::default();
        let resnet = ResNet::new(Architecture::ResNet50, &resnet, side, scope)?;
        let attention = |index: usize, channels, kernel| {
            Attention::new(&scope.sub(format_args!("att{index}")), channels, kernel)
        };
        Ok(Self {
            resnet,
            attention: config.attention.then(|| {
                [
                    attention(1, [64, 256], [3, 1]),
                    attention(2, [256, 512], [1, 5]),
                    attention(3, [512, 1024], [3, 1]),
                    attention(4, [1024, 2048], [1, 5]),
                    attention(5, [2048, 2048], [3, 5]),
                ]
            }),
            sides,
        })
    }
}

/// How many sides have three channels each in such images.
///
/// # Errors
/// If the channels are not three for each side.
pub(super) fn sides(input: InputShape) -> Result<usize, EncoderError> {
    match (input.channels / BANDS, input.channels % BANDS) {
        (sides @ 1.., 0) => Ok(sides),
        _ => Err(EncoderError::Channels {
            given: input.channels,
            allowed: "three for each side of the sound",
        }),
    }
}

impl Network for EsResNet {
    fn dim(&self) -> i64 {
        self.resnet.dim()
    }

    fn sides(&self) -> usize {
        self.sides
    }

    /// As those of ResNet-50: 256, 512, 1024 and 2048 channels at 1/4, 1/8, 1/16 and 1/32 of rows and frames, rounded
    /// up.
    fn stages(&self, x: &Tensor, pass_of: &dyn Fn(usize) -> Pass) -> Vec<Tensor> {
        let Some(attention) = &self.attention else {
            return self.resnet.stages(x, pass_of);
        };
        let mut x = self.resnet.stem(x, pass_of(0));
        let mut maps = Vec::new();
        for (stage, attention) in attention[..4].iter().enumerate() {
            let pass = pass_of(stage);
            let map = self.resnet.stage(stage, &x, pass);
            x = attention.weights(&x, &map, pass) * map;
            maps.push(x.shallow_clone());
        }
        maps
    }

    /// The mean over rows and frames.
    fn pool(&self, map: &Tensor, pass: Pass) -> Tensor {
        let Some([.., attention]) = &self.attention else {
            return self.resnet.pool(map, pass);
        };
        let mean = map.mean_dim([2i64, 3].as_slice(), true, map.kind()); // [batch, 2048, 1, 1]
        (attention.weights(map, &mean, pass) * mean).flatten(1, -1)
    }

    fn stage_names(&self) -> &[&[&str]] {
        &[
            &["layer1.", "att1."],
            &["layer2.", "att2."],
            &["layer3.", "att3."],
            &["layer4.", "att4.", "att5."],
        ]
    }

    fn added_names(&self) -> &[&str] {
        &["att"]
    }
}

/// Weights in 0..=1 for every number of a map, of what came before it.
#[derive(Debug)]
struct Attention {
    conv_depth: Conv2d,
    conv_point: Conv2d,
    bn: BatchNorm,
}

impl Attention {
    /// PyTorch's default start.
    fn new(scope: &Scope<'_>, [inputs, outputs]: [i64; 2], kernel: [i64; 2]) -> Self {
        let conv = |name, shape: ConvShape| {
            let (scope, init) = (scope.sub(name), Init::linear(shape.fan_in()));
            Conv2d::shaped(&scope, shape, init).with_bias(&scope, init)
        };
        Self {
            conv_depth: conv("conv_depth", ConvShape::depthwise(inputs, kernel, 1)),
            conv_point: conv("conv_point", ConvShape::square(inputs, outputs, 1, 1)),
            bn: BatchNorm::new(&scope.sub("bn"), outputs),
        }
    }

    /// `before` `[batch, inputs, …]` → the shape of `map`, `[batch, outputs, rows, frames]`.
    fn weights(&self, before: &Tensor, map: &Tensor, pass: Pass) -> Tensor {
        let [rows, frames] = [map.size()[2], map.size()[3]];
        let (x, _) = before.adaptive_max_pool2d([rows, frames]); // [batch, inputs, rows, frames]
        let x = self
            .conv_point
            .forward(&self.conv_depth.forward(&x, pass), pass);
        self.bn.forward(&x, pass).sigmoid()
    }
}

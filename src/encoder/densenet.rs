//! DenseNet-121 as torchvision lays it out (Huang et al. 2017, arXiv:1608.06993, table 1), with names that fit its weights.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::esresnet::{self, BANDS};
use super::layers::{BatchNorm, Conv2d, ConvShape, Pass};
use super::parameters::{Init, Scope};
use super::resnet::MapPool;
use super::{EncoderError, InputShape, Network};

/// The settings of torchvision's DenseNet-121.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DenseNetConfig {
    /// Whether every three channels are a side of the sound that goes through the network by itself, embeddings summed,
    /// as in ESResNet. Default: no, one image of all channels.
    #[serde(default)]
    pub siamese: bool,
}

/// Layers of each block.
const BLOCKS: [usize; 4] = [6, 12, 24, 16];
/// Channels that each layer adds.
const GROWTH: i64 = 32;
/// Channels between the two convolutions of a layer.
const BOTTLENECK: i64 = 4 * GROWTH;
const STEM: i64 = 64;

/// The network. The input of every layer of a block is the output of all layers before it.
#[derive(Debug)]
pub(crate) struct DenseNet {
    conv0: Conv2d,
    norm0: BatchNorm,
    blocks: Vec<Vec<DenseLayer>>,
    transitions: Vec<(BatchNorm, Conv2d)>,
    norm5: BatchNorm,
    sides: usize,
}

impl DenseNet {
    /// Length of an embedding.
    const DIM: i64 = 1024;

    /// Adds the network's tensors to `scope`.
    ///
    /// # Errors
    /// If it is siamese and the channels are not three for each side.
    pub(crate) fn new(
        config: &DenseNetConfig,
        input: InputShape,
        scope: &Scope<'_>,
    ) -> Result<Self, EncoderError> {
        let (sides, channels) = match config.siamese {
            true => (esresnet::sides(input)?, BANDS),
            false => (1, input.channels),
        };
        let scope = scope.sub("features");
        let conv0 = conv(&scope.sub("conv0"), [channels as i64, STEM], 7, 2);
        let norm0 = BatchNorm::new(&scope.sub("norm0"), STEM);
        let (mut blocks, mut transitions) = (Vec::new(), Vec::new());
        let mut channels = STEM;
        for (index, &layers) in BLOCKS.iter().enumerate() {
            let block = scope.sub(format_args!("denseblock{}", index + 1));
            let layer = |layer: usize| {
                let scope = block.sub(format_args!("denselayer{}", layer + 1));
                DenseLayer::new(&scope, channels + layer as i64 * GROWTH)
            };
            blocks.push((0..layers).map(layer).collect());
            channels += layers as i64 * GROWTH;
            if index + 1 < BLOCKS.len() {
                let scope = scope.sub(format_args!("transition{}", index + 1));
                transitions.push((
                    BatchNorm::new(&scope.sub("norm"), channels),
                    conv(&scope.sub("conv"), [channels, channels / 2], 1, 1),
                ));
                channels /= 2;
            }
        }
        Ok(Self {
            conv0,
            norm0,
            blocks,
            transitions,
            norm5: BatchNorm::new(&scope.sub("norm5"), channels),
            sides,
        })
    }
}

/// As torchvision starts it: Kaiming normal, fan-in.
fn conv(scope: &Scope<'_>, [inputs, outputs]: [i64; 2], kernel: i64, stride: i64) -> Conv2d {
    let shape = ConvShape::square(inputs, outputs, kernel, stride);
    let init = Init::Normal((2.0 / shape.fan_in() as f64).sqrt());
    Conv2d::shaped(scope, shape, init)
}

impl Network for DenseNet {
    fn dim(&self) -> i64 {
        Self::DIM
    }

    /// What is left after the stem, a quarter rounded up, is halved three times, rounded down.
    fn min_shape(&self) -> [usize; 2] {
        [29, 29]
    }

    fn sides(&self) -> usize {
        self.sides
    }

    /// What leaves each block: 256, 512, 1024 and 1024 channels, the last normalised; the stem computes as the first.
    fn stages(&self, x: &Tensor, pass_of: &dyn Fn(usize) -> Pass) -> Vec<Tensor> {
        let pass = pass_of(0);
        let mut x = self.norm0.forward(&self.conv0.forward(x, pass), pass);
        let mut x = x.relu_().max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false);
        let mut maps = Vec::with_capacity(self.blocks.len());
        for (stage, layers) in self.blocks.iter().enumerate() {
            let pass = pass_of(stage);
            if let Some(before) = stage.checked_sub(1) {
                let (norm, conv) = &self.transitions[before];
                x = conv.forward(&norm.forward(&x, pass).relu_(), pass);
                x = x.avg_pool2d([2, 2], [2, 2], [0, 0], false, true, None);
            }
            for layer in layers {
                x = Tensor::cat(&[&x, &layer.forward(&x, pass)], 1);
            }
            if stage + 1 == self.blocks.len() {
                x = self.norm5.forward(&x, pass).relu_();
            }
            maps.push(x.shallow_clone());
        }
        maps
    }

    /// The mean over rows and frames.
    fn pool(&self, map: &Tensor, _pass: Pass) -> Tensor {
        MapPool::Mean.apply(map)
    }

    fn stage_names(&self) -> &[&[&str]] {
        &[
            &["features.denseblock1."],
            &["features.transition1.", "features.denseblock2."],
            &["features.transition2.", "features.denseblock3."],
            &[
                "features.transition3.",
                "features.denseblock4.",
                "features.norm5.",
            ],
        ]
    }
}

/// Normalise, activate and convolve, 1×1 and then 3×3.
#[derive(Debug)]
struct DenseLayer {
    norm1: BatchNorm,
    conv1: Conv2d,
    norm2: BatchNorm,
    conv2: Conv2d,
}

impl DenseLayer {
    fn new(scope: &Scope<'_>, inputs: i64) -> Self {
        Self {
            norm1: BatchNorm::new(&scope.sub("norm1"), inputs),
            conv1: conv(&scope.sub("conv1"), [inputs, BOTTLENECK], 1, 1),
            norm2: BatchNorm::new(&scope.sub("norm2"), BOTTLENECK),
            conv2: conv(&scope.sub("conv2"), [BOTTLENECK, GROWTH], 3, 1),
        }
    }

    /// `[batch, inputs, …]` → `[batch, 32, …]`.
    fn forward(&self, x: &Tensor, pass: Pass) -> Tensor {
        let y = self
            .conv1
            .forward(&self.norm1.forward(x, pass).relu_(), pass);
        self.conv2
            .forward(&self.norm2.forward(&y, pass).relu_(), pass)
    }
}

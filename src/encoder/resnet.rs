//! ResNet as torchvision lays it out (He et al. 2016, arXiv:1512.03385, table 1; v1.5), with names that fit its weights.
//!
//! Stem 7×7 stride 2, max-pool 3×3 stride 2, four stages, strides 1/2/2/2. The stem takes as many channels
//! as the front end gives; there is no classifier. On sound as it is, every kernel has one row (CLAR, Al-Tahan and
//! Mohsenzadeh 2021, which does not print its sizes; these are the two-dimensional ones).

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::layers::{BatchNorm, Conv2d, ConvShape, Pass};
use super::parameters::Scope;
use super::{EncoderError, InputShape, Network};

/// The settings of a ResNet of any depth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct ResNetConfig {
    /// Inner channels of the first stage; each later stage doubles them. 64 (default) is the published
    /// network: ResNet-18 of 11.2 million parameters, ResNet-50 of 23.5 million; cost grows with the square.
    #[serde(default = "published_width")]
    pub width: i64,
    /// How the last feature map becomes an embedding. Default: its mean, as published.
    #[serde(default)]
    pub pool: MapPool,
}

/// What is taken over all rows and frames of the last feature map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MapPool {
    /// The mean: one number for each channel.
    #[default]
    Mean,
    /// The maximum: as many numbers. Short calls show in the maximum.
    Max,
    /// The mean and the maximum side by side: twice as many.
    MeanMax,
}

impl MapPool {
    /// Length of what is taken of `channels` channels.
    pub(crate) fn dim(self, channels: i64) -> i64 {
        match self {
            Self::Mean | Self::Max => channels,
            Self::MeanMax => 2 * channels,
        }
    }

    /// `[batch, channels, rows, frames]` → `[batch, dim]`.
    pub(crate) fn apply(self, map: &Tensor) -> Tensor {
        let (rows, frames) = (2i64, 3i64);
        let mean = || map.mean_dim([rows, frames].as_slice(), false, map.kind());
        let max = || map.amax([rows, frames], false);
        match self {
            Self::Mean => mean(),
            Self::Max => max(),
            Self::MeanMax => Tensor::cat(&[mean(), max()], 1),
        }
    }
}

fn published_width() -> i64 {
    64
}

impl ResNetConfig {
    /// Whether there is such a network.
    pub(super) fn check(&self) -> Result<(), EncoderError> {
        if (1..=1024).contains(&self.width) {
            return Ok(());
        }
        Err(EncoderError::Setting {
            key: "width",
            given: self.width.to_string(),
            allowed: "within 1..=1024",
        })
    }
}

impl Default for ResNetConfig {
    fn default() -> Self {
        Self {
            width: published_width(),
            pool: MapPool::Mean,
        }
    }
}

/// What a ResNet is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Architecture {
    /// Two basic blocks in each stage.
    ResNet18,
    /// The same over time alone, for sound as it is.
    ResNet18Samples,
    /// 3, 4, 6 and 3 bottlenecks.
    ResNet50,
}

impl Architecture {
    fn blocks(self) -> [usize; 4] {
        match self {
            Self::ResNet18 | Self::ResNet18Samples => [2, 2, 2, 2],
            Self::ResNet50 => [3, 4, 6, 3],
        }
    }

    /// Channels that leave a block, for each of its inner ones.
    fn expansion(self) -> i64 {
        match self {
            Self::ResNet18 | Self::ResNet18Samples => 1,
            Self::ResNet50 => 4,
        }
    }

    /// Of `size` over time, and over bands where the network has them.
    fn both(self, size: i64, without_bands: i64) -> [i64; 2] {
        match self {
            Self::ResNet18Samples => [without_bands, size],
            Self::ResNet18 | Self::ResNet50 => [size, size],
        }
    }

    fn conv(self, scope: &Scope<'_>, channels: [i64; 2], kernel: i64, stride: i64) -> Conv2d {
        let shape = ConvShape {
            kernel: self.both(kernel, 1),
            stride: self.both(stride, 1),
            ..ConvShape::square(channels[0], channels[1], kernel, stride)
        };
        Conv2d::shaped(scope, shape, shape.fan_out_init())
    }
}

/// The network; see [`ResNetConfig`].
#[derive(Debug)]
pub(crate) struct ResNet {
    architecture: Architecture,
    conv1: Conv2d,
    bn1: BatchNorm,
    layers: Vec<Vec<Block>>,
    width: i64,
    pool: MapPool,
}

impl ResNet {
    /// Adds the network's tensors to `scope`.
    ///
    /// # Errors
    /// If `width` is not within 1..=1024, or images have bands where there should be samples.
    pub(crate) fn new(
        architecture: Architecture,
        config: &ResNetConfig,
        input: InputShape,
        scope: &Scope<'_>,
    ) -> Result<Self, EncoderError> {
        config.check()?;
        let width = config.width;
        if architecture == Architecture::ResNet18Samples && input.bands != 1 {
            return Err(EncoderError::NotSamples { bands: input.bands });
        }
        let channels = [input.channels as i64, width];
        let conv1 = architecture.conv(&scope.sub("conv1"), channels, 7, 2);
        let bn1 = BatchNorm::new(&scope.sub("bn1"), width);
        let mut layers = Vec::new();
        let mut inputs = width;
        for (stage, &blocks) in architecture.blocks().iter().enumerate() {
            let layer = scope.sub(format_args!("layer{}", stage + 1));
            let inner = width << stage;
            let mut made = Vec::with_capacity(blocks);
            for block in 0..blocks {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                let shape = [inputs, inner, stride];
                made.push(Block::new(&layer.sub(block), architecture, shape));
                inputs = inner * architecture.expansion();
            }
            layers.push(made);
        }
        Ok(Self {
            architecture,
            conv1,
            bn1,
            layers,
            width,
            pool: config.pool,
        })
    }

    /// Images → `[batch, width, mels / 4, frames / 4]`, rounded up.
    pub(super) fn stem(&self, x: &Tensor, pass: Pass) -> Tensor {
        let mut x = self.bn1.forward(&self.conv1.forward(x, pass), pass);
        let (kernel, stride) = (self.architecture.both(3, 1), self.architecture.both(2, 1));
        let padding = self.architecture.both(1, 0);
        x.relu_().max_pool2d(kernel, stride, padding, [1, 1], false)
    }

    /// The map before stage `stage`, from 0, → the map behind it.
    pub(super) fn stage(&self, stage: usize, x: &Tensor, pass: Pass) -> Tensor {
        let forward = |x: Tensor, block: &Block| block.forward(&x, pass);
        self.layers[stage].iter().fold(x.shallow_clone(), forward)
    }

    /// Channels of the last map.
    pub(super) fn channels(&self) -> i64 {
        8 * self.width * self.architecture.expansion()
    }
}

impl Network for ResNet {
    fn dim(&self) -> i64 {
        self.pool.dim(self.channels())
    }

    /// `[batch, expansion·width·2ˢ, mels / 4·2ˢ, frames / 4·2ˢ]` for s = 0..=3, rounded up; the stem computes as the
    /// first stage.
    fn stages(&self, x: &Tensor, pass_of: &dyn Fn(usize) -> Pass) -> Vec<Tensor> {
        let mut x = self.stem(x, pass_of(0));
        let mut maps = Vec::with_capacity(self.layers.len());
        for stage in 0..self.layers.len() {
            x = self.stage(stage, &x, pass_of(stage));
            maps.push(x.shallow_clone());
        }
        maps
    }

    fn pool(&self, map: &Tensor, _pass: Pass) -> Tensor {
        self.pool.apply(map)
    }

    fn stage_names(&self) -> &[&[&str]] {
        &[&["layer1."], &["layer2."], &["layer3."], &["layer4."]]
    }
}

/// Convolutions around a shortcut: two 3×3, or 1×1, 3×3 and 1×1 (a bottleneck). The first 3×3 has the stride.
#[derive(Debug)]
struct Block {
    main: Vec<(Conv2d, BatchNorm)>,
    downsample: Option<(Conv2d, BatchNorm)>,
}

impl Block {
    fn new(
        scope: &Scope<'_>,
        architecture: Architecture,
        [inputs, inner, stride]: [i64; 3],
    ) -> Self {
        let outputs = inner * architecture.expansion();
        let normed = |conv: &Scope<'_>, bn: &Scope<'_>, channels: [i64; 2], kernel, stride| {
            (
                architecture.conv(conv, channels, kernel, stride),
                BatchNorm::new(bn, channels[1]),
            )
        };
        let layer = |index: i64, channels, kernel, stride| {
            let conv = scope.sub(format_args!("conv{index}"));
            let bn = scope.sub(format_args!("bn{index}"));
            normed(&conv, &bn, channels, kernel, stride)
        };
        let main = match architecture {
            Architecture::ResNet18 | Architecture::ResNet18Samples => vec![
                layer(1, [inputs, outputs], 3, stride),
                layer(2, [outputs, outputs], 3, 1),
            ],
            Architecture::ResNet50 => vec![
                layer(1, [inputs, inner], 1, 1),
                layer(2, [inner, inner], 3, stride),
                layer(3, [inner, outputs], 1, 1),
            ],
        };
        let changes_shape = stride != 1 || inputs != outputs;
        Self {
            main,
            downsample: changes_shape.then(|| {
                let scope = scope.sub("downsample");
                normed(&scope.sub(0), &scope.sub(1), [inputs, outputs], 1, stride)
            }),
        }
    }

    fn forward(&self, x: &Tensor, pass: Pass) -> Tensor {
        let normed =
            |(conv, bn): &(Conv2d, BatchNorm), x: &Tensor| bn.forward(&conv.forward(x, pass), pass);
        let (last, inner) = self.main.split_last().expect("a block has layers");
        let relu = |x: Tensor, layer| normed(layer, &x).relu_();
        let mut y = normed(last, &inner.iter().fold(x.shallow_clone(), relu));
        let shortcut = match &self.downsample {
            Some(layer) => normed(layer, x),
            None => x.shallow_clone(),
        };
        y.g_add_(&shortcut).relu_()
    }
}

//! ResNet as torchvision lays it out (He et al. 2016, v1.5), with names that fit its weights.
//!
//! SYSTEMS: stem 7×7 stride 2, max-pool 3×3 stride 2, four stages of basic blocks, strides
//! 1/2/2/2. The one-channel stem takes a log-mel image; there is no classifier.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::EncoderError;
use super::layers::{BatchNorm, Conv2d, Pass};
use super::parameters::Scope;

/// A ResNet of basic blocks, two in each of four stages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct ResNet18Config {
    /// Channels of the first stage; each later stage doubles them. 64 (default) is the published
    /// network, of 11.2 million parameters; cost grows with the square.
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
    /// The mean: 8·width numbers.
    #[default]
    Mean,
    /// The mean and the maximum side by side: 16·width numbers. Short calls show in the maximum.
    MeanMax,
}

fn published_width() -> i64 {
    64
}

impl Default for ResNet18Config {
    fn default() -> Self {
        Self {
            width: published_width(),
            pool: MapPool::Mean,
        }
    }
}

/// The network; see [`ResNet18Config`].
#[derive(Debug)]
pub struct ResNet18 {
    conv1: Conv2d,
    bn1: BatchNorm,
    stages: Vec<[BasicBlock; 2]>,
    width: i64,
    pool: MapPool,
}

impl ResNet18 {
    /// Adds the network's tensors to `scope`.
    ///
    /// # Errors
    /// If `width` is not within 1..=1024.
    pub fn new(config: &ResNet18Config, scope: &Scope<'_>) -> Result<Self, EncoderError> {
        let width = config.width;
        if !(1..=1024).contains(&width) {
            return Err(EncoderError::Setting {
                key: "width",
                given: width.to_string(),
                allowed: "within 1..=1024",
            });
        }
        let conv1 = Conv2d::new(&scope.sub("conv1"), 1, width, 7, 2);
        let bn1 = BatchNorm::new(&scope.sub("bn1"), width);
        let mut stages = Vec::new();
        let mut inputs = width;
        for (stage, stride) in [(1, 1), (2, 2), (3, 2), (4, 2)] {
            let outputs = width << (stage - 1);
            let stage = scope.sub(format_args!("layer{stage}"));
            stages.push([
                BasicBlock::new(&stage.sub(0), inputs, outputs, stride),
                BasicBlock::new(&stage.sub(1), outputs, outputs, 1),
            ]);
            inputs = outputs;
        }
        Ok(Self {
            conv1,
            bn1,
            stages,
            width,
            pool: config.pool,
        })
    }

    /// Length of an embedding.
    pub fn dim(&self) -> i64 {
        match self.pool {
            MapPool::Mean => 8 * self.width,
            MapPool::MeanMax => 16 * self.width,
        }
    }

    /// `[batch, 1, mels, frames]` → the map of each stage, `[batch, width·2ˢ, mels / 4·2ˢ, frames /
    /// 4·2ˢ]` for s = 0..=3, rounded up.
    ///
    /// `pass_of` says how each stage computes; the stem computes as the first.
    pub fn stages(&self, x: &Tensor, pass_of: &dyn Fn(usize) -> Pass) -> Vec<Tensor> {
        let pass = pass_of(0);
        let mut x = self.bn1.forward(&self.conv1.forward(x, pass), pass);
        let mut x = x.relu_().max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false);
        let mut maps = Vec::with_capacity(self.stages.len());
        for (stage, [first, second]) in self.stages.iter().enumerate() {
            let pass = pass_of(stage);
            x = second.forward(&first.forward(&x, pass), pass);
            maps.push(x.shallow_clone());
        }
        maps
    }

    /// The last stage's map → embeddings `[batch, dim]`.
    pub fn pool(&self, map: &Tensor) -> Tensor {
        let (rows, frames) = (2i64, 3i64);
        let mean = map.mean_dim([rows, frames].as_slice(), false, map.kind());
        match self.pool {
            MapPool::Mean => mean,
            MapPool::MeanMax => Tensor::cat(&[mean, map.amax([rows, frames], false)], 1),
        }
    }
}

/// Two 3×3 convolutions around a shortcut.
#[derive(Debug)]
struct BasicBlock {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    downsample: Option<(Conv2d, BatchNorm)>,
}

impl BasicBlock {
    fn new(scope: &Scope<'_>, inputs: i64, outputs: i64, stride: i64) -> Self {
        let changes_shape = stride != 1 || inputs != outputs;
        Self {
            conv1: Conv2d::new(&scope.sub("conv1"), inputs, outputs, 3, stride),
            bn1: BatchNorm::new(&scope.sub("bn1"), outputs),
            conv2: Conv2d::new(&scope.sub("conv2"), outputs, outputs, 3, 1),
            bn2: BatchNorm::new(&scope.sub("bn2"), outputs),
            downsample: changes_shape.then(|| {
                let scope = scope.sub("downsample");
                let conv = Conv2d::new(&scope.sub(0), inputs, outputs, 1, stride);
                (conv, BatchNorm::new(&scope.sub(1), outputs))
            }),
        }
    }

    fn forward(&self, x: &Tensor, pass: Pass) -> Tensor {
        let mut y = self.bn1.forward(&self.conv1.forward(x, pass), pass);
        let mut y = self
            .bn2
            .forward(&self.conv2.forward(&y.relu_(), pass), pass);
        let shortcut = match &self.downsample {
            Some((conv, bn)) => bn.forward(&conv.forward(x, pass), pass),
            None => x.shallow_clone(),
        };
        y.g_add_(&shortcut).relu_()
    }
}

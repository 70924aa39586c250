//! The small VGG-like network of Fonseca et al. 2021 (arXiv:2011.07616, and its released code).

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::layers::{BatchNorm, Conv2d, Linear, Pass};
use super::parameters::Scope;
use super::resnet::MapPool;
use super::{InputShape, Network};

/// The published network has nothing to set.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VggConfig {}

/// Channels that leave each convolution, stage by stage: three, two and one of them.
const STAGES: [&[i64]; 3] = [&[32, 32, 32], &[64, 64], &[128]];

/// Six 3×3 convolutions, each stage halving both axes, and a linear layer on the maximum and the mean of the last map;
/// 0.28 million parameters.
#[derive(Debug)]
pub(crate) struct Vgg {
    stages: Vec<Vec<(Conv2d, BatchNorm)>>,
    fc: Linear,
}

impl Vgg {
    /// Length of an embedding.
    const DIM: i64 = 512;

    /// Adds the network's tensors to `scope`.
    pub(crate) fn new(input: InputShape, scope: &Scope<'_>) -> Self {
        let mut inputs = input.channels as i64;
        let mut stages = Vec::new();
        for (stage, widths) in STAGES.iter().enumerate() {
            let scope = scope.sub(format_args!("layer{}", stage + 1));
            let layer = |(index, &outputs): (usize, &i64)| {
                let scope = scope.sub(index);
                let conv = Conv2d::new(&scope.sub("conv"), inputs, outputs, 3, 1);
                inputs = outputs;
                (conv, BatchNorm::new(&scope.sub("bn"), outputs))
            };
            stages.push(widths.iter().enumerate().map(layer).collect());
        }
        Self {
            stages,
            fc: Linear::new(&scope.sub("fc"), MapPool::MeanMax.dim(inputs), Self::DIM),
        }
    }
}

impl Network for Vgg {
    fn dim(&self) -> i64 {
        Self::DIM
    }

    fn min_shape(&self) -> [usize; 2] {
        [8, 8]
    }

    /// Maps of 32, 64 and 128 channels at 1/2, 1/4 and 1/8 of rows and frames.
    fn stages(&self, x: &Tensor, pass_of: &dyn Fn(usize) -> Pass) -> Vec<Tensor> {
        let mut x = x.shallow_clone();
        let mut maps = Vec::with_capacity(self.stages.len());
        for (stage, layers) in self.stages.iter().enumerate() {
            let pass = pass_of(stage);
            for (conv, bn) in layers {
                x = bn.forward(&conv.forward(&x, pass), pass).relu_();
            }
            x = x.max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false);
            maps.push(x.shallow_clone());
        }
        maps
    }

    fn pool(&self, map: &Tensor, pass: Pass) -> Tensor {
        let [max, mean] = [MapPool::Max, MapPool::Mean].map(|pool| pool.apply(map));
        let pooled = Tensor::cat(&[max, mean], 1); // [batch, 256]
        self.fc.forward(&pooled, pass).relu()
    }

    fn stage_names(&self) -> &[&[&str]] {
        &[&["layer1."], &["layer2."], &["layer3.", "fc."]]
    }
}

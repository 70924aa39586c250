//! The network of the prototypical baseline of DCASE task 5, as in the task's baseline repository.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::few_shot_resnet::Block;
use super::layers::Pass;
use super::parameters::Scope;
use super::{InputShape, Network};

/// The published network has nothing to set.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProtoResNetConfig {}

/// Three blocks like those of the few-shot ResNet, every one halving both axes.
///
/// The source drops 10 % of each block's output while it trains; we do not, as what libtorch draws there can neither
/// be keyed by a seed nor taken up again after an interruption.
#[derive(Debug)]
pub(crate) struct ProtoResNet {
    blocks: [Block; 3],
}

impl ProtoResNet {
    /// Frequency rows that the pooling keeps apart.
    const ROWS: i64 = 2;
    /// Stretches of time that the pooling keeps apart.
    const COLUMNS: i64 = 4;
    /// Channels of the last block.
    const CHANNELS: i64 = 64;

    /// Adds the network's tensors to `scope`.
    pub(crate) fn new(input: InputShape, scope: &Scope<'_>) -> Self {
        let block = |name: &str, inputs, outputs| {
            Block::new(&scope.sub(name).sub(0), inputs, outputs, [2, 2])
        };
        Self {
            blocks: [
                block("layer1", input.channels as i64, 64),
                block("layer2", 64, 128),
                block("layer3", 128, Self::CHANNELS),
            ],
        }
    }
}

impl Network for ProtoResNet {
    fn dim(&self) -> i64 {
        Self::CHANNELS * Self::ROWS * Self::COLUMNS
    }

    fn min_shape(&self) -> [usize; 2] {
        [8, 8]
    }

    /// The last is `[batch, 64, mels / 8, frames / 8]`.
    fn stages(&self, x: &Tensor, pass_of: &dyn Fn(usize) -> Pass) -> Vec<Tensor> {
        let mut maps: Vec<Tensor> = Vec::with_capacity(self.blocks.len());
        for (stage, block) in self.blocks.iter().enumerate() {
            let map = block.forward(maps.last().unwrap_or(x), pass_of(stage));
            maps.push(map);
        }
        maps
    }

    fn pool(&self, map: &Tensor, _pass: Pass) -> Tensor {
        let pooled = map.adaptive_avg_pool2d([Self::ROWS, Self::COLUMNS]); // [batch, 64, 2, 4]
        pooled.flatten(1, -1)
    }

    fn stage_names(&self) -> &[&[&str]] {
        &[&["layer1."], &["layer2."], &["layer3."]]
    }
}

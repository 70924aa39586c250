//! The three-block ResNet of few-shot bioacoustic detection (Moummad et al. 2023, arXiv:2309.00878, and its released
//! code), with the layer names of that code.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::layers::{BatchNorm, Conv2d, Pass};
use super::parameters::Scope;
use super::{InputShape, Network};

/// The published network has nothing to set.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FewShotResNetConfig {}

/// Slope of LeakyReLU below zero.
const SLOPE: f64 = 0.1;

/// The network; the last max-pool leaves frequency as it is.
#[derive(Debug)]
pub(crate) struct FewShotResNet {
    blocks: [Block; 3],
}

impl FewShotResNet {
    /// Frequency rows that the pooling keeps apart.
    const ROWS: i64 = 8;
    /// Channels of the last block.
    const CHANNELS: i64 = 256;

    /// Adds the network's tensors to `scope`.
    pub(crate) fn new(input: InputShape, scope: &Scope<'_>) -> Self {
        let block = |name: &str, inputs, outputs, pool| {
            Block::new(&scope.sub(name).sub(0), inputs, outputs, pool)
        };
        Self {
            blocks: [
                block("layer1", input.channels as i64, 64, [2, 2]),
                block("layer2", 64, 128, [2, 2]),
                block("layer3", 128, Self::CHANNELS, [1, 2]),
            ],
        }
    }
}

impl Network for FewShotResNet {
    fn dim(&self) -> i64 {
        Self::CHANNELS * Self::ROWS
    }

    fn min_shape(&self) -> [usize; 2] {
        [4, 8]
    }

    /// The last is `[batch, 256, mels / 4, frames / 8]`.
    fn stages(&self, x: &Tensor, pass_of: &dyn Fn(usize) -> Pass) -> Vec<Tensor> {
        let first = self.blocks[0].forward(x, pass_of(0));
        let second = self.blocks[1].forward(&first, pass_of(1));
        let third = self.blocks[2].forward(&second, pass_of(2));
        vec![first, second, third]
    }

    /// Channel by channel.
    fn pool(&self, map: &Tensor, _pass: Pass) -> Tensor {
        let (pooled, _) = map.adaptive_max_pool2d([Self::ROWS, 1]); // [batch, 256, 8, 1]
        pooled.flatten(1, -1)
    }

    fn stage_names(&self) -> &[&[&str]] {
        &[&["layer1."], &["layer2."], &["layer3."]]
    }
}

/// Three 3×3 convolutions beside a 1×1 shortcut, then max-pooling (frequency × time).
#[derive(Debug)]
pub(super) struct Block {
    main: [(Conv2d, BatchNorm); 3],
    downsample: (Conv2d, BatchNorm),
    pool: [i64; 2],
}

impl Block {
    pub(super) fn new(scope: &Scope<'_>, inputs: i64, outputs: i64, pool: [i64; 2]) -> Self {
        let layer = |index: i64, inputs| {
            let conv = scope.sub(format_args!("conv{index}"));
            let bn = scope.sub(format_args!("bn{index}"));
            (
                Conv2d::new(&conv, inputs, outputs, 3, 1),
                BatchNorm::new(&bn, outputs),
            )
        };
        let shortcut = scope.sub("downsample");
        Self {
            main: [layer(1, inputs), layer(2, outputs), layer(3, outputs)],
            downsample: (
                Conv2d::new(&shortcut.sub(0), inputs, outputs, 1, 1),
                BatchNorm::new(&shortcut.sub(1), outputs),
            ),
            pool,
        }
    }

    pub(super) fn forward(&self, x: &Tensor, pass: Pass) -> Tensor {
        let normed =
            |(conv, bn): &(Conv2d, BatchNorm), x: &Tensor| bn.forward(&conv.forward(x, pass), pass);
        let y = leaky_relu(&normed(&self.main[0], x));
        let y = leaky_relu(&normed(&self.main[1], &y));
        let y = normed(&self.main[2], &y).g_add_(&normed(&self.downsample, x));
        // The published code pools behind the activation. Either order gives the same numbers, as LeakyReLU grows
        // everywhere; this one activates a half or a quarter of them.
        leaky_relu(&y.max_pool2d(self.pool, self.pool, [0, 0], [1, 1], false))
    }
}

/// LeakyReLU of slope 0.1. `tch` binds `leaky_relu` at 0.01 only, but its derivative at any slope:
/// which of two slopes a value is multiplied by is all there is to both. One fused pass each way.
fn leaky_relu(x: &Tensor) -> Tensor {
    x.detach().leaky_relu_backward(x, SLOPE, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaky_relu_has_slope_a_tenth_below_zero() {
        let x = Tensor::from_slice(&[-2.0f32, -0.0, 3.0]).set_requires_grad(true);
        let y = leaky_relu(&x);
        assert_eq!(Vec::<f32>::try_from(&y).unwrap(), [-0.2, 0.0, 3.0]);
        let gradient = Tensor::run_backward(&[y.square().sum(None)], &[&x], false, false);
        let gradient = Vec::<f32>::try_from(&gradient[0]).unwrap();
        for (given, wanted) in gradient.iter().zip([-0.04, 0.0, 6.0]) {
            assert!((given - wanted).abs() < 1e-6, "{gradient:?}");
        }
    }
}

//! A light network that keeps every frame: embeddings over time, for detection.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::layers::{BatchNorm, Conv2d, Pass};
use super::parameters::Scope;
use super::{InputShape, Network};

/// Output channels, stride over mels, dilation over frames of each convolution.
const LAYERS: [(i64, i64, i64); 6] = [
    (32, 2, 1),
    (32, 2, 1),
    (64, 2, 2),
    (64, 1, 2),
    (96, 2, 4),
    (96, 1, 4),
];

/// The settings of our own light network for detection: none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrameNetConfig {}

/// Six 3×3 convolutions of growing dilation, then mean and maximum over mels.
///
/// Our own design. A frame sees [`FrameNet::RADIUS`] frames to either side; at 5 ms a frame that is 0.14 s in all.
#[derive(Debug)]
pub(crate) struct FrameNet {
    layers: Vec<(Conv2d, BatchNorm)>,
}

impl FrameNet {
    /// Length of a frame's embedding.
    const DIM: i64 = 2 * LAYERS[LAYERS.len() - 1].0;
    /// Frames before and after a frame that its embedding depends on.
    pub(crate) const RADIUS: usize = 14;

    /// Adds the network's tensors to `scope`.
    pub(crate) fn new(input: InputShape, scope: &Scope<'_>) -> Self {
        let mut inputs = input.channels as i64;
        let layer = |(index, &(outputs, stride, dilation)): (usize, &(i64, i64, i64))| {
            let (conv, bn) = (format!("conv{}", index + 1), format!("bn{}", index + 1));
            let channels = [inputs, outputs];
            inputs = outputs;
            (
                Conv2d::along_time(&scope.sub(conv), channels, 3, stride, dilation),
                BatchNorm::new(&scope.sub(bn), outputs),
            )
        };
        Self {
            layers: LAYERS.iter().enumerate().map(layer).collect(),
        }
    }

    /// `[batch, channels, mels, frames]` → `[batch, 96, mels / 16, frames]`.
    fn map(&self, x: &Tensor, pass: Pass) -> Tensor {
        let mut x = x.shallow_clone();
        for (conv, bn) in &self.layers {
            x = bn.forward(&conv.forward(&x, pass), pass).relu_();
        }
        x
    }

    /// A map `[batch, 96, rows, frames]` → fp32 embeddings of every frame, `[batch, DIM, frames]`.
    fn pool_mels(map: &Tensor) -> Tensor {
        let map = map.to_kind(tch::Kind::Float);
        let rows = [2i64];
        let (max, mean) = (
            map.amax(rows, false),
            map.mean_dim(rows.as_slice(), false, None),
        );
        Tensor::cat(&[max, mean], 1)
    }
}

impl Network for FrameNet {
    fn dim(&self) -> i64 {
        Self::DIM
    }

    fn stages(&self, x: &Tensor, pass_of: &dyn Fn(usize) -> Pass) -> Vec<Tensor> {
        vec![self.map(x, pass_of(0))]
    }

    fn pool(&self, map: &Tensor, _pass: Pass) -> Tensor {
        Self::pool_mels(map).mean_dim([2i64].as_slice(), false, None)
    }

    fn stage_names(&self) -> &[&[&str]] {
        &[&["conv", "bn"]]
    }

    fn pool_frames(&self) -> Option<fn(&Tensor) -> Tensor> {
        Some(Self::pool_mels)
    }
}

#[cfg(test)]
mod tests {
    use super::super::parameters::Parameters;
    use super::*;
    use tch::{Device, Kind};

    const INPUT: InputShape = InputShape {
        channels: 1,
        bands: 80,
    };

    fn noise(frames: i64) -> Tensor {
        tch::manual_seed(3);
        Tensor::randn([1, 1, 80, frames], (Kind::Float, Device::Cpu))
    }

    #[test]
    fn every_frame_has_an_embedding() {
        let parameters = Parameters::new(0, Device::Cpu);
        let net = FrameNet::new(INPUT, &parameters.root());
        let frames = FrameNet::pool_mels(&net.map(&noise(37), Pass::INFERENCE));
        assert_eq!(frames.size(), [1, FrameNet::DIM, 37]);
    }

    #[test]
    fn a_frame_sees_its_radius_and_no_farther() {
        let parameters = Parameters::new(0, Device::Cpu);
        let net = FrameNet::new(INPUT, &parameters.root());
        let x = noise(101);
        let frames = |x: &Tensor| FrameNet::pool_mels(&net.map(x, Pass::INFERENCE));
        let y = frames(&x);
        let heard = |distance: i64| {
            let changed = x.copy();
            let _ = changed.narrow(3, 50 + distance, 1).fill_(9.0);
            let z = frames(&changed);
            let difference = (z - &y).narrow(2, 50, 1).abs().max();
            difference.double_value(&[]) > 0.0
        };
        let radius = FrameNet::RADIUS as i64;
        assert!(heard(radius) && heard(-radius));
        assert!(!heard(radius + 1) && !heard(-radius - 1));
    }
}

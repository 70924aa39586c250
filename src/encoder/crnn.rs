//! The convolutional recurrent network of Fonseca et al. 2021 (arXiv:2011.07616, and its released code).

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::layers::{BatchNorm, Conv2d, Pass};
use super::parameters::{Init, Scope};
use super::{InputShape, Network};

/// The settings of Fonseca's convolutional recurrent network.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrnnConfig {
    /// Which state of the backward recurrent layer is part of the embedding. `true`: the state at the first frame, after
    /// all frames. `false`: the state at the last frame, after that frame alone, as in the published code. Default
    /// `false`.
    #[serde(default)]
    pub backward_final_state: bool,
}

/// Channels of every convolution.
const CHANNELS: i64 = 128;
/// What each max-pooling takes together, rows × frames.
const POOLS: [[i64; 2]; 3] = [[5, 2], [4, 2], [2, 2]];

/// Three 5×5 convolutions, then a gated recurrent unit that reads the frames in both directions; the embedding is the
/// product of both states. 0.95 million parameters for 96 bands.
///
/// The recurrent part always computes in fp32.
#[derive(Debug)]
pub(crate) struct Crnn {
    layers: Vec<(Conv2d, BatchNorm)>,
    gru: Vec<Tensor>,
    config: CrnnConfig,
}

impl Crnn {
    /// Length of an embedding: the state of one direction.
    const DIM: i64 = 64;

    /// Adds the network's tensors to `scope`; those of the recurrent part depend on the bands.
    pub(crate) fn new(config: &CrnnConfig, input: InputShape, scope: &Scope<'_>) -> Self {
        let mut inputs = input.channels as i64;
        let mut layer = |stage: usize| {
            let scope = scope.sub(format_args!("layer{stage}"));
            let conv = Conv2d::new(&scope.sub("conv"), inputs, CHANNELS, 5, 1);
            inputs = CHANNELS;
            (conv, BatchNorm::new(&scope.sub("bn"), CHANNELS))
        };
        let layers = (1..=POOLS.len()).map(&mut layer).collect();
        let pooled = |rows, [pool, _]: [i64; 2]| rows / pool;
        let rows = POOLS.into_iter().fold(input.bands as i64, pooled);
        Self {
            layers,
            gru: gru(&scope.sub("gru"), CHANNELS * rows),
            config: config.clone(),
        }
    }
}

/// The tensors of both directions by PyTorch's names, in its order and with its default start.
fn gru(scope: &Scope<'_>, inputs: i64) -> Vec<Tensor> {
    let (gates, init) = (3 * Crnn::DIM, Init::linear(Crnn::DIM));
    let mut tensors = Vec::new();
    for direction in ["", "_reverse"] {
        let shapes: [(&str, &[i64]); 4] = [
            ("weight_ih", &[gates, inputs]),
            ("weight_hh", &[gates, Crnn::DIM]),
            ("bias_ih", &[gates]),
            ("bias_hh", &[gates]),
        ];
        for (name, shape) in shapes {
            tensors.push(scope.weight(&format!("{name}_l0{direction}"), shape, init));
        }
    }
    tensors
}

impl Network for Crnn {
    fn dim(&self) -> i64 {
        Self::DIM
    }

    fn min_shape(&self) -> [usize; 2] {
        [40, 8]
    }

    /// Maps of 128 channels; the last is `[batch, 128, mels / 40, frames / 8]`.
    fn stages(&self, x: &Tensor, pass_of: &dyn Fn(usize) -> Pass) -> Vec<Tensor> {
        let mut x = x.shallow_clone();
        let mut maps = Vec::with_capacity(self.layers.len());
        for (stage, ((conv, bn), pool)) in self.layers.iter().zip(POOLS).enumerate() {
            let pass = pass_of(stage);
            x = bn.forward(&conv.forward(&x, pass), pass).relu_();
            x = x.max_pool2d(pool, pool, [0, 0], [1, 1], false);
            maps.push(x.shallow_clone());
        }
        maps
    }

    /// What the recurrent part makes of the map, frame by frame, rows before channels.
    fn pool(&self, map: &Tensor, _pass: Pass) -> Tensor {
        let frames = map.permute([0, 3, 2, 1]).flatten(2, 3); // [batch, frames, rows · channels]
        let frames = frames.to_kind(Kind::Float).contiguous();
        let start = [2, frames.size()[0], Self::DIM]; // directions, batch, state
        let start = Tensor::zeros(start, (Kind::Float, frames.device()));
        // Always as in training: it drops nothing, and cuDNN gives gradients in no other way.
        let (states, _) = frames.gru(&start, &self.gru, true, 1, 0.0, true, true, true);
        let [first, last] = [0, -1].map(|frame| states.select(1, frame)); // [batch, 2 · 64]
        let backward = match self.config.backward_final_state {
            true => first,
            false => last.shallow_clone(),
        };
        last.narrow(1, 0, Self::DIM) * backward.narrow(1, Self::DIM, Self::DIM)
    }

    fn stage_names(&self) -> &[&[&str]] {
        &[&["layer1."], &["layer2."], &["layer3.", "gru."]]
    }
}

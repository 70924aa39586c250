//! EfficientNet-B0 as torchvision lays it out (Tan and Le 2019, arXiv:1905.11946, table 1), with names that fit its weights.

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::layers::{BatchNorm, Conv2d, ConvShape, Mode, Pass};
use super::parameters::{Init, Scope};
use super::resnet::MapPool;
use super::{EncoderError, InputShape, Network};
use crate::augment::{DrawKey, Purpose};

/// The settings of torchvision's EfficientNet-B0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EfficientNetConfig {
    /// How the last feature map becomes an embedding. Default: its maximum, as in COLA (Saeed et al. 2021); torchvision
    /// takes the mean.
    #[serde(default = "cola_pool")]
    pub pool: MapPool,
    /// How often the last block is left out for a patch in training, 0..=0.9; earlier ones in proportion to their depth.
    /// Default: 0.2, as published. 0 leaves out none.
    #[serde(default = "published_depth")]
    pub stochastic_depth: f64,
}

fn cola_pool() -> MapPool {
    MapPool::Max
}

fn published_depth() -> f64 {
    0.2
}

impl EfficientNetConfig {
    /// Whether there is such a network.
    pub(super) fn check(&self) -> Result<(), EncoderError> {
        if (0.0..=0.9).contains(&self.stochastic_depth) {
            return Ok(());
        }
        Err(EncoderError::Setting {
            key: "stochastic_depth",
            given: self.stochastic_depth.to_string(),
            allowed: "within 0..=0.9",
        })
    }
}

impl Default for EfficientNetConfig {
    fn default() -> Self {
        Self {
            pool: cola_pool(),
            stochastic_depth: published_depth(),
        }
    }
}

/// Blocks of one width: how many times channels are expanded inside, kernel, stride of the first block, channels out,
/// number of blocks (Tan and Le 2019, table 1).
const STAGES: [(i64, i64, i64, i64, usize); 7] = [
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
];
const STEM: i64 = 32;
const BLOCKS: usize = 16;

/// The network; the image is padded alike on both sides, as torchvision has it and Keras has not.
#[derive(Debug)]
pub(crate) struct EfficientNet {
    stem: NormedConv,
    stages: Vec<Vec<MbConv>>,
    top: NormedConv,
    pool: MapPool,
    depth: StochasticDepth,
}

impl EfficientNet {
    /// Channels of the last map.
    const CHANNELS: i64 = 1280;

    /// Adds the network's tensors to `scope`.
    ///
    /// # Errors
    /// If `stochastic_depth` is not within 0..=0.9.
    pub(crate) fn new(
        config: &EfficientNetConfig,
        input: InputShape,
        scope: &Scope<'_>,
    ) -> Result<Self, EncoderError> {
        config.check()?;
        let features = scope.sub("features");
        let stem = ConvShape::square(input.channels as i64, STEM, 3, 2);
        let stem = NormedConv::new(&features.sub(0), stem);
        let depth = StochasticDepth {
            rate: config.stochastic_depth,
            seed: scope.seed(),
            passes: features
                .sub(0)
                .sub(1)
                .buffer("num_batches_tracked", &[], 0.0),
        };
        let mut stages = Vec::new();
        let mut inputs = STEM;
        for (stage, &(expand, kernel, stride, outputs, blocks)) in STAGES.iter().enumerate() {
            let scope = features.sub(stage + 1);
            let mut made = Vec::with_capacity(blocks);
            for block in 0..blocks {
                let stride = if block == 0 { stride } else { 1 };
                let scope = scope.sub(block).sub("block");
                let channels = [inputs, inputs * expand, outputs];
                made.push(MbConv::new(&scope, channels, kernel, stride));
                inputs = outputs;
            }
            stages.push(made);
        }
        let top = ConvShape::square(inputs, Self::CHANNELS, 1, 1);
        Ok(Self {
            stem,
            stages,
            top: NormedConv::new(&features.sub(8), top),
            pool: config.pool,
            depth,
        })
    }
}

impl Network for EfficientNet {
    fn dim(&self) -> i64 {
        self.pool.dim(Self::CHANNELS)
    }

    /// Maps of 16, 24, 40, 80, 112, 192 and 1280 channels, at 1/2, 1/4, 1/8, 1/16, 1/16, 1/32 and 1/32 of rows and
    /// frames, rounded up; the stem computes as the first.
    fn stages(&self, x: &Tensor, pass_of: &dyn Fn(usize) -> Pass) -> Vec<Tensor> {
        let mut x = self.stem.forward(x, pass_of(0)).silu();
        let trains = (0..self.stages.len()).any(|stage| pass_of(stage).mode == Mode::Training);
        let drops = trains.then(|| self.depth.next_pass());
        let mut maps = Vec::with_capacity(self.stages.len());
        let mut block = 0;
        for (stage, blocks) in self.stages.iter().enumerate() {
            let pass = pass_of(stage);
            for layer in blocks {
                let kept = drops.as_ref().filter(|_| pass.mode == Mode::Training);
                let kept = kept.and_then(|drops| drops.kept(block, &x));
                x = layer.forward(&x, kept.as_ref(), pass);
                block += 1;
            }
            if stage + 1 == self.stages.len() {
                x = self.top.forward(&x, pass).silu();
            }
            maps.push(x.shallow_clone());
        }
        maps
    }

    fn pool(&self, map: &Tensor, _pass: Pass) -> Tensor {
        self.pool.apply(map)
    }

    fn stage_names(&self) -> &[&[&str]] {
        &[
            &["features.1."],
            &["features.2."],
            &["features.3."],
            &["features.4."],
            &["features.5."],
            &["features.6."],
            &["features.7.", "features.8."],
        ]
    }
}

/// A convolution without bias and its batch normalisation, `0` and `1`.
#[derive(Debug)]
struct NormedConv(Conv2d, BatchNorm);

impl NormedConv {
    fn new(scope: &Scope<'_>, shape: ConvShape) -> Self {
        Self(
            Conv2d::shaped(&scope.sub(0), shape, shape.fan_out_init()),
            BatchNorm::new(&scope.sub(1), shape.outputs),
        )
    }

    fn forward(&self, x: &Tensor, pass: Pass) -> Tensor {
        let Self(conv, bn) = self;
        bn.forward(&conv.forward(x, pass), pass)
    }
}

/// Expand, convolve each channel by itself, weigh the channels, project; around a shortcut where shapes allow.
#[derive(Debug)]
struct MbConv {
    expand: Option<NormedConv>,
    depthwise: NormedConv,
    squeeze: [Conv2d; 2],
    project: NormedConv,
    residual: bool,
}

impl MbConv {
    fn new(
        scope: &Scope<'_>,
        [inputs, inner, outputs]: [i64; 3],
        kernel: i64,
        stride: i64,
    ) -> Self {
        let mut parts = (0..).map(|part: usize| scope.sub(part));
        let mut next = || parts.next().expect("names do not end");
        let expands = inner != inputs;
        let pointwise = |inputs, outputs| ConvShape::square(inputs, outputs, 1, 1);
        let expand = expands.then(|| NormedConv::new(&next(), pointwise(inputs, inner)));
        let depthwise = ConvShape::depthwise(inner, [kernel; 2], stride);
        let depthwise = NormedConv::new(&next(), depthwise);
        let squeezed = (inputs / 4).max(1);
        let of_squeeze = next();
        let biased = |name, inputs, outputs| {
            let (scope, shape) = (of_squeeze.sub(name), pointwise(inputs, outputs));
            Conv2d::shaped(&scope, shape, shape.fan_out_init())
                .with_bias(&scope, Init::Constant(0.0))
        };
        Self {
            expand,
            depthwise,
            squeeze: [
                biased("fc1", inner, squeezed),
                biased("fc2", squeezed, inner),
            ],
            project: NormedConv::new(&next(), pointwise(inner, outputs)),
            residual: stride == 1 && inputs == outputs,
        }
    }

    /// `kept`: what the block counts for each patch, `[batch, 1, 1, 1]`.
    fn forward(&self, x: &Tensor, kept: Option<&Tensor>, pass: Pass) -> Tensor {
        let y = match &self.expand {
            Some(expand) => expand.forward(x, pass).silu(),
            None => x.shallow_clone(),
        };
        let y = self.depthwise.forward(&y, pass).silu();
        let [fc1, fc2] = &self.squeeze;
        let weights = y.mean_dim([2i64, 3].as_slice(), true, y.kind()); // [batch, inner, 1, 1]
        let weights = fc2.forward(&fc1.forward(&weights, pass).silu(), pass);
        let y = self.project.forward(&(weights.sigmoid() * y), pass);
        match kept {
            _ if !self.residual => y,
            Some(kept) => x + kept.to_kind(y.kind()) * y,
            None => x + y,
        }
    }
}

/// Leaves out blocks in training, patch by patch (Huang et al. 2016).
///
/// What is left out depends on the seed and on the number of training passes so far, which is a buffer of the network:
/// a run taken up again goes on as if it had not stopped.
#[derive(Debug)]
struct StochasticDepth {
    rate: f64,
    seed: u64,
    /// As torchvision counts the batches of a normalisation, under the name of the first.
    passes: Tensor,
}

impl StochasticDepth {
    /// The draws of one more pass.
    fn next_pass(&self) -> Drops {
        let passes = self.passes.double_value(&[]) as u64;
        let _ = tch::no_grad(|| self.passes.shallow_clone().g_add_scalar_(1.0));
        Drops {
            rate: self.rate,
            key: DrawKey {
                seed: self.seed,
                epoch: passes,
                item: 0,
                view: 0,
                purpose: Purpose::StochasticDepth,
            },
        }
    }
}

/// What one training pass leaves out.
struct Drops {
    rate: f64,
    key: DrawKey,
}

impl Drops {
    /// What block `block` counts for each patch of `x`, `[batch, 1, 1, 1]`: 0, or so much that the mean is 1. None if
    /// nothing is ever left out.
    fn kept(&self, block: usize, x: &Tensor) -> Option<Tensor> {
        let rate = self.rate * block as f64 / BLOCKS as f64;
        let patches = x.size()[0];
        let mut rng = self.key.rng_of_use(block as u64);
        let kept = counts(rate, patches, &mut rng);
        (rate > 0.0).then(|| {
            let kept = Tensor::from_slice(&kept).to_device(x.device());
            kept.view([patches, 1, 1, 1])
        })
    }
}

fn counts(rate: f64, patches: i64, rng: &mut impl Rng) -> Vec<f32> {
    let kept = (1.0 / (1.0 - rate)) as f32;
    (0..patches)
        .map(|_| if rng.random_bool(rate) { 0.0 } else { kept })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Encoder, EncoderConfig};
    use super::*;
    use tch::{Device, Kind};

    fn encoder(stochastic_depth: f64) -> Encoder {
        let config = EfficientNetConfig {
            stochastic_depth,
            ..EfficientNetConfig::default()
        };
        let input = InputShape {
            channels: 1,
            bands: 32,
        };
        Encoder::new(
            &EncoderConfig::EfficientNetB0(config),
            input,
            5,
            Device::Cpu,
        )
        .unwrap()
    }

    fn trained(encoder: &Encoder) -> Tensor {
        let images = Tensor::arange(4 * 32 * 32, (Kind::Float, Device::Cpu)).sin();
        let pass = Pass {
            mode: Mode::Training,
            ..Pass::INFERENCE
        };
        encoder.embed(&images.view([4, 1, 32, 32]), pass)
    }

    #[test]
    fn what_is_left_out_follows_from_the_seed_and_the_number_of_passes() {
        let (one, other) = (encoder(0.5), encoder(0.5));
        let first = trained(&one);
        assert_eq!(first, trained(&other));
        let second = trained(&one);
        assert_ne!(first, second);
        // Taken up again.
        let (resumed, saved) = (encoder(0.5), other.parameters().named());
        let find = |name: &str| {
            let found = saved.iter().find(|(known, _)| known == name);
            found.map(|(_, tensor)| tensor.shallow_clone())
        };
        resumed.parameters().load(find).unwrap();
        assert_eq!(second, trained(&resumed));
    }

    #[test]
    fn without_stochastic_depth_every_pass_is_the_same() {
        let encoder = encoder(0.0);
        assert_eq!(trained(&encoder), trained(&encoder));
    }

    #[test]
    fn what_is_kept_makes_up_for_what_is_left_out() {
        let mut rng = DrawKey {
            seed: 1,
            epoch: 0,
            item: 0,
            view: 0,
            purpose: Purpose::StochasticDepth,
        }
        .rng();
        let counts = counts(0.2, 10_000, &mut rng);
        let mean = counts.iter().sum::<f32>() / counts.len() as f32;
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
        let left_out = counts.iter().filter(|&&count| count == 0.0).count();
        assert!((1800..2200).contains(&left_out), "{left_out}");
    }
}

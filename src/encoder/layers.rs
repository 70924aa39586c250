//! The layers that all networks are made of, in the precision of the pass.
//!
//! Parameters stay fp32. In a [`Precision::Bf16`] pass, convolutions and linear layers cast their
//! weights and inputs to bf16; batch normalisation keeps its statistics in fp32.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::parameters::{Init, Scope};

/// The number format in which convolutions and linear layers multiply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 32-bit floating point.
    Fp32,
    /// 16-bit brain floating point: 8 bits of exponent, 7 of mantissa.
    Bf16,
}

impl Precision {
    fn kind(self) -> Kind {
        match self {
            Self::Fp32 => Kind::Float,
            Self::Bf16 => Kind::BFloat16,
        }
    }
}

/// What batch normalisation goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The batch's own statistics, which also move the running ones.
    Training,
    /// The running statistics.
    Inference,
}

/// How one forward pass computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// Training or inference.
    pub mode: Mode,
    /// The number format.
    pub precision: Precision,
}

impl Pass {
    /// Inference in fp32: the pass to measure with.
    pub const INFERENCE: Self = Self {
        mode: Mode::Inference,
        precision: Precision::Fp32,
    };
}

/// A square convolution without bias.
#[derive(Debug)]
pub struct Conv2d {
    weight: Tensor,
    stride: [i64; 2],
    padding: [i64; 2],
    dilation: [i64; 2],
}

impl Conv2d {
    /// `kernel` × `kernel` from `inputs` to `outputs` channels, padded to keep the size at
    /// stride 1; Kaiming-normal start.
    pub fn new(scope: &Scope<'_>, inputs: i64, outputs: i64, kernel: i64, stride: i64) -> Self {
        let init = Init::kaiming_fan_out(outputs, kernel * kernel);
        Self {
            weight: scope.weight("weight", &[outputs, inputs, kernel, kernel], init),
            stride: [stride; 2],
            padding: [kernel / 2; 2],
            dilation: [1, 1],
        }
    }

    /// The same with a stride over mels alone, and taps `dilation` frames apart: the number of
    /// frames stays.
    pub fn along_time(
        scope: &Scope<'_>,
        [inputs, outputs]: [i64; 2],
        kernel: i64,
        mel_stride: i64,
        dilation: i64,
    ) -> Self {
        Self {
            stride: [mel_stride, 1],
            padding: [kernel / 2, kernel / 2 * dilation],
            dilation: [1, dilation],
            ..Self::new(scope, inputs, outputs, kernel, 1)
        }
    }

    /// `[batch, inputs, mels, frames]` → `[batch, outputs, mels / stride, frames / stride]`.
    pub fn forward(&self, x: &Tensor, pass: Pass) -> Tensor {
        let kind = pass.precision.kind();
        let weight = self.weight.to_kind(kind);
        let (stride, padding, dilation) = (self.stride, self.padding, self.dilation);
        x.to_kind(kind)
            .conv2d(&weight, None::<&Tensor>, stride, padding, dilation, 1)
    }
}

/// Batch normalisation over all but the second axis; eps 1e-5, running = 0.9·old + 0.1·batch.
#[derive(Debug)]
pub struct BatchNorm {
    weight: Tensor,
    bias: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
}

impl BatchNorm {
    const EPS: f64 = 1e-5;
    const MOMENTUM: f64 = 0.1;

    /// For `channels` channels, starting as the identity.
    pub fn new(scope: &Scope<'_>, channels: i64) -> Self {
        Self {
            weight: scope.weight("weight", &[channels], Init::Constant(1.0)),
            bias: scope.weight("bias", &[channels], Init::Constant(0.0)),
            running_mean: scope.buffer("running_mean", &[channels], 0.0),
            running_var: scope.buffer("running_var", &[channels], 1.0),
        }
    }

    /// Same shape and kind out as in.
    pub fn forward(&self, x: &Tensor, pass: Pass) -> Tensor {
        x.batch_norm(
            Some(&self.weight),
            Some(&self.bias),
            Some(&self.running_mean),
            Some(&self.running_var),
            pass.mode == Mode::Training,
            Self::MOMENTUM,
            Self::EPS,
            true,
        )
    }
}

/// A fully connected layer.
#[derive(Debug)]
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// With bias; PyTorch's default start.
    pub fn new(scope: &Scope<'_>, inputs: i64, outputs: i64) -> Self {
        Self {
            bias: Some(scope.weight("bias", &[outputs], Init::linear(inputs))),
            ..Self::without_bias(scope, inputs, outputs)
        }
    }

    /// Without bias, as before a batch normalisation.
    pub fn without_bias(scope: &Scope<'_>, inputs: i64, outputs: i64) -> Self {
        Self {
            weight: scope.weight("weight", &[outputs, inputs], Init::linear(inputs)),
            bias: None,
        }
    }

    /// `[batch, inputs]` → `[batch, outputs]`.
    pub fn forward(&self, x: &Tensor, pass: Pass) -> Tensor {
        let kind = pass.precision.kind();
        let bias = self.bias.as_ref().map(|bias| bias.to_kind(kind));
        x.to_kind(kind).linear(&self.weight.to_kind(kind), bias)
    }
}

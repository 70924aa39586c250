//! The layers that all networks are made of, in the precision of the pass.
//!
//! Parameters stay fp32. In a [`Precision::Bf16`] pass, convolutions and linear layers cast their
//! weights and inputs to bf16; batch normalisation keeps its statistics in fp32.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::layout::channels_last;
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

/// Channels, kernel and steps of a convolution; pairs are rows × frames.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConvShape {
    /// Channels in.
    pub(crate) inputs: i64,
    /// Channels out.
    pub(crate) outputs: i64,
    /// Size of the kernel; odd sizes keep the map's at stride 1.
    pub(crate) kernel: [i64; 2],
    /// Steps of the kernel.
    pub(crate) stride: [i64; 2],
    /// Parts that the channels fall into, each convolved by itself.
    pub(crate) groups: i64,
}

impl ConvShape {
    /// `kernel` × `kernel`, from all channels to all.
    pub(crate) fn square(inputs: i64, outputs: i64, kernel: i64, stride: i64) -> Self {
        Self {
            inputs,
            outputs,
            kernel: [kernel; 2],
            stride: [stride; 2],
            groups: 1,
        }
    }

    /// Each channel by itself.
    pub(crate) fn depthwise(channels: i64, kernel: [i64; 2], stride: i64) -> Self {
        Self {
            inputs: channels,
            outputs: channels,
            kernel,
            stride: [stride; 2],
            groups: channels,
        }
    }

    /// Numbers that one output is made of.
    pub(crate) fn fan_in(&self) -> i64 {
        self.inputs / self.groups * self.kernel[0] * self.kernel[1]
    }

    /// How torchvision starts its convolutions: [`Init::kaiming_fan_out`], groups not minded.
    pub(crate) fn fan_out_init(&self) -> Init {
        Init::kaiming_fan_out(self.outputs, self.kernel[0] * self.kernel[1])
    }
}

/// A convolution, padded by half its kernel.
#[derive(Debug)]
pub(crate) struct Conv2d {
    weight: Tensor,
    bias: Option<Tensor>,
    stride: [i64; 2],
    padding: [i64; 2],
    dilation: [i64; 2],
    groups: i64,
}

impl Conv2d {
    /// `kernel` × `kernel` from `inputs` to `outputs` channels without bias, padded to keep the size at
    /// stride 1; Kaiming-normal start.
    pub(crate) fn new(
        scope: &Scope<'_>,
        inputs: i64,
        outputs: i64,
        kernel: i64,
        stride: i64,
    ) -> Self {
        let shape = ConvShape::square(inputs, outputs, kernel, stride);
        Self::shaped(scope, shape, shape.fan_out_init())
    }

    /// Of any shape, without bias.
    pub(crate) fn shaped(scope: &Scope<'_>, shape: ConvShape, init: Init) -> Self {
        let [height, width] = shape.kernel;
        let weight = [shape.outputs, shape.inputs / shape.groups, height, width];
        Self {
            weight: scope.weight("weight", &weight, init),
            bias: None,
            stride: shape.stride,
            padding: [height / 2, width / 2],
            dilation: [1, 1],
            groups: shape.groups,
        }
    }

    /// The same with a bias for each output channel.
    pub(crate) fn with_bias(self, scope: &Scope<'_>, init: Init) -> Self {
        let outputs = self.weight.size()[0];
        Self {
            bias: Some(scope.weight("bias", &[outputs], init)),
            ..self
        }
    }

    /// As [`Self::new`], with a stride over mels alone, and taps `dilation` frames apart: the number of
    /// frames stays.
    pub(crate) fn along_time(
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

    /// `[batch, inputs, mels, frames]` → `[batch, outputs, mels / stride, frames / stride]`, rounded up.
    pub(crate) fn forward(&self, x: &Tensor, pass: Pass) -> Tensor {
        let kind = pass.precision.kind();
        let weight = self.weight.to_kind(kind);
        let bias = self.bias.as_ref().map(|bias| bias.to_kind(kind));
        let (stride, padding, dilation) = (self.stride, self.padding, self.dilation);
        let x = x.to_kind(kind);
        if self.picks_first(&x) {
            let x = x.slice(2, None, None, stride[0]);
            let x = channels_last(x.slice(3, None, None, stride[1]));
            return x.conv2d(&weight, bias, 1, padding, dilation, self.groups);
        }
        x.conv2d(&weight, bias, stride, padding, dilation, self.groups)
    }

    /// Whether what the stride leaves is picked before the convolution, which is the same. In libtorch 2.11 the gradient of a
    /// strided convolution of one tap writes beyond its memory: where channels do not fill the processor's vectors (seen
    /// with 4 on AVX2), and in fp32 of a single band (seen on AVX-512).
    fn picks_first(&self, x: &Tensor) -> bool {
        /// Numbers in the longest vector.
        const LANES: i64 = 16;
        let is_strided_tap = self.weight.size()[2..] == [1, 1] && self.stride != [1, 1];
        let is_ragged = x.size()[1] % LANES != 0;
        let is_one_band = x.size()[2] == 1 && x.kind() == Kind::Float;
        is_strided_tap && (is_ragged || is_one_band)
    }
}

/// Batch normalisation over all but the second axis; eps 1e-5, running = 0.9·old + 0.1·batch.
#[derive(Debug)]
pub(crate) struct BatchNorm {
    weight: Tensor,
    bias: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
}

impl BatchNorm {
    const EPS: f64 = 1e-5;
    const MOMENTUM: f64 = 0.1;

    /// For `channels` channels, starting as the identity.
    pub(crate) fn new(scope: &Scope<'_>, channels: i64) -> Self {
        Self {
            weight: scope.weight("weight", &[channels], Init::Constant(1.0)),
            bias: scope.weight("bias", &[channels], Init::Constant(0.0)),
            running_mean: scope.buffer("running_mean", &[channels], 0.0),
            running_var: scope.buffer("running_var", &[channels], 1.0),
        }
    }

    /// Same shape and kind out as in.
    pub(crate) fn forward(&self, x: &Tensor, pass: Pass) -> Tensor {
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
pub(crate) struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// With bias; PyTorch's default start.
    pub(crate) fn new(scope: &Scope<'_>, inputs: i64, outputs: i64) -> Self {
        Self {
            bias: Some(scope.weight("bias", &[outputs], Init::linear(inputs))),
            ..Self::without_bias(scope, inputs, outputs)
        }
    }

    /// Without bias, as before a batch normalisation.
    pub(crate) fn without_bias(scope: &Scope<'_>, inputs: i64, outputs: i64) -> Self {
        Self {
            weight: scope.weight("weight", &[outputs, inputs], Init::linear(inputs)),
            bias: None,
        }
    }

    /// `[batch, inputs]` → `[batch, outputs]`.
    pub(crate) fn forward(&self, x: &Tensor, pass: Pass) -> Tensor {
        let kind = pass.precision.kind();
        let bias = self.bias.as_ref().map(|bias| bias.to_kind(kind));
        x.to_kind(kind).linear(&self.weight.to_kind(kind), bias)
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::super::parameters::Parameters;
    use super::*;

    /// libtorch 2.11 crashed at the first of these sizes on AVX-512, at the second on AVX2.
    #[test]
    fn a_strided_convolution_of_one_tap_gives_what_its_stride_gives() {
        for (inputs, outputs, stride, [height, width]) in [
            (8, 16, [1, 2], [1, 4032]),
            (4, 8, [2, 2], [8, 8]),
            (5, 8, [2, 1], [7, 9]),
        ] {
            let parameters = Parameters::new(0, Device::Cpu);
            let shape = ConvShape {
                kernel: [1, 1],
                stride,
                ..ConvShape::square(inputs, outputs, 1, 2)
            };
            let conv = Conv2d::shaped(&parameters.root(), shape, shape.fan_out_init());
            let x = Tensor::arange(16 * inputs * height * width, (Kind::Float, Device::Cpu)).sin();
            let x = channels_last(x.view([16, inputs, height, width]));
            let gradient = |y: &Tensor, weight: &Tensor| {
                let loss = y.to_kind(Kind::Double).square().mean(None);
                Tensor::run_backward(&[loss], &[weight], false, false).remove(0)
            };
            let gap = |a: &Tensor, b: &Tensor| {
                let gap = (a.to_kind(Kind::Double) - b.to_kind(Kind::Double)).abs();
                gap.max().double_value(&[])
            };
            let weight = conv.weight.detach().to_kind(Kind::Double);
            let weight = weight.set_requires_grad(true);
            let exact = x.to_kind(Kind::Double);
            let wanted = exact.conv2d(&weight, None::<&Tensor>, stride, [0, 0], [1, 1], 1);
            let wanted_gradient = gradient(&wanted, &weight);
            // Memory that was written beyond is noticed by what is allocated next.
            for _ in 0..50 {
                let given = conv.forward(&x, Pass::INFERENCE);
                assert_eq!(given.size(), wanted.size());
                assert!(gap(&given, &wanted) < 1e-5);
                let gradient = gradient(&given, &conv.weight);
                assert!(gap(&gradient, &wanted_gradient) < 1e-4);
            }
        }
    }
}

//! How maps and kernels lie in memory.

use tch::{Device, Tensor};

/// Maps `[batch, channels, rows, frames]`, or a kernel `[outputs, inputs, height, width]`, with the channels beside one
/// another in memory, which is how convolutions are fastest, in bf16 above all. libtorch goes by strides: what comes
/// of such tensors has this layout too. Values and shape stay; other tensors stay as they are.
pub(super) fn channels_last(tensor: Tensor) -> Tensor {
    let &[batch, channels, rows, frames] = tensor.size().as_slice() else {
        return tensor;
    };
    let together = tensor.permute([0, 2, 3, 1]).contiguous();
    // Spelled out, as `permute` leaves a tensor of one channel in the other layout, and with it all that comes of it.
    let strides = [rows * frames * channels, 1, frames * channels, channels];
    together.as_strided([batch, channels, rows, frames], strides, None)
}

/// Features as they are kept, `[items, frames, channels, mels]`, → images `[items, channels, mels, frames]` on `device`.
///
/// # Errors
/// If libtorch refuses the device.
///
/// # Panics
/// If `values` are not that many items of such frames.
pub(crate) fn images(
    values: &[f32],
    items: usize,
    [channels, mels]: [usize; 2],
    device: Device,
) -> Result<Tensor, tch::TchError> {
    let shape = [items as i64, -1, channels as i64, mels as i64];
    let values = Tensor::f_from_slice(values)?.to_device(device).view(shape);
    Ok(values.permute([0, 2, 3, 1]).contiguous())
}

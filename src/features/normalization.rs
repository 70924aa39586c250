//! How a patch is scaled before an encoder sees it.

use serde::{Deserialize, Serialize};

/// The scaling asked for in a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NormalizationKind {
    /// None.
    None,
    /// Subtract the mean and divide by the standard deviation of all training features, after
    /// augmentation (Fonseca et al., with the standard deviation computed correctly).
    Global,
    /// Each patch to 0..=1 by its own minimum and maximum, before augmentation (Moummad et al.).
    PatchMinMax,
    /// Each patch to 0..=1 as above, then by the mean and standard deviation of ImageNet's red, green and blue, for
    /// networks that learned from photographs. A single channel is copied to all three (Lin 2022).
    #[serde(rename = "imagenet")]
    ImageNet,
}

/// The scaling with its numbers, as a model file keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Normalization {
    /// None.
    None,
    /// `(x − mean) / std`.
    Global {
        /// Of all training features.
        mean: f32,
        /// Of all training features; 1 if they are all the same.
        std: f32,
    },
    /// `(x − min) / (max − min)`, 0 where both are the same.
    PatchMinMax,
    /// `((x − min) / (max − min) − meanᶜ) / stdᶜ` with the constants of [`Normalization::IMAGENET_MEAN`].
    #[serde(rename = "imagenet")]
    ImageNet,
}

impl Normalization {
    /// Mean of red, green and blue over ImageNet, of values within 0..=1 (torchvision 0.26).
    pub const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
    /// Their standard deviations.
    pub const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];

    /// Number of channels that an encoder sees of images of `channels` channels.
    pub fn channels(&self, channels: usize) -> usize {
        match (self, channels) {
            (Self::ImageNet, 1) => 3,
            _ => channels,
        }
    }

    /// Takes the numbers from `values`, in one pass and f64 (Welford's update over chunks).
    pub fn fit(kind: NormalizationKind, chunks: impl Iterator<Item = impl AsRef<[f32]>>) -> Self {
        match kind {
            NormalizationKind::None => Self::None,
            NormalizationKind::PatchMinMax => Self::PatchMinMax,
            NormalizationKind::ImageNet => Self::ImageNet,
            NormalizationKind::Global => {
                let (mean, std) = mean_and_std(chunks);
                let std = if std > 0.0 { std } else { 1.0 };
                Self::Global {
                    mean: mean as f32,
                    std: std as f32,
                }
            }
        }
    }
}

#[cfg(feature = "nn")]
impl Normalization {
    /// What a patch goes through before it is augmented; `x`: `[batch, channels, mels, frames]`.
    pub(crate) fn before_augmentation(&self, x: tch::Tensor) -> tch::Tensor {
        match self {
            Self::PatchMinMax | Self::ImageNet => patch_min_max(&x),
            Self::None | Self::Global { .. } => x,
        }
    }

    /// What a patch goes through after it was augmented; `x`: `[batch, channels, mels, frames]`.
    pub(crate) fn after_augmentation(&self, x: tch::Tensor) -> tch::Tensor {
        match *self {
            Self::Global { mean, std } => (x - f64::from(mean)) / f64::from(std),
            Self::ImageNet => as_photograph(x),
            Self::None | Self::PatchMinMax => x,
        }
    }

    /// What a patch goes through where nothing is augmented.
    pub(crate) fn apply(&self, x: tch::Tensor) -> tch::Tensor {
        self.after_augmentation(self.before_augmentation(x))
    }
}

/// `(x − min) / (max − min)` of each patch, 0 where it is flat.
#[cfg(feature = "nn")]
fn patch_min_max(x: &tch::Tensor) -> tch::Tensor {
    let axes = [1i64, 2, 3];
    let low = x.amin(axes, true);
    let range = x.amax(axes, true) - &low;
    let range = range.where_scalarother(&range.gt(0.0), 1.0);
    (x - low) / range
}

/// By the constants of red, green and blue, three channels after three; a single channel becomes three.
#[cfg(feature = "nn")]
fn as_photograph(x: tch::Tensor) -> tch::Tensor {
    let x = match x.size()[1] {
        1 => x.expand([-1, 3, -1, -1], false), // [batch, 3, mels, frames]
        _ => x,
    };
    let repeats = x.size()[1] / 3;
    let per_channel = |constants: [f32; 3]| {
        let constants = tch::Tensor::from_slice(&constants).repeat([repeats]);
        constants.view([1, -1, 1, 1]).to_device(x.device())
    };
    let (mean, std) = (
        per_channel(Normalization::IMAGENET_MEAN),
        per_channel(Normalization::IMAGENET_STD),
    );
    (&x - mean) / std
}

/// Mean and population standard deviation, merging one chunk after the other (Chan et al. 1983).
fn mean_and_std(chunks: impl Iterator<Item = impl AsRef<[f32]>>) -> (f64, f64) {
    let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
    for chunk in chunks {
        let chunk = chunk.as_ref();
        if chunk.is_empty() {
            continue;
        }
        let n = chunk.len() as f64;
        let chunk_mean = chunk.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
        let deviations = chunk.iter().map(|&x| (f64::from(x) - chunk_mean).powi(2));
        let delta = chunk_mean - mean;
        squares += deviations.sum::<f64>() + delta * delta * count * n / (count + n);
        mean += delta * n / (count + n);
        count += n;
    }
    if count == 0.0 {
        return (0.0, 0.0);
    }
    (mean, (squares / count).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_of_any_length_give_the_mean_and_deviation_of_all() {
        let values: Vec<f32> = (0..1000).map(|i| ((i * 37) % 101) as f32 - 80.0).collect();
        let mean = values.iter().sum::<f32>() / 1000.0;
        let var = values.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / 1000.0;
        for length in [1, 7, 999, 1000] {
            let fitted = Normalization::fit(NormalizationKind::Global, values.chunks(length));
            let Normalization::Global { mean: m, std } = fitted else {
                panic!("{fitted:?} is not global");
            };
            assert!((m - mean).abs() < 1e-3 && (std - var.sqrt()).abs() < 1e-3);
        }
    }

    #[test]
    fn a_large_offset_costs_no_digits() {
        // Deviations near 1 on a mean of 10⁶: sums of squares would lose all but four digits, in f32 everything.
        let values: Vec<f32> = (0..40_000)
            .map(|i| 1e6 + ((i * 7919) % 1013) as f32 / 256.0)
            .collect();
        let n = values.len() as f64;
        let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
        let squares = values.iter().map(|&x| (f64::from(x) - mean).powi(2));
        let std = (squares.sum::<f64>() / n).sqrt();
        assert!(std > 1.0 && std < 2.0);
        for length in [1, 13, 4096, 40_000] {
            let (one_mean, one_std) = mean_and_std(values.chunks(length));
            assert!((one_mean / mean - 1.0).abs() < 1e-12);
            assert!((one_std / std - 1.0).abs() < 1e-9, "{length}: {one_std}");
        }
    }

    #[cfg(feature = "nn")]
    #[test]
    fn photographs_have_the_constants_of_their_channel() {
        use tch::Tensor;
        // From 0 to 3 in one channel: 0..=1 after the first step.
        let x = Tensor::from_slice(&[0.0f32, 1.5, 3.0, 0.75]).view([1, 1, 2, 2]);
        let scaled = Normalization::ImageNet.apply(x);
        assert_eq!(scaled.size(), [1, 3, 2, 2]);
        for (channel, (mean, std)) in [(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)]
            .into_iter()
            .enumerate()
        {
            for (place, level) in [0.0, 0.5, 1.0, 0.25].into_iter().enumerate() {
                let at = [0, channel as i64, place as i64 / 2, place as i64 % 2];
                let given = scaled.double_value(&at);
                assert!((given - (level - mean) / std).abs() < 1e-5);
            }
        }
        let six = Normalization::ImageNet.apply(Tensor::zeros([2, 6, 4, 4], tch::kind::FLOAT_CPU));
        assert_eq!(six.size(), [2, 6, 4, 4]);
        let last = six.double_value(&[1, 5, 3, 3]);
        assert!((last + 0.406 / 0.225).abs() < 1e-5);
    }

    #[test]
    fn silence_everywhere_does_not_divide_by_zero() {
        let fitted = Normalization::fit(
            NormalizationKind::Global,
            [[-100.0f32; 8].as_slice()].into_iter(),
        );
        assert_eq!(
            fitted,
            Normalization::Global {
                mean: -100.0,
                std: 1.0
            }
        );
    }
}

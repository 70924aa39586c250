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
}

impl Normalization {
    /// Takes the numbers from `values`, in one pass and f64 (Welford's update over chunks).
    pub fn fit(kind: NormalizationKind, chunks: impl Iterator<Item = impl AsRef<[f32]>>) -> Self {
        match kind {
            NormalizationKind::None => Self::None,
            NormalizationKind::PatchMinMax => Self::PatchMinMax,
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
    /// What a patch goes through before it is augmented; `x`: `[batch, 1, mels, frames]`.
    pub fn before_augmentation(&self, x: tch::Tensor) -> tch::Tensor {
        match self {
            Self::PatchMinMax => patch_min_max(&x),
            Self::None | Self::Global { .. } => x,
        }
    }

    /// What a patch goes through after it was augmented; `x`: `[batch, 1, mels, frames]`.
    pub fn after_augmentation(&self, x: tch::Tensor) -> tch::Tensor {
        match *self {
            Self::Global { mean, std } => (x - f64::from(mean)) / f64::from(std),
            Self::None | Self::PatchMinMax => x,
        }
    }

    /// What a patch goes through where nothing is augmented.
    pub fn apply(&self, x: tch::Tensor) -> tch::Tensor {
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

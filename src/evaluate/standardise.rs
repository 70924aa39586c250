//! Zero mean, unit variance, learned on training clips only.

use faer::Mat;

use crate::Embeddings;

/// The affine map that gives each dimension of the embeddings it was fitted on mean 0 and variance 1.
///
/// A dimension that does not vary is only centred. As scikit-learn's `StandardScaler`: population
/// variance.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Standardiser {
    means: Vec<f64>,
    inverse_deviations: Vec<f64>,
}

impl Standardiser {
    /// Learns mean and standard deviation of each dimension.
    pub(super) fn fit(embeddings: &Embeddings) -> Self {
        let items = embeddings.items().max(1) as f64;
        let means = per_dimension(embeddings, |_, value| value / items);
        let variances = per_dimension(embeddings, |d, value| (value - means[d]).powi(2) / items);
        let inverse = |(variance, mean): (f64, &f64)| {
            // Rounding alone makes the values of a constant dimension differ by this much.
            let rounding = items * mean.abs() * f64::from(f32::EPSILON) * 1e-6;
            if variance.sqrt() <= rounding {
                1.0
            } else {
                1.0 / variance.sqrt()
            }
        };
        Self {
            inverse_deviations: variances.into_iter().zip(&means).map(inverse).collect(),
            means,
        }
    }

    /// The map that changes nothing.
    pub(super) fn identity(dim: usize) -> Self {
        Self {
            means: vec![0.0; dim],
            inverse_deviations: vec![1.0; dim],
        }
    }

    /// The standardised embeddings as columns: `[dim, items]`.
    pub(super) fn columns(&self, embeddings: &Embeddings) -> Mat<f64> {
        Mat::from_fn(embeddings.dim(), embeddings.items(), |d, item| {
            (f64::from(embeddings.row(item)[d]) - self.means[d]) * self.inverse_deviations[d]
        })
    }
}

/// Sums `term(dimension, value)` over the items, for each dimension.
fn per_dimension(embeddings: &Embeddings, term: impl Fn(usize, f64) -> f64) -> Vec<f64> {
    let mut sums = vec![0.0; embeddings.dim()];
    for row in embeddings.rows() {
        for (d, (sum, &value)) in sums.iter_mut().zip(row).enumerate() {
            *sum += term(d, f64::from(value));
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standardised_dimensions_have_mean_zero_and_variance_one() {
        let embeddings = Embeddings::from_rows(2, vec![1., 10., 2., 30., 6., 20.]);
        let columns = Standardiser::fit(&embeddings).columns(&embeddings);
        for d in 0..2 {
            let row: Vec<f64> = (0..3).map(|i| columns[(d, i)]).collect();
            assert!(row.iter().sum::<f64>().abs() < 1e-12);
            assert!((row.iter().map(|v| v * v).sum::<f64>() / 3.0 - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn a_constant_dimension_becomes_zero_and_stays_finite() {
        let embeddings = Embeddings::from_rows(1, vec![0.1; 7]);
        let columns = Standardiser::fit(&embeddings).columns(&embeddings);
        let largest = (0..7).map(|i| columns[(0, i)].abs()).fold(0.0, f64::max);
        assert!(largest < 1e-12, "{largest}");
    }
}

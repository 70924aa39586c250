//! The directions in which embeddings vary.

use faer::{Mat, MatRef, Side};

use super::EvaluateError;

/// Directions that hold less than this part of the largest variance hold rounding errors only.
const RANK_TOLERANCE: f64 = 1e-12;

/// An orthonormal basis of the space that centred embeddings span, strongest direction first.
pub(super) struct PrincipalAxes {
    /// `[dim, rank]`; `None`: the dimensions themselves.
    basis: Option<Mat<f64>>,
    /// Sum of squares along each direction.
    pub(super) squares: Vec<f64>,
}

impl PrincipalAxes {
    /// Of centred columns `[dim, items]`, through the smaller of covariance and Gram matrix.
    ///
    /// # Errors
    /// If the eigendecomposition fails, which finite embeddings do not cause.
    pub(super) fn of(columns: &Mat<f64>) -> Result<Self, EvaluateError> {
        let (dim, items) = (columns.nrows(), columns.ncols());
        let wide = dim > items;
        let squared = if wide {
            columns.transpose() * columns
        } else {
            columns * columns.transpose()
        };
        let eigen = squared
            .self_adjoint_eigen(Side::Lower)
            .map_err(|_| EvaluateError::Eigen { items, dim })?;
        let values: Vec<f64> = eigen.S().column_vector().iter().copied().collect();
        let floor = values
            .last()
            .map_or(0.0, |largest| largest * RANK_TOLERANCE);
        let kept: Vec<usize> = (0..values.len())
            .rev()
            .filter(|&k| values[k] > floor)
            .collect();

        let scale = |k: usize| if wide { values[k].sqrt().recip() } else { 1.0 };
        let vectors = eigen.U();
        let vectors = Mat::from_fn(vectors.nrows(), kept.len(), |row, k| {
            vectors[(row, kept[k])] * scale(kept[k])
        });
        Ok(Self {
            basis: Some(if wide { columns * vectors } else { vectors }),
            squares: kept.into_iter().map(|k| values[k]).collect(),
        })
    }

    /// Of columns that vary along their dimensions already, each by itself.
    pub(super) fn given(columns: &Mat<f64>) -> Self {
        let squares =
            (0..columns.nrows()).map(|dimension| columns.row(dimension).squared_norm_l2());
        Self {
            basis: None,
            squares: squares.collect(),
        }
    }

    /// `[dim, items]` → `[rank, items]`
    pub(super) fn along(&self, columns: &Mat<f64>) -> Mat<f64> {
        match &self.basis {
            Some(basis) => basis.transpose() * columns,
            None => columns.clone(),
        }
    }

    /// Rows of weights, `[rows, rank]` → `[rows, dim]`, that give for a column what these give for it along the axes.
    pub(super) fn back(&self, weights: MatRef<'_, f64>) -> Mat<f64> {
        match &self.basis {
            Some(basis) => weights * basis.transpose(),
            None => weights.to_owned(),
        }
    }
}

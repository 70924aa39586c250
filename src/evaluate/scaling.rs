//! Embeddings made comparable by what the training clips say about their dimensions.

use faer::Mat;
use serde::{Deserialize, Serialize};

use super::{EvaluateError, PrincipalAxes, Standardiser};
use crate::Embeddings;

/// What happens to embeddings before they are classified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scaling {
    /// Mean 0 and variance 1 per dimension, learned on the training folds: no dimension outshouts the
    /// others because of its unit, and a common offset does not make everything similar.
    Standardise,
    /// As `standardise`, then variance 1 along each principal axis of the training folds: directions
    /// that say the same many times count once. Axes weaker than a thousandth of the strongest fade
    /// out, `z_k / √(λ_k + 10⁻³·λ_1)`, as they hold little but noise.
    Whiten,
    /// Nothing, as the source does.
    None,
}

/// The share of the strongest axis' variance at which whitening fades out.
const FADE: f64 = 1e-3;

impl Scaling {
    /// Fitted on `memory`, memory and queries as columns `[dim, items]`.
    pub(super) fn columns(
        self,
        memory: &Embeddings,
        queries: &Embeddings,
    ) -> Result<[Mat<f64>; 2], EvaluateError> {
        let standardiser = match self {
            Self::Standardise | Self::Whiten => Standardiser::fit(memory),
            Self::None => Standardiser::identity(memory.dim()),
        };
        let columns = [memory, queries].map(|embeddings| standardiser.columns(embeddings));
        Ok(match self {
            Self::Whiten => whiten(columns)?,
            Self::Standardise | Self::None => columns,
        })
    }
}

/// Columns `[dim, items]` as rows `[items][dim]`, for libraries that take those.
pub(super) fn rows(columns: &Mat<f64>) -> Vec<Vec<f64>> {
    let items = 0..columns.ncols();
    items
        .map(|item| columns.col_as_slice(item).to_vec())
        .collect()
}

/// Rotates memory and queries onto the memory's principal axes and scales each to variance 1.
fn whiten([memory, queries]: [Mat<f64>; 2]) -> Result<[Mat<f64>; 2], EvaluateError> {
    let axes = PrincipalAxes::of(&memory)?;
    let strongest = axes.squares.first().copied().unwrap_or(1.0);
    let deviations: Vec<f64> = axes
        .squares
        .iter()
        .map(|square| (square + FADE * strongest).sqrt())
        .collect();
    Ok([memory, queries].map(|columns| {
        let mut along = axes.along(&columns);
        for item in 0..along.ncols() {
            let values = along.col_as_slice_mut(item).iter_mut();
            values
                .zip(&deviations)
                .for_each(|(value, deviation)| *value /= deviation);
        }
        along
    }))
}

//! How much of the classes a linear map finds in frozen embeddings.

use serde::{Deserialize, Serialize};

use super::{EvaluateError, Logistic, Standardiser, nested::Classifier};
use crate::Embeddings;

/// Logistic regression on embeddings standardised by the training folds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LinearProbe {
    /// Inverse regularisation strengths `C` to choose from, ascending, each above 0; a single one is
    /// used as given. Default: decades from 1e-5 to 10. Standardised embeddings of 512 to 4096
    /// dimensions peak near 1e-3, of 50 near 0.1. On equal inner accuracy the smallest wins.
    pub strengths: Vec<f64>,
}

impl Default for LinearProbe {
    fn default() -> Self {
        Self {
            strengths: (-5..=1).map(|decade| 10f64.powi(decade)).collect(),
        }
    }
}

impl LinearProbe {
    pub(super) fn check(&self) -> Result<(), EvaluateError> {
        let valid = |c: &f64| c.is_finite() && *c > 0.0;
        if self.strengths.iter().all(valid)
            && self.strengths.is_sorted()
            && !self.strengths.is_empty()
        {
            return Ok(());
        }
        Err(EvaluateError::Config {
            key: "linear.strengths",
            given: format!("{:?}", self.strengths),
            required: "one or more finite numbers above 0, ascending",
        })
    }
}

impl Classifier for LinearProbe {
    type Setting = f64;

    fn settings(&self) -> &[f64] {
        &self.strengths
    }

    fn predict(
        &self,
        settings: &[f64],
        (embeddings, labels): (&Embeddings, &[usize]),
        classes: usize,
        queries: &Embeddings,
    ) -> Result<Vec<Vec<usize>>, EvaluateError> {
        let standardiser = Standardiser::fit(embeddings);
        let columns = standardiser.columns(embeddings);
        let queries = standardiser.columns(queries);
        let fitted = Logistic::fit_columns(columns, labels, classes, settings)?;
        Ok(fitted
            .iter()
            .map(|classifier| classifier.predict(&queries))
            .collect())
    }
}

//! How much of the classes a linear map finds in frozen embeddings.

use serde::{Deserialize, Serialize};

use super::{
    EvaluateError, Standardiser,
    logistic::{Logistic, NEAR},
    nested::Classifier,
};
use crate::Embeddings;

/// Logistic regression on embeddings standardised by the training folds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LinearProbe {
    /// Inverse regularisation strengths to choose from, ascending, each above 0; a single one is
    /// used as given. On equal inner accuracy the smallest wins. Default: decades from 0.01 to 10000.
    ///
    /// A strength is the `C` of scikit-learn times the embeddings' dimension. Standardised embeddings
    /// have a mean square length of `dim`, so this makes strengths comparable between encoders;
    /// the best was between 1 and 1000 on the encoders we measured. Larger ones cost more steps.
    pub strengths: Vec<f64>,
}

impl Default for LinearProbe {
    fn default() -> Self {
        Self {
            strengths: (-2..=4).map(|decade| 10f64.powi(decade)).collect(),
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
        let per_dimension = |strength: &f64| strength / embeddings.dim() as f64;
        let strengths: Vec<f64> = settings.iter().map(per_dimension).collect();
        let fitted = Logistic::fit(columns, labels, classes, &strengths, NEAR)?;
        Ok(fitted
            .iter()
            .map(|classifier| classifier.predict(&queries))
            .collect())
    }
}

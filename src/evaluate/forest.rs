//! How well a random forest tells the classes of embeddings: what one compared with before networks.

use faer::Mat;
use serde::{Deserialize, Serialize};
use smartcore::ensemble::random_forest_classifier::{
    RandomForestClassifier, RandomForestClassifierParameters,
};
use smartcore::linalg::basic::matrix::DenseMatrix;

use super::{
    EvaluateError, Prediction, Scaling, Setting,
    nested::{Classifier, Training},
    scaling::rows,
};

/// Random forest: many trees, each of other clips and of other dimensions at every fork (`√dim` of them).
///
/// The library does not tell how many trees agree, so that every confidence is 1.
///
/// # Source
/// Breiman 2001, "Random Forests"; smartcore's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Forest {
    /// Numbers of trees to choose from, ascending, each within 1..=65535. Default 300: more change little.
    pub trees: Vec<u16>,
    /// Keys every random draw. Default 0.
    pub seed: u64,
}

impl Default for Forest {
    fn default() -> Self {
        Self {
            trees: vec![300],
            seed: 0,
        }
    }
}

impl Forest {
    pub(super) fn check(&self) -> Result<(), EvaluateError> {
        if !self.trees.is_empty() && !self.trees.contains(&0) {
            return Ok(());
        }
        Err(EvaluateError::Config {
            key: "forest.trees",
            given: format!("{:?}", self.trees),
            required: "one or more numbers of at least 1",
        })
    }
}

impl Classifier for Forest {
    /// Trees do not mind units.
    fn scaling(&self) -> Scaling {
        Scaling::None
    }

    fn settings(&self) -> Vec<Setting> {
        self.trees.iter().map(|&trees| trees.into()).collect()
    }

    fn predict(
        &self,
        settings: &[usize],
        training: &Training<'_>,
        queries: &Mat<f64>,
    ) -> Result<Vec<Vec<Prediction>>, EvaluateError> {
        let failed = |error: smartcore::error::Failed| EvaluateError::Library {
            what: "random forest",
            reason: error.to_string(),
        };
        let matrix = |columns| DenseMatrix::from_2d_vec(&rows(columns)).map_err(failed);
        let (memory, queries) = (matrix(training.columns)?, matrix(queries)?);
        let labels: Vec<u32> = training.labels.iter().map(|&label| label as u32).collect();
        let by_size = settings.iter().map(|&place| {
            let parameters = RandomForestClassifierParameters::default()
                .with_n_trees(self.trees[place])
                .with_seed(self.seed);
            let forest = RandomForestClassifier::fit(&memory, &labels, parameters);
            let classes = forest.and_then(|forest| forest.predict(&queries));
            let prediction = |class: u32| Prediction {
                class: class as usize,
                confidence: 1.0,
            };
            Ok(classes
                .map_err(failed)?
                .into_iter()
                .map(prediction)
                .collect())
        });
        by_size.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Embeddings;
    use crate::evaluate::nested::predicted;

    #[test]
    fn a_forest_learns_what_no_single_threshold_tells() {
        let value = |i: usize| ((i * 2_654_435_761) % 1000) as f32 / 500.0 - 1.0;
        let rows: Vec<[f32; 2]> = (0..200).map(|i| [value(2 * i), value(2 * i + 1)]).collect();
        let labels: Vec<usize> = rows.iter().map(|[a, b]| usize::from(a * b > 0.0)).collect();
        let all = Embeddings::from_rows(2, rows.concat());
        let part = |clips: std::ops::Range<usize>| all.select(&clips.collect::<Vec<_>>());
        let predict = || {
            let forest = Forest {
                trees: vec![100],
                seed: 0,
            };
            let training = (&part(0..150), &labels[..150]);
            predicted(&forest, training, 2, &part(150..200)).remove(0)
        };
        let predicted = predict();
        let right = predicted
            .iter()
            .zip(&labels[150..])
            .filter(|(p, l)| p.class == **l);
        assert!(right.count() >= 42, "{predicted:?}");
        assert_eq!(predict(), predicted);
    }
}

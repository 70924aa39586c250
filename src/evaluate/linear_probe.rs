//! How much of the classes a linear map finds in frozen embeddings.

use faer::Mat;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    EvaluateError, Scaling, Setting,
    logistic::{Logistic, NEAR},
    nested::{Classifier, Ranker, Training},
    prediction::Prediction,
};

/// Logistic regression on embeddings scaled by the training folds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LinearProbe {
    /// Inverse regularisation strengths to choose from, ascending, each above 0; a single one is
    /// used as given. On equal inner accuracy the smallest wins. Default: decades from 0.01 to 10000.
    ///
    /// A strength is the `C` of scikit-learn times the mean square length of the scaled training
    /// embeddings (their dimension, if they are standardised), which makes strengths comparable between
    /// encoders; the best was between 1 and 1000 on the encoders we measured. Larger ones cost more steps.
    pub strengths: Vec<f64>,
    /// What happens to the embeddings first. The default whitens: without it, what many dimensions say is
    /// penalised less than what few say.
    pub scaling: Scaling,
}

impl Default for LinearProbe {
    fn default() -> Self {
        Self {
            strengths: (-2..=4).map(|decade| 10f64.powi(decade)).collect(),
            scaling: Scaling::Whiten,
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

impl LinearProbe {
    /// One classifier for each of `settings`, given by their places.
    fn fit(
        &self,
        settings: &[usize],
        training: &Training<'_>,
    ) -> Result<Vec<Logistic>, EvaluateError> {
        let columns = training.columns;
        let mean_square_length = columns.squared_norm_l2() / columns.ncols().max(1) as f64;
        let per_length =
            |&place: &usize| self.strengths[place] / mean_square_length.max(f64::MIN_POSITIVE);
        let strengths: Vec<f64> = settings.iter().map(per_length).collect();
        Logistic::fit(training, &strengths, NEAR)
    }
}

impl Classifier for LinearProbe {
    fn scaling(&self) -> Scaling {
        self.scaling
    }

    fn settings(&self) -> Vec<Setting> {
        self.strengths
            .iter()
            .map(|&strength| strength.into())
            .collect()
    }

    fn predict(
        &self,
        settings: &[usize],
        training: &Training<'_>,
        queries: &Mat<f64>,
    ) -> Result<Vec<Vec<Prediction>>, EvaluateError> {
        let fitted = self.fit(settings, training)?;
        Ok(fitted
            .iter()
            .map(|classifier| classifier.predict(queries))
            .collect())
    }
}

/// A probe of each class against all others; its score is the class's log odds.
impl Ranker for LinearProbe {
    fn scores(
        &self,
        settings: &[usize],
        training: &Training<'_, Vec<usize>>,
        queries: &Mat<f64>,
    ) -> Result<Vec<Mat<f64>>, EvaluateError> {
        let of_class = |class: usize| {
            let heard = |tags: &Vec<usize>| usize::from(tags.contains(&class));
            let labels: Vec<usize> = training.labels.iter().map(heard).collect();
            let training = Training {
                columns: training.columns,
                along_axes: training.along_axes,
                labels: &labels,
                classes: 2,
            };
            let fitted = self.fit(settings, &training)?;
            Ok(fitted
                .iter()
                .map(|probe| probe.log_odds(queries))
                .collect::<Vec<_>>())
        };
        let classes = (0..training.classes).into_par_iter().map(of_class);
        let by_class = classes.collect::<Result<Vec<_>, EvaluateError>>()?; // [classes][settings][queries]
        let of_setting = |setting: usize| {
            Mat::from_fn(training.classes, queries.ncols(), |class, query| {
                by_class[class][setting][query]
            })
        };
        Ok((0..settings.len()).map(of_setting).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Embeddings;
    use crate::evaluate::nested::predicted;

    /// Two dimensions that say as much as each other about the class, the first of them `copies` times.
    fn rows(points: &[[f32; 2]], copies: usize) -> Embeddings {
        let row = |&[first, second]: &[f32; 2]| [vec![first; copies], vec![second]].concat();
        Embeddings::from_rows(copies + 1, points.iter().flat_map(row).collect())
    }

    #[test]
    fn what_is_said_many_times_counts_once() {
        let points = [
            [1.0, 1.0],
            [1.0, 1.0],
            [-1.0, -1.0],
            [-1.0, -1.0],
            [1.0, -1.0],
            [1.0, -1.0],
            [-1.0, 1.0],
            [-1.0, 1.0],
        ];
        let labels = [1, 1, 0, 0, 0, 1, 0, 1];
        let predict = |scaling, copies| {
            let probe = LinearProbe {
                strengths: vec![0.1],
                scaling,
            };
            let (memory, query) = (rows(&points, copies), rows(&[[1.0, -1.2]], copies));
            predicted(&probe, (&memory, &labels), 2, &query)[0][0].class
        };
        assert_eq!(predict(Scaling::Whiten, 1), 0);
        assert_eq!(predict(Scaling::Whiten, 50), 0);
        assert_eq!(predict(Scaling::Standardise, 1), 0);
        assert_eq!(predict(Scaling::Standardise, 50), 1);
    }
}

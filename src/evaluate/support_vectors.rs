//! How well support vector machines tell the classes of embeddings: what one compared with before networks.

use faer::Mat;
use linfa::DatasetBase;
use linfa::ParamGuard;
use linfa::traits::Fit;
use linfa_svm::Svm;
use ndarray::{Array1, Array2, ArrayView1};
use serde::{Deserialize, Serialize};

use super::{
    EvaluateError, Prediction, Scaling, Setting,
    nested::{Classifier, Training},
    scaling::rows,
};

/// Support vector machines with Gaussian kernel on standardised embeddings, one for every pair of classes.
///
/// ```text
/// k(x, y) = exp(−‖x − y‖² / dim)
/// ```
/// Each machine votes for one class of its pair; the class with most votes is predicted, on ties the one whose machines
/// are farther on its side of their border. The confidence is the class's votes among those it could get.
///
/// # Source
/// The solver is linfa's, after LIBSVM (Chang and Lin 2011); the kernel's width is scikit-learn's `gamma="scale"` of
/// standardised data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SupportVectors {
    /// Penalties `C` of clips on the wrong side to choose from, ascending, each above 0; on equal inner accuracy the
    /// smallest wins. Default 1, 10, 100.
    pub penalties: Vec<f64>,
}

impl Default for SupportVectors {
    fn default() -> Self {
        Self {
            penalties: vec![1.0, 10.0, 100.0],
        }
    }
}

impl SupportVectors {
    pub(super) fn check(&self) -> Result<(), EvaluateError> {
        let valid = |c: &f64| c.is_finite() && *c > 0.0;
        if !self.penalties.is_empty() && self.penalties.iter().all(valid) {
            return Ok(());
        }
        Err(EvaluateError::Config {
            key: "svm.penalties",
            given: format!("{:?}", self.penalties),
            required: "one or more finite numbers above 0",
        })
    }
}

impl Classifier for SupportVectors {
    fn scaling(&self) -> Scaling {
        Scaling::Standardise
    }

    fn settings(&self) -> Vec<Setting> {
        self.penalties
            .iter()
            .map(|&penalty| penalty.into())
            .collect()
    }

    fn predict(
        &self,
        settings: &[usize],
        training: &Training<'_>,
        queries: &Mat<f64>,
    ) -> Result<Vec<Vec<Prediction>>, EvaluateError> {
        let (labels, classes) = (training.labels, training.classes);
        let [memory, queries] = [training.columns, queries].map(rows);
        let mut present = labels.to_vec();
        present.sort_unstable();
        present.dedup();
        let pairs: Vec<_> = (present.iter().enumerate())
            .flat_map(|(index, &a)| present[index + 1..].iter().map(move |&b| (a, b)))
            .collect();
        let by_penalty = settings.iter().map(|&place| {
            let penalty = self.penalties[place];
            let mut polls = vec![Poll::new(classes); queries.len()];
            // With a single class there is no pair, and nothing to tell apart.
            polls.iter_mut().for_each(|poll| poll.votes[present[0]] = 1);
            for &pair in &pairs {
                let sides = sides(&memory, labels, pair, penalty, &queries)?;
                for (poll, side) in polls.iter_mut().zip(sides) {
                    poll.count(pair, side);
                }
            }
            let rivals = present.len().saturating_sub(1).max(1);
            Ok(polls.iter().map(|poll| poll.winner(rivals)).collect())
        });
        by_penalty.collect()
    }
}

/// On which side of the border between the classes `(a, b)` each query lies: above 0 is `b`.
fn sides(
    memory: &[Vec<f64>],
    labels: &[usize],
    (a, b): (usize, usize),
    penalty: f64,
    queries: &[Vec<f64>],
) -> Result<Vec<f64>, EvaluateError> {
    let failed = |reason: String| EvaluateError::Library {
        what: "support vector machine",
        reason,
    };
    let of_pair = labels
        .iter()
        .zip(memory)
        .filter(|(l, _)| [a, b].contains(l));
    let (labels, rows): (Vec<bool>, Vec<&[f64]>) = of_pair
        .map(|(&label, row)| (label == b, row.as_slice()))
        .unzip();
    let dim = rows[0].len();
    let records = Array2::from_shape_vec((rows.len(), dim), rows.concat());
    let records = records.map_err(|error| failed(error.to_string()))?;
    let parameters = Svm::<f64, bool>::params()
        .pos_neg_weights(penalty, penalty)
        .gaussian_kernel(dim as f64);
    let machine = parameters
        .check()
        .and_then(|parameters| parameters.fit(&DatasetBase::new(records, Array1::from(labels))))
        .map_err(|error| failed(error.to_string()))?;
    let side = |query: &Vec<f64>| machine.weighted_sum(&ArrayView1::from(query)) - machine.rho;
    Ok(queries.iter().map(side).collect())
}

/// The machines' votes on one query.
#[derive(Debug, Clone)]
struct Poll {
    votes: Vec<usize>,
    /// Sum of distances from the borders, towards the class.
    distances: Vec<f64>,
}

impl Poll {
    fn new(classes: usize) -> Self {
        Self {
            votes: vec![0; classes],
            distances: vec![0.0; classes],
        }
    }

    fn count(&mut self, (a, b): (usize, usize), side: f64) {
        self.votes[if side > 0.0 { b } else { a }] += 1;
        self.distances[b] += side;
        self.distances[a] -= side;
    }

    /// Of classes with `rivals` machines each.
    fn winner(&self, rivals: usize) -> Prediction {
        let better = |class: usize, best: usize| {
            let votes = self.votes[class].cmp(&self.votes[best]);
            votes.then(self.distances[class].total_cmp(&self.distances[best]))
        };
        let mut class = 0;
        for candidate in 1..self.votes.len() {
            if better(candidate, class).is_gt() {
                class = candidate;
            }
        }
        Prediction {
            class,
            confidence: (self.votes[class] as f32 / rivals as f32).min(1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Embeddings;
    use crate::evaluate::nested::predicted;

    /// Three classes on a ring around the origin: no line tells them apart, a Gaussian kernel does.
    fn rings(clips: usize) -> (Embeddings, Vec<usize>) {
        let labels: Vec<usize> = (0..clips).map(|clip| clip % 3).collect();
        let point = |clip: usize| {
            let angle = 2.4 * clip as f32;
            let radius = [0.2, 1.5, 3.5][labels[clip]] + 0.1 * (clip % 5) as f32;
            [radius * angle.cos(), radius * angle.sin()]
        };
        let values = (0..clips).flat_map(point).collect();
        (Embeddings::from_rows(2, values), labels)
    }

    #[test]
    fn classes_around_each_other_are_told_apart_and_always_alike() {
        let (embeddings, labels) = rings(90);
        let memory: Vec<usize> = (0..60).collect();
        let queries: Vec<usize> = (60..90).collect();
        let predict = || {
            let training = (&embeddings.select(&memory), &labels[..60]);
            let queries = embeddings.select(&queries);
            let machines = SupportVectors {
                penalties: vec![10.0],
            };
            predicted(&machines, training, 4, &queries).remove(0)
        };
        let predicted = predict();
        let right = predicted
            .iter()
            .zip(&labels[60..])
            .filter(|(p, l)| p.class == **l);
        assert!(right.count() >= 29, "{predicted:?}");
        assert_eq!(predict(), predicted);
        assert!(
            predicted
                .iter()
                .all(|p| p.confidence > 0.5 && p.confidence <= 1.0)
        );
    }

    #[derive(Deserialize)]
    struct Golden {
        versions: String,
        cases: Vec<GoldenCase>,
    }

    #[derive(Deserialize)]
    struct GoldenCase {
        name: String,
        c: f64,
        dim: usize,
        /// `[clips, dim]`, scaled already.
        values: Vec<f64>,
        labels: Vec<usize>,
        training: usize,
        /// `[queries][pairs]`
        sides: Vec<Vec<f64>>,
    }

    #[test]
    fn borders_lie_where_scikit_learn_draws_them() {
        let golden: Golden =
            serde_json::from_str(include_str!("../../tests/golden/support_vectors.json")).unwrap();
        for case in &golden.cases {
            let rows: Vec<Vec<f64>> = case.values.chunks(case.dim).map(<[f64]>::to_vec).collect();
            let (memory, queries) = rows.split_at(case.training);
            let labels = &case.labels[..case.training];
            let classes = labels.iter().max().unwrap() + 1;
            let pairs = (0..classes).flat_map(|a| (a + 1..classes).map(move |b| (a, b)));
            for (column, pair) in pairs.enumerate() {
                let ours = sides(memory, labels, pair, case.c, queries).unwrap();
                for (ours, theirs) in ours.iter().zip(&case.sides) {
                    assert!(
                        (ours - theirs[column]).abs() < 1e-4,
                        "{}, {pair:?}: {ours}, {} {}",
                        case.name,
                        golden.versions,
                        theirs[column]
                    );
                }
            }
        }
    }

    #[test]
    fn ties_go_to_the_class_that_is_farther_from_its_borders() {
        let mut poll = Poll::new(3);
        poll.count((0, 1), -0.1);
        poll.count((0, 2), 0.3);
        poll.count((1, 2), -2.0);
        assert_eq!(poll.votes, [1, 1, 1]);
        assert_eq!(poll.winner(2).class, 1);
    }

    #[test]
    fn one_class_is_all_there_is_to_predict() {
        let embeddings = Embeddings::from_rows(1, vec![1.0, 2.0]);
        let machines = SupportVectors::default();
        let predicted = predicted(&machines, (&embeddings, &[2, 2]), 3, &embeddings);
        assert_eq!(predicted[0][1].class, 2);
    }
}

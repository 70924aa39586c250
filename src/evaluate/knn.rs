//! How well the nearest training clips tell a clip's class.

use faer::Mat;
use serde::{Deserialize, Serialize};

use super::{
    EvaluateError, Label, Scaling, Setting,
    nested::{Classifier, Ranker, Training},
    prediction::{Prediction, largest_share},
};

/// Weighted k-nearest-neighbour vote by cosine similarity.
///
/// ```text
/// w_c = Σ exp(sⱼ / σ)  over the K most similar training clips j of class c
/// ```
/// `s` is the cosine of the two embeddings, `σ` the temperature; the class with the largest weight is
/// predicted, on ties the smallest. Of equally similar clips the earlier is nearer.
///
/// # Source
/// Wu et al. 2018 (arXiv:1805.01978), §3.4.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WeightedKnn {
    /// Numbers of neighbours `K` to choose from, ascending, each at least 1; a single one is used as
    /// given. Default: 1 to 200, about evenly spaced in the logarithm. More than there are training
    /// clips means all of them. On equal inner accuracy the smallest wins.
    pub neighbours: Vec<usize>,
    /// Temperature `σ`, above 0; smaller lets the nearest neighbours decide. Default: 0.2, the
    /// training temperature of our recipes; the source takes its own, 0.07.
    pub temperature: f64,
    /// What happens to the embeddings before they are normalised to unit length.
    pub scaling: Scaling,
}

impl Default for WeightedKnn {
    fn default() -> Self {
        Self {
            neighbours: vec![1, 2, 3, 5, 8, 12, 20, 35, 60, 100, 200],
            temperature: 0.2,
            scaling: Scaling::Whiten,
        }
    }
}

impl WeightedKnn {
    pub(super) fn check(&self) -> Result<(), EvaluateError> {
        let ascending = self.neighbours.is_sorted() && !self.neighbours.is_empty();
        if !ascending || self.neighbours.contains(&0) {
            return Err(EvaluateError::Config {
                key: "knn.neighbours",
                given: format!("{:?}", self.neighbours),
                required: "one or more numbers of at least 1, ascending",
            });
        }
        if self.temperature > 0.0 {
            return Ok(());
        }
        Err(EvaluateError::Config {
            key: "knn.temperature",
            given: self.temperature.to_string(),
            required: "above 0",
        })
    }

    /// Weighs the classes of each query's neighbours: `told` hears the place of a setting in `settings`, the query, and the
    /// weights of all classes and of all neighbours together after so many neighbours.
    fn weigh<L: Label>(
        &self,
        settings: &[usize],
        training: &Training<'_, L>,
        queries: &Mat<f64>,
        mut told: impl FnMut(usize, usize, &[f64], f64),
    ) {
        let memory = unit_columns(training.columns.clone());
        let queries = unit_columns(queries.clone());
        let similarities = memory.transpose() * &queries; // [items, queries]
        let numbers = || settings.iter().map(|&place| self.neighbours[place]);
        let most = numbers().next_back().unwrap_or(0);
        for query in 0..queries.ncols() {
            let ranked = rank(similarities.col_as_slice(query), most);
            let nearest = ranked.first().map_or(0.0, |&(similarity, _)| similarity);
            let mut weights = vec![0.0; training.classes];
            let (mut all, mut counted) = (0.0, 0);
            for (setting, neighbours) in numbers().enumerate() {
                for &(similarity, item) in ranked.iter().take(neighbours).skip(counted) {
                    // A common factor changes no vote, and keeps exp in range at any temperature.
                    let weight = ((similarity - nearest) / self.temperature).exp();
                    all += weight;
                    for &class in training.labels[item].classes() {
                        weights[class] += weight;
                    }
                }
                counted = neighbours;
                told(setting, query, &weights, all);
            }
        }
    }
}

/// k-nearest-neighbour vote by cosine similarity in which all neighbours count alike: [`WeightedKnn`] at infinite
/// temperature.
///
/// # Source
/// Lin 2022, as the k-NN of scikit-learn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MajorityKnn {
    /// As those of [`WeightedKnn`].
    pub neighbours: Vec<usize>,
    /// As that of [`WeightedKnn`].
    pub scaling: Scaling,
}

impl Default for MajorityKnn {
    fn default() -> Self {
        let WeightedKnn {
            neighbours,
            scaling,
            ..
        } = WeightedKnn::default();
        Self {
            neighbours,
            scaling,
        }
    }
}

impl MajorityKnn {
    pub(super) fn check(&self) -> Result<(), EvaluateError> {
        self.weighted().check()
    }

    fn weighted(&self) -> WeightedKnn {
        WeightedKnn {
            neighbours: self.neighbours.clone(),
            temperature: f64::INFINITY,
            scaling: self.scaling,
        }
    }
}

impl Classifier for MajorityKnn {
    fn scaling(&self) -> Scaling {
        self.scaling
    }

    fn settings(&self) -> Vec<Setting> {
        self.weighted().settings()
    }

    fn predict(
        &self,
        settings: &[usize],
        training: &Training<'_>,
        queries: &Mat<f64>,
    ) -> Result<Vec<Vec<Prediction>>, EvaluateError> {
        self.weighted().predict(settings, training, queries)
    }
}

impl Classifier for WeightedKnn {
    fn scaling(&self) -> Scaling {
        self.scaling
    }

    fn settings(&self) -> Vec<Setting> {
        self.neighbours.iter().map(|&k| k.into()).collect()
    }

    fn predict(
        &self,
        settings: &[usize],
        training: &Training<'_>,
        queries: &Mat<f64>,
    ) -> Result<Vec<Vec<Prediction>>, EvaluateError> {
        let mut predictions = vec![Vec::with_capacity(queries.ncols()); settings.len()];
        self.weigh(settings, training, queries, |setting, _, weights, _| {
            predictions[setting].push(largest_share(weights));
        });
        Ok(predictions)
    }
}

impl Ranker for MajorityKnn {
    fn scores(
        &self,
        settings: &[usize],
        training: &Training<'_, Vec<usize>>,
        queries: &Mat<f64>,
    ) -> Result<Vec<Mat<f64>>, EvaluateError> {
        self.weighted().scores(settings, training, queries)
    }
}

/// The score of a class is its share of the weights of all neighbours.
impl Ranker for WeightedKnn {
    fn scores(
        &self,
        settings: &[usize],
        training: &Training<'_, Vec<usize>>,
        queries: &Mat<f64>,
    ) -> Result<Vec<Mat<f64>>, EvaluateError> {
        let shape = (training.classes, queries.ncols());
        let mut scores = vec![Mat::zeros(shape.0, shape.1); settings.len()];
        self.weigh(
            settings,
            training,
            queries,
            |setting, query, weights, all| {
                for (class, weight) in weights.iter().enumerate() {
                    scores[setting][(class, query)] = weight / f64::max(all, f64::MIN_POSITIVE);
                }
            },
        );
        Ok(scores)
    }
}

/// Similarity and place of the `most` similar items, largest first, earlier items first among equals.
fn rank(similarities: &[f64], most: usize) -> Vec<(f64, usize)> {
    let mut order: Vec<usize> = (0..similarities.len()).collect();
    let nearer =
        |a: &usize, b: &usize| similarities[*b].total_cmp(&similarities[*a]).then(a.cmp(b));
    if most < order.len() {
        order.select_nth_unstable_by(most, nearer);
        order.truncate(most);
    }
    order.sort_unstable_by(nearer);
    order
        .into_iter()
        .map(|item| (similarities[item], item))
        .collect()
}

/// Scales every column to length 1; a column of zeros stays.
fn unit_columns(mut columns: Mat<f64>) -> Mat<f64> {
    for item in 0..columns.ncols() {
        let column = columns.col_as_slice_mut(item);
        let norm = column.iter().map(|v| v * v).sum::<f64>().sqrt();
        if norm > 0.0 {
            column.iter_mut().for_each(|v| *v /= norm);
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Embeddings;
    use crate::evaluate::nested::predicted;

    fn knn(neighbours: &[usize], temperature: f64, scaling: Scaling) -> WeightedKnn {
        WeightedKnn {
            neighbours: neighbours.to_vec(),
            temperature,
            scaling,
        }
    }

    fn classes(predictions: Vec<Vec<Prediction>>) -> Vec<Vec<usize>> {
        let of = |row: Vec<Prediction>| row.into_iter().map(|p| p.class).collect();
        predictions.into_iter().map(of).collect()
    }

    fn cosine(a: &[f32], b: &[f32]) -> f64 {
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter()
                .zip(b)
                .map(|(a, b)| f64::from(*a) * f64::from(*b))
                .sum()
        };
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    }

    /// The formula of the type's documentation in plain loops.
    fn slow_vote(
        memory: &Embeddings,
        labels: &[usize],
        query: &[f32],
        neighbours: usize,
        temperature: f64,
    ) -> Vec<f64> {
        let mut items: Vec<(f64, usize)> = memory
            .rows()
            .map(|row| cosine(row, query))
            .zip(labels.iter().copied())
            .collect();
        items.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut weights = vec![0.0; 4];
        for (similarity, label) in items.into_iter().take(neighbours) {
            weights[label] += (similarity / temperature).exp();
        }
        weights
    }

    fn random_case() -> impl Strategy<Value = (Vec<f32>, Vec<usize>, Vec<f32>)> {
        (
            prop::collection::vec(0.1f32..1.0, 30),
            prop::collection::vec(0usize..4, 10),
            prop::collection::vec(0.1f32..1.0, 3),
        )
    }

    proptest! {
        #[test]
        fn votes_follow_the_formula((values, labels, query) in random_case(), k in 1usize..12) {
            let memory = Embeddings::from_rows(3, values);
            let expected = slow_vote(&memory, &labels, &query, k, 0.1);
            let query = Embeddings::from_rows(3, query);
            let ours = predicted(&knn(&[k], 0.1, Scaling::None), (&memory, &labels), 4, &query);
            let largest = expected.iter().copied().fold(0.0, f64::max);
            prop_assert!(expected[ours[0][0].class] >= largest * (1.0 - 1e-9));
        }

        #[test]
        fn one_neighbour_gives_the_label_of_the_most_similar_clip((values, labels, query) in random_case()) {
            let memory = Embeddings::from_rows(3, values);
            let nearest = memory.rows().map(|row| cosine(row, &query)).enumerate()
                .max_by(|a, b| a.1.total_cmp(&b.1)).unwrap().0;
            let query = Embeddings::from_rows(3, query);
            let ours = predicted(&knn(&[1], 0.07, Scaling::None), (&memory, &labels), 4, &query);
            prop_assert_eq!(ours[0][0].class, labels[nearest]);
        }

        #[test]
        fn rescaling_a_query_changes_no_vote((values, labels, query) in random_case(), factor in 0.01f32..100.0) {
            let memory = Embeddings::from_rows(3, values);
            let scaled = query.iter().map(|v| v * factor).collect();
            let knn = knn(&[5], 0.5, Scaling::None);
            let vote = |query| {
                let query = Embeddings::from_rows(3, query);
                classes(predicted(&knn, (&memory, &labels), 4, &query))
            };
            prop_assert_eq!(vote(query), vote(scaled));
        }
    }

    /// Similarities to the query (1, 0): 1, then 0.6 three times.
    fn close_one_far_three() -> (Embeddings, [usize; 4]) {
        (
            Embeddings::from_rows(2, vec![1., 0., 3., 4., 3., -4., 3., 4.]),
            [2, 1, 1, 1],
        )
    }

    #[test]
    fn infinite_temperature_is_a_majority_vote_and_a_low_one_follows_the_nearest() {
        let (memory, labels) = close_one_far_three();
        let query = Embeddings::from_rows(2, vec![1., 0.]);
        let vote = |temperature| {
            let knn = knn(&[4], temperature, Scaling::None);
            classes(predicted(&knn, (&memory, &labels), 3, &query))
        };
        assert_eq!(vote(f64::INFINITY), [[1]]);
        let majority = MajorityKnn {
            neighbours: vec![4],
            scaling: Scaling::None,
        };
        let majority = predicted(&majority, (&memory, &labels), 3, &query)[0][0];
        assert_eq!((majority.class, majority.confidence), (1, 0.75));
        assert_eq!(vote(1e9), [[1]]);
        // exp(1 / 0.07) > 3 exp(0.6 / 0.07)
        assert_eq!(vote(0.07), [[2]]);
        assert_eq!(vote(1e-9), [[2]]);
    }

    #[test]
    fn a_tie_goes_to_the_smallest_class() {
        let memory = Embeddings::from_rows(2, vec![1., 1., 1., 1.]);
        let query = Embeddings::from_rows(2, vec![1., 0.]);
        let votes = predicted(
            &knn(&[2], 0.07, Scaling::None),
            (&memory, &[2, 1]),
            3,
            &query,
        );
        assert_eq!(classes(votes), [[1]]);
    }

    #[test]
    fn more_neighbours_than_clips_means_all_clips() {
        let (memory, labels) = close_one_far_three();
        let query = Embeddings::from_rows(2, vec![1., 0.]);
        let knn = knn(&[4, 99], 1e9, Scaling::None);
        let votes = predicted(&knn, (&memory, &labels), 3, &query);
        assert_eq!(votes[0], votes[1]);
    }

    #[test]
    fn standardising_removes_a_common_offset() {
        // With the offset every cosine is near 1 and the large second dimension decides.
        let memory = Embeddings::from_rows(2, vec![99., 900., 101., 1100.]);
        let query = Embeddings::from_rows(2, vec![101., 990.]);
        let vote = |scaling| {
            let knn = knn(&[1], 0.07, scaling);
            classes(predicted(&knn, (&memory, &[0, 1]), 2, &query))
        };
        assert_eq!(vote(Scaling::Standardise), [[1]]);
        assert_eq!(vote(Scaling::None), [[0]]);
    }

    #[test]
    fn whitening_counts_a_repeated_direction_once() {
        let pairs: Vec<[f32; 2]> = (0..12u8)
            .map(|i| [f32::from(i * 5 % 12), f32::from(i * i % 11)])
            .collect();
        let once = Embeddings::from_rows(2, pairs.concat());
        let repeated: Vec<_> = pairs.iter().flat_map(|&[a, b]| [a, a, a, b]).collect();
        let repeated = Embeddings::from_rows(4, repeated);
        let largest_change = |scaling: Scaling| {
            let similarities = [&once, &repeated].map(|embeddings| {
                let [columns, _] = scaling.columns(embeddings, embeddings).unwrap();
                let columns = unit_columns(columns);
                columns.transpose() * &columns
            });
            let change = &similarities[0] - &similarities[1];
            change.norm_max()
        };
        assert!(largest_change(Scaling::Whiten) < 0.01);
        assert!(largest_change(Scaling::Standardise) > 0.2);
    }

    #[test]
    fn whitened_training_clips_have_equal_variance_along_strong_axes() {
        let values = (0..40).map(|i| ((i * 37 + i * i) % 23) as f32);
        let memory = Embeddings::from_rows(2, values.collect());
        let [white, _] = Scaling::Whiten.columns(&memory, &memory).unwrap();
        let covariance = &white * white.transpose();
        for (i, j) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let wanted = f64::from(u8::from(i == j));
            assert!((covariance[(i, j)] - wanted).abs() < 5e-3, "{covariance:?}");
        }
    }

    #[test]
    fn silent_embeddings_of_zeros_are_no_panic() {
        let memory = Embeddings::from_rows(2, vec![0.; 4]);
        for scaling in [Scaling::None, Scaling::Standardise, Scaling::Whiten] {
            let knn = knn(&[1], 0.07, scaling);
            let votes = predicted(&knn, (&memory, &[1, 0]), 2, &memory);
            assert_eq!(classes(votes), [[1, 1]]);
        }
    }
}

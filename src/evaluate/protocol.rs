//! By which rule embeddings are scored.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::str::FromStr;

use super::{
    EvaluateError, Forest, LinearProbe, MajorityKnn, Predictions, Score, Scores, SupportVectors,
    Task, WeightedKnn,
    nested::{Classifier, FoldPrediction, Ranker, nested_cross_validation},
    task::check_rows,
};
use crate::Embeddings;
use crate::choices::{Choice, UnknownChoice};

/// A rule by which frozen embeddings are scored, with its configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Protocol {
    /// Logistic regression on the embeddings.
    Linear(LinearProbe),
    /// Weighted vote of the nearest training clips.
    Knn(WeightedKnn),
    /// Their vote, each alike.
    Majority(MajorityKnn),
    /// Support vector machines.
    Svm(SupportVectors),
    /// Many trees.
    Forest(Forest),
}

/// What a protocol is called in results; the order is that of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ProtocolName {
    /// [`LinearProbe`]
    Linear,
    /// [`WeightedKnn`]
    Knn,
    /// [`MajorityKnn`]
    Majority,
    /// [`SupportVectors`]
    Svm,
    /// [`Forest`]
    Forest,
    /// A linear layer on the frozen encoder, fitted by epochs of gradient descent.
    Frozen,
    /// The encoder fitted along with the linear layer, from its pre-trained weights.
    Finetune,
    /// The same from the weights it began with.
    Scratch,
}

impl Choice for ProtocolName {
    const ALL: &'static [Self] = &[
        Self::Linear,
        Self::Knn,
        Self::Majority,
        Self::Svm,
        Self::Forest,
        Self::Frozen,
        Self::Finetune,
        Self::Scratch,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Knn => "knn",
            Self::Majority => "majority",
            Self::Svm => "svm",
            Self::Forest => "forest",
            Self::Frozen => "frozen",
            Self::Finetune => "finetune",
            Self::Scratch => "scratch",
        }
    }

    fn about(self) -> &'static str {
        match self {
            Self::Linear => "Logistic regression on the frozen embeddings",
            Self::Knn => "Weighted vote of the nearest training clips",
            Self::Majority => "Their vote, all alike",
            Self::Svm => "Support vector machines on the frozen embeddings",
            Self::Forest => "Random forest on the frozen embeddings",
            Self::Frozen => "A linear layer on the frozen encoder, fitted by gradient descent",
            Self::Finetune => "The encoder fitted along with the linear layer",
            Self::Scratch => "The same from the weights the encoder began with",
        }
    }
}

impl FromStr for ProtocolName {
    type Err = UnknownChoice;

    fn from_str(name: &str) -> Result<Self, UnknownChoice> {
        Self::named(name)
    }
}

impl ProtocolName {
    /// For people: `linear probe`, `k-NN`.
    pub fn title(self) -> &'static str {
        match self {
            Self::Linear => "linear probe",
            Self::Knn => "k-NN",
            Self::Majority => "majority k-NN",
            Self::Svm => "SVM",
            Self::Forest => "random forest",
            Self::Frozen => "frozen encoder",
            Self::Finetune => "fine-tuning",
            Self::Scratch => "from scratch",
        }
    }

    /// The symbol of what a protocol chooses in each fold; `None` where nothing is chosen.
    pub fn setting(self) -> Option<&'static str> {
        match self {
            Self::Linear => Some("C·‖x‖²"),
            Self::Knn | Self::Majority => Some("K"),
            Self::Svm => Some("C"),
            Self::Forest => Some("trees"),
            Self::Frozen | Self::Finetune | Self::Scratch => None,
        }
    }
}

impl Protocol {
    /// What one measured MFCC statistics with before networks: k-NN, support vector machines and random forest.
    pub fn classic() -> Vec<Self> {
        vec![
            Self::Knn(WeightedKnn::default()),
            Self::Svm(SupportVectors::default()),
            Self::Forest(Forest::default()),
        ]
    }

    /// Linear probe and weighted k-NN with their defaults.
    pub fn standard() -> Vec<Self> {
        vec![
            Self::Linear(LinearProbe::default()),
            Self::Knn(WeightedKnn::default()),
        ]
    }

    /// The name in results.
    pub fn name(&self) -> ProtocolName {
        match self {
            Self::Linear(_) => ProtocolName::Linear,
            Self::Knn(_) => ProtocolName::Knn,
            Self::Majority(_) => ProtocolName::Majority,
            Self::Svm(_) => ProtocolName::Svm,
            Self::Forest(_) => ProtocolName::Forest,
        }
    }

    pub(super) fn check(&self) -> Result<(), EvaluateError> {
        match self {
            Self::Linear(probe) => probe.check(),
            Self::Knn(knn) => knn.check(),
            Self::Majority(knn) => knn.check(),
            Self::Svm(machines) => machines.check(),
            Self::Forest(forest) => forest.check(),
        }
    }

    /// How it scores classes one by one, if it can.
    pub(super) fn ranker(&self) -> Option<&dyn Ranker> {
        match self {
            Self::Linear(probe) => Some(probe),
            Self::Knn(knn) => Some(knn),
            Self::Majority(knn) => Some(knn),
            Self::Svm(_) | Self::Forest(_) => None,
        }
    }

    fn classifier(&self) -> &dyn Classifier {
        match self {
            Self::Linear(probe) => probe,
            Self::Knn(knn) => knn,
            Self::Majority(knn) => knn,
            Self::Svm(machines) => machines,
            Self::Forest(forest) => forest,
        }
    }
}

/// Scores `embeddings` `[items, dim]`, row i belonging to the task's clip i, by each protocol.
///
/// # Errors
/// If there is not one row a clip, a value is not finite, or a protocol's configuration is invalid.
pub fn evaluate(
    task: &Task,
    embeddings: &Embeddings,
    protocols: &[Protocol],
) -> Result<Scores, EvaluateError> {
    check_rows(task, embeddings)?;
    protocols.iter().try_for_each(Protocol::check)?;
    let classifiers: Vec<_> = protocols.iter().map(Protocol::classifier).collect();
    let by_protocol = nested_cross_validation(task, embeddings, &classifiers)?;
    let scores = protocols.iter().zip(by_protocol);
    Ok(scores
        .map(|(protocol, folds)| (protocol.name(), score(task, &folds)))
        .collect())
}

/// Why protocols gave no score.
pub type Failures = BTreeMap<ProtocolName, EvaluateError>;

/// As [`evaluate`], but a protocol that cannot score these clips fails alone.
///
/// # Errors
/// As [`evaluate`], but for what is wrong with some protocols only.
pub fn evaluate_each(
    task: &Task,
    embeddings: &Embeddings,
    protocols: &[Protocol],
) -> Result<(Scores, Failures), EvaluateError> {
    check_rows(task, embeddings)?;
    protocols.iter().try_for_each(Protocol::check)?;
    // Together they share their work.
    if let Ok(scores) = evaluate(task, embeddings, protocols) {
        return Ok((scores, Failures::new()));
    }
    let (mut scores, mut failed) = (Scores::new(), Failures::new());
    for protocol in protocols {
        match evaluate(task, embeddings, std::slice::from_ref(protocol)) {
            Ok(score) => scores.extend(score),
            Err(error) => {
                failed.insert(protocol.name(), error);
            }
        }
    }
    Ok((scores, failed))
}

fn score(task: &Task, folds: &[FoldPrediction]) -> Score {
    let chosen = folds.iter().map(|fold| fold.chosen).collect();
    let mut predictions = Predictions::none(task.clips());
    for (&fold, predicted) in task.scored_folds().iter().zip(folds) {
        for (clip, &prediction) in task.clips_in(fold).into_iter().zip(&predicted.predicted) {
            predictions.set(clip, prediction);
        }
    }
    Score::new(task, chosen, vec![predictions])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(labels: Vec<usize>, folds: Vec<u32>) -> Task {
        let names = (0..3).map(|class| format!("class {class}")).collect();
        Task::new("t", names, labels, folds).unwrap()
    }

    #[test]
    fn embeddings_that_name_the_class_score_one() {
        let labels: Vec<usize> = (0..30).map(|clip| clip % 3).collect();
        let one_hot = labels
            .iter()
            .flat_map(|&l| (0..3).map(move |c| f32::from(u8::from(c == l))));
        let embeddings = Embeddings::from_rows(3, one_hot.collect());
        let task = task(labels, (0..30).map(|clip| clip / 6 + 1).collect());
        let scores = evaluate(&task, &embeddings, &Protocol::standard()).unwrap();
        for (name, score) in &scores {
            assert_eq!(score.accuracy.mean, 1.0, "{name:?}");
            assert_eq!(score.accuracy.interval, [1.0, 1.0], "{name:?}");
        }
        assert_eq!(scores.len(), 2);
    }

    #[test]
    fn a_protocol_that_cannot_score_fails_alone() {
        let embeddings = Embeddings::from_rows(1, (0..6).map(|n| n as f32).collect());
        let one_class = task(vec![0; 6], vec![1, 1, 2, 2, 3, 3]);
        let all = [
            Protocol::standard(),
            vec![Protocol::Forest(Forest::default())],
        ]
        .concat();
        assert!(evaluate(&one_class, &embeddings, &all).is_err());
        let (scores, failed) = evaluate_each(&one_class, &embeddings, &all).unwrap();
        assert_eq!(scores.len(), 2);
        assert!(
            failed[&ProtocolName::Forest]
                .to_string()
                .starts_with("random forest: ")
        );
        assert_eq!(
            scores,
            evaluate(&one_class, &embeddings, &Protocol::standard()).unwrap()
        );
    }

    #[test]
    fn a_nan_is_an_error_that_names_the_clip() {
        let mut values = vec![0.0; 6];
        values[5] = f32::NAN;
        let embeddings = Embeddings::from_rows(2, values);
        let error = evaluate(&task(vec![0, 1, 2], vec![1, 2, 3]), &embeddings, &[]).unwrap_err();
        assert!(matches!(
            error,
            EvaluateError::NotFinite {
                clip: 2,
                dimension: 1,
                ..
            }
        ));
    }

    #[test]
    fn no_neighbours_are_refused_by_key() {
        let knn = WeightedKnn {
            neighbours: vec![0],
            ..WeightedKnn::default()
        };
        let embeddings = Embeddings::from_rows(1, vec![0.0; 3]);
        let task = task(vec![0, 1, 2], vec![1, 2, 3]);
        let error = evaluate(&task, &embeddings, &[Protocol::Knn(knn)]).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("`knn.neighbours` is [0], but must be")
        );
    }

    #[test]
    fn a_permutation_of_the_clips_changes_no_accuracy() {
        let labels: Vec<usize> = (0..60).map(|clip| clip % 3).collect();
        let folds: Vec<u32> = (0..60).map(|clip| clip / 12 + 1).collect();
        let noise = |i: usize| ((i * 2_654_435_761) % 1000) as f32 / 500.0;
        let value =
            |i: usize| noise(i) + labels[i / 4] as f32 * f32::from(u8::from(i.is_multiple_of(4)));
        let embeddings = Embeddings::from_rows(4, (0..240).map(value).collect());
        let order: Vec<usize> = (0..60).map(|i| i * 7 % 60).collect();
        let pick = |of: &[usize]| order.iter().map(|&i| of[i]).collect::<Vec<_>>();
        let shuffled_folds = order.iter().map(|&i| folds[i]).collect();
        let plain = evaluate(
            &task(labels.clone(), folds),
            &embeddings,
            &Protocol::standard(),
        )
        .unwrap();
        let shuffled = task(pick(&labels), shuffled_folds);
        let shuffled =
            evaluate(&shuffled, &embeddings.select(&order), &Protocol::standard()).unwrap();
        for (name, score) in plain {
            assert_eq!(
                score.accuracy.per_fold, shuffled[&name].accuracy.per_fold,
                "{name:?}"
            );
            assert_eq!(score.confusion, shuffled[&name].confusion, "{name:?}");
        }
    }

    /// `cargo test --release -- --ignored --nocapture 2000_clips`
    #[test]
    #[ignore = "a timing: seconds, and on a quiet machine"]
    fn scoring_2000_clips_in_five_folds_takes_under_20_seconds() {
        let labels: Vec<usize> = (0..2000).map(|clip| clip % 50).collect();
        let folds: Vec<u32> = (0..2000).map(|clip| clip / 400 + 1).collect();
        let names = (0..50).map(|class| format!("class {class}")).collect();
        let task = Task::new("t", names, labels.clone(), folds).unwrap();
        let hash = |i: u64| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f32 / 16_777_216.0;
        let value = |i: usize| {
            let (clip, d) = (i / 1024, i % 1024);
            hash(i as u64) + 0.2 * hash((labels[clip] * 1024 + d) as u64 + 7_000_000)
        };
        let embeddings = Embeddings::from_rows(1024, (0..2000 * 1024).map(value).collect());
        for protocol in Protocol::standard() {
            let start = std::time::Instant::now();
            let scores = evaluate(&task, &embeddings, std::slice::from_ref(&protocol)).unwrap();
            let seconds = start.elapsed().as_secs_f64();
            assert!(seconds < 10.0, "{:?} took {seconds:.1} s", protocol.name());
            assert!(scores[&protocol.name()].accuracy.mean > 0.5);
        }
    }
}

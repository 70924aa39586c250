//! What an encoder is worth to someone who has labelled only a few clips of each class.

use std::collections::BTreeMap;

use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    Baseline, Estimate, EvaluateError, LinearProbe, Predictions, ProtocolName, Scaling, Score,
    Task, WeightedKnn,
    nested::{Classifier, predict},
    task::check_rows,
};
use crate::Embeddings;

/// Accuracies by protocol.
pub type Accuracies = BTreeMap<ProtocolName, Estimate>;

/// The strength of the linear probe, given beforehand because so few clips leave none to choose it by.
const STRENGTH: f64 = 10.0;

/// What so many labelled clips of each class are enough for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FewLabels {
    /// Labelled clips of each class; all of them where there are fewer.
    pub per_class: usize,
    /// How often they were drawn anew for each scored fold.
    pub draws: u64,
    /// Of the encoder's embeddings.
    pub accuracy: Accuracies,
    /// Of other embeddings of the same clips.
    #[serde(default)]
    pub baselines: BTreeMap<Baseline, Accuracies>,
}

/// Scores `embeddings`, row i belonging to the task's clip i, by linear probe and weighted k-NN that learn from
/// `per_class` clips of each class out of the other folds. Every fold is scored in full, `draws` times.
///
/// Nothing is chosen: the strength is 10, the number of neighbours is `per_class`, and the scaling is learned on the few
/// clips alone. The draws depend on their number and the fold, not on the embeddings.
///
/// # Errors
/// As [`super::evaluate`]; if `per_class` or `draws` is 0.
pub fn few_labels(
    task: &Task,
    embeddings: &Embeddings,
    per_class: usize,
    draws: u64,
) -> Result<Accuracies, EvaluateError> {
    check_rows(task, embeddings)?;
    if per_class == 0 || draws == 0 {
        return Err(EvaluateError::Config {
            key: "few_labels",
            given: format!("{per_class} clips of each class, drawn {draws} times"),
            required: "at least 1 clip, drawn at least once",
        });
    }
    let scaling = Scaling::Standardise;
    let probe = LinearProbe {
        strengths: vec![STRENGTH],
        scaling,
    };
    let knn = WeightedKnn {
        neighbours: vec![per_class],
        scaling,
        ..WeightedKnn::default()
    };
    let labelled = Labelled {
        task,
        embeddings,
        per_class,
        draws,
    };
    Ok(BTreeMap::from([
        (ProtocolName::Linear, labelled.accuracy(&probe)?),
        (ProtocolName::Knn, labelled.accuracy(&knn)?),
    ]))
}

struct Labelled<'a> {
    task: &'a Task,
    embeddings: &'a Embeddings,
    per_class: usize,
    draws: u64,
}

impl Labelled<'_> {
    /// By a classifier with a single setting.
    fn accuracy(&self, classifier: &dyn Classifier) -> Result<Estimate, EvaluateError> {
        let draws = (0..self.draws).into_par_iter();
        let predictions = draws.map(|draw| {
            let mut predictions = Predictions::none(self.task.clips());
            for &fold in self.task.scored_folds() {
                let (training, queries) = (self.draw(fold, draw), self.task.clips_in(fold));
                let of_task = (self.task, self.embeddings);
                let asked = [(classifier, vec![0])];
                let predicted = predict(of_task, &asked, &training, &queries)?;
                for (&clip, &prediction) in queries.iter().zip(&predicted[0][0]) {
                    predictions.set(clip, prediction);
                }
            }
            Ok::<_, EvaluateError>(predictions)
        });
        let predictions = predictions.collect::<Result<Vec<_>, _>>()?;
        Ok(Score::new(self.task, Vec::new(), predictions).accuracy)
    }

    /// The clips that are learned from, of folds other than `fold`.
    fn draw(&self, fold: u32, draw: u64) -> Vec<usize> {
        let mut clips = self.task.clips_where(|other| other != fold);
        let mut rng = ChaCha8Rng::seed_from_u64(u64::from(fold));
        rng.set_stream(draw);
        clips.shuffle(&mut rng);
        let mut left = vec![self.per_class; self.task.classes().len()];
        clips.retain(|&clip| {
            let left = &mut left[self.task.labels()[clip]];
            let is_kept = *left > 0;
            *left = left.saturating_sub(1);
            is_kept
        });
        clips
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three classes that overlap, in three folds of 30.
    fn garden() -> (Task, Embeddings) {
        let labels: Vec<usize> = (0..90).map(|clip| clip % 3).collect();
        let names = ["a", "b", "c"].map(str::to_owned).to_vec();
        let folds = (0..90).map(|clip| clip / 30 + 1).collect();
        let noise = |i: usize| ((i * 2_654_435_761 + 7) % 1000) as f32 / 300.0;
        let value = |i: usize| noise(i) + f32::from(u8::from(labels[i / 6] == i % 3));
        let embeddings = Embeddings::from_rows(6, (0..540).map(value).collect());
        (Task::new("t", names, labels, folds).unwrap(), embeddings)
    }

    #[test]
    fn so_many_of_each_class_are_drawn_and_none_of_the_scored_fold() {
        let (task, embeddings) = garden();
        let labelled = Labelled {
            task: &task,
            embeddings: &embeddings,
            per_class: 4,
            draws: 2,
        };
        let clips = labelled.draw(2, 0);
        for class in 0..3 {
            let of_class = clips.iter().filter(|&&clip| task.labels()[clip] == class);
            assert_eq!(of_class.count(), 4);
        }
        assert!(clips.iter().all(|clip| !(30..60).contains(clip)));
        assert_ne!(clips, labelled.draw(2, 1));
        assert_eq!(clips, labelled.draw(2, 0));
    }

    #[test]
    fn more_labels_help_and_every_protocol_is_told() {
        let (task, embeddings) = garden();
        let accuracy = |per_class| few_labels(&task, &embeddings, per_class, 10).unwrap();
        let (one, twenty) = (accuracy(1), accuracy(20));
        for protocol in [ProtocolName::Linear, ProtocolName::Knn] {
            assert!(
                one[&protocol].mean + 0.03 < twenty[&protocol].mean,
                "{protocol:?}"
            );
            assert_eq!(one[&protocol].per_fold.len(), 3);
        }
        // More than there are is all of them.
        assert_eq!(
            accuracy(20)[&ProtocolName::Linear],
            accuracy(99)[&ProtocolName::Linear]
        );
    }

    #[test]
    fn no_labels_are_refused() {
        let (task, embeddings) = garden();
        assert!(few_labels(&task, &embeddings, 0, 5).is_err());
    }
}

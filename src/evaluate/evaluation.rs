//! What a measurement found, as it is written to `evaluation.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    ClassScore, Confusion, ProtocolName, Task,
    interval::{FoldPairs, bootstrap},
};

/// Scores by protocol.
pub type Scores = BTreeMap<ProtocolName, Score>;

/// Everything one evaluation found; the keys are stable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The dataset's name.
    pub dataset: String,
    /// The encoder: a run directory or model file.
    pub model: String,
    /// What the encoder's embeddings score.
    pub protocols: Scores,
    /// What other embeddings of the same clips score.
    #[serde(default)]
    pub baselines: BTreeMap<Baseline, Scores>,
    /// What a reader should know to judge the numbers.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What may make the numbers wrong.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// Embeddings every encoder has to beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Baseline {
    /// The same encoder with its random initial weights.
    Untrained,
    /// Statistics of MFCCs, see [`super::mfcc_statistics`].
    Classic,
}

impl Baseline {
    /// For people: `untrained encoder`, `MFCC statistics`.
    pub fn title(self) -> &'static str {
        match self {
            Self::Untrained => "untrained encoder",
            Self::Classic => "MFCC statistics",
        }
    }
}

/// What one protocol found on one set of embeddings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The scored folds, in the order of every per-fold list.
    pub folds: Vec<u32>,
    /// Part of the clips predicted rightly.
    pub accuracy: Estimate,
    /// Mean recall over classes.
    pub balanced_accuracy: Estimate,
    /// Mean F1 over classes.
    pub macro_f1: Estimate,
    /// What each fold chose for itself inside its training folds.
    pub chosen: Vec<Setting>,
    /// Accuracy on each scored fold after every epoch of fitting, `[fold][epoch]`; empty where nothing is fitted by epochs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accuracy_by_epoch: Vec<Vec<f64>>,
    /// Class names in the order of the confusion matrix.
    pub classes: Vec<String>,
    /// Over all scored folds.
    pub confusion: Confusion,
    /// Over all scored folds.
    pub per_class: Vec<ClassScore>,
}

/// A metric over the folds, 0..=1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Mean over the folds.
    pub mean: f64,
    /// Standard deviation over the folds, divided by their number (numpy's `std`, `ddof=0`, as most
    /// published fold tables).
    pub std: f64,
    /// One value a fold.
    pub per_fold: Vec<f64>,
    /// 95 % bootstrap interval of the mean over test clips.
    pub interval: [f64; 2],
}

/// A chosen hyper-parameter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Setting {
    /// Number of neighbours `K`.
    Neighbours(usize),
    /// Inverse regularisation strength, see [`super::LinearProbe::strengths`].
    Strength(f64),
}

impl From<usize> for Setting {
    fn from(neighbours: usize) -> Self {
        Self::Neighbours(neighbours)
    }
}

impl From<f64> for Setting {
    fn from(strength: f64) -> Self {
        Self::Strength(strength)
    }
}

impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Neighbours(k) => write!(f, "{k}"),
            Self::Strength(c) if (1e-2..1e3).contains(c) => write!(f, "{c}"),
            Self::Strength(c) => write!(f, "{c:e}"),
        }
    }
}

impl Evaluation {
    /// Scores of `model`, with a warning for every recording that lies in several folds.
    pub fn new(task: &Task, model: impl Into<String>, protocols: Scores) -> Self {
        Self {
            dataset: task.name().to_owned(),
            model: model.into(),
            protocols,
            baselines: BTreeMap::new(),
            notes: Vec::new(),
            warnings: leak_warning(task).into_iter().collect(),
        }
    }

    /// Fine-tuning from the weights the encoder began with, where that was measured: as a protocol, or as the baseline of
    /// fine-tuning.
    pub fn scratch(&self) -> Option<&Score> {
        let untrained = self.baselines.get(&Baseline::Untrained);
        let baseline = || untrained?.get(&ProtocolName::Finetune);
        self.protocols.get(&ProtocolName::Scratch).or_else(baseline)
    }

    /// Evaluations of one task, each of other folds and by a model of its own that never heard them, as one.
    ///
    /// # Panics
    /// If there is none, or they are not of the same classes and protocols.
    pub fn joined(parts: Vec<Self>, model: impl Into<String>) -> Self {
        let join = |scores: &dyn Fn(&Self) -> &Scores| -> Scores {
            let names = scores(&parts[0]).keys();
            names
                .map(|name| {
                    let of_part = |part| scores(part).get(name).expect("the same protocols");
                    (
                        *name,
                        Score::joined(&parts.iter().map(of_part).collect::<Vec<_>>()),
                    )
                })
                .collect()
        };
        let baselines = parts[0].baselines.keys();
        let baselines = baselines.map(|b| (*b, join(&|part| &part.baselines[b])));
        Self {
            dataset: parts[0].dataset.clone(),
            model: model.into(),
            protocols: join(&|part| &part.protocols),
            baselines: baselines.collect(),
            notes: in_all(&parts, |part| &part.notes),
            warnings: in_all(&parts, |part| &part.warnings),
        }
    }
}

/// What is said of any part, once.
fn in_all(parts: &[Evaluation], said: fn(&Evaluation) -> &Vec<String>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for text in parts.iter().flat_map(said) {
        if !all.contains(text) {
            all.push(text.clone());
        }
    }
    all
}

impl Score {
    /// `predictions`: true and predicted classes of each scored fold.
    pub(super) fn new(
        task: &Task,
        chosen: Vec<Setting>,
        predictions: &[(Vec<usize>, Vec<usize>)],
    ) -> Self {
        let pairs = |(truth, predicted): &(Vec<usize>, Vec<usize>)| {
            truth
                .iter()
                .copied()
                .zip(predicted.iter().copied())
                .collect::<Vec<_>>()
        };
        let folds: Vec<_> = predictions.iter().map(pairs).collect();
        Self::of_folds(task.scored_folds(), task.classes(), chosen, &folds)
    }

    /// Scores of other folds of the same task each, as one.
    fn joined(parts: &[&Self]) -> Self {
        let pairs = |part: &Self| {
            assert_eq!(part.folds.len(), 1, "a part is one fold");
            part.confusion.pairs().collect::<FoldPairs>()
        };
        let folds: Vec<_> = parts.iter().map(|part| pairs(part)).collect();
        let scored: Vec<u32> = parts.iter().flat_map(|part| part.folds.clone()).collect();
        let chosen = parts.iter().flat_map(|part| part.chosen.clone());
        Self {
            accuracy_by_epoch: parts
                .iter()
                .flat_map(|part| part.accuracy_by_epoch.clone())
                .collect(),
            ..Self::of_folds(&scored, &parts[0].classes, chosen.collect(), &folds)
        }
    }

    fn of_folds(
        scored: &[u32],
        names: &[String],
        chosen: Vec<Setting>,
        folds: &[FoldPairs],
    ) -> Self {
        let classes = names.len();
        let metrics: [fn(&Confusion) -> f64; 3] = [
            Confusion::accuracy,
            Confusion::balanced_accuracy,
            Confusion::macro_f1,
        ];
        let intervals = bootstrap(folds, classes, metrics);
        let by_fold: Vec<Confusion> = folds
            .iter()
            .map(|fold| Confusion::new(classes, fold.iter().copied()))
            .collect();
        let estimate = |metric: usize| {
            Estimate::new(
                by_fold.iter().map(metrics[metric]).collect(),
                intervals[metric],
            )
        };
        let confusion = Confusion::new(classes, folds.iter().flatten().copied());
        Self {
            folds: scored.to_vec(),
            accuracy: estimate(0),
            balanced_accuracy: estimate(1),
            macro_f1: estimate(2),
            chosen,
            accuracy_by_epoch: Vec::new(),
            classes: names.to_vec(),
            per_class: confusion.per_class(names),
            confusion,
        }
    }
}

impl Estimate {
    fn new(per_fold: Vec<f64>, interval: [f64; 2]) -> Self {
        let folds = per_fold.len().max(1) as f64;
        let mean = per_fold.iter().sum::<f64>() / folds;
        let variance = per_fold.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / folds;
        Self {
            mean,
            std: variance.sqrt(),
            per_fold,
            interval,
        }
    }
}

fn leak_warning(task: &Task) -> Option<String> {
    let leaks = task.leaks();
    let first = leaks.first()?;
    let folds: Vec<String> = first.folds.iter().map(u32::to_string).collect();
    Some(format!(
        "{} source recording{} lie{} in more than one fold (the first: `{}` in folds {}), so the \
         classifiers were trained on parts of recordings they are tested on and the scores are too high",
        leaks.len(),
        if leaks.len() == 1 { "" } else { "s" },
        if leaks.len() == 1 { "s" } else { "" },
        first.source,
        folds.join(", "),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluation() -> Evaluation {
        let classes = vec!["a".to_owned(), "b".to_owned()];
        let sources = ["x", "x", "y", "z"].map(|s| Some(s.to_owned())).to_vec();
        let task = Task::new("garden", classes, vec![0, 0, 1, 1], vec![1, 2, 1, 2])
            .and_then(|task| task.with_sources(sources))
            .unwrap();
        let predictions = [(vec![0, 1], vec![0, 1]), (vec![0, 1], vec![0, 0])];
        let score = Score::new(&task, vec![5.into(), 0.001.into()], &predictions);
        Evaluation::new(&task, "run", Scores::from([(ProtocolName::Linear, score)]))
    }

    #[test]
    fn keys_are_the_documented_ones() {
        let json = serde_json::to_value(evaluation()).unwrap();
        let linear = &json["protocols"]["linear"];
        assert_eq!(linear["accuracy"]["mean"], 0.75);
        assert_eq!(linear["accuracy"]["std"], 0.25);
        assert_eq!(
            linear["accuracy"]["per_fold"],
            serde_json::json!([1.0, 0.5])
        );
        assert_eq!(linear["chosen"], serde_json::json!([5, 0.001]));
        assert_eq!(linear["confusion"], serde_json::json!([[2, 0], [1, 1]]));
        assert_eq!(linear["folds"], serde_json::json!([1, 2]));
        assert_eq!(linear["per_class"][1]["recall"], 0.5);
        assert_eq!(json["dataset"], "garden");
    }

    #[test]
    fn what_is_written_is_read_back_the_same() {
        let mut evaluation = evaluation();
        evaluation
            .baselines
            .insert(Baseline::Untrained, evaluation.protocols.clone());
        evaluation.notes.push("heard all clips".to_owned());
        let text = serde_json::to_string(&evaluation).unwrap();
        assert_eq!(
            serde_json::from_str::<Evaluation>(&text).unwrap(),
            evaluation
        );
    }

    #[test]
    fn a_source_split_over_folds_is_warned_about() {
        let warnings = evaluation().warnings;
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].contains("`x` in folds 1, 2"), "{warnings:?}");
    }

    #[test]
    fn settings_are_printed_as_people_write_them() {
        let shown =
            [5.into(), 1e-5.into(), 0.1.into(), 10.0.into()].map(|s: Setting| s.to_string());
        assert_eq!(shown, ["5", "1e-5", "0.1", "10"]);
    }
}

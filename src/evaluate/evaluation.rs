//! What a measurement found, as it is written to `evaluation.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    ClassScore, Confusion, Predictions, ProtocolName, Task,
    few_labels::FewLabels,
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
    /// What tells the encoder from another in its place: a fingerprint of its file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoder: Option<String>,
    /// How each protocol was set, and which folds it scored.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<ProtocolName, String>,
    /// What the encoder's embeddings score.
    pub protocols: Scores,
    /// What other embeddings of the same clips score.
    #[serde(default)]
    pub baselines: BTreeMap<Baseline, Scores>,
    /// What a few labelled clips of each class are enough for, fewest first; empty where that was not measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub few_labels: Vec<FewLabels>,
    /// The clips, in the order of every list of predictions.
    #[serde(default)]
    pub clips: Vec<MeasuredClip>,
    /// What a reader should know to judge the numbers.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What may make the numbers wrong.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// A clip that took part, as training or test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasuredClip {
    /// Its file, or what else tells it from the others.
    pub name: String,
    /// Index into the classes.
    pub class: usize,
    /// Its official fold.
    pub fold: u32,
}

/// Embeddings every encoder has to beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Baseline {
    /// The same encoder with its random initial weights.
    Untrained,
    /// The same encoder with weights that were learned elsewhere, such as torchvision's from ImageNet.
    #[serde(rename = "imagenet")]
    ImageNet,
    /// Statistics of MFCCs, see [`super::mfcc_statistics`].
    Classic,
}

impl Baseline {
    /// The title of a baseline, or of the model that has to beat it.
    pub(crate) fn title_of(baseline: Option<Self>) -> &'static str {
        baseline.map_or("this model", Self::title)
    }

    /// For people: `untrained encoder`, `MFCC statistics`.
    pub fn title(self) -> &'static str {
        match self {
            Self::Untrained => "untrained encoder",
            Self::ImageNet => "ImageNet weights",
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
    /// Precision of each class, weighted by its clips: the wAP of Emami et al. 2021, §3.
    #[serde(default)]
    pub weighted_precision: Estimate,
    /// Accuracy by each seed, where there are several; all else is over all of them together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accuracy_by_seed: Vec<f64>,
    /// What each fold chose for itself inside its training folds.
    pub chosen: Vec<Setting>,
    /// Accuracy on each scored fold after every epoch of fitting, `[fold][epoch]`; empty where nothing is fitted by epochs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accuracy_by_epoch: Vec<Vec<f64>>,
    /// The accuracy of each scored fold after the epoch that was best on that very fold, as Lin 2022 reports it: too
    /// high. Where it was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub optimistic_best_epoch: Vec<f64>,
    /// Class names in the order of the confusion matrix.
    pub classes: Vec<String>,
    /// Over all scored folds.
    pub confusion: Confusion,
    /// Over all scored folds.
    pub per_class: Vec<ClassScore>,
    /// Of every clip, by each seed.
    #[serde(default)]
    pub predictions: Vec<Predictions>,
}

/// A metric over the folds, 0..=1.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
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

/// A chosen hyper-parameter; [`ProtocolName::setting`] tells which.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Setting {
    /// A number of neighbours or trees.
    Count(usize),
    /// A strength.
    Real(f64),
}

impl From<usize> for Setting {
    fn from(count: usize) -> Self {
        Self::Count(count)
    }
}

impl From<u16> for Setting {
    fn from(count: u16) -> Self {
        Self::Count(count.into())
    }
}

impl From<f64> for Setting {
    fn from(real: f64) -> Self {
        Self::Real(real)
    }
}

impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Real(c) if (1e-2..1e3).contains(c) => write!(f, "{c}"),
            Self::Real(c) => write!(f, "{c:e}"),
        }
    }
}

impl Evaluation {
    /// Scores of `model`, with a warning for every recording that lies in several folds, and for a task that tells little.
    pub fn new(task: &Task, model: impl Into<String>, protocols: Scores) -> Self {
        Self {
            dataset: task.name().to_owned(),
            model: model.into(),
            encoder: None,
            settings: BTreeMap::new(),
            protocols,
            baselines: BTreeMap::new(),
            few_labels: Vec::new(),
            clips: task.measured_clips(),
            notes: Vec::new(),
            warnings: task
                .leak_warning()
                .into_iter()
                .chain(task.remarks())
                .collect(),
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
    /// If there is none, or they are not of the same clips, classes and baselines.
    pub fn joined(parts: Vec<Self>, model: impl Into<String>) -> Self {
        let clips = &parts[0].clips;
        assert!(parts.iter().all(|part| part.clips == *clips), "other clips");
        let join = |scores: &dyn Fn(&Self) -> &Scores| -> Scores {
            // A protocol that failed in a part has no score of all.
            let names = scores(&parts[0]).keys();
            names
                .filter(|name| parts.iter().all(|part| scores(part).contains_key(name)))
                .map(|name| {
                    let of_part = |part| &scores(part)[name];
                    let scores: Vec<_> = parts.iter().map(of_part).collect();
                    (*name, Score::joined(&scores, clips))
                })
                .collect()
        };
        let baselines = parts[0].baselines.keys();
        let baselines = baselines.map(|b| (*b, join(&|part| &part.baselines[b])));
        Self {
            dataset: parts[0].dataset.clone(),
            model: model.into(),
            encoder: None,
            settings: BTreeMap::new(),
            protocols: join(&|part| &part.protocols),
            baselines: baselines.collect(),
            few_labels: Vec::new(),
            clips: clips.clone(),
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
    /// `predictions` by each seed, of the clips of every scored fold.
    pub(super) fn new(task: &Task, chosen: Vec<Setting>, predictions: Vec<Predictions>) -> Self {
        let names = task.classes();
        Self::of_folds(
            (task.scored_folds(), names),
            &task.measured_clips(),
            chosen,
            predictions,
        )
    }

    /// What several seeds gave, as one.
    ///
    /// # Panics
    /// If there is none.
    #[cfg(feature = "nn")]
    pub(super) fn of_seeds(task: &Task, scores: Vec<Self>) -> Self {
        let by_seed: Vec<f64> = scores.iter().map(|score| score.accuracy.mean).collect();
        let curves: Vec<_> = scores.iter().map(|s| &s.accuracy_by_epoch).collect();
        let accuracy_by_epoch = mean_curves(&curves);
        let chosen = scores[0].chosen.clone();
        let predictions = scores.into_iter().flat_map(|score| score.predictions);
        Self {
            accuracy_by_seed: if by_seed.len() > 1 {
                by_seed
            } else {
                Vec::new()
            },
            accuracy_by_epoch,
            ..Self::new(task, chosen, predictions.collect())
        }
    }

    /// Scores of other folds of the same task each, as one.
    fn joined(parts: &[&Self], clips: &[MeasuredClip]) -> Self {
        let scored: Vec<u32> = parts.iter().flat_map(|part| part.folds.clone()).collect();
        let chosen = parts.iter().flat_map(|part| part.chosen.clone());
        let seeds = parts.iter().map(|part| part.predictions.len()).min();
        let predictions = (0..seeds.unwrap_or(0)).map(|seed| {
            let mut joined = Predictions::none(clips.len());
            for (clip, part) in (0..clips.len()).flat_map(|c| parts.iter().map(move |p| (c, p))) {
                if let Some(prediction) = part.predictions[seed].of(clip) {
                    joined.set(clip, prediction);
                }
            }
            joined
        });
        let curves = parts.iter().flat_map(|part| part.accuracy_by_epoch.clone());
        let best_epochs = parts.iter().flat_map(|part| &part.optimistic_best_epoch);
        let seeds = parts.iter().map(|part| part.accuracy_by_seed.len()).min();
        let by_seed = (0..seeds.unwrap_or(0)).map(|seed| {
            let of_folds = parts.iter().map(|part| part.accuracy_by_seed[seed]);
            of_folds.sum::<f64>() / parts.len() as f64
        });
        Self {
            accuracy_by_epoch: curves.collect(),
            optimistic_best_epoch: best_epochs.copied().collect(),
            accuracy_by_seed: by_seed.collect(),
            ..Self::of_folds(
                (&scored, &parts[0].classes),
                clips,
                chosen.collect(),
                predictions.collect(),
            )
        }
    }

    fn of_folds(
        (scored, names): (&[u32], &[String]),
        clips: &[MeasuredClip],
        chosen: Vec<Setting>,
        predictions: Vec<Predictions>,
    ) -> Self {
        let pairs = |&fold: &u32| FoldPairs {
            of_clips: fold_pairs(fold, clips, &predictions),
            seeds: predictions.len(),
        };
        let folds: Vec<FoldPairs> = scored.iter().map(pairs).collect();
        let classes = names.len();
        let metrics: [fn(&Confusion) -> f64; 4] = [
            Confusion::accuracy,
            Confusion::balanced_accuracy,
            Confusion::macro_f1,
            Confusion::weighted_precision,
        ];
        let intervals = bootstrap(&folds, classes, metrics);
        let by_fold: Vec<Confusion> = folds
            .iter()
            .map(|fold| Confusion::new(classes, fold.of_clips.iter().copied()))
            .collect();
        let estimate = |metric: usize| {
            Estimate::new(
                by_fold.iter().map(metrics[metric]).collect(),
                intervals[metric],
            )
        };
        let all = folds.iter().flat_map(|fold| &fold.of_clips).copied();
        let confusion = Confusion::new(classes, all);
        Self {
            folds: scored.to_vec(),
            accuracy: estimate(0),
            balanced_accuracy: estimate(1),
            macro_f1: estimate(2),
            weighted_precision: estimate(3),
            accuracy_by_seed: Vec::new(),
            chosen,
            accuracy_by_epoch: Vec::new(),
            optimistic_best_epoch: Vec::new(),
            classes: names.to_vec(),
            per_class: confusion.per_class(names),
            confusion,
            predictions,
        }
    }

    /// Adds [`Self::optimistic_best_epoch`], where there are epochs to choose from.
    pub fn add_best_epochs(&mut self) {
        let best = |curve: &Vec<f64>| curve.iter().copied().fold(0.0, f64::max);
        self.optimistic_best_epoch = self.accuracy_by_epoch.iter().map(best).collect();
    }
}

/// True and predicted class of the clips of one fold, clip after clip, each by every seed.
fn fold_pairs(
    fold: u32,
    clips: &[MeasuredClip],
    predictions: &[Predictions],
) -> Vec<(usize, usize)> {
    let of_fold = clips
        .iter()
        .enumerate()
        .filter(|(_, clip)| clip.fold == fold);
    of_fold
        .flat_map(|(index, clip)| {
            let by_seed = predictions.iter().filter_map(move |seed| seed.of(index));
            by_seed.map(|prediction| (clip.class, prediction.class))
        })
        .collect()
}

/// `[seed][fold][epoch]` → their mean over seeds, `[fold][epoch]`.
#[cfg(feature = "nn")]
fn mean_curves(seeds: &[&Vec<Vec<f64>>]) -> Vec<Vec<f64>> {
    let mean = |fold: usize, epoch: usize| {
        let values = seeds.iter().map(|curves| curves[fold][epoch]);
        values.sum::<f64>() / seeds.len() as f64
    };
    let folds = seeds[0].iter().enumerate();
    folds
        .map(|(fold, curve)| (0..curve.len()).map(|epoch| mean(fold, epoch)).collect())
        .collect()
}

impl Estimate {
    pub(super) fn new(per_fold: Vec<f64>, interval: [f64; 2]) -> Self {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn predictions(classes: [usize; 4]) -> Predictions {
        let mut predictions = Predictions::none(4);
        for (clip, class) in classes.into_iter().enumerate() {
            let confidence = 0.5;
            predictions.set(clip, crate::evaluate::Prediction { class, confidence });
        }
        predictions
    }

    fn evaluation() -> Evaluation {
        let classes = vec!["a".to_owned(), "b".to_owned()];
        let sources = ["x", "x", "y", "z"].map(|s| Some(s.to_owned())).to_vec();
        let task = Task::new("garden", classes, vec![0, 0, 1, 1], vec![1, 2, 1, 2])
            .and_then(|task| task.with_sources(sources))
            .unwrap();
        // Clips 0 and 2 are of fold 1, 1 and 3 of fold 2.
        let predictions = vec![predictions([0, 0, 1, 0])];
        let score = Score::new(&task, vec![5usize.into(), 0.001.into()], predictions);
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

    #[cfg(feature = "nn")]
    #[test]
    fn seeds_are_averaged_and_each_is_told() {
        let task = Task::new(
            "t",
            vec!["a".into(), "b".into()],
            vec![0, 0, 1, 1],
            vec![1, 2, 1, 2],
        );
        let task = task.unwrap();
        let seed = |classes, curve: [f64; 2]| Score {
            accuracy_by_epoch: vec![curve.to_vec(), curve.to_vec()],
            ..Score::new(&task, Vec::new(), vec![predictions(classes)])
        };
        let seeds = vec![
            seed([0, 0, 1, 1], [0.5, 1.0]),
            seed([0, 0, 1, 0], [0.25, 0.5]),
        ];
        let mut score = Score::of_seeds(&task, seeds);
        assert_eq!(score.accuracy_by_seed, [1.0, 0.75]);
        assert_eq!(score.accuracy.per_fold, [1.0, 0.75]);
        assert_eq!(score.accuracy_by_epoch[0], [0.375, 0.75]);
        assert_eq!(score.predictions.len(), 2);
        assert_eq!(
            score.per_class[1].support, 4,
            "every clip counts by each seed"
        );
        score.add_best_epochs();
        assert_eq!(score.optimistic_best_epoch, [0.75, 0.75]);
    }

    #[test]
    fn folds_measured_apart_are_joined_as_if_measured_together() {
        let whole = evaluation();
        let part = |fold: u32| {
            let mut part = whole.clone();
            let score = part.protocols.get_mut(&ProtocolName::Linear).unwrap();
            let mut of_fold = Predictions::none(4);
            for clip in (0..4).filter(|&clip| whole.clips[clip].fold == fold) {
                of_fold.set(clip, score.predictions[0].of(clip).unwrap());
            }
            let chosen = vec![score.chosen[fold as usize - 1]];
            let names = (&[fold][..], &score.classes.clone()[..]);
            *score = Score {
                accuracy_by_epoch: vec![vec![0.5, 0.25 * f64::from(fold)]],
                accuracy_by_seed: vec![1.0, 0.5 * f64::from(fold)],
                ..Score::of_folds(names, &whole.clips, chosen, vec![of_fold])
            };
            score.add_best_epochs();
            part
        };
        let mut joined = Evaluation::joined(vec![part(1), part(2)], "run");
        let score = joined.protocols.get_mut(&ProtocolName::Linear).unwrap();
        assert_eq!(score.optimistic_best_epoch, [0.5, 0.5]);
        assert_eq!(score.accuracy_by_seed, [1.0, 0.75]);
        assert_eq!(score.accuracy_by_epoch.len(), 2);
        for list in [
            &mut score.optimistic_best_epoch,
            &mut score.accuracy_by_seed,
        ] {
            list.clear();
        }
        score.accuracy_by_epoch.clear();
        assert_eq!(joined, whole);
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
            [5usize.into(), 1e-5.into(), 0.1.into(), 10.0.into()].map(|s: Setting| s.to_string());
        assert_eq!(shown, ["5", "1e-5", "0.1", "10"]);
    }
}

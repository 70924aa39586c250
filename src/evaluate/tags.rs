//! How well embeddings tell which of many classes are heard in clips that have any number of them.

use std::collections::BTreeMap;

use faer::Mat;
use rand::RngExt;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    Baseline, Estimate, EvaluateError, Failures, Protocol, ProtocolName, Scaling, Setting, Task,
    average_precision, d_prime,
    interval::{percentile_interval, resample_rng},
    nested::{Ranker, Training, first_largest, trials},
    roc_auc,
    task::check_rows,
};
use crate::Embeddings;

/// Resamples of an interval: fewer than of accuracies, because each sorts every class anew.
const RESAMPLES: u64 = 200;
/// Areas this close to 0 and 1 count as this, so that d′ stays finite.
const NEAR_PERFECT: f64 = 1e-9;

/// Clips with any number of classes each, or none, in folds.
pub type TagTask = Task<Vec<usize>>;

/// Scores by protocol.
pub type TagScores = BTreeMap<ProtocolName, TagScore>;

/// What one protocol found on one set of embeddings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TagScore {
    /// The scored folds, in the order of every per-fold list.
    pub folds: Vec<u32>,
    /// Mean over classes of the [`average_precision`]: mAP.
    pub mean_average_precision: Estimate,
    /// Mean over classes of the [`roc_auc`].
    pub roc_auc: Estimate,
    /// [`d_prime`] of that mean.
    pub d_prime: Estimate,
    /// What each fold chose for itself inside its training folds.
    pub chosen: Vec<Setting>,
    /// By class, mean over the scored folds that have it.
    pub per_class: Vec<TagClassScore>,
}

/// One class among many.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TagClassScore {
    /// The class's name.
    pub class: String,
    /// The number of scored clips that have the class.
    pub support: usize,
    /// 0..=1; `None` if no scored clip has the class.
    pub average_precision: Option<f64>,
    /// 0..=1; `None` if no scored clip has the class, or all have it.
    pub roc_auc: Option<f64>,
}

/// Everything one evaluation of such clips found; the keys are stable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TagEvaluation {
    /// The dataset's name.
    pub dataset: String,
    /// The encoder: a run directory or model file.
    pub model: String,
    /// What tells the encoder from another in its place: a fingerprint of its file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoder: Option<String>,
    /// What tells the clips and their classes from others: a fingerprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clips: Option<String>,
    /// How each protocol was set, and which folds it scored.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<ProtocolName, String>,
    /// What the encoder's embeddings score.
    pub protocols: TagScores,
    /// What other embeddings of the same clips score.
    #[serde(default)]
    pub baselines: BTreeMap<Baseline, TagScores>,
    /// What a reader should know to judge the numbers.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What may make the numbers wrong.
    #[serde(default)]
    pub warnings: Vec<String>,
}

impl TagEvaluation {
    /// Scores of `model`, with a warning for every recording that lies in several folds, and for a task that tells little.
    pub fn new(task: &TagTask, model: impl Into<String>, protocols: TagScores) -> Self {
        Self {
            dataset: task.name().to_owned(),
            model: model.into(),
            encoder: None,
            clips: None,
            settings: BTreeMap::new(),
            protocols,
            baselines: BTreeMap::new(),
            notes: Vec::new(),
            warnings: task
                .leak_warning()
                .into_iter()
                .chain(task.remarks())
                .collect(),
        }
    }
}

/// Scores `embeddings` `[items, dim]`, row i belonging to the task's clip i, by each protocol: a linear probe for every class
/// against all others, or the neighbours' share of each class. What is chosen inside the training folds is chosen by mAP.
///
/// # Errors
/// If there is not one row a clip, a value is not finite, or a protocol is of clips of one class each.
pub fn evaluate_tags(
    task: &TagTask,
    embeddings: &Embeddings,
    protocols: &[Protocol],
) -> Result<TagScores, EvaluateError> {
    check_rows(task, embeddings)?;
    let scored = protocols.iter().map(|protocol| {
        protocol.check()?;
        let ranker = protocol.ranker().ok_or_else(|| EvaluateError::Config {
            key: "protocol",
            given: protocol.name().title().to_owned(),
            required: "linear, knn or majority where clips have several classes",
        })?;
        let bench = Bench {
            task,
            embeddings,
            ranker,
        };
        Ok((protocol.name(), bench.score()?))
    });
    scored.collect()
}

/// As [`evaluate_tags`], but a protocol that cannot score these clips fails alone.
pub fn evaluate_tags_each(
    task: &TagTask,
    embeddings: &Embeddings,
    protocols: &[Protocol],
) -> (TagScores, Failures) {
    let (mut scores, mut failed) = (TagScores::new(), Failures::new());
    for protocol in protocols {
        match evaluate_tags(task, embeddings, std::slice::from_ref(protocol)) {
            Ok(score) => scores.extend(score),
            Err(error) => {
                failed.insert(protocol.name(), error);
            }
        }
    }
    (scores, failed)
}

struct Bench<'a> {
    task: &'a TagTask,
    embeddings: &'a Embeddings,
    ranker: &'a dyn Ranker,
}

impl Bench<'_> {
    fn score(&self) -> Result<TagScore, EvaluateError> {
        let settings = self.ranker.settings();
        let chosen = self.choose(settings.len())?;
        let scored = self.task.scored_folds().par_iter().zip(&chosen);
        let folds: Vec<Ranking> = scored
            .map(|(&fold, &setting)| {
                let training = self.task.clips_where(|other| other != fold);
                let queries = self.task.clips_in(fold);
                let mut scores = self.scores(&[setting], &training, &queries)?;
                Ok(Ranking {
                    scores: scores.swap_remove(0),
                    tags: self.task.labels_of(&queries),
                })
            })
            .collect::<Result<_, EvaluateError>>()?;
        let chosen = chosen.iter().map(|&place| settings[place]).collect();
        Ok(score(self.task, chosen, &folds))
    }

    /// The place of the setting with the best mAP over the inner folds, for each scored fold.
    fn choose(&self, settings: usize) -> Result<Vec<usize>, EvaluateError> {
        let scored = self.task.scored_folds();
        if settings == 1 {
            return Ok(vec![0; scored.len()]);
        }
        let all: Vec<usize> = (0..settings).collect();
        let mut sums = vec![vec![0.0; settings]; scored.len()];
        for trial in trials(self.task) {
            let queries: Vec<usize> = trial
                .validations
                .iter()
                .flat_map(|(_, c)| c)
                .copied()
                .collect();
            let scores = self.scores(&all, &trial.training, &queries)?;
            let rankings = scores.into_iter().map(|scores| Ranking {
                scores,
                tags: self.task.labels_of(&queries),
            });
            for (setting, ranking) in rankings.enumerate() {
                let mut from = 0;
                for (fold, clips) in &trial.validations {
                    let span: Vec<usize> = (from..from + clips.len()).collect();
                    from += clips.len();
                    let place = scored.iter().position(|scored| scored == fold).unwrap_or(0);
                    sums[place][setting] += ranking.metrics(&span)[0];
                }
            }
        }
        Ok(sums.iter().map(|sums| first_largest(sums)).collect())
    }

    fn scores(
        &self,
        settings: &[usize],
        training: &[usize],
        queries: &[usize],
    ) -> Result<Vec<Mat<f64>>, EvaluateError> {
        let scaling = self.ranker.scaling();
        let [columns, queries] = scaling.columns(
            &self.embeddings.select(training),
            &self.embeddings.select(queries),
        )?;
        let training = Training {
            columns: &columns,
            along_axes: scaling == Scaling::Whiten,
            labels: &self.task.labels_of(training),
            classes: self.task.classes().len(),
        };
        self.ranker.scores(settings, &training, &queries)
    }
}

/// The scores of a fold's clips, and what is heard in them.
struct Ranking {
    /// `[classes, clips]`
    scores: Mat<f64>,
    tags: Vec<Vec<usize>>,
}

impl Ranking {
    /// Average precision and area below the ROC curve of a class among `clips`, which may be named repeatedly.
    fn of_class(&self, class: usize, clips: &[usize]) -> (Option<f64>, Option<f64>) {
        let scores: Vec<f64> = clips
            .iter()
            .map(|&clip| self.scores[(class, clip)])
            .collect();
        let heard = |&clip: &usize| self.tags[clip].contains(&class);
        let truth: Vec<bool> = clips.iter().map(heard).collect();
        (average_precision(&scores, &truth), roc_auc(&scores, &truth))
    }

    /// mAP, mean area and d′ among `clips`.
    fn metrics(&self, clips: &[usize]) -> [f64; 3] {
        let classes = 0..self.scores.nrows();
        let (precisions, areas): (Vec<_>, Vec<_>) =
            classes.map(|class| self.of_class(class, clips)).unzip();
        let area = mean(&areas).unwrap_or(0.5);
        let finite = area.clamp(NEAR_PERFECT, 1.0 - NEAR_PERFECT);
        [mean(&precisions).unwrap_or(0.0), area, d_prime(finite)]
    }
}

/// Of the values there are.
fn mean(values: &[Option<f64>]) -> Option<f64> {
    let count = values.iter().flatten().count();
    (count > 0).then(|| values.iter().flatten().sum::<f64>() / count as f64)
}

fn score(task: &TagTask, chosen: Vec<Setting>, folds: &[Ranking]) -> TagScore {
    let all = |fold: &Ranking| (0..fold.tags.len()).collect::<Vec<usize>>();
    let by_fold: Vec<[f64; 3]> = folds.iter().map(|fold| fold.metrics(&all(fold))).collect();
    let resampled = (0..RESAMPLES).into_par_iter().map(|resample| {
        let mut rng = resample_rng(resample);
        let mut means = [0.0; 3];
        for fold in folds {
            let clips = fold.tags.len();
            let drawn: Vec<usize> = (0..clips).map(|_| rng.random_range(0..clips)).collect();
            for (mean, metric) in means.iter_mut().zip(fold.metrics(&drawn)) {
                *mean += metric / folds.len() as f64;
            }
        }
        means
    });
    let resampled: Vec<[f64; 3]> = resampled.collect();
    let estimate = |metric: usize| {
        let values = resampled.iter().map(|means| means[metric]);
        let per_fold = by_fold.iter().map(|metrics| metrics[metric]);
        Estimate::new(per_fold.collect(), percentile_interval(values.collect()))
    };
    let of_class = |(class, name): (usize, &String)| {
        let heard = |fold: &Ranking| fold.tags.iter().filter(|t| t.contains(&class)).count();
        let (precisions, areas): (Vec<_>, Vec<_>) = folds
            .iter()
            .map(|fold| fold.of_class(class, &all(fold)))
            .unzip();
        TagClassScore {
            class: name.clone(),
            support: folds.iter().map(heard).sum(),
            average_precision: mean(&precisions),
            roc_auc: mean(&areas),
        }
    };
    let classes = task.classes().iter().enumerate();
    TagScore {
        folds: task.scored_folds().to_vec(),
        mean_average_precision: estimate(0),
        roc_auc: estimate(1),
        d_prime: estimate(2),
        chosen,
        per_class: classes.map(of_class).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::{LinearProbe, WeightedKnn};

    /// 90 clips in three folds; classes 0 and 1 are heard where a dimension of theirs is large, class 2 by chance, class 3
    /// never.
    fn garden(noise: f32) -> (TagTask, Embeddings) {
        let heard = |clip: usize, class: usize| match class {
            0 => clip.is_multiple_of(2),
            1 => clip.is_multiple_of(3),
            2 => (clip * 7).is_multiple_of(5),
            _ => false,
        };
        let value = |i: usize| {
            let (clip, d) = (i / 4, i % 4);
            let signal = f32::from(u8::from(d < 2 && heard(clip, d)));
            signal + noise * ((i * 2_654_435_761 + 11) % 1000) as f32 / 1000.0
        };
        let tags = |clip| (0..4).filter(|&class| heard(clip, class)).collect();
        let names = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        let folds = (0..90).map(|clip| clip / 30 + 1).collect();
        let task = TagTask::new("t", names, (0..90).map(tags).collect(), folds).unwrap();
        let values = (0..360).map(value).collect();
        (task, Embeddings::from_rows(4, values))
    }

    #[test]
    fn what_can_be_heard_is_ranked_first_and_what_cannot_is_chance() {
        let (task, embeddings) = garden(0.5);
        let scores = evaluate_tags(&task, &embeddings, &Protocol::standard()).unwrap();
        assert_eq!(scores.len(), 2);
        for (protocol, score) in &scores {
            let precision = |class: usize| score.per_class[class].average_precision;
            assert!(
                precision(0) > Some(0.95) && precision(1) > Some(0.95),
                "{protocol:?}"
            );
            assert!(precision(2) < Some(0.6), "{protocol:?}: {score:?}");
            assert_eq!(
                precision(3),
                None,
                "a class that is heard nowhere has no score"
            );
            let map = &score.mean_average_precision;
            let mean = (0..3).filter_map(precision).sum::<f64>() / 3.0;
            assert!((map.mean - mean).abs() < 1e-9);
            assert!(map.interval[0] <= map.mean + 0.05 && map.interval[1] >= map.mean - 0.05);
            assert!(score.d_prime.mean > 1.0 && score.roc_auc.mean > 0.7);
        }
        assert_eq!(scores[&ProtocolName::Linear].per_class[0].support, 45);
    }

    #[test]
    fn a_perfect_ranking_is_one_and_finite() {
        let (task, embeddings) = garden(0.0);
        let probe = Protocol::Linear(LinearProbe {
            strengths: vec![10.0],
            ..LinearProbe::default()
        });
        let scores = evaluate_tags(&task, &embeddings, &[probe]).unwrap();
        let score = &scores[&ProtocolName::Linear];
        assert_eq!(score.per_class[0].average_precision, Some(1.0));
        let json = serde_json::to_string(score).unwrap();
        assert_eq!(serde_json::from_str::<TagScore>(&json).unwrap(), *score);
    }

    #[test]
    fn neighbours_share_their_classes_by_weight() {
        let columns = Mat::from_fn(2, 3, |d, item| f64::from(u8::from(d == item.min(1))));
        let queries = Mat::from_fn(2, 1, |d, _| f64::from(u8::from(d == 0)));
        let training = Training {
            columns: &columns,
            along_axes: false,
            labels: &[vec![0, 1], vec![1], vec![]],
            classes: 3,
        };
        let knn = WeightedKnn {
            neighbours: vec![1, 3],
            temperature: 1.0,
            scaling: Scaling::None,
        };
        let scores = knn.scores(&[0, 1], &training, &queries).unwrap();
        let of = |setting: usize| [0, 1, 2].map(|class| scores[setting][(class, 0)]);
        assert_eq!(of(0), [1.0, 1.0, 0.0]);
        let far = (-1.0f64).exp(); // cosine 0 beside cosine 1
        let expected = [1.0, 1.0 + far, 0.0].map(|weight| weight / (1.0 + 2.0 * far));
        for (ours, expected) in of(1).into_iter().zip(expected) {
            assert!((ours - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn protocols_of_one_class_a_clip_are_refused() {
        let (task, embeddings) = garden(0.5);
        let error = evaluate_tags(&task, &embeddings, &Protocol::classic()).unwrap_err();
        assert!(error.to_string().contains("SVM"), "{error}");
    }
}

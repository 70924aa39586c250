//! Cross-validation in which the scored fold chooses nothing.

use rayon::prelude::*;

use faer::Mat;

use super::{EvaluateError, Label, Prediction, Scaling, Setting, Task, deal_folds};
use crate::Embeddings;

/// Into how many parts a lone training fold is dealt to choose a setting in it.
const PARTS_OF_A_LONE_FOLD: u32 = 4;

/// Something that learns from labelled embeddings, with one setting to choose.
pub(super) trait Classifier: Sync {
    /// What happens to the embeddings first.
    fn scaling(&self) -> Scaling;

    /// The settings to choose from, the preferred first among equals.
    fn settings(&self) -> Vec<Setting>;

    /// What `queries`, columns `[dim, queries]`, are taken for by each of `settings`, given by their places:
    /// `[settings][queries]`.
    fn predict(
        &self,
        settings: &[usize],
        training: &Training<'_>,
        queries: &Mat<f64>,
    ) -> Result<Vec<Vec<Prediction>>, EvaluateError>;
}

/// Something that gives each clip a score for each class.
pub(super) trait Ranker: Classifier {
    /// The scores of `queries`, columns `[dim, queries]`, by each of `settings`, given by their places:
    /// `[settings]` of `[classes, queries]`. Larger is more likely.
    fn scores(
        &self,
        settings: &[usize],
        training: &Training<'_, Vec<usize>>,
        queries: &Mat<f64>,
    ) -> Result<Vec<Mat<f64>>, EvaluateError>;
}

/// Labelled embeddings, scaled as the classifier wishes.
pub(super) struct Training<'a, L = usize> {
    /// `[dim, items]`
    pub(super) columns: &'a Mat<f64>,
    /// Whether all that the columns vary in are their dimensions, each by itself, as whitening leaves them.
    pub(super) along_axes: bool,
    pub(super) labels: &'a [L],
    /// Labels are indices below it.
    pub(super) classes: usize,
}

/// What one fold's clips were taken for, by a classifier that never saw them.
pub(super) struct FoldPrediction {
    pub(super) chosen: Setting,
    /// Of each of its clips, ascending.
    pub(super) predicted: Vec<Prediction>,
}

/// For each classifier and each scored fold: chooses the setting with the best accuracy over the inner folds, trains with
/// it on all other folds, predicts the scored one. Classifiers of the same scaling share it.
pub(super) fn nested_cross_validation(
    task: &Task,
    embeddings: &Embeddings,
    classifiers: &[&dyn Classifier],
) -> Result<Vec<Vec<FoldPrediction>>, EvaluateError> {
    let bench = Bench {
        task,
        embeddings,
        classifiers,
    };
    let chosen = bench.choose_settings()?;
    let scored = task.scored_folds().par_iter().enumerate();
    let by_fold: Vec<Vec<FoldPrediction>> = scored
        .map(|(index, &fold)| {
            let of_fold: Vec<usize> = chosen.iter().map(|chosen| chosen[index]).collect();
            bench.score_fold(fold, &of_fold)
        })
        .collect::<Result<_, _>>()?;
    let mut by_classifier: Vec<Vec<_>> = classifiers.iter().map(|_| Vec::new()).collect();
    for predictions in by_fold {
        for (of_classifier, prediction) in by_classifier.iter_mut().zip(predictions) {
            of_classifier.push(prediction);
        }
    }
    Ok(by_classifier)
}

/// What each classifier takes the clips `queries` for that learns from the clips `training`, by the settings beside it, given
/// by their places.
pub(super) fn predict(
    (task, embeddings): (&Task, &Embeddings),
    classifiers: &[(&dyn Classifier, Vec<usize>)],
    training: &[usize],
    queries: &[usize],
) -> Result<Vec<Vec<Vec<Prediction>>>, EvaluateError> {
    let labels = task.labels_of(training);
    let (memory, asked) = (embeddings.select(training), embeddings.select(queries));
    let mut scaled: Vec<(Scaling, [Mat<f64>; 2])> = Vec::new();
    for (classifier, _) in classifiers
        .iter()
        .filter(|(_, settings)| !settings.is_empty())
    {
        let scaling = classifier.scaling();
        if !scaled.iter().any(|(known, _)| *known == scaling) {
            scaled.push((scaling, scaling.columns(&memory, &asked)?));
        }
    }
    let of_classifier = |(classifier, settings): &(&dyn Classifier, Vec<usize>)| {
        let scaling = classifier.scaling();
        let Some((_, [columns, queries])) = scaled.iter().find(|(known, _)| *known == scaling)
        else {
            return Ok(Vec::new()); // Nothing is asked.
        };
        let training = Training {
            columns,
            along_axes: scaling == Scaling::Whiten,
            labels: &labels,
            classes: task.classes().len(),
        };
        classifier.predict(settings, &training, queries)
    };
    classifiers.iter().map(of_classifier).collect()
}

/// The same for tests, of one classifier by all of its settings.
#[cfg(test)]
pub(super) fn predicted(
    classifier: &dyn Classifier,
    (embeddings, labels): (&Embeddings, &[usize]),
    classes: usize,
    queries: &Embeddings,
) -> Vec<Vec<Prediction>> {
    let [columns, queries] = classifier.scaling().columns(embeddings, queries).unwrap();
    let training = Training {
        columns: &columns,
        along_axes: classifier.scaling() == Scaling::Whiten,
        labels,
        classes,
    };
    let all: Vec<usize> = (0..classifier.settings().len()).collect();
    classifier.predict(&all, &training, &queries).unwrap()
}

struct Bench<'a> {
    task: &'a Task,
    embeddings: &'a Embeddings,
    classifiers: &'a [&'a dyn Classifier],
}

/// One training whose predictions on `validation` help the scored fold `fold` to choose.
pub(super) struct Trial {
    pub(super) training: Vec<usize>,
    /// Scored fold, and the clips by which it judges this training.
    pub(super) validations: Vec<(u32, Vec<usize>)>,
}

/// By scored fold: correct predictions, `[classifier][setting]`.
type Hits = Vec<(u32, Vec<Vec<usize>>)>;

impl Bench<'_> {
    /// The index of the best setting, for each classifier and within it for each scored fold.
    fn choose_settings(&self) -> Result<Vec<Vec<usize>>, EvaluateError> {
        let scored = self.task.scored_folds();
        // A classifier with nothing to choose from is not tried.
        let tried: Vec<(&dyn Classifier, Vec<usize>)> = self
            .classifiers
            .iter()
            .map(|classifier| match classifier.settings().len() {
                1 => (*classifier, Vec::new()),
                settings => (*classifier, (0..settings).collect()),
            })
            .collect();
        if tried.iter().all(|(_, settings)| settings.is_empty()) {
            return Ok(vec![vec![0; scored.len()]; tried.len()]);
        }
        let trials: Vec<Hits> = trials(self.task)
            .par_iter()
            .map(|trial| self.run(&tried, trial))
            .collect::<Result<_, _>>()?;
        let choose = |classifier: usize, fold: u32| {
            let mut hits = vec![0; tried[classifier].1.len()];
            for (_, more) in trials.iter().flatten().filter(|(of, _)| *of == fold) {
                hits.iter_mut()
                    .zip(&more[classifier])
                    .for_each(|(hits, more)| *hits += more);
            }
            first_largest(&hits)
        };
        let of_folds = |classifier| {
            scored
                .iter()
                .map(|&fold| choose(classifier, fold))
                .collect()
        };
        Ok((0..tried.len()).map(of_folds).collect())
    }

    fn run(
        &self,
        tried: &[(&dyn Classifier, Vec<usize>)],
        trial: &Trial,
    ) -> Result<Hits, EvaluateError> {
        let queries: Vec<usize> = trial
            .validations
            .iter()
            .flat_map(|(_, clips)| clips)
            .copied()
            .collect();
        let of_task = (self.task, self.embeddings);
        let predicted = predict(of_task, tried, &trial.training, &queries)?;
        let truth = self.task.labels_of(&queries);
        let mut from = 0;
        let mut counted = Vec::with_capacity(trial.validations.len());
        for (fold, clips) in &trial.validations {
            let span = from..from + clips.len();
            from = span.end;
            let hits = |of: &Vec<Prediction>| {
                let pairs = of[span.clone()].iter().zip(&truth[span.clone()]);
                pairs
                    .filter(|(predicted, truth)| predicted.class == **truth)
                    .count()
            };
            let by_setting = |of: &Vec<Vec<Prediction>>| of.iter().map(hits).collect();
            counted.push((*fold, predicted.iter().map(by_setting).collect()));
        }
        Ok(counted)
    }

    /// Trains every classifier on the clips outside `fold` and predicts the clips in it. `chosen` has the index of the
    /// setting of each classifier.
    fn score_fold(
        &self,
        fold: u32,
        chosen: &[usize],
    ) -> Result<Vec<FoldPrediction>, EvaluateError> {
        let training = self.task.clips_where(|other| other != fold);
        let queries = self.task.clips_in(fold);
        let with_settings = self.classifiers.iter().zip(chosen);
        let with_settings: Vec<_> = with_settings
            .map(|(c, &setting)| (*c, vec![setting]))
            .collect();
        let of_task = (self.task, self.embeddings);
        let predicted = predict(of_task, &with_settings, &training, &queries)?;
        let prediction =
            |((classifier, &chosen), mut predicted): ((&&dyn Classifier, &usize), Vec<_>)| {
                FoldPrediction {
                    chosen: classifier.settings()[chosen],
                    predicted: predicted.pop().unwrap_or_default(),
                }
            };
        let with_predictions = self.classifiers.iter().zip(chosen).zip(predicted);
        Ok(with_predictions.map(prediction).collect())
    }
}

/// The trainings the choice rests on. Leaving out folds a and b serves both: scored fold a
/// validates it on b, scored fold b on a. So every pair is trained once.
pub(super) fn trials<L: Label>(task: &Task<L>) -> Vec<Trial> {
    let folds = task.all_folds();
    let scored = |fold| task.scored_folds().contains(&fold);
    if folds.len() == 2 {
        let lone = folds.iter().filter(|&&fold| scored(fold));
        return lone
            .flat_map(|&fold| trials_in_a_lone_fold(task, fold))
            .collect();
    }
    let mut trials = Vec::new();
    for (index, &a) in folds.iter().enumerate() {
        for &b in &folds[index + 1..] {
            let judged_by = |judge, on| scored(judge).then(|| (judge, task.clips_in(on)));
            let validations: Vec<_> = [judged_by(a, b), judged_by(b, a)]
                .into_iter()
                .flatten()
                .collect();
            if !validations.is_empty() {
                let training = task.clips_where(|fold| fold != a && fold != b);
                trials.push(Trial {
                    training,
                    validations,
                });
            }
        }
    }
    trials
}

/// With two folds one alone is left to train on: it is dealt into parts.
fn trials_in_a_lone_fold<L: Label>(task: &Task<L>, scored: u32) -> Vec<Trial> {
    let clips = task.clips_where(|fold| fold != scored);
    let sources: Vec<Option<&str>> = clips.iter().map(|&clip| task.source(clip)).collect();
    let strata = clips.iter().map(|&clip| task.labels()[clip].stratum());
    let parts = deal_folds(&strata.collect::<Vec<_>>(), &sources, PARTS_OF_A_LONE_FOLD);
    let select = |keep: &dyn Fn(u32) -> bool| -> Vec<usize> {
        let kept = clips.iter().zip(&parts).filter(|&(_, &part)| keep(part));
        kept.map(|(&clip, _)| clip).collect()
    };
    let trial = |part| Trial {
        training: select(&|p| p != part),
        validations: vec![(scored, select(&|p| p == part))],
    };
    let usable = |trial: &Trial| !trial.training.is_empty();
    (1..=PARTS_OF_A_LONE_FOLD)
        .map(trial)
        .filter(usable)
        .collect()
}

/// The first of the places with the largest count.
pub(super) fn first_largest<N: PartialOrd>(counts: &[N]) -> usize {
    let mut best = 0;
    for (index, count) in counts.iter().enumerate() {
        if count > &counts[best] {
            best = index;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::{LinearProbe, Scaling, WeightedKnn};

    /// Two noisy classes in four dimensions, four folds of six clips.
    fn noisy() -> (Embeddings, Vec<usize>, Vec<u32>) {
        let labels: Vec<usize> = (0..24).map(|clip| clip % 2).collect();
        let noise = |i: usize| ((i * 2_654_435_761) % 1000) as f32 / 500.0 - 1.0;
        let value = |i: usize| {
            noise(i)
                + if i.is_multiple_of(4) {
                    labels[i / 4] as f32
                } else {
                    0.0
                }
        };
        let folds = (0..24).map(|clip| clip / 6 + 1).collect();
        (
            Embeddings::from_rows(4, (0..96).map(value).collect()),
            labels,
            folds,
        )
    }

    fn names() -> Vec<String> {
        vec!["a".to_owned(), "b".to_owned()]
    }

    /// The place of the setting chosen for each fold.
    fn settings(labels: Vec<usize>, classifier: &dyn Classifier, folds: &[u32]) -> Vec<usize> {
        let (embeddings, _, _) = noisy();
        let task = Task::new("t", names(), labels, folds.to_vec()).unwrap();
        let bench = Bench {
            task: &task,
            embeddings: &embeddings,
            classifiers: &[classifier],
        };
        bench.choose_settings().unwrap().remove(0)
    }

    /// Replaces the labels of fold 1 by wrong ones.
    fn poisoned(labels: &[usize], folds: &[u32]) -> Vec<usize> {
        let poison = |clip: usize| match folds[clip] {
            1 => usize::from(clip.is_multiple_of(3)),
            _ => labels[clip],
        };
        (0..labels.len()).map(poison).collect()
    }

    #[test]
    fn labels_of_the_scored_fold_have_no_part_in_its_choice() {
        let (_, labels, folds) = noisy();
        let halves: Vec<u32> = (0..24).map(|clip| clip / 12 + 1).collect();
        for folds in [folds, halves] {
            let wrong = poisoned(&labels, &folds);
            let probe = LinearProbe {
                scaling: Scaling::Standardise,
                ..LinearProbe::default()
            };
            let clean = settings(labels.clone(), &probe, &folds);
            let dirty = settings(wrong.clone(), &probe, &folds);
            assert_eq!(clean[0], dirty[0]);
            assert_ne!(
                clean, dirty,
                "the poison must reach the other folds' choices"
            );
            let knn = WeightedKnn::default();
            assert_eq!(
                settings(labels.clone(), &knn, &folds)[0],
                settings(wrong, &knn, &folds)[0]
            );
        }
    }

    /// Remembers nothing, predicts 1 where the setting is 1; so the better setting is the majority
    /// of the clips by which it is judged.
    struct Constant;

    impl Classifier for Constant {
        fn scaling(&self) -> Scaling {
            Scaling::None
        }

        fn settings(&self) -> Vec<Setting> {
            vec![0usize.into(), 1usize.into()]
        }

        fn predict(
            &self,
            settings: &[usize],
            _: &Training<'_>,
            queries: &Mat<f64>,
        ) -> Result<Vec<Vec<Prediction>>, EvaluateError> {
            let predicted = settings.iter().map(|&class| {
                let prediction = Prediction {
                    class,
                    confidence: 1.0,
                };
                vec![prediction; queries.ncols()]
            });
            Ok(predicted.collect())
        }
    }

    #[test]
    fn the_choice_is_the_majority_of_all_other_folds() {
        let folds: Vec<u32> = (0..24).map(|clip| clip / 8 + 1).collect();
        // Fold 1 all ones, folds 2 and 3 zeros: only fold 1 sees nothing but zeros; fold 2 is judged
        // by 8 ones and 8 zeros, where the first setting wins.
        let labels: Vec<usize> = folds.iter().map(|&fold| usize::from(fold == 1)).collect();
        assert_eq!(settings(labels, &Constant, &folds), [0, 0, 0]);
        let labels: Vec<usize> = folds.iter().map(|&fold| usize::from(fold != 1)).collect();
        assert_eq!(settings(labels, &Constant, &folds), [1, 0, 0]);
    }

    #[test]
    fn each_clip_of_a_scored_fold_is_predicted_once_in_order() {
        let (embeddings, labels, folds) = noisy();
        let task = Task::new("t", names(), labels.clone(), folds).unwrap();
        let task = task.scoring_only(&[2, 4]).unwrap();
        let (knn, probe) = (WeightedKnn::default(), LinearProbe::default());
        let both = nested_cross_validation(&task, &embeddings, &[&knn, &probe]).unwrap();
        assert_eq!(both.len(), 2);
        for (result, alone) in both.iter().zip([&knn as &dyn Classifier, &probe]) {
            assert_eq!(result.len(), 2);
            assert_eq!(result[0].predicted.len(), 6);
            let alone = nested_cross_validation(&task, &embeddings, &[alone]).unwrap();
            assert_eq!(
                result[1].predicted, alone[0][1].predicted,
                "company changes nothing"
            );
        }
    }
}

//! Cross-validation in which the scored fold chooses nothing.

use rayon::prelude::*;

use super::{EvaluateError, Prediction, Task, deal_folds};
use crate::Embeddings;

/// Into how many parts a lone training fold is dealt to choose a setting in it.
const PARTS_OF_A_LONE_FOLD: u32 = 4;

/// Something that learns from labelled embeddings, with one setting to choose.
pub(super) trait Classifier: Sync {
    type Setting: Copy + Send + Sync;

    /// The settings to choose from, the preferred first among equals.
    fn settings(&self) -> &[Self::Setting];

    /// What `queries` are taken for for each of `settings`: `[settings][queries]`.
    fn predict(
        &self,
        settings: &[Self::Setting],
        training: (&Embeddings, &[usize]),
        classes: usize,
        queries: &Embeddings,
    ) -> Result<Vec<Vec<Prediction>>, EvaluateError>;
}

/// What one fold's clips were taken for, by a classifier that never saw them.
pub(super) struct FoldPrediction<S> {
    pub(super) chosen: S,
    /// Of each of its clips, ascending.
    pub(super) predicted: Vec<Prediction>,
}

/// For each scored fold: chooses the setting with the best accuracy over the inner folds, trains
/// with it on all other folds, predicts the scored one.
pub(super) fn nested_cross_validation<C: Classifier>(
    task: &Task,
    embeddings: &Embeddings,
    classifier: &C,
) -> Result<Vec<FoldPrediction<C::Setting>>, EvaluateError> {
    let bench = Bench {
        task,
        embeddings,
        classifier,
    };
    let chosen = bench.choose_settings()?;
    let scored = task.scored_folds().par_iter().zip(chosen);
    scored
        .map(|(&fold, setting)| bench.score_fold(fold, setting))
        .collect()
}

struct Bench<'a, C> {
    task: &'a Task,
    embeddings: &'a Embeddings,
    classifier: &'a C,
}

/// One training whose predictions on `validation` help the scored fold `fold` to choose.
struct Trial {
    training: Vec<usize>,
    /// Scored fold, and the clips by which it judges this training.
    validations: Vec<(u32, Vec<usize>)>,
}

impl<C: Classifier> Bench<'_, C> {
    /// The setting of each scored fold.
    fn choose_settings(&self) -> Result<Vec<C::Setting>, EvaluateError> {
        let settings = self.classifier.settings();
        let scored = self.task.scored_folds();
        if let &[only] = settings {
            return Ok(vec![only; scored.len()]);
        }
        let trials: Vec<Vec<(u32, Vec<usize>)>> = self
            .trials()
            .par_iter()
            .map(|trial| self.run(trial))
            .collect::<Result<_, _>>()?;
        let choose = |&fold: &u32| {
            let mut hits = vec![0; settings.len()];
            for (_, more) in trials.iter().flatten().filter(|(of, _)| *of == fold) {
                hits.iter_mut()
                    .zip(more)
                    .for_each(|(hits, more)| *hits += more);
            }
            settings[first_largest(&hits)]
        };
        Ok(scored.iter().map(choose).collect())
    }

    /// The trainings the choice rests on. Leaving out folds a and b serves both: scored fold a
    /// validates it on b, scored fold b on a. So every pair is trained once.
    fn trials(&self) -> Vec<Trial> {
        let folds = self.task.all_folds();
        let scored = |fold| self.task.scored_folds().contains(&fold);
        if folds.len() == 2 {
            let lone = folds.iter().filter(|&&fold| scored(fold));
            return lone
                .flat_map(|&fold| self.trials_in_a_lone_fold(fold))
                .collect();
        }
        let mut trials = Vec::new();
        for (index, &a) in folds.iter().enumerate() {
            for &b in &folds[index + 1..] {
                let judged_by = |judge, on| scored(judge).then(|| (judge, self.task.clips_in(on)));
                let validations: Vec<_> = [judged_by(a, b), judged_by(b, a)]
                    .into_iter()
                    .flatten()
                    .collect();
                if !validations.is_empty() {
                    let training = self.task.clips_where(|fold| fold != a && fold != b);
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
    fn trials_in_a_lone_fold(&self, scored: u32) -> Vec<Trial> {
        let clips = self.task.clips_where(|fold| fold != scored);
        let sources: Vec<Option<&str>> = clips.iter().map(|&clip| self.task.source(clip)).collect();
        let parts = deal_folds(&self.task.labels_of(&clips), &sources, PARTS_OF_A_LONE_FOLD);
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

    /// Correct predictions of each setting, by scored fold.
    fn run(&self, trial: &Trial) -> Result<Vec<(u32, Vec<usize>)>, EvaluateError> {
        let queries: Vec<usize> = trial
            .validations
            .iter()
            .flat_map(|(_, clips)| clips)
            .copied()
            .collect();
        let predicted = self.predict(self.classifier.settings(), &trial.training, &queries)?;
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
            counted.push((*fold, predicted.iter().map(hits).collect()));
        }
        Ok(counted)
    }

    fn score_fold(
        &self,
        fold: u32,
        chosen: C::Setting,
    ) -> Result<FoldPrediction<C::Setting>, EvaluateError> {
        let training = self.task.clips_where(|other| other != fold);
        let queries = self.task.clips_in(fold);
        let mut predicted = self.predict(&[chosen], &training, &queries)?;
        Ok(FoldPrediction {
            chosen,
            predicted: predicted.pop().unwrap_or_default(),
        })
    }

    fn predict(
        &self,
        settings: &[C::Setting],
        training: &[usize],
        queries: &[usize],
    ) -> Result<Vec<Vec<Prediction>>, EvaluateError> {
        self.classifier.predict(
            settings,
            (
                &self.embeddings.select(training),
                &self.task.labels_of(training),
            ),
            self.task.classes().len(),
            &self.embeddings.select(queries),
        )
    }
}

fn first_largest(counts: &[usize]) -> usize {
    let mut best = 0;
    for (index, count) in counts.iter().enumerate() {
        if *count > counts[best] {
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

    fn settings<C: Classifier>(
        labels: Vec<usize>,
        classifier: &C,
        folds: &[u32],
    ) -> Vec<C::Setting> {
        let (embeddings, _, _) = noisy();
        let task = Task::new("t", names(), labels, folds.to_vec()).unwrap();
        let bench = Bench {
            task: &task,
            embeddings: &embeddings,
            classifier,
        };
        bench.choose_settings().unwrap()
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
        type Setting = usize;

        fn settings(&self) -> &[usize] {
            &[0, 1]
        }

        fn predict(
            &self,
            settings: &[usize],
            _: (&Embeddings, &[usize]),
            _: usize,
            queries: &Embeddings,
        ) -> Result<Vec<Vec<Prediction>>, EvaluateError> {
            Ok(settings
                .iter()
                .map(|&class| {
                    let prediction = Prediction {
                        class,
                        confidence: 1.0,
                    };
                    vec![prediction; queries.items()]
                })
                .collect())
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
        let result = nested_cross_validation(&task, &embeddings, &WeightedKnn::default()).unwrap();
        assert_eq!(result.len(), 2);
        assert_eq!(result[0].predicted.len(), 6);
        assert_eq!(result[1].predicted.len(), 6);
    }
}

//! One encoder after the other, scored on the same clips.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;

use super::error::told;
use super::exhibition::Mapped;
use super::labels::{Fit, ScoresOf};
use super::{Measurable, MeasureError, Measurement, Progress, ProtocolChoice};
use crate::Embeddings;
use crate::encoder::{Model, embed};
use crate::evaluate::{Baseline, FewLabels, FineTuneProgress, Protocol, ProtocolName, Task};
use crate::features::FeatureSet;

/// What one set of embeddings gave.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub(super) struct EncoderScores<L: Measurable> {
    pub(super) scores: ScoresOf<L>,
    /// Why others are missing.
    pub(super) failed: Vec<String>,
    pub(super) few_labels: Vec<FewLabels>,
}

impl<L: Measurable> Default for EncoderScores<L> {
    fn default() -> Self {
        Self {
            scores: BTreeMap::new(),
            failed: Vec::new(),
            few_labels: Vec::new(),
        }
    }
}

/// Clips at hand, to score encoders on.
pub(super) struct Bench<'a, L> {
    pub(super) job: &'a Measurement<'a>,
    pub(super) task: &'a Task<L>,
    pub(super) features: FeatureSet<'a>,
    /// What scores are kept under, besides what they are.
    pub(super) key: String,
}

impl<L: Measurable> Bench<'_, L> {
    /// What an encoder scores by every protocol but `scratch`; its embeddings are added to `mapped` where they are computed.
    pub(super) fn measured(
        &self,
        model: &Model,
        baseline: Option<Baseline>,
        mapped: &mut Mapped,
    ) -> Result<EncoderScores<L>, MeasureError> {
        let title = Baseline::title_of(baseline);
        let protocols = self.job.of_embeddings();
        let is_needed = self.job.gallery || !protocols.is_empty();
        let mut measured = match is_needed || !self.job.config.few_labels.is_empty() {
            false => EncoderScores::default(),
            true => {
                let embeddings = self.embedded(model, title)?;
                let measured = self.of_embeddings(title, &embeddings, &protocols)?;
                mapped.add(title, embeddings);
                measured
            }
        };
        for name in [ProtocolName::Frozen, ProtocolName::Finetune] {
            if self.job.protocols.contains(&ProtocolChoice::By(name)) {
                match self.fitted(model, baseline, name) {
                    Ok(score) => {
                        measured.scores.insert(name, score);
                    }
                    Err(error) => measured.failed.push(failure(name, &told(&error))),
                }
            }
        }
        Ok(measured)
    }

    /// The embeddings of the clips, `[clips, dim]`.
    fn embedded(&self, model: &Model, title: &str) -> Result<Embeddings, MeasureError> {
        let what = format!("embedding, {title}");
        let of = self.features.len();
        let show = |done| {
            let what = &what;
            (self.job.observe)(Progress::Embedding { what, done, of });
        };
        show(0);
        Ok(embed(model, &self.features, show)?)
    }

    /// The scores of these embeddings; of an interrupted measurement, if it has them.
    pub(super) fn of_embeddings(
        &self,
        title: &str,
        embeddings: &Embeddings,
        protocols: &[Protocol],
    ) -> Result<EncoderScores<L>, MeasureError> {
        let folds = self.task.scored_folds();
        let what = format!("{title}\n{protocols:?} {folds:?}");
        self.kept(&what, || self.of_embeddings_now(embeddings, protocols))
    }

    fn of_embeddings_now(
        &self,
        embeddings: &Embeddings,
        protocols: &[Protocol],
    ) -> Result<EncoderScores<L>, MeasureError> {
        let (scores, failed) = L::score_each(self.task, embeddings, protocols)?;
        let failed = failed.iter();
        let mut measured = EncoderScores {
            scores,
            failed: failed
                .map(|(&protocol, error)| failure(protocol, &error.to_string()))
                .collect(),
            few_labels: Vec::new(),
        };
        let draws = self.job.config.draws;
        for &per_class in &self.job.config.few_labels {
            match L::few_labels(self.task, embeddings, per_class, draws) {
                Ok(accuracy) => measured.few_labels.push(FewLabels {
                    per_class,
                    draws,
                    accuracy,
                    baselines: BTreeMap::new(),
                }),
                Err(error) => measured
                    .failed
                    .push(format!("{per_class} labels a class gave no score: {error}")),
            }
        }
        Ok(measured)
    }

    /// What `model` scores where it is fitted by epochs; of an interrupted measurement, if it has that.
    pub(super) fn fitted(
        &self,
        model: &Model,
        baseline: Option<Baseline>,
        protocol: ProtocolName,
    ) -> Result<L::Score, MeasureError> {
        let (title, whose) = (protocol.title(), Baseline::title_of(baseline));
        let what = format!("{title}, {whose}\n{:?}", self.task.scored_folds());
        self.kept(&what, || self.fitted_now(model, baseline, protocol))
    }

    /// What an interrupted measurement has by this name, or else what is measured now.
    fn kept<T: Serialize + DeserializeOwned>(
        &self,
        what: &str,
        measure: impl FnOnce() -> Result<T, MeasureError>,
    ) -> Result<T, MeasureError> {
        match self.job.kept {
            Some(kept) => {
                kept.or_measure(&format!("{what} {}", self.key), self.job.observe, measure)
            }
            None => measure(),
        }
    }

    fn fitted_now(
        &self,
        model: &Model,
        baseline: Option<Baseline>,
        protocol: ProtocolName,
    ) -> Result<L::Score, MeasureError> {
        let what = format!("{}, {}", protocol.title(), Baseline::title_of(baseline));
        let config = &self.job.config;
        let folds = self.task.scored_folds().len() as u64 * config.seeds;
        let epochs = u64::from(config.epochs);
        let mut show = |progress: FineTuneProgress| {
            let folds_done = progress.folds_done as u64;
            let ends_fold = progress.epoch == config.epochs;
            (self.job.observe)(Progress::Fitting {
                what: &what,
                done: folds_done * epochs + u64::from(progress.epoch),
                of: folds * epochs,
                accuracy: progress.accuracy,
                folds: ends_fold.then_some((folds_done + 1, folds)),
            });
        };
        let model_of = |seed: u64| match baseline == Some(Baseline::Untrained) {
            // The first seed is the one that the encoder was made with.
            true => model.untrained_by_seed(model.card.seed.wrapping_add(seed)),
            false => model.copy(),
        };
        let fit = Fit {
            task: self.task,
            features: &self.features,
            protocol,
            config,
            model_of: &model_of,
        };
        Ok(L::fit(&fit, &mut show)?)
    }
}

/// `random forest gave no score: …`
pub(super) fn failure(protocol: ProtocolName, reason: &str) -> String {
    format!("{} gave no score: {reason}", protocol.title())
}

//! Clips of one class each, or of any number: what differs in how they are measured.

use serde::{Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;

use super::{MeasureConfig, MeasureError, Measurement, clips_fingerprint};
use crate::Embeddings;
use crate::dataset::Dataset;
use crate::encoder::{EncoderError, Model};
use crate::evaluate::{
    Accuracies, Baseline, EvaluateError, Evaluation, Extends, Failures, FewLabels,
    FineTuneProgress, Label, Protocol, ProtocolName, Score, TagEvaluation, TagScore, TagTask, Task,
    evaluate_each, evaluate_tags_each, few_labels,
};
use crate::features::FeatureSet;
use crate::report::{table, tag_table};

/// Scores by protocol.
pub(super) type ScoresOf<L> = BTreeMap<ProtocolName, <L as Measurable>::Score>;

/// Labels by which encoders are measured: `usize`, the one class of each clip, or `Vec<usize>`, any number of classes.
///
/// What has a default needs clips of one class each; [`Measurable::must_allow`] refuses it for others before it is called.
pub trait Measurable: Label {
    /// What one protocol finds.
    type Score: Clone + Serialize + DeserializeOwned;
    /// What a measurement finds, as it is written.
    type Results: Extends + Clone + Serialize + DeserializeOwned;
    /// The file it is written to.
    const FILE: &'static str;
    /// Whether clips without a label may make scores wrong; else it is usual that there are some.
    const MUST_BE_LABELLED: bool;

    /// Refuses what such clips cannot be measured by.
    ///
    /// # Errors
    /// If the measurement asks for it.
    fn must_allow(_: &Measurement<'_>) -> Result<(), MeasureError> {
        Ok(())
    }

    /// Results of `model` without scores. `measured`: the clips of the task.
    fn planned(task: &Task<Self>, model: String, measured: &Dataset) -> Self::Results;

    /// What all results have in common.
    fn common(results: &mut Self::Results) -> Common<'_, Self>;

    /// The scores of embeddings, `[clips, dim]`; a protocol that cannot score these clips fails alone.
    ///
    /// # Errors
    /// If no protocol could give a score.
    fn score_each(
        task: &Task<Self>,
        embeddings: &Embeddings,
        protocols: &[Protocol],
    ) -> Result<(BTreeMap<ProtocolName, Self::Score>, Failures), EvaluateError>;

    /// The accuracies of embeddings, `[clips, dim]`, where few clips of each class are learned from.
    ///
    /// # Errors
    /// As [`few_labels`].
    fn few_labels(
        _: &Task<Self>,
        _: &Embeddings,
        _per_class: usize,
        _draws: u64,
    ) -> Result<Accuracies, EvaluateError> {
        Err(needs_one_class("few_labels"))
    }

    /// The score of a model that is fitted by epochs.
    ///
    /// # Errors
    /// As [`crate::evaluate::FineTune::score_by_seeds`].
    fn fit(
        _: &Fit<'_, Self>,
        _: &mut dyn FnMut(FineTuneProgress),
    ) -> Result<Self::Score, EvaluateError> {
        Err(needs_one_class("protocol"))
    }

    /// Takes over what few labels are enough for.
    fn set_few_labels(_: &mut Self::Results, _: Vec<FewLabels>) {}

    /// Adds the accuracy of the best epoch of each fold to a score.
    fn add_best_epochs(_: &mut Self::Score) {}

    /// The results whose clips a report shows, if it does.
    fn shown(_: &Self::Results) -> Option<&Evaluation> {
        None
    }

    /// The results as a table of at most `width` columns.
    fn table(results: &Self::Results, width: usize) -> String;
}

/// What results of any labels have in common.
pub struct Common<'r, L: Measurable> {
    /// A fingerprint of the encoder.
    pub encoder: &'r mut Option<String>,
    /// How each protocol is set.
    pub settings: &'r mut BTreeMap<ProtocolName, String>,
    /// The encoder's scores.
    pub protocols: &'r mut BTreeMap<ProtocolName, L::Score>,
    /// Other scores of the same clips.
    pub baselines: &'r mut BTreeMap<Baseline, BTreeMap<ProtocolName, L::Score>>,
    /// What a reader should know.
    pub notes: &'r mut Vec<String>,
    /// What may make the numbers wrong.
    pub warnings: &'r mut Vec<String>,
}

/// A model to be fitted by epochs, with the clips.
pub struct Fit<'a, L> {
    pub(super) task: &'a Task<L>,
    pub(super) features: &'a FeatureSet<'a>,
    pub(super) protocol: ProtocolName,
    pub(super) config: &'a MeasureConfig,
    pub(super) model_of: &'a dyn Fn(u64) -> Result<Model, EncoderError>,
}

fn needs_one_class(key: &'static str) -> EvaluateError {
    EvaluateError::Config {
        key,
        given: "of clips of several classes".to_owned(),
        required: "of clips of one class each",
    }
}

impl Measurable for usize {
    type Score = Score;
    type Results = Evaluation;
    const FILE: &'static str = "evaluation.json";
    const MUST_BE_LABELLED: bool = true;

    fn planned(task: &Task, model: String, _: &Dataset) -> Evaluation {
        Evaluation::new(task, model, BTreeMap::new())
    }

    fn common(results: &mut Evaluation) -> Common<'_, Self> {
        Common {
            encoder: &mut results.encoder,
            settings: &mut results.settings,
            protocols: &mut results.protocols,
            baselines: &mut results.baselines,
            notes: &mut results.notes,
            warnings: &mut results.warnings,
        }
    }

    fn score_each(
        task: &Task,
        embeddings: &Embeddings,
        protocols: &[Protocol],
    ) -> Result<(ScoresOf<Self>, Failures), EvaluateError> {
        evaluate_each(task, embeddings, protocols)
    }

    fn few_labels(
        task: &Task,
        embeddings: &Embeddings,
        per_class: usize,
        draws: u64,
    ) -> Result<Accuracies, EvaluateError> {
        few_labels(task, embeddings, per_class, draws)
    }

    fn fit(
        fit: &Fit<'_, Self>,
        observe: &mut dyn FnMut(FineTuneProgress),
    ) -> Result<Score, EvaluateError> {
        let (config, seeds) = (fit.config.fine_tune(fit.protocol), fit.config.seeds());
        config.score_by_seeds(&seeds, fit.task, fit.model_of, fit.features, observe)
    }

    fn set_few_labels(results: &mut Evaluation, few_labels: Vec<FewLabels>) {
        results.few_labels = few_labels;
    }

    fn add_best_epochs(score: &mut Score) {
        score.add_best_epochs();
    }

    fn shown(results: &Evaluation) -> Option<&Evaluation> {
        Some(results)
    }

    fn table(results: &Evaluation, width: usize) -> String {
        table(results, width)
    }
}

impl Measurable for Vec<usize> {
    type Score = TagScore;
    type Results = TagEvaluation;
    const FILE: &'static str = "tags.json";
    const MUST_BE_LABELLED: bool = false;

    fn must_allow(measurement: &Measurement<'_>) -> Result<(), MeasureError> {
        let config = &measurement.config;
        let goes_by_embeddings =
            |choice: &super::ProtocolChoice| choice.of_embeddings(config).is_some();
        if !measurement.protocols.iter().all(goes_by_embeddings) {
            return Err(MeasureError::ProtocolOfOneClass {
                path: measurement.found.source.path.clone(),
            });
        }
        let options = match (&config.few_labels[..], &config.imagenet, config.best_epochs) {
            ([], None, false) => return Ok(()),
            ([], None, true) => "scores by `--protocol-compat`",
            _ => "`--few-labels` and `--imagenet`",
        };
        Err(MeasureError::OptionOfOneClass { options })
    }

    fn planned(task: &TagTask, model: String, measured: &Dataset) -> TagEvaluation {
        TagEvaluation {
            clips: Some(clips_fingerprint(measured)),
            ..TagEvaluation::new(task, model, BTreeMap::new())
        }
    }

    fn common(results: &mut TagEvaluation) -> Common<'_, Self> {
        Common {
            encoder: &mut results.encoder,
            settings: &mut results.settings,
            protocols: &mut results.protocols,
            baselines: &mut results.baselines,
            notes: &mut results.notes,
            warnings: &mut results.warnings,
        }
    }

    fn score_each(
        task: &TagTask,
        embeddings: &Embeddings,
        protocols: &[Protocol],
    ) -> Result<(ScoresOf<Self>, Failures), EvaluateError> {
        Ok(evaluate_tags_each(task, embeddings, protocols))
    }

    fn table(results: &TagEvaluation, width: usize) -> String {
        tag_table(results, width)
    }
}

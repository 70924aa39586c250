//! The results of a measurement as they come.

use std::collections::BTreeSet;

use super::bench::{Bench, EncoderScores, failure};
use super::error::told;
use super::exhibition::Mapped;
use super::opened::Opened;
use super::{Common, Measurable, Measurement, notes};
use crate::encoder::{Model, ModelCard};
use crate::evaluate::{Baseline, FewLabels, ProtocolName, Task};
use crate::report::Provenance;

/// What was found so far.
pub(super) struct Found<L: Measurable> {
    pub(super) results: L::Results,
    few_labels: Vec<FewLabels>,
    /// What the reader of the numbers must know before all else.
    pub(super) remarks: Vec<String>,
    pub(super) mapped: Mapped,
}

impl<L: Measurable> Found<L> {
    pub(super) fn new(mut planned: L::Results, task: &Task<L>, unlabelled: usize) -> Self {
        let mut remarks = task.remarks();
        if unlabelled > 0 {
            let note = notes::unlabelled_note(unlabelled);
            match L::MUST_BE_LABELLED {
                true => remarks.push(note),
                false => L::common(&mut planned).notes.push(note),
            }
        }
        Self {
            results: planned,
            few_labels: Vec::new(),
            remarks,
            mapped: Mapped::default(),
        }
    }

    /// Adds what the encoder or a baseline scores.
    pub(super) fn add(&mut self, baseline: Option<Baseline>, measured: EncoderScores<L>) {
        self.remarks.extend(measured.failed);
        let common = L::common(&mut self.results);
        let Some(baseline) = baseline else {
            *common.protocols = measured.scores;
            self.few_labels = measured.few_labels;
            return;
        };
        if !measured.scores.is_empty() {
            common.baselines.insert(baseline, measured.scores);
        }
        for few in measured.few_labels {
            let same = |all: &&mut FewLabels| all.per_class == few.per_class;
            if let Some(all) = self.few_labels.iter_mut().find(same) {
                all.baselines.insert(baseline, few.accuracy);
            }
        }
    }

    /// Fine-tuning from the weights the encoder began with, where it is asked for: the fine-tuned baseline, if there is one.
    pub(super) fn add_scratch(
        &mut self,
        job: &Measurement<'_>,
        bench: &Bench<'_, L>,
        model: &Model,
    ) {
        let scratch = ProtocolName::Scratch;
        if !job.protocols.contains(&scratch.into()) {
            return;
        }
        let common = L::common(&mut self.results);
        let untrained = common.baselines.get(&Baseline::Untrained);
        let known = untrained.and_then(|scores| scores.get(&ProtocolName::Finetune));
        let fitted = |model: Model| bench.fitted(&model, Some(Baseline::Untrained), scratch);
        let tunes_all = job.config.fine_tune(ProtocolName::Finetune).unfreeze
            == job.config.fine_tune(scratch).unfreeze;
        let score = match known {
            Some(score) if tunes_all => Ok(score.clone()),
            _ => model.untrained().map_err(Into::into).and_then(fitted),
        };
        match score {
            Ok(score) => {
                common.protocols.insert(scratch, score);
            }
            Err(error) => self.remarks.push(failure(scratch, &told(&error))),
        }
    }

    pub(super) fn add_best_epochs(&mut self) {
        let common = L::common(&mut self.results);
        let baselines = common.baselines.values_mut();
        let all = baselines.chain([common.protocols]);
        all.flat_map(|scores| scores.values_mut())
            .for_each(L::add_best_epochs);
    }

    /// Adds what a reader must know to judge the scores, and leaves every remark once.
    pub(super) fn add_notes(
        &mut self,
        job: &Measurement<'_>,
        card: &ModelCard,
        task: &Task<L>,
        opened: &Opened,
        record: &Provenance,
    ) {
        L::set_few_labels(&mut self.results, std::mem::take(&mut self.few_labels));
        let mut told = BTreeSet::new();
        self.remarks.retain(|remark| told.insert(remark.clone()));
        let Common {
            notes, warnings, ..
        } = L::common(&mut self.results);
        let of_data = notes::notes(card, &opened.corpus, &opened.measured, &job.found.source);
        drop(notes.splice(0..0, of_data));
        for remark in &self.remarks {
            if !warnings.contains(remark) {
                warnings.push(remark.clone());
            }
        }
        warnings.extend(notes::heard_warning(
            card,
            task.scored_folds(),
            &opened.corpus,
        ));
        let audit = record.audit.iter();
        warnings.extend(audit.flat_map(|audit| audit.warnings.iter().cloned()));
    }
}

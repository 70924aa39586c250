//! `chiffchaff evaluate` on clips of any number of classes each.

use super::Format;
use super::evaluate::{
    Job, audit_warnings, clips_fingerprint, embedded, failure, model_name, notes, unlabelled_note,
    write_results,
};
use crate::{Finish, printer::Printer};
use anyhow::bail;
use chiffchaff::Embeddings;
use chiffchaff::dataset::Dataset;
use chiffchaff::encoder::Model;
use chiffchaff::evaluate::{
    Baseline, Extends, TagEvaluation, TagScores, TagTask, evaluate_tags, mfcc_statistics,
};
use chiffchaff::report::tag_table;
use std::collections::BTreeSet;
use std::path::Path;

/// The file of such a measurement.
const TAGS: &str = "tags.json";

/// Whether clips have any number of classes.
pub(crate) fn has_several_classes(dataset: &Dataset) -> bool {
    dataset.clips.iter().any(|clip| clip.tags.is_some())
}

/// Measures by mean average precision; writes `tags.json` and `report.html` into `out`.
pub(crate) fn run(
    job: &Job<'_>,
    out: Option<&Path>,
    format: Format,
    printer: &Printer,
) -> anyhow::Result<Finish> {
    let protocols = job.of_embeddings();
    if protocols.len() < job.protocols.len() {
        bail!(
            "clips of {} have any number of classes each, which only `linear`, `knn` and `majority` measure",
            job.data.path.display()
        );
    }
    if !job.measure.few_labels.is_empty() || job.measure.imagenet.is_some() {
        bail!("`--few-labels` and `--imagenet` need clips of one class each");
    }
    let model = Model::load(job.model, job.device.open()?)?;
    let mut opened = job.open(&model, printer)?;
    let clips = &opened.clips;
    let task = job.scoring(TagTask::from_dataset(&opened.measured)?, clips, &model.card)?;
    let features = clips.features(&opened.usable);
    let mut remarks = task.remarks();
    let mut scored = |embeddings: &Embeddings| {
        let mut scores = TagScores::new();
        for protocol in &protocols {
            match evaluate_tags(&task, embeddings, std::slice::from_ref(protocol)) {
                Ok(score) => scores.extend(score),
                Err(error) => remarks.push(failure(protocol.name(), &error.to_string())),
            }
        }
        scores
    };
    let heard = |model: &Model, what: &str| embedded(model, &features, what, printer);
    let name = model_name(job.model, &model.card);
    let mut evaluation = TagEvaluation::new(&task, name, TagScores::new());
    evaluation.encoder = Some(job.encoder_fingerprint()?);
    evaluation.clips = Some(clips_fingerprint(&opened.measured));
    evaluation.settings = job.settings(task.scored_folds());
    let earlier = (job.kept.map(|kept| kept.earlier(TAGS, &evaluation))).transpose()?;
    evaluation.protocols = scored(&heard(&model, Baseline::title_of(None))?);
    let title = Baseline::Untrained.title();
    let untrained = scored(&heard(&model.untrained()?, title)?);
    let mfcc = opened
        .usable
        .iter()
        .map(|&clip| opened.classic.cache.features(clip));
    let mfcc = mfcc_statistics(&mfcc.collect::<Vec<_>>())?;
    let classic = scored(&mfcc);
    evaluation.baselines.insert(Baseline::Untrained, untrained);
    evaluation.baselines.insert(Baseline::Classic, classic);
    let mut told = BTreeSet::new();
    remarks.retain(|remark| told.insert(remark.clone()));
    if evaluation.protocols.is_empty() {
        bail!("nothing could be measured:\n  {}", remarks.join("\n  "));
    }
    let known = evaluation.warnings.clone();
    let new = remarks.iter().filter(|remark| !known.contains(remark));
    evaluation.warnings.extend(new.cloned());
    for remark in &remarks {
        printer.warn(remark);
    }
    evaluation.notes = notes(&model.card, clips, &opened.measured, job.data);
    if opened.unlabelled > 0 {
        evaluation.notes.push(unlabelled_note(opened.unlabelled));
    }
    evaluation.warnings.extend(audit_warnings(&opened.record));
    opened.record.elapsed_secs = Some(opened.since.elapsed().as_secs_f64());
    if let Some(out) = out {
        let mut all = evaluation.clone();
        if let Some(earlier) = earlier.flatten() {
            all.extend(earlier);
        }
        let files = [(TAGS, serde_json::to_vec_pretty(&all)?)];
        write_results(out, &files, &opened.record, printer)?;
    }
    match format {
        Format::Json => printer.data(&serde_json::to_string_pretty(&evaluation)?)?,
        Format::Text => printer.data(&tag_table(&evaluation, printer.width()).trim_end())?,
    }
    clips.list_remarks(printer);
    clips.list_skipped(printer);
    Ok(if clips.are_fine() && remarks.is_empty() {
        Finish::Clean
    } else {
        Finish::WithRemarks
    })
}

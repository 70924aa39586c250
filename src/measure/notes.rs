//! What a reader must know to judge the numbers.

use std::collections::BTreeSet;

use super::folds::{split_part, split_scored};
use crate::corpus::Corpus;
use crate::dataset::{Dataset, DatasetSource};
use crate::encoder::ModelCard;
use crate::features::Normalization;

/// What is said where advice to leave a fold out cannot be followed.
const NO_FOLDS: &str =
    "to keep some apart, train and measure on a table with a column `fold`, as `--data csv:TABLE`";

/// What is said of clips that nothing is known of.
pub(super) fn unlabelled_note(unlabelled: usize) -> String {
    match unlabelled {
        1 => "1 clip has no label and is not measured".to_owned(),
        _ => format!("{unlabelled} clips have no label and are not measured"),
    }
}

/// A front end scaled by all clips that were heard has heard the scored ones, labels apart: said where a reader might think
/// that they were kept away.
pub(super) fn heard_warning(
    card: &ModelCard,
    scored_folds: &[u32],
    corpus: &Corpus,
) -> Option<String> {
    let Normalization::Global { mean, std } = card.normalization else {
        return None;
    };
    let heard = &card.provenance;
    let unheard = |fold: &u32| heard.excluded_folds.contains(fold);
    let was_heard = heard.datasets.contains(&corpus.dataset.name);
    (was_heard && !scored_folds.iter().all(unheard)).then(|| {
        let remedy = match corpus.dataset.folds().is_empty() {
            true => NO_FOLDS,
            false => "training with `--without-fold N` measures them on the others alone",
        };
        format!(
            "the encoder's input is scaled by a mean ({mean:.3}) and standard deviation ({std:.3}) that were measured on all \
             clips it was trained on, those of the scored folds included, so that it knows a little of what it is tested \
             on; {remedy}"
        )
    })
}

/// What a reader must know to judge the numbers.
pub(super) fn notes(
    card: &ModelCard,
    corpus: &Corpus,
    measured: &Dataset,
    source: &DatasetSource,
) -> Vec<String> {
    let dataset = &corpus.dataset;
    let heard = &card.provenance;
    let mut notes = Vec::new();
    let dealt = corpus.by_split && measured.folds().len() > Dataset::TEST_FOLD as usize;
    let scored = split_scored(&measured.folds()).filter(|_| corpus.by_split);
    if heard.datasets.contains(&dataset.name) {
        let folds: BTreeSet<u32> = dataset.folds().into_iter().collect();
        notes.push(if folds.is_empty() {
            format!(
                "pre-training heard every clip of {}, those of the scored folds included, without their labels; {NO_FOLDS}",
                dataset.name
            )
        } else if heard.excluded_folds.is_empty() {
            let first = scored.or(folds.first().copied()).unwrap_or(1);
            format!(
                "pre-training heard every clip of {}, those of the scored folds included, without their labels; \
                 for encoders that never heard the scored fold, train one per fold with \
                 `chiffchaff pretrain --preset {} --data {}:{} --without-fold {first} --out RUN`, and measure it: only the fold left out is scored then",
                dataset.name,
                heard.preset,
                source.kind.name(),
                source.path.display(),
            )
        } else {
            format!("pre-training never heard folds {:?}; only they are scored", heard.excluded_folds)
        });
    }
    if let Some(scored) = scored {
        let learned: Vec<String> = (measured.folds().iter())
            .filter(|&&fold| fold != scored)
            .map(|&fold| format!("{} (fold {fold})", split_part(fold)))
            .collect();
        notes.push(format!(
            "{} is split once: learned on its {} clips, scored on its {} clips (fold {scored})",
            dataset.name,
            learned.join(" and "),
            split_part(scored),
        ));
    }
    if dealt || dataset.clips.iter().all(|clip| clip.fold.is_none()) {
        notes.push(format!(
            "{} has no official folds: its clips were dealt into 5, class by class, seed 0",
            dataset.name
        ));
    }
    notes
}

//! Scores of clips with any number of classes, as text, Markdown and tables for the page.

use serde::Serialize;

use super::{
    grid::{Grid, GridRow},
    text::{interval, mean_and_spread, percent, wrap},
};
use crate::evaluate::{Baseline, ProtocolName, TagEvaluation, TagScore};

/// What the page shows of them.
#[derive(Serialize)]
pub(super) struct TagTables<'a> {
    dataset: &'a str,
    scores: Grid,
    classes: Grid,
    warnings: &'a [String],
    notes: &'a [String],
}

impl<'a> TagTables<'a> {
    pub(super) fn of(evaluation: &'a TagEvaluation) -> Self {
        Self {
            dataset: &evaluation.dataset,
            scores: scores(evaluation),
            classes: classes(evaluation),
            warnings: &evaluation.warnings,
            notes: &evaluation.notes,
        }
    }
}

/// The scores as text, with remarks of at most `width` columns.
pub fn tag_table(evaluation: &TagEvaluation, width: usize) -> String {
    let mut text = format!(
        "{} on {}: clips of any number of classes; mAP and ROC AUC in %, means over classes\n\n{}",
        evaluation.model,
        evaluation.dataset,
        scores(evaluation).text()
    );
    for (mark, remark) in remarks(evaluation) {
        text += &format!("\n{}\n", wrap(&format!("{mark}: {remark}"), width.max(60)));
    }
    text
}

/// The same as Markdown, with a table of all classes.
pub fn tag_markdown(evaluation: &TagEvaluation) -> String {
    let mut text = format!(
        "`{}` on {}, mAP and ROC AUC in %:\n\n{}\nAverage precision of each class in %:\n\n{}",
        evaluation.model.replace('`', "'"),
        evaluation.dataset,
        scores(evaluation).markdown(),
        classes(evaluation).markdown()
    );
    for (mark, remark) in remarks(evaluation) {
        text += &format!("\n**{mark}:** {remark}\n");
    }
    text
}

fn remarks(evaluation: &TagEvaluation) -> impl Iterator<Item = (&'static str, &String)> {
    let warnings = evaluation.warnings.iter().map(|text| ("warning", text));
    warnings.chain(evaluation.notes.iter().map(|text| ("note", text)))
}

/// Protocol and embeddings in words, with their scores; the model before its baselines.
fn rows(evaluation: &TagEvaluation) -> Vec<(ProtocolName, Option<Baseline>, &TagScore)> {
    let baselines = evaluation.baselines.iter();
    let all = [(None, &evaluation.protocols)]
        .into_iter()
        .chain(baselines.map(|(&baseline, scores)| (Some(baseline), scores)));
    let mut rows: Vec<_> = all
        .flat_map(|(baseline, scores)| scores.iter().map(move |(&p, s)| (p, baseline, s)))
        .collect();
    rows.sort_by_key(|(protocol, baseline, _)| (*protocol, *baseline));
    rows
}

fn scores(evaluation: &TagEvaluation) -> Grid {
    let row = |(protocol, baseline, score): (ProtocolName, Option<Baseline>, &TagScore)| {
        let embeddings = Baseline::title_of(baseline);
        let map = &score.mean_average_precision;
        GridRow {
            name: format!("{}, {embeddings}", protocol.title()),
            cells: vec![
                mean_and_spread(map),
                interval(map),
                percent(score.roc_auc.mean),
                format!("{:.2}", score.d_prime.mean),
            ],
            is_baseline: baseline.is_some(),
        }
    };
    Grid {
        columns: ["mAP", "95 % interval", "ROC AUC", "d′"]
            .map(str::to_owned)
            .to_vec(),
        rows: rows(evaluation).into_iter().map(row).collect(),
    }
}

/// Average precision of each class by each protocol.
fn classes(evaluation: &TagEvaluation) -> Grid {
    let protocols = evaluation.protocols.keys().map(|p| p.title().to_owned());
    let columns = ["clips".to_owned()].into_iter().chain(protocols).collect();
    let first = evaluation.protocols.values().next();
    let row = |(class, of_class): (usize, &crate::evaluate::TagClassScore)| {
        let precision = |score: &TagScore| {
            let precision = score.per_class[class].average_precision;
            precision.map_or("–".to_owned(), percent)
        };
        let precisions = evaluation.protocols.values().map(precision);
        GridRow {
            name: of_class.class.clone(),
            cells: [of_class.support.to_string()]
                .into_iter()
                .chain(precisions)
                .collect(),
            is_baseline: false,
        }
    };
    let per_class = first.map_or(&[][..], |score| &score.per_class);
    Grid {
        columns,
        rows: per_class.iter().enumerate().map(row).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Embeddings;
    use crate::evaluate::{Protocol, TagTask, evaluate_tags};

    fn evaluation() -> TagEvaluation {
        let names = ["wren", "rain", "never"].map(str::to_owned).to_vec();
        let tags = (0..24).map(|clip| (0..2).filter(|c| (clip >> c) & 1 == 1).collect());
        let folds = (0..24).map(|clip| clip / 8 + 1).collect();
        let task = TagTask::new("garden", names, tags.collect(), folds).unwrap();
        let values = (0..48).map(|i| (((i / 2) >> (i % 2)) & 1) as f32 + 0.01 * (i % 7) as f32);
        let embeddings = Embeddings::from_rows(2, values.collect());
        let scores = || evaluate_tags(&task, &embeddings, &Protocol::standard()).unwrap();
        let mut evaluation = TagEvaluation::new(&task, "runs/a", scores());
        evaluation.baselines.insert(Baseline::Untrained, scores());
        evaluation.notes.push("a note".to_owned());
        evaluation
    }

    #[test]
    fn every_score_and_every_class_is_told() {
        let evaluation = evaluation();
        let text = tag_table(&evaluation, 80);
        for part in [
            "linear probe, this model",
            "k-NN, untrained encoder",
            "100.0",
            "note: a note",
        ] {
            assert!(text.contains(part), "{part}:\n{text}");
        }
        let markdown = tag_markdown(&evaluation);
        assert!(markdown.contains("| never | 0 | – | – |"), "{markdown}");
        assert_eq!(TagTables::of(&evaluation).classes.rows.len(), 3);
    }
}

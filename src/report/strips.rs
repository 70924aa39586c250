//! Accuracies as strips: every fold a mark, the interval a bar, all rows of a page on one scale.

use serde::Serialize;

use super::{
    chart::{Tick, hundredths, ticks},
    table::{Row, remark, rows},
    text::{interval, percent},
};
use crate::evaluate::{Evaluation, ProtocolName, Score, Setting};

/// The rows of one protocol, with an axis all its strips share.
#[derive(Serialize)]
pub(super) struct Group {
    title: &'static str,
    heading: String,
    folds: Vec<u32>,
    rows: Vec<Strip>,
    axis: Vec<Tick>,
}

/// One row of the headline table.
#[derive(Serialize)]
struct Strip {
    embeddings: &'static str,
    is_model: bool,
    accuracy: String,
    std: String,
    interval: String,
    balanced: String,
    macro_f1: String,
    weighted_precision: String,
    per_fold: Vec<String>,
    chosen: String,
    /// What is to be said of seeds and best epochs.
    remark: String,
    /// Positions on the strip, per cent from the left.
    mean_at: f64,
    low_at: f64,
    width: f64,
    folds_at: Vec<f64>,
    description: String,
}

/// By protocol, in the order of the table.
pub(super) fn groups(evaluation: &Evaluation) -> Vec<Group> {
    let rows = rows(evaluation);
    let lowest = rows.iter().map(|row| lowest(row.score)).fold(1.0, f64::min);
    // Tenths, so that the axis has round labels; the right end is always 100 %.
    let from = ((lowest - 0.02).max(0.0) * 10.0).floor().min(9.0) / 10.0;
    rows.chunk_by(|a, b| a.protocol == b.protocol)
        .filter_map(|rows| {
            let first = rows.first()?;
            Some(Group {
                title: first.protocol.title(),
                heading: heading(first.protocol),
                folds: first.score.folds.clone(),
                rows: rows.iter().map(|row| Strip::of(row, from)).collect(),
                axis: ticks(100.0 * from, 100.0),
            })
        })
        .collect()
}

fn lowest(score: &Score) -> f64 {
    score
        .accuracy
        .per_fold
        .iter()
        .copied()
        .fold(score.accuracy.interval[0], f64::min)
}

impl Strip {
    fn of(row: &Row<'_>, from: f64) -> Self {
        let accuracy = &row.score.accuracy;
        let at = |value: f64| hundredths(100.0 * (value - from).max(0.0) / (1.0 - from));
        let [low, high] = accuracy.interval.map(at);
        let per_fold: Vec<String> = accuracy.per_fold.iter().copied().map(percent).collect();
        Self {
            embeddings: row.embeddings(),
            is_model: row.baseline.is_none(),
            accuracy: percent(accuracy.mean),
            std: percent(accuracy.std),
            interval: interval(accuracy),
            balanced: percent(row.score.balanced_accuracy.mean),
            macro_f1: percent(row.score.macro_f1.mean),
            weighted_precision: match row.score.weighted_precision.per_fold.as_slice() {
                [] => "–".to_owned(), // measured before there was such a metric
                _ => percent(row.score.weighted_precision.mean),
            },
            remark: remark(row.score),
            description: format!(
                "{}, {}: mean {} %, folds {} %",
                row.protocol.title(),
                row.embeddings(),
                percent(accuracy.mean),
                per_fold.join(", ")
            ),
            per_fold,
            chosen: chosen(row.protocol, &row.score.chosen),
            mean_at: at(accuracy.mean),
            low_at: low,
            width: hundredths(high - low),
            folds_at: accuracy.per_fold.iter().copied().map(at).collect(),
        }
    }
}

/// `Linear probe`, but `k-NN`.
pub(super) fn heading(protocol: ProtocolName) -> String {
    let title = protocol.title();
    match title.strip_prefix("k-") {
        Some(_) => title.to_owned(),
        None => title[..1].to_uppercase() + &title[1..],
    }
}

fn chosen(protocol: ProtocolName, settings: &[Setting]) -> String {
    let (Some(symbol), false) = (protocol.setting(), settings.is_empty()) else {
        return String::new();
    };
    let values: Vec<String> = settings.iter().map(Setting::to_string).collect();
    format!("{symbol} = {}", values.join(", "))
}

//! What is taken for what: confusion matrix and table of the classes.

use serde::Serialize;

use super::{chart::hundredths, strips::heading, text::percent};
use crate::evaluate::{ClassScore, Confusion, Evaluation, Score};

/// From here on the classes of a confusion matrix are drawn small.
const MANY_CLASSES: usize = 24;

/// Confusion matrix and classes of one protocol.
#[derive(Serialize)]
pub(super) struct Detail<'a> {
    heading: String,
    classes: Vec<ClassRow<'a>>,
    matrix: Vec<MatrixRow<'a>>,
    dense: bool,
    worst: Vec<String>,
}

#[derive(Serialize)]
struct ClassRow<'a> {
    name: &'a str,
    support: u32,
    precision: String,
    recall: String,
    f1: String,
    bar: f64,
}

#[derive(Serialize)]
struct MatrixRow<'a> {
    name: &'a str,
    cells: Vec<Cell>,
}

#[derive(Serialize)]
struct Cell {
    count: u32,
    /// Per cent of the row's clips.
    share: u32,
    hit: bool,
}

/// By protocol.
pub(super) fn details(evaluation: &Evaluation) -> Vec<Detail<'_>> {
    let scores = evaluation.protocols.iter();
    scores
        .map(|(protocol, score)| Detail {
            heading: heading(*protocol),
            classes: score.per_class.iter().map(ClassRow::of).collect(),
            matrix: matrix(score),
            dense: score.classes.len() > MANY_CLASSES,
            worst: worst_confusions(&score.confusion, &score.classes),
        })
        .collect()
}

impl<'a> ClassRow<'a> {
    fn of(class: &'a ClassScore) -> Self {
        Self {
            name: &class.class,
            support: class.support,
            precision: percent(class.precision),
            recall: percent(class.recall),
            f1: percent(class.f1),
            bar: hundredths(100.0 * class.f1),
        }
    }
}

fn matrix(score: &Score) -> Vec<MatrixRow<'_>> {
    let rows = score
        .classes
        .iter()
        .zip(score.confusion.counts())
        .enumerate();
    rows.map(|(truth, (name, counts))| {
        let total = counts.iter().sum::<u32>().max(1);
        let cell = |(predicted, &count): (usize, &u32)| Cell {
            count,
            share: (100.0 * f64::from(count) / f64::from(total)).round() as u32,
            hit: truth == predicted,
        };
        MatrixRow {
            name,
            cells: counts.iter().enumerate().map(cell).collect(),
        }
    })
    .collect()
}

/// The most frequent errors, in words.
fn worst_confusions(confusion: &Confusion, classes: &[String]) -> Vec<String> {
    let mut errors: Vec<(u32, &str, &str)> = Vec::new();
    for (truth, (name, row)) in classes.iter().zip(confusion.counts()).enumerate() {
        for (predicted, (taken_for, &count)) in classes.iter().zip(row).enumerate() {
            if truth != predicted && count > 0 {
                errors.push((count, name, taken_for));
            }
        }
    }
    errors.sort_by_key(|&(count, ..)| std::cmp::Reverse(count));
    errors.truncate(5);
    let sentence =
        |(count, name, other): (u32, &str, &str)| format!("{name} taken for {other}: {count}");
    errors.into_iter().map(sentence).collect()
}

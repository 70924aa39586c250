//! `chiffchaff score`: true and found events in, precision and recall out.

use super::Format;
use crate::{Finish, printer::Printer};
use anyhow::{Context, bail};
use chiffchaff::detect::score::{
    CheckedPrecision, Counts, EventScores, Measures, ScoreConfig, ScoredFiles, Subsets,
    checked_precision, read_checked_events, read_scored_files, score,
};
use clap::Args;
use std::collections::HashMap;
use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

/// Measure found events against the true ones
///
/// The metric of the DCASE few-shot task: the first five true events of each recording are given away, a found event is a hit
/// if its intersection over union with a true one is above 0.3, and subsets count alike. Tables may be DCASE, Raven, Audacity
/// or plain ones; a subset is a sub-folder of the references, unless --subsets says otherwise.
///
/// Without true events, --checked says how many of the found ones are right, from those that you listened to.
#[derive(Args)]
#[command(after_help = "Examples:
  chiffchaff score --reference Validation_Set --predictions found.csv
  chiffchaff score --reference truth --predictions found --subsets subsets.csv --format json
  chiffchaff score --checked found.csv")]
pub(crate) struct Arguments {
    /// True events: a table, or a folder of them
    #[arg(long, value_name = "PATH", required_unless_present = "checked")]
    reference: Option<PathBuf>,
    /// Found events: a table, or a folder of them
    #[arg(long, value_name = "PATH", required_unless_present = "checked")]
    predictions: Option<PathBuf>,
    /// Found events of which some have right or wrong in a column `verdict`: their precision at each threshold
    #[arg(long, value_name = "TABLE", num_args = 1.., conflicts_with_all = MATCHING)]
    checked: Vec<PathBuf>,
    /// A table `file,subset` that says which recordings belong together
    #[arg(long, value_name = "CSV")]
    subsets: Option<PathBuf>,
    /// Score only events of this label, where there are several
    #[arg(long)]
    label: Option<String>,
    /// True events at the start of each recording that were given away
    #[arg(long, value_name = "N", default_value_t = ScoreConfig::default().shots)]
    shots: usize,
    /// Do not count the shots of a recording without any prediction as missed, as the published code does
    #[arg(long)]
    forgive_shots: bool,
    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What says how found events are held against true ones.
const MATCHING: [&str; 6] = [
    "reference",
    "predictions",
    "subsets",
    "label",
    "shots",
    "forgive_shots",
];

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> anyhow::Result<Finish> {
    if !arguments.checked.is_empty() {
        return run_checked(&arguments.checked, arguments.format, printer);
    }
    let reference = arguments.reference.as_deref();
    let reference = reference.context("`--reference` is missing")?;
    let predictions = arguments.predictions.as_deref();
    let predictions = predictions.context("`--predictions` is missing")?;
    let subsets = match &arguments.subsets {
        Some(path) => Subsets::read(path)?,
        None => Subsets::Folders,
    };
    let read = read_scored_files(reference, predictions, &subsets, arguments.label.as_deref())?;
    let config = ScoreConfig {
        shots: arguments.shots,
        reference_compat: !arguments.forgive_shots,
        ..ScoreConfig::default()
    };
    let scores = score(&read.files, &config);
    match arguments.format {
        Format::Json => printer.data(&serde_json::to_string_pretty(&scores)?)?,
        Format::Text => printer.data(&table(&scores)?.trim_end())?,
    }
    for (warning, tables) in by_warning(&read) {
        let more = match tables.len() {
            1 => String::new(),
            n => format!(" (and so of {} more tables)", n - 1),
        };
        printer.warn(&format_args!("{}: {warning}{more}", tables[0].display()));
    }
    // Folders of recordings hold lists and licences too: worth a word, but nothing is missing from the result.
    for path in &read.skipped {
        printer.warn(&format_args!(
            "{}: holds no marks, passed over",
            path.display()
        ));
    }
    for (folder, reason) in &read.unreadable {
        printer.warn(&format_args!(
            "{}: is a folder that cannot be read, and its tables are missing: {reason}",
            folder.display()
        ));
    }
    Ok(match read.unreadable.is_empty() {
        true => Finish::Clean,
        false => Finish::WithRemarks,
    })
}

/// How many of the found events are right, by those that were checked.
fn run_checked(tables: &[PathBuf], format: Format, printer: &Printer) -> anyhow::Result<Finish> {
    let mut events = Vec::new();
    for table in tables {
        events.extend(read_checked_events(table)?);
    }
    if events.iter().all(|event| event.is_right.is_none()) {
        bail!(
            "none of the {} events is checked\n\nhint: listen to some, and write `right` or `wrong` into their column `verdict`",
            events.len()
        );
    }
    let precision = checked_precision(&events);
    match format {
        Format::Json => printer.data(&serde_json::to_string_pretty(&precision)?)?,
        Format::Text => printer.data(&checked_table(&precision)?.trim_end())?,
    }
    Ok(Finish::Clean)
}

/// In percent, a line for each threshold.
fn checked_table(precision: &[CheckedPrecision]) -> Result<String, fmt::Error> {
    let mut text = String::new();
    let heads = ["events", "checked", "right", "precision"];
    writeln!(text, "threshold{}    95 % interval", right(&heads))?;
    for at in precision {
        let counts = [at.events, at.checked, at.right].map(|count| count.to_string());
        let (share, interval) = match at.estimate {
            Some(estimate) => {
                let [low, high] = estimate.interval.map(|end| 100.0 * end);
                let share = format!("{:.1}", 100.0 * estimate.precision);
                (share, format!("{low:.1} to {high:.1}"))
            }
            None => ("–".to_owned(), "–".to_owned()),
        };
        writeln!(
            text,
            "{:9.2}{}{interval:>17}",
            at.threshold,
            right(&[&counts[..], &[share]].concat())
        )?;
    }
    let all = precision
        .first()
        .map_or((0, 0), |all| (all.checked, all.events));
    writeln!(
        text,
        "\n{} of {} events were checked; those that were not are taken to be right as often as checked ones of alike scores",
        all.0, all.1
    )?;
    if precision.iter().any(|at| at.estimate.is_none()) {
        text += "– is not known: too few were checked there, or none of the lowest scores\n";
    }
    Ok(text)
}

/// What is odd, each once, with the tables of which it is said.
fn by_warning(read: &ScoredFiles) -> Vec<(String, Vec<&Path>)> {
    let mut warnings: Vec<(String, Vec<&Path>)> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for (path, warning) in &read.warnings {
        let text = warning.to_string();
        let index = *known.entry(text.clone()).or_insert(warnings.len());
        if index == warnings.len() {
            warnings.push((text, Vec::new()));
        }
        warnings[index].1.push(path);
    }
    warnings
}

/// In percent: subsets, then files, then overall.
fn table(scores: &EventScores) -> Result<String, fmt::Error> {
    let names = scores.subsets.keys().chain(scores.files.keys());
    let width = names
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0)
        .clamp(9, 40);
    let mut text = String::new();
    let heads = ["hits", "false", "missed", "precision", "recall", "F"];
    writeln!(text, "{:width$}{}", "recording", right(&heads))?;
    for (name, file) in &scores.files {
        writeln!(
            text,
            "{name:width$}{}",
            row(Some(&file.counts), &file.measures)
        )?;
    }
    writeln!(text, "\n{:width$}{}", "subset", right(&heads))?;
    for (name, subset) in &scores.subsets {
        writeln!(
            text,
            "{name:width$}{}",
            row(Some(&subset.counts), &subset.measures)
        )?;
    }
    writeln!(text, "{:width$}{}", "overall", row(None, &scores.overall))?;
    let [low, high] = scores.interval.f_measure.map(|value| 100.0 * value);
    writeln!(
        text,
        "\nF {:.1}, 95 % interval over recordings {low:.1} to {high:.1}; overall is the harmonic mean over subsets",
        100.0 * scores.overall.f_measure
    )?;
    Ok(text)
}

fn row(counts: Option<&Counts>, measures: &Measures) -> String {
    let counts = counts.map_or_else(Default::default, |counts| {
        [
            counts.true_positives,
            counts.false_positives,
            counts.false_negatives,
        ]
        .map(|count| count.to_string())
    });
    let measures = [measures.precision, measures.recall, measures.f_measure];
    let measures = measures.map(|value| format!("{:.1}", 100.0 * value));
    right(&[counts, measures].concat())
}

fn right<T: AsRef<str>>(values: &[T]) -> String {
    values
        .iter()
        .map(|value| format!("{:>10}", value.as_ref()))
        .collect()
}

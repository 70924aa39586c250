//! `chiffchaff score`: true and found events in, precision and recall out.

use super::Format;
use crate::{Finish, printer::Printer};
use chiffchaff::detect::score::{
    Counts, EventScores, Measures, ScoreConfig, ScoredFiles, Subsets, read_scored_files, score,
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
#[derive(Args)]
#[command(after_help = "Examples:
  chiffchaff score --reference Validation_Set --predictions found.csv
  chiffchaff score --reference truth --predictions found --subsets subsets.csv --format json")]
pub(crate) struct Arguments {
    /// True events: a table, or a folder of them
    #[arg(long, value_name = "PATH")]
    reference: PathBuf,
    /// Found events: a table, or a folder of them
    #[arg(long, value_name = "PATH")]
    predictions: PathBuf,
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

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> anyhow::Result<Finish> {
    let subsets = match &arguments.subsets {
        Some(path) => Subsets::read(path)?,
        None => Subsets::Folders,
    };
    let read = read_scored_files(
        &arguments.reference,
        &arguments.predictions,
        &subsets,
        arguments.label.as_deref(),
    )?;
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

//! `chiffchaff doctor`: what a dataset holds, and what is wrong with it.

use super::Format;
use crate::{Finish, printer::Printer};
use chiffchaff::dataset::{DatasetScan, DatasetSource, ValueCount, scan};
use clap::Args;
use std::fmt::Write;

/// Read every file of a dataset and say what is odd
#[derive(Args)]
#[command(after_help = "Examples:
  chiffchaff doctor --data folder:my_recordings
  chiffchaff doctor --data esc10:data/esc10 --format json")]
pub(crate) struct Arguments {
    /// What to read, as KIND:PATH (esc50, esc10, folder, csv or fewshot)
    #[arg(long, value_name = "KIND:PATH")]
    data: DatasetSource,
    /// How to print the findings
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> anyhow::Result<Finish> {
    let found = scan(&arguments.data.load()?);
    match arguments.format {
        Format::Json => printer.data(&serde_json::to_string_pretty(&found)?)?,
        Format::Text => printer.data(&summary(&found)?.trim_end())?,
    }
    let fine =
        found.clips > 0 && found.problems().next().is_none() && found.split_sources.is_empty();
    Ok(if fine {
        Finish::Clean
    } else {
        Finish::WithRemarks
    })
}

fn summary(found: &DatasetScan) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(
        text,
        "{}: {} clips, {} readable",
        found.dataset, found.clips, found.readable
    )?;
    let lengths = &found.lengths;
    writeln!(
        text,
        "lengths   {:.2} to {:.2} s, median {:.2} s, {:.1} min in all",
        lengths.shortest_secs,
        lengths.longest_secs,
        lengths.median_secs,
        lengths.total_secs / 60.0
    )?;
    writeln!(text, "rates     {}", counts(&found.sample_rates, " Hz"))?;
    writeln!(text, "channels  {}", counts(&found.channels, ""))?;
    if !found.folds.is_empty() {
        let folds = found
            .folds
            .iter()
            .map(|f| format!("{}: {}", f.fold, f.clips));
        writeln!(text, "folds     {}", folds.collect::<Vec<_>>().join(", "))?;
    }
    let classes = found
        .classes
        .iter()
        .map(|c| format!("{}: {}", c.class, c.clips));
    let classes = classes.collect::<Vec<_>>().join(", ");
    writeln!(
        text,
        "classes   {}, {} unlabelled",
        if classes.is_empty() { "none" } else { &classes },
        found.unlabelled
    )?;
    for split in &found.split_sources {
        writeln!(
            text,
            "source {} lies in folds {:?}: scores will be too good",
            split.source, split.folds
        )?;
    }
    for outcome in found.problems() {
        for problem in &outcome.problems {
            writeln!(text, "{}: {problem}", outcome.path.display())?;
        }
    }
    Ok(text)
}

fn counts(values: &[ValueCount], unit: &str) -> String {
    let each = values
        .iter()
        .map(|v| format!("{}{unit}: {}", v.value, v.clips));
    each.collect::<Vec<_>>().join(", ")
}

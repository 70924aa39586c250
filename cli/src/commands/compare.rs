//! `chiffchaff compare`: measured runs in, whether they differ out.

use super::Format;
use crate::{Finish, printer::Printer};
use anyhow::bail;
use chiffchaff::report::{Run, comparison, paired, paired_text};
use clap::Args;
use std::path::PathBuf;

/// Tell whether runs differ by more than chance
///
/// Every run must have been measured on the same clips by `chiffchaff evaluate`. The first is compared with every other,
/// clip by clip: p is how often chance alone makes a difference at least as large (exact paired permutation test, with one
/// seed McNemar's).
#[derive(Args)]
#[command(after_help = "Examples:
  chiffchaff compare runs/a runs/b
  chiffchaff compare runs/a runs/b runs/c --format json")]
pub(crate) struct Arguments {
    /// Directories of measured runs
    #[arg(value_name = "RUN", required = true, num_args = 2..)]
    runs: Vec<PathBuf>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> anyhow::Result<Finish> {
    let runs = arguments.runs.iter().map(|run| Run::read(run));
    let runs = runs.collect::<Result<Vec<_>, _>>()?;
    if let Some(run) = runs.iter().find(|run| run.evaluation.is_none()) {
        bail!(
            "{}: not measured yet\n\nhint: `chiffchaff evaluate --model {} --data KIND:PATH`",
            run.name,
            run.name
        );
    }
    let pairs = paired(&runs);
    if pairs.is_empty() {
        bail!(
            "{} has no clip and protocol in common with the others, or was measured by a version that did not keep \
             predictions\n\nhint: measure all of them with the same `--data` and `--protocol`",
            runs[0].name
        );
    }
    match arguments.format {
        Format::Json => printer.data(&serde_json::to_string_pretty(&pairs)?)?,
        Format::Text => {
            printer.data(&comparison(&runs))?;
            printer.data(&paired_text(&pairs).trim_end())?;
        }
    }
    Ok(Finish::Clean)
}

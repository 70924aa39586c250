//! `chiffchaff report`: runs in, one page out.

use super::{existing, run_files};
use crate::{Finish, printer::Printer};
use anyhow::{Context, bail};
use chiffchaff::evaluate::{Evaluation, TagEvaluation};
use chiffchaff::output::OutputFile;
use chiffchaff::report::{
    Run, comparison_markdown, csv, markdown, paired, paired_markdown, tag_markdown, write_html,
};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

/// Write one self-contained page about runs and their measurements
///
/// The ending of `--out` decides what is written: .html, or the numbers alone as .md, .csv or .json.
#[derive(Args)]
#[command(after_help = "Examples:
  chiffchaff report runs/demo --out report.html
  chiffchaff report runs/a runs/b --out table.md")]
pub(crate) struct Arguments {
    /// Directories of runs or evaluations
    #[arg(value_name = "DIR", required = true)]
    runs: Vec<PathBuf>,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Replace the file if it is there already
    #[arg(long)]
    force: bool,
}

/// What was measured of one run.
#[derive(Serialize)]
#[serde(untagged)]
enum Document<'a> {
    Evaluation(&'a Evaluation),
    Tags(&'a TagEvaluation),
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> anyhow::Result<Finish> {
    let inputs: Vec<_> = arguments
        .runs
        .iter()
        .flat_map(|run| run_files(run))
        .collect();
    OutputFile {
        path: &arguments.out,
        option: "--out",
        endings: &["html", "md", "csv", "json"],
    }
    .check(&inputs, existing(arguments.force))?;
    let runs = arguments.runs.iter().map(|run| Run::read(run));
    let runs = runs.collect::<Result<Vec<_>, _>>()?;
    let evaluations = || runs.iter().filter_map(|run| run.evaluation.as_ref());
    let tags = || runs.iter().filter_map(|run| run.tags.as_ref());
    let write = |text: &str| {
        let written = chiffchaff::write_whole(&arguments.out, text.as_bytes());
        written.with_context(|| arguments.out.display().to_string())
    };
    let ending = arguments.out.extension().and_then(|ending| ending.to_str());
    match ending.map(str::to_ascii_lowercase).as_deref() {
        Some("html") => write_html(&arguments.out, &runs)?,
        Some("md") => {
            let tables: String = evaluations()
                .map(markdown)
                .chain(tags().map(tag_markdown))
                .collect();
            let beside = match runs.len() {
                1 => String::new(),
                _ => comparison_markdown(&runs) + &paired_markdown(&paired(&runs)),
            };
            write(&(beside + &tables))?;
        }
        Some("json") => {
            let documents = evaluations().map(Document::Evaluation);
            let documents: Vec<_> = documents.chain(tags().map(Document::Tags)).collect();
            write(&serde_json::to_string_pretty(&documents)?)?;
        }
        Some("csv") => write(&evaluations().map(csv).collect::<String>())?,
        _ => bail!(
            "{}: must end in .html, .md, .csv or .json",
            arguments.out.display()
        ),
    }
    printer.say(&format_args!("written: {}", arguments.out.display()));
    Ok(Finish::Clean)
}

//! `chiffchaff demo`: the whole story on bundled recordings.

use super::evaluate::{Folds, ProtocolChoice};
use super::{evaluate, pretrain};
use crate::clips::CacheArguments;
use crate::{Finish, printer::Printer};
use anyhow::bail;
use chiffchaff::dataset::{DatasetKind, DatasetSource};
use chiffchaff::encoder::DeviceName;
use chiffchaff::experiment::Experiment;
use chiffchaff::report::table;
use chiffchaff::train::{RunDir, Start};
use clap::Args;
use std::path::PathBuf;

/// Train, measure and report on 400 real recordings, in about ten minutes
///
/// Runs `pretrain` with the preset `small`, then `evaluate` beside an untrained encoder and a
/// classic one. Interrupted, it goes on where it stopped.
#[derive(Args)]
#[command(after_help = "Examples:
  chiffchaff demo
  chiffchaff demo --set train.max_steps=200 --out runs/quick")]
pub(crate) struct Arguments {
    /// The folder of the bundled ESC-10 recordings
    #[arg(long, value_name = "DIR", default_value = "data/esc10")]
    data: PathBuf,
    /// The run directory
    #[arg(long, value_name = "RUN", default_value = "runs/demo")]
    out: PathBuf,
    /// Change one key of the preset, such as train.max_steps=200
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    cache: CacheArguments,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> anyhow::Result<Finish> {
    if !arguments.data.is_dir() {
        bail!(
            "{}: no such folder\n\nhint: run the demo in the repository, or say where ESC-10 lies with `--data DIR`",
            arguments.data.display()
        );
    }
    let data = DatasetSource {
        kind: DatasetKind::Esc10,
        path: arguments.data.clone(),
    };
    let run = RunDir::new(&arguments.out);
    let start = if run.checkpoint().exists() {
        Start::Resume
    } else {
        Start::New
    };
    let training = pretrain::Job {
        experiment: Experiment::preset("small", &arguments.set)?,
        data: std::slice::from_ref(&data),
        without_folds: &[],
        run,
        start,
        device: DeviceName::Cpu,
        cache: &arguments.cache,
    };
    let (finished, skipped) = training.run(printer)?;
    if finished == pretrain::Finished::Interrupted {
        return Ok(Finish::WithRemarks);
    }
    let measurement = evaluate::Job {
        model: &arguments.out,
        data: &data,
        protocols: &[ProtocolChoice::Linear, ProtocolChoice::Knn],
        folds: &Folds::All,
        device: DeviceName::Cpu,
        cache: &arguments.cache,
    };
    let measured = measurement.run(printer)?;
    measured.write(&arguments.out, printer)?;
    printer.data(&table(&measured.evaluation, printer.width()).trim_end())?;
    Ok(if skipped == 0 {
        Finish::Clean
    } else {
        Finish::WithRemarks
    })
}

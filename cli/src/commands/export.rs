//! `chiffchaff export`: a trained encoder as one small file.

use super::{existing, run_files};
use crate::{Finish, printer::Printer};
use chiffchaff::encoder::{DeviceName, Model};
use chiffchaff::output::OutputFile;
use clap::Args;
use std::path::PathBuf;

/// Write a trained encoder as one small file
///
/// Weights in bf16, half the size; the front end is in the file too. Every command that takes `--model` reads it.
#[derive(Args)]
#[command(after_help = "Examples:
  chiffchaff export --model runs/calls --out calls.safetensors")]
pub(crate) struct Arguments {
    /// A run directory, or the encoder.safetensors of one
    #[arg(long, value_name = "RUN|FILE")]
    model: PathBuf,
    /// The file to write, ending in .safetensors
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Replace the file if it is there already
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> anyhow::Result<Finish> {
    OutputFile {
        path: &arguments.out,
        option: "--out",
        endings: &["safetensors"],
    }
    .check(&run_files(&arguments.model), existing(arguments.force))?;
    let model = Model::load(&arguments.model, DeviceName::Cpu.open()?)?;
    model.export(&arguments.out)?;
    printer.say(&format_args!("model: {}", arguments.out.display()));
    Ok(Finish::Clean)
}

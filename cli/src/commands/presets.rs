//! `chiffchaff presets`: what there is, and what one is made of.

use super::Format;
use crate::{Finish, printer::Printer};
use chiffchaff::experiment::{Experiment, PRESETS};
use clap::Args;
use std::fmt::Write;

/// List the presets, or show one whole
///
/// A preset is a complete configuration, with its source and how it differs from that: `chiffchaff presets small >
/// mine.toml`, change what you like, then `chiffchaff pretrain --config mine.toml …`.
#[derive(Args)]
#[command(after_help = "Examples:
  chiffchaff presets
  chiffchaff presets small")]
pub(crate) struct Arguments {
    /// Show this preset as a configuration file
    name: Option<String>,
    /// How to print the list
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> anyhow::Result<Finish> {
    let text = match (&arguments.name, arguments.format) {
        (Some(name), Format::Text) => Experiment::preset(name, &[])?.to_toml(),
        (Some(name), Format::Json) => {
            serde_json::to_string_pretty(&Experiment::preset(name, &[])?)?
        }
        (None, format) => list(format)?,
    };
    printer.data(&text.trim_end())?;
    Ok(Finish::Clean)
}

fn list(format: Format) -> anyhow::Result<String> {
    let names = PRESETS.iter().map(|(name, _)| name);
    let presets = names.map(|name| Ok(Experiment::preset(name, &[])?.preset));
    let presets = presets.collect::<anyhow::Result<Vec<_>>>()?;
    if format == Format::Json {
        return Ok(serde_json::to_string_pretty(&presets)?);
    }
    let widest = presets.iter().map(|preset| preset.name.len()).max();
    let widest = widest.unwrap_or(0);
    let mut text = String::new();
    for preset in &presets {
        writeln!(text, "{:widest$}  {}", preset.name, preset.summary)?;
    }
    Ok(text)
}

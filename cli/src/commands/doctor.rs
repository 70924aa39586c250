//! `chiffchaff doctor`: what a dataset holds, and what is wrong with it.

use super::{Format, data_help};
use crate::clips::{ChannelArgument, scanned};
use crate::interrupt::Interrupt;
use crate::{Finish, printer::Printer, shown};
use chiffchaff::dataset::{DatasetScan, DatasetSource};
use chiffchaff::report::{Audit, Finding};
use clap::Args;
use std::fmt::Write;

/// Read every file of a dataset and say what is odd
///
/// Counts clips, lengths, rates, channels and classes, and lists every file that is unreadable, silent, clipped, missing, in
/// the wrong place or under the wrong name, whose channels cancel each other out, or has the same samples as another, whatever its format.
#[derive(Args)]
#[command(after_help = "Examples:
  chiffchaff doctor --data folder:my_recordings
  chiffchaff doctor --data us8k:UrbanSound8K
  chiffchaff doctor --data esc10:data/esc10 --format json")]
pub(crate) struct Arguments {
    #[arg(long, value_name = "KIND:PATH", help = data_help("What to read"))]
    data: DatasetSource,
    /// How to print the findings
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    channel: ChannelArgument,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> anyhow::Result<Finish> {
    let channel = arguments.channel.channel.unwrap_or_default();
    let dataset = arguments.data.load()?.on_channel(channel);
    let interrupt = Interrupt::leaving(*printer, |_| {
        "interrupted; nothing is kept of what was read\n\nhint: start again with the same command"
            .to_owned()
    })?;
    let found = scanned(&dataset, printer);
    drop(interrupt);
    match arguments.format {
        Format::Json => printer.data(&serde_json::to_string_pretty(&found)?)?,
        Format::Text => printer.data(&summary(&found)?.trim_end())?,
    }
    Ok(if found.is_fine() {
        Finish::Clean
    } else {
        Finish::WithRemarks
    })
}

fn summary(found: &DatasetScan) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let audit = Audit::of(found);
    writeln!(text, "{}: {}", shown::line(&found.dataset), audit.clips)?;
    for (name, value) in &audit.facts {
        writeln!(text, "{name:9} {value}")?;
    }
    for Finding { about, what } in &audit.findings {
        writeln!(text, "{}", shown::line(&format!("{about}: {what}")))?;
    }
    Ok(text)
}

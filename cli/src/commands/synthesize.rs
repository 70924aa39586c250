//! `chiffchaff synthesize`: recordings of imagined animals with every sound marked.

use crate::clips::ChannelArgument;
use crate::{Finish, printer::Printer};
use anyhow::{Context, bail};
use chiffchaff::audio::SampleRate;
use chiffchaff::dataset::{DatasetSource, SyntheticConfig};
use chiffchaff::output::{OutputError, OutputFolder, refuse_input};
use clap::Args;
use std::path::PathBuf;

/// Make recordings of imagined animals, every sound marked
///
/// Each is of another animal with two to six kinds of sounds, drawn at random, before a real background or noise.
/// `pretrain --preset calls` learns from them to tell calls apart; the encoder that `detect` starts from learned so.
#[derive(Args)]
#[command(after_help = "Examples:
  chiffchaff synthesize --backgrounds esc10:data/esc10 --out animals
  chiffchaff pretrain --preset calls --data fewshot:animals --out runs/calls")]
pub(crate) struct Arguments {
    /// Recordings to mix in as backgrounds, as KIND:PATH [default: noise alone]
    #[arg(long, value_name = "KIND:PATH")]
    backgrounds: Option<DatasetSource>,
    /// The folder to write to, made if it is not there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How many recordings
    #[arg(long, default_value_t = 1200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    recordings: u32,
    /// Seconds of each
    #[arg(long, default_value_t = 10.0)]
    secs: f64,
    /// Other seeds give other animals
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    channel: ChannelArgument,
    /// Replace recordings that were made before
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> anyhow::Result<Finish> {
    if !(1.0..=600.0).contains(&arguments.secs) {
        bail!(
            "`--secs` is {}, but must be within 1 to 600",
            arguments.secs
        );
    }
    let backgrounds = match &arguments.backgrounds {
        Some(source) => {
            let channel = arguments.channel.channel.unwrap_or_default();
            source.load()?.on_channel(channel).clips
        }
        None => Vec::new(),
    };
    let config = SyntheticConfig {
        recordings: arguments.recordings,
        secs: arguments.secs,
        sample_rate: SampleRate::new(22_050)?,
        seed: arguments.seed,
    };
    OutputFolder {
        path: &arguments.out,
        option: "--out",
    }
    .check()?;
    let inputs: Vec<_> = backgrounds.iter().map(|clip| &clip.path).collect();
    for path in SyntheticConfig::written(&arguments.out)? {
        refuse_input(&path, &inputs, "--out")?;
        if !arguments.force {
            let option = "--out";
            return Err(OutputError::Exists { path, option }.into());
        }
        std::fs::remove_file(&path).with_context(|| path.display().to_string())?;
    }
    let bar = printer.bar(
        arguments.recordings.into(),
        "singing {bar:30} {pos}/{len} recordings, {eta} left",
    );
    let written = config.write(&arguments.out, &backgrounds, || bar.inc(1));
    bar.finish_and_clear();
    written?;
    printer.say(&format_args!(
        "{} recordings: {}",
        arguments.recordings,
        arguments.out.display()
    ));
    Ok(Finish::Clean)
}

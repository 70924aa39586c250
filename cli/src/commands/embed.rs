//! `chiffchaff embed`: recordings or clips in, one vector for each window out.

mod kept;

use super::existing;
use crate::clips::{ChannelArgument, usable};
use crate::{Finish, printer::Printer};
use anyhow::{Context, anyhow, bail};
use chiffchaff::dataset::{Clip, DatasetKind, DatasetSource, output_names};
use chiffchaff::encoder::{DeviceName, EmbedConfig, EncoderError, Model, SoundWindows, Statistic};
use chiffchaff::output::{OutputError, OutputFile};
use chiffchaff::report::{EmbeddedRecording, EmbeddingFormat, EmbeddingTable};
use clap::Args;
use kept::{Kept, Part};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Compute the embeddings of recordings, one for each window
///
/// A recording is cut into windows as long as those that the encoder was trained on, or as --window and --hop say; the last
/// one ends with the recording. Interrupted or killed, the same command with --resume goes on.
#[derive(Args, Debug, Clone)]
#[command(after_help = "Examples:
  chiffchaff embed --model runs/mine dawn.wav dusk.wav --out embeddings.parquet
  chiffchaff embed --model runs/mine recordings/ --window 3 --hop 1.5 --out embeddings.npy
  chiffchaff embed --model runs/mine csv:clips.csv --whole --out vectors.csv")]
pub(crate) struct Arguments {
    /// Recordings, folders of them, or clips as KIND:PATH (see `chiffchaff doctor --help`)
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<String>,
    /// A run directory, or the encoder.safetensors of one
    #[arg(long, value_name = "RUN|FILE")]
    model: PathBuf,
    /// The table to write: .npy (and its rows' names and times beside it as .csv), .csv or .parquet
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Length of a window, seconds [default: as the encoder was trained]
    #[arg(long, value_name = "SECS", value_parser = seconds, conflicts_with = "whole")]
    window: Option<f64>,
    /// From the start of a window to that of the next, seconds [default: --window]
    #[arg(long, value_name = "SECS", value_parser = seconds, conflicts_with = "whole")]
    hop: Option<f64>,
    /// One embedding for each recording or clip as a whole, as `evaluate` measures it
    #[arg(long)]
    whole: bool,
    /// What of the network: measured (what `evaluate` measures), output (its own embedding), or the number of a stage, 1 the
    /// nearest to the input, averaged over its map
    #[arg(long, value_name = "LAYER", default_value = "measured")]
    layer: Layer,
    #[command(flatten)]
    channel: ChannelArgument,
    /// Replace the table if it is there already
    #[arg(long)]
    force: bool,
    /// Go on where an earlier run into the same `--out` was interrupted
    #[arg(long)]
    resume: bool,
    /// Where to compute: cpu, cuda, cuda:N or mps
    #[arg(long, default_value = "cpu")]
    device: DeviceName,
}

/// What of a network is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layer {
    Measured,
    Output,
    Stage(usize),
}

impl FromStr for Layer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("measured", _) => Ok(Self::Measured),
            ("output", _) => Ok(Self::Output),
            (_, Ok(stage)) if stage > 0 => Ok(Self::Stage(stage)),
            _ => Err("must be `measured`, `output` or the number of a stage".to_owned()),
        }
    }
}

impl Layer {
    /// How a model gives it.
    fn of(self, model: &Model) -> EmbedConfig {
        let statistics = vec![Statistic::Mean];
        match self {
            Self::Measured => model.card.embed.clone(),
            Self::Output => EmbedConfig::Patches {
                hop_frames: (model.card.frames / 2).max(1),
                statistics,
            },
            Self::Stage(stage) => EmbedConfig::Stage { stage, statistics },
        }
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(secs) if (0.001..=86_400.0).contains(&secs) => Ok(secs),
        _ => Err("must be a number of seconds from 0.001 to 86400".to_owned()),
    }
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> anyhow::Result<Finish> {
    let Some(format) = EmbeddingFormat::of_path(&arguments.out) else {
        return Err(OutputError::Ending {
            path: arguments.out.clone(),
            option: "--out",
            endings: &EmbeddingFormat::ENDINGS,
        }
        .into());
    };
    let mut model = Model::load(&arguments.model, arguments.device.open()?)?;
    model.card.embed = arguments.layer.of(&model);
    let mut remarked = false;
    let clips = clips(arguments, &model, printer, &mut remarked)?;
    arguments.check(format, &clips)?;
    let Some(mut kept) = Kept::prepare(arguments, printer, clips.len())? else {
        return Ok(Finish::Clean);
    };
    let windows = arguments.windows(&model);
    let names = names(&clips);
    let (mut done, mut dim) = (Vec::new(), None);
    for (clip, name) in clips.iter().zip(names) {
        let (part, is_new) = match kept.take_up(clip, &name)? {
            Some(part) => (part, false),
            None => match embed(&model, clip, windows, name, printer) {
                Ok(part) => (part, true),
                Err(error) => {
                    printer.warn(&format_args!("skipped: {error:#}"));
                    remarked = true;
                    continue;
                }
            },
        };
        for remark in &part.remarks {
            printer.warn(&format_args!("{}: {remark}", clip.path.display()));
        }
        remarked |= !part.remarks.is_empty();
        let recording = &part.recording;
        dim = dim.or(Some(recording.embeddings.dim()));
        done.push((clip, recording.recording.clone(), recording.windows.len()));
        if is_new {
            kept.keep(clip, part)?;
        }
    }
    let Some(dim) = dim else {
        bail!("none of {} inputs could be embedded", clips.len());
    };
    let table = EmbeddingTable {
        path: &arguments.out,
        format,
        windows: done.iter().map(|(_, _, windows)| windows).sum(),
        dim,
    };
    let written = table.write(done.len(), |index| {
        let (clip, name, _) = &done[index];
        kept.recording(clip, name)
    });
    written.with_context(|| arguments.out.display().to_string())?;
    kept.finish()?;
    let s = if table.windows == 1 { "" } else { "s" };
    printer.say(&format_args!(
        "{}: {} window{s} of {} recordings or clips, {dim} numbers each",
        arguments.out.display(),
        table.windows,
        done.len()
    ));
    drop(chiffchaff::audio::take_remarks()); // they were told with their recordings
    Ok(match remarked {
        true => Finish::WithRemarks,
        false => Finish::Clean,
    })
}

fn embed(
    model: &Model,
    clip: &Clip,
    windows: SoundWindows,
    name: String,
    printer: &Printer,
) -> anyhow::Result<Part> {
    let bar = printer.bar(0, "{msg} {spinner} {pos} s");
    bar.set_message(name.clone());
    let embedded = model.embed_clip(clip, windows, |secs| bar.set_position(secs as u64));
    bar.finish_and_clear();
    // Errors of reading name the file, others do not.
    let embedded = embedded.map_err(|error| match error {
        EncoderError::Sound(error) => error.into(),
        error => anyhow!("{}: {error}", clip.path.display()),
    })?;
    Ok(Part {
        recording: EmbeddedRecording {
            recording: name,
            windows: embedded.windows,
            embeddings: embedded.embeddings,
        },
        remarks: embedded.remarks,
    })
}

/// What is embedded, each once, in the order given.
fn clips(
    arguments: &Arguments,
    model: &Model,
    printer: &Printer,
    remarked: &mut bool,
) -> anyhow::Result<Vec<Clip>> {
    let channel = arguments.channel.channel.unwrap_or(model.card.channel);
    let mut clips: Vec<Clip> = Vec::new();
    for input in &arguments.inputs {
        let path = Path::new(input);
        let source = match (path.is_file(), path.is_dir()) {
            (true, _) => {
                clips.push(Clip::unlabelled(path));
                continue;
            }
            (_, true) => DatasetSource {
                kind: DatasetKind::Folder,
                path: path.to_owned(),
            },
            _ => input.parse().map_err(|_| {
                anyhow!("{input}: is no file, no folder and no clips named as KIND:PATH")
            })?,
        };
        let (found, is_short) = usable(&source, printer)?;
        *remarked |= is_short;
        clips.extend(found);
    }
    let mut seen = HashSet::new();
    clips.retain(|clip| {
        let span = clip
            .span
            .map(|span| (span.onset().to_bits(), span.offset().to_bits()));
        seen.insert((clip.path.clone(), span))
    });
    for clip in &mut clips {
        clip.channel = channel;
    }
    if clips.is_empty() {
        bail!("there are no sound files");
    }
    Ok(clips)
}

/// What the file of each clip is called in the table.
fn names(clips: &[Clip]) -> Vec<String> {
    let paths: BTreeSet<&Path> = clips.iter().map(|clip| clip.path.as_path()).collect();
    let paths: Vec<&Path> = paths.into_iter().collect();
    let names = output_names(&paths);
    let names: BTreeMap<&Path, _> = paths.into_iter().zip(&names).collect();
    let name = |clip: &Clip| names[clip.path.as_path()].recording.clone();
    clips.iter().map(name).collect()
}

impl Arguments {
    fn windows(&self, model: &Model) -> SoundWindows {
        if self.whole {
            return SoundWindows::Whole;
        }
        let card = &model.card;
        let trained = card.frames as f64 / card.front_end.frame_rate();
        let window_secs = self.window.unwrap_or(trained);
        SoundWindows::Every {
            window_secs,
            hop_secs: self.hop.unwrap_or(window_secs),
        }
    }

    /// Before anything is computed.
    fn check(&self, format: EmbeddingFormat, clips: &[Clip]) -> anyhow::Result<()> {
        let tables = self.inputs.iter().filter_map(|input| input.split_once(':'));
        let tables = tables.map(|(_, path)| PathBuf::from(path));
        let inputs: Vec<_> = (clips.iter().map(|clip| clip.path.clone()))
            .chain(tables)
            .chain(super::run_files(&self.model))
            .collect();
        for path in EmbeddingTable::files(&self.out, format) {
            OutputFile {
                path: &path,
                option: "--out",
                endings: &EmbeddingFormat::ENDINGS,
            }
            .check(&inputs, existing(self.force || self.resume))?;
        }
        Ok(())
    }
}

//! `chiffchaff detect`: a few marked events and recordings in, every other event of that kind out.

mod recordings;
mod results;
mod search;

use crate::choice::choice;
use crate::clips::ChannelArgument;
use crate::{Finish, printer::Printer};
use anyhow::bail;
use chiffchaff::audio::TimeScale;
use chiffchaff::dataset::{
    Annotation, LabelChoice, Marked, Matching, ShotCount, output_names, read_marks,
};
use chiffchaff::detect::frames::FrameConfig;
use chiffchaff::detect::windows::Adapt;
use chiffchaff::detect::write::TableFormat;
use chiffchaff::detect::{Detector, DetectorConfig, Fitter, Method, Threshold};
use chiffchaff::encoder::{DeviceName, Model};
use clap::Args;
use results::Results;
use search::Searcher;
use std::path::PathBuf;

/// Find every event like a few marked ones
///
/// Marks may come from Raven, Audacity, the DCASE few-shot task or a plain table `onset,offset`. Either every event up to the
/// last shot is marked, or marked unknown (UNK), and events are looked for behind it; or some events are marked anywhere, and
/// the whole recording is searched for the others. Works at once: the program carries an encoder that has learned to tell
/// calls apart.
///
/// With `--out`, what is found in each recording is kept as it comes: interrupted or killed, the same command with `--resume`
/// goes on and ends in the same results.
#[derive(Args, Debug, Clone)]
#[command(after_help = "Examples:
  chiffchaff detect --shots marks.csv dawn.wav
  chiffchaff detect --shots marks.txt --format raven --out found --picture found.html *.wav
  chiffchaff detect --shots marks.csv --label all dawn.wav --out found.csv
  chiffchaff detect --shots marks.csv marked.wav season/ --keep wren.safetensors --out found.csv
  chiffchaff detect --detector wren.safetensors next_season/ --out found.csv")]
pub(crate) struct Arguments {
    /// The recordings, or folders of them; each is searched by its own marks, one without marks by those of all others
    #[arg(required = true, value_name = "RECORDING|FOLDER")]
    recordings: Vec<PathBuf>,
    /// Tables of marked events; one that names no recording is of the one with its name, or of the only one given
    #[arg(long, required_unless_present = "detector", value_name = "TABLE")]
    shots: Vec<PathBuf>,
    /// Search by a detector that was kept with `--keep`, instead of marks
    #[arg(long, value_name = "FILE", conflicts_with_all = LEARNING)]
    detector: Option<PathBuf>,
    /// Keep the detector that all marks together give in this file, .safetensors (frames)
    #[arg(long, value_name = "FILE")]
    keep: Option<PathBuf>,
    /// Where to write the events: a table, or a folder of tables, such as found/ [default: standard output]
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
    /// The kind of table
    #[arg(long, value_parser = choice::<TableFormat>(), default_value_t)]
    format: TableFormat,
    /// Write the marks that were learned from among the events; a column verdict says `mark` of them (csv, raven, parquet)
    #[arg(long, conflicts_with = "detector")]
    with_marks: bool,
    /// How to look for events
    #[arg(long, value_parser = choice::<Method>(), default_value_t)]
    method: Method,
    /// A run directory or model file to start from [default: the one built in]
    #[arg(long, value_name = "RUN|FILE")]
    model: Option<PathBuf>,
    /// Which layers learn from the shots (windows)
    #[arg(long, value_parser = choice::<Adapt>(), default_value_t)]
    adapt: Adapt,
    /// As published, quirks included (windows, template, prototypical)
    #[arg(long)]
    compat: bool,
    /// Start from the untrained network: what a trained one has to beat (frames)
    #[arg(long)]
    untrained: bool,
    /// Events must score this, where the shots score 1 on average; less finds more. Or the share of events that are to be
    /// right, such as precision=0.9: each recording gets the lowest score that promises it (frames) [default: 0.85]
    #[arg(long, value_name = "SCORE|precision=SHARE")]
    threshold: Option<Threshold>,
    /// How many marks of each kind to learn from, in order of time, or `all` [default: 5, or with `--marked some` all]
    #[arg(long, value_name = "N")]
    first: Option<ShotCount>,
    /// Whether every event up to the last mark is marked, or some here and there [default: by where the marks lie; said
    /// where it is some] (some: frames)
    #[arg(long, value_parser = choice::<Marked>())]
    marked: Option<Marked>,
    /// Search every recording by one detector that learns from the marks of all (frames)
    #[arg(long)]
    together: bool,
    /// The marks to learn from, where there are several kinds, or `all`: one detector for all kinds at once (all: frames)
    #[arg(long, value_name = "NAME")]
    label: Option<LabelChoice>,
    /// Write a page with the spectrogram, shots, events and scores of every recording
    #[arg(long, value_name = "PAGE.html")]
    picture: Option<PathBuf>,
    /// Write how many events there are in each hour of each day, where names or metadata say when recordings were made
    #[arg(long, value_name = "TABLE.csv")]
    counts: Option<PathBuf>,
    /// Write the sound of every event into this folder
    #[arg(long, value_name = "DIR")]
    clips: Option<PathBuf>,
    /// Replace tables, page and clips that are there already
    #[arg(long)]
    force: bool,
    /// Go on where a search into the same `--out` was interrupted
    #[arg(long, requires = "out")]
    resume: bool,
    /// Average so many detectors, each fitted anew: surer, and as much slower (frames)
    #[arg(long, value_name = "N", default_value_t = FrameConfig::default().ensemble, value_parser = clap::value_parser!(u32).range(1..=100))]
    ensemble: u32,
    #[command(flatten)]
    channel: ChannelArgument,
    /// Play recordings so many times slower (10: bats) or faster (1/20: elephants), or so that the shots are heard: auto
    /// (frames)
    #[arg(long, value_name = "N|auto", default_value = "auto", value_parser = time_scale)]
    time_scale: AnyScale,
    /// Where all draws come from
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where to compute: cpu, cuda, cuda:N or mps
    #[arg(long, default_value = "cpu")]
    device: DeviceName,
}

/// What decides how a detector learns: a kept one has learned.
const LEARNING: [&str; 14] = [
    "shots",
    "keep",
    "method",
    "model",
    "adapt",
    "compat",
    "untrained",
    "first",
    "marked",
    "together",
    "label",
    "ensemble",
    "time_scale",
    "seed",
];

impl Arguments {
    /// One recording, one table of marks, a table and a page out, in place of those of before; all else by default.
    pub(crate) fn simple(
        recording: PathBuf,
        marks: PathBuf,
        out: PathBuf,
        picture: PathBuf,
    ) -> Self {
        Self {
            recordings: vec![recording],
            shots: vec![marks],
            detector: None,
            keep: None,
            out: Some(out),
            format: TableFormat::default(),
            with_marks: false,
            method: Method::default(),
            model: None,
            adapt: Adapt::default(),
            compat: false,
            untrained: false,
            threshold: None,
            first: None,
            marked: None,
            together: false,
            label: None,
            picture: Some(picture),
            counts: None,
            clips: None,
            force: true,
            resume: false,
            ensemble: FrameConfig::default().ensemble,
            channel: ChannelArgument::default(),
            time_scale: AnyScale(None),
            seed: 0,
            device: DeviceName::Cpu,
        }
    }

    /// Whether scores compare events with the shots. Detectors that were kept do so.
    fn has_relative_scores(&self) -> bool {
        self.method == Method::Frames
    }
}

/// How recordings are played; `None`: as their shots need it.
#[derive(Debug, Clone, Copy)]
struct AnyScale(Option<TimeScale>);

fn time_scale(text: &str) -> Result<AnyScale, String> {
    match text {
        "auto" => Ok(AnyScale(None)),
        _ => match text.parse() {
            Ok(scale) => Ok(AnyScale(Some(scale))),
            Err(error) => Err(format!("{error}, or auto")),
        },
    }
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> anyhow::Result<Finish> {
    let (recordings, remarked) = recordings::listed(arguments, printer)?;
    let arguments = Arguments {
        recordings,
        ..arguments.clone()
    };
    let finish = search(&arguments, printer)?;
    Ok(match remarked {
        true => Finish::WithRemarks,
        false => finish,
    })
}

/// Searches recordings, none of which is a folder.
fn search(arguments: &Arguments, printer: &Printer) -> anyhow::Result<Finish> {
    let tables = arguments.shots.iter().map(read_marks);
    let tables = tables.collect::<Result<Vec<_>, _>>()?;
    for table in &tables {
        for warning in &table.warnings {
            printer.warn(&format_args!("{}: {warning}", table.path.display()));
        }
    }
    let matching = Matching::new(&tables, &arguments.recordings);
    for table in matching.unused() {
        printer.warn(&format_args!(
            "{}: not used, as no recording that is searched is its own",
            table.display()
        ));
    }
    let mut searcher = Searcher::new(arguments, &matching, printer)?;
    let prepared = Results::prepare(
        arguments,
        &searcher.shared_marks(),
        has_limits(arguments, &tables, searcher.kept()),
        printer,
    )?;
    let Some(mut results) = prepared else {
        return Ok(Finish::Clean);
    };
    searcher.keep()?;
    let names = output_names(&arguments.recordings);
    for (index, (recording, name)) in arguments.recordings.iter().zip(&names).enumerate() {
        if results.take_up(recording, name)? {
            continue;
        }
        // One bad recording does not end a run over ten thousand.
        match searcher.search(index) {
            Ok(found) => results.add(&found, name)?,
            Err(error) if arguments.recordings.len() > 1 => results.skip(name, &error)?,
            Err(error) => return Err(error),
        }
    }
    results.finish(searcher.kept())
}

/// Whether the marks that are learned from, or were, have limits of frequency that the method uses.
fn has_limits(arguments: &Arguments, tables: &[Annotation], kept: Option<&Detector>) -> bool {
    let mut events = tables.iter().flat_map(|table| &table.events);
    match kept {
        Some(kept) => kept.band().is_some_and(|band| band.is_marked),
        None => arguments.method == Method::Frames && events.any(|event| event.band_hz.is_some()),
    }
}

/// The method that is asked for, with the network that it starts from.
fn fitter(arguments: &Arguments) -> anyhow::Result<Fitter> {
    let device = arguments.device.open()?;
    let config = config(arguments);
    if let (Some(Threshold::Precision(wanted)), false) =
        (arguments.threshold, arguments.has_relative_scores())
    {
        bail!(
            "`--threshold precision={wanted}`: only scores of the method `frames` say how many events are right"
        );
    }
    let given = arguments.model.as_ref();
    let given = given.map(|path| Model::load(path, device)).transpose()?;
    let model = match given {
        Some(model) => Some(model),
        None => config.built_in_model(device)?,
    };
    let model = match model {
        Some(model) if arguments.untrained => Some(model.untrained()?),
        model => model,
    };
    Ok(Fitter::with_model(config, model)?)
}

/// The method's settings, as recommended or as published, with what the arguments change of them.
fn config(arguments: &Arguments) -> DetectorConfig {
    let mut config = match arguments.compat {
        true => arguments.method.published(),
        false => arguments.method.config(),
    };
    match &mut config {
        DetectorConfig::Frames(config) => {
            config.seed = arguments.seed;
            config.ensemble = arguments.ensemble;
            config.threshold = arguments.threshold.unwrap_or(config.threshold);
        }
        DetectorConfig::Windows(config) => {
            config.seed = arguments.seed;
            config.adapt = arguments.adapt;
        }
        DetectorConfig::Prototypical(config) => config.seed = arguments.seed,
        DetectorConfig::Template(_) => {}
    }
    config
}

//! `chiffchaff detect`: a few marked events and recordings in, every other event of that kind out.

mod results;

use crate::clips::ChannelArgument;
use crate::{Finish, printer::Printer};
use anyhow::{anyhow, bail};
use chiffchaff::audio::{AudioReader, ChannelChoice};
use chiffchaff::dataset::{Matching, ShotChoice, ShotCount, Support, output_names, read_marks};
use chiffchaff::detect::frames::{FrameConfig, FrameDetector, Stage, calls_model};
use chiffchaff::detect::prototypical::{PrototypesConfig, PrototypicalDetector};
use chiffchaff::detect::template::{TemplateConfig, match_templates};
use chiffchaff::detect::windows::{Adapt, WindowDetector, WindowsConfig};
use chiffchaff::detect::write::TableFormat;
use chiffchaff::detect::{Detection, Event, shots_unheard};
use chiffchaff::encoder::{DeviceName, Model};
use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use results::Results;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Find every event like a few marked ones
///
/// Marks may come from Raven, Audacity, the DCASE few-shot task or a plain table `onset,offset`; up to the last shot, every
/// event must be marked, or be marked unknown (UNK). Events are looked for behind the last shot. Works at once: the
/// program carries an encoder that has learned to tell calls apart.
///
/// With `--out`, what is found in each recording is kept as it comes: interrupted or killed, the same command with `--resume`
/// goes on and ends in the same results.
#[derive(Args, Debug, Clone)]
#[command(after_help = "Examples:
  chiffchaff detect --shots marks.csv dawn.wav
  chiffchaff detect --shots marks.txt --format raven --out found --picture found.html *.wav
  chiffchaff detect --shots marks.csv --method template dawn.wav --out found.csv")]
pub(crate) struct Arguments {
    /// The recordings; each is searched by its own marks
    #[arg(required = true, value_name = "RECORDING")]
    recordings: Vec<PathBuf>,
    /// Tables of marked events; one that names no recording is of the one with its name, or of the only one given
    #[arg(long, required = true, value_name = "TABLE")]
    shots: Vec<PathBuf>,
    /// Where to write the events: a table, or a folder of tables, such as found/ [default: standard output]
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
    /// The kind of table
    #[arg(long, value_enum, default_value_t)]
    format: Table,
    /// How to look for events
    #[arg(long, value_enum, default_value_t)]
    method: Method,
    /// A run directory or model file to start from [default: the one built in]
    #[arg(long, value_name = "RUN|FILE")]
    model: Option<PathBuf>,
    /// Which layers learn from the shots (windows)
    #[arg(long, value_enum, default_value_t)]
    adapt: AdaptChoice,
    /// As published, quirks included (windows, template, prototypical)
    #[arg(long)]
    compat: bool,
    /// Start from the untrained network: what a trained one has to beat (frames)
    #[arg(long)]
    untrained: bool,
    /// Events must score this, where the shots score 1 on average; less finds more (frames) [default: 0.85]
    #[arg(long, value_name = "SCORE")]
    threshold: Option<f32>,
    /// How many marks to learn from, or `all`
    #[arg(long, value_name = "N", default_value = "5", value_parser = shot_count)]
    first: ShotCount,
    /// The marks to learn from, where there are several kinds
    #[arg(long)]
    label: Option<String>,
    /// Write a page with the spectrogram, shots, events and scores of every recording
    #[arg(long, value_name = "PAGE.html")]
    picture: Option<PathBuf>,
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
    /// Where all draws come from
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where to compute: cpu, cuda, cuda:N or mps
    #[arg(long, default_value = "cpu")]
    device: DeviceName,
}

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
            out: Some(out),
            format: Table::default(),
            method: Method::default(),
            model: None,
            adapt: AdaptChoice::default(),
            compat: false,
            untrained: false,
            threshold: None,
            first: ShotCount::default(),
            label: None,
            picture: Some(picture),
            clips: None,
            force: true,
            resume: false,
            ensemble: FrameConfig::default().ensemble,
            channel: ChannelArgument::default(),
            seed: 0,
            device: DeviceName::Cpu,
        }
    }
}

/// A kind of table on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Table {
    /// recording,onset,offset,score,label
    #[default]
    Csv,
    /// Audiofilename,Starttime,Endtime
    Dcase,
    /// A selection table of Raven; one recording a file
    Raven,
    /// A label track of Audacity; one recording a file
    Audacity,
    /// Apache Parquet
    Parquet,
}

/// A method on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Method {
    /// Frame by frame, with an encoder fine-tuned to the shots: our own
    #[default]
    Frames,
    /// Window by window (Moummad et al. 2023); needs --model
    Windows,
    /// Correlation with the shots: the baseline of DCASE task 5
    Template,
    /// Distance from prototypes: the other baseline; needs --model
    Prototypical,
}

/// How far a windows model is adapted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum AdaptChoice {
    /// The classifier alone (submission 1)
    Head,
    /// And the last block (submission 2)
    #[default]
    Last,
    /// And the last two blocks (submission 3)
    LastTwo,
    /// All layers (submission 4)
    All,
}

fn shot_count(text: &str) -> Result<ShotCount, String> {
    match text.parse() {
        Ok(count) if count > 0 => Ok(ShotCount::First(count)),
        _ if text == "all" => Ok(ShotCount::All),
        _ => Err("must be `all` or a number above 0".to_owned()),
    }
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> anyhow::Result<Finish> {
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
    let searcher = Searcher::new(arguments)?;
    let Some(mut results) = Results::prepare(arguments, printer)? else {
        return Ok(Finish::Clean);
    };
    let names = output_names(&arguments.recordings);
    for (index, (recording, name)) in arguments.recordings.iter().zip(&names).enumerate() {
        if results.take_up(recording, name)? {
            continue;
        }
        // One bad recording does not end a run over ten thousand.
        match search(arguments, &searcher, &matching, index, printer) {
            Ok(found) => results.add(&found, name)?,
            Err(error) if arguments.recordings.len() > 1 => results.skip(name, &error)?,
            Err(error) => return Err(error),
        }
    }
    results.finish()
}

/// One recording, searched.
struct Searched {
    recording: PathBuf,
    support: Support,
    detection: Detection,
    /// The channel that was heard.
    channel: ChannelChoice,
    /// Whether its sound gave reason for a warning.
    remarked: bool,
}

fn search(
    arguments: &Arguments,
    searcher: &Searcher,
    matching: &Matching,
    index: usize,
    printer: &Printer,
) -> anyhow::Result<Searched> {
    let started = Instant::now();
    let recording = &arguments.recordings[index];
    let (len, rate) = AudioReader::counted_len(recording)?;
    let secs = len as f64 / f64::from(rate.hz());
    let support = support(arguments, matching, index, secs, printer)?;
    for warning in support.warnings() {
        printer.warn(&format_args!("{}: {warning}", recording.display()));
    }
    let channel = searcher.channel(arguments).of_file(recording)?;
    let unheard = shots_unheard(recording, channel, support.shots(), searcher.hearing())?;
    if let Some(unheard) = &unheard {
        printer.warn(&format_args!("{}: {unheard}", recording.display()));
    }
    let bar = printer.bar(1000, "{msg} {bar:30} {percent} %");
    let detection = searcher.search(recording, secs, channel, &support, &bar);
    bar.finish_and_clear();
    let detection = detection?;
    let (events, secs) = (detection.events.len(), started.elapsed().as_secs_f64());
    let s = if events == 1 { "" } else { "s" };
    printer.say(&format_args!(
        "{}: {events} event{s} in {secs:.1} s",
        recording.display()
    ));
    Ok(Searched {
        recording: recording.to_owned(),
        support,
        detection,
        channel,
        remarked: unheard.is_some(),
    })
}

/// The shots of a recording, which lasts `secs`.
fn support(
    arguments: &Arguments,
    matching: &Matching,
    recording: usize,
    secs: f64,
    printer: &Printer,
) -> anyhow::Result<Support> {
    let choice = ShotChoice {
        count: arguments.first,
        label: arguments.label.clone(),
    };
    let marks = matching.marks_of(recording)?;
    if let Some((table, name)) = marks.by_name_alone() {
        printer.warn(&format_args!(
            "{}: taken for the marks of {}, though it has them in another folder: `{name}`",
            table.display(),
            arguments.recordings[recording].display()
        ));
    }
    Ok(marks.support(secs, &choice)?)
}

/// A method with what it needs.
enum Searcher {
    Frames(Model, FrameConfig),
    Windows(Model, WindowsConfig),
    Template(TemplateConfig),
    Prototypical(Model, PrototypesConfig),
}

impl Searcher {
    fn new(arguments: &Arguments) -> anyhow::Result<Self> {
        let device = arguments.device.open()?;
        let given = arguments.model.as_ref();
        let given = given.map(|path| Model::load(path, device)).transpose()?;
        let start = |model: Model| match arguments.untrained {
            true => model.untrained(),
            false => Ok(model),
        };
        if let Some(threshold) = arguments.threshold.filter(|t| !(0.0..=1.0).contains(t)) {
            bail!("`--threshold` is {threshold}, but must be from 0 to 1");
        }
        let seed = arguments.seed;
        Ok(match arguments.method {
            Method::Frames => Self::Frames(
                start(given.map_or_else(|| calls_model(device), Ok)?)?,
                FrameConfig {
                    seed,
                    ensemble: arguments.ensemble,
                    threshold: arguments
                        .threshold
                        .unwrap_or(FrameConfig::default().threshold),
                    ..FrameConfig::default()
                },
            ),
            Method::Windows => {
                let adapt = arguments.adapt.adapt();
                let config = if arguments.compat {
                    WindowsConfig::compat(adapt)
                } else {
                    WindowsConfig::sane(adapt)
                };
                let config = WindowsConfig { seed, ..config };
                let model = given.ok_or_else(|| needs_model("moummad-supcon"))?;
                Self::Windows(start(model)?, config)
            }
            Method::Template if arguments.compat => Self::Template(TemplateConfig::published()),
            Method::Template => Self::Template(TemplateConfig::default()),
            Method::Prototypical => {
                let config = if arguments.compat {
                    PrototypesConfig::compat()
                } else {
                    PrototypesConfig::default()
                };
                let config = PrototypesConfig { seed, ..config };
                let model = given.ok_or_else(|| needs_model("prototypical"))?;
                Self::Prototypical(start(model)?, config)
            }
        })
    }

    fn search(
        &self,
        recording: &Path,
        secs: f64,
        channel: ChannelChoice,
        support: &Support,
        bar: &ProgressBar,
    ) -> anyhow::Result<Detection> {
        let alone = |events: Vec<Event>, threshold| Detection {
            events,
            candidates: Vec::new(),
            threshold,
            track: None,
        };
        Ok(match self {
            Self::Frames(model, config) => {
                let observe = |stage| match stage {
                    Stage::Fitting(done, of) => {
                        bar.set_message("learning the shots");
                        bar.set_position(u64::from(done) * 1000 / u64::from(of.max(1)));
                    }
                    Stage::Scoring(done) => {
                        bar.set_message("searching");
                        bar.set_position((1000.0 * done / secs) as u64);
                    }
                };
                let config = FrameConfig {
                    channel,
                    ..config.clone()
                };
                FrameDetector::new(model, config)?.detect(recording, support, observe)?
            }
            Self::Windows(model, config) => {
                let config = WindowsConfig {
                    channel,
                    ..config.clone()
                };
                let detector = WindowDetector::new(model, config)?;
                let events = detector.detect(recording, support.shots(), support.unknown())?;
                alone(events, 0.5)
            }
            Self::Prototypical(model, config) => {
                let config = PrototypesConfig {
                    channel,
                    ..config.clone()
                };
                let threshold = config.threshold;
                let detector = PrototypicalDetector::new(model, config)?;
                alone(detector.detect(recording, support.shots())?, threshold)
            }
            Self::Template(config) => {
                let config = TemplateConfig { channel, ..*config };
                alone(match_templates(recording, support, &config)?, 0.0)
            }
        })
    }

    /// The frequencies that are heard, Hz; `None`: all.
    fn hearing(&self) -> Option<Range<f64>> {
        match self {
            Self::Frames(model, _) | Self::Windows(model, _) | Self::Prototypical(model, _) => {
                Some(model.card.front_end.hearing())
            }
            Self::Template(_) => None,
        }
    }

    /// The channel that is asked for, or that the model heard.
    fn channel(&self, arguments: &Arguments) -> ChannelChoice {
        let of_model = match self {
            Self::Frames(model, _) | Self::Windows(model, _) | Self::Prototypical(model, _) => {
                model.card.channel
            }
            Self::Template(_) => ChannelChoice::Mix,
        };
        arguments.channel.channel.unwrap_or(of_model)
    }
}

/// The network of a method that has none built in must be trained by this preset.
fn needs_model(preset: &str) -> anyhow::Error {
    anyhow!(
        "this method has no model built in\n\nhint: train one with `chiffchaff pretrain --preset {preset} --data fewshot:PATH --out RUN` and give `--model RUN`"
    )
}

impl AdaptChoice {
    fn adapt(self) -> Adapt {
        match self {
            Self::Head => Adapt::Head,
            Self::Last => Adapt::Last,
            Self::LastTwo => Adapt::LastTwo,
            Self::All => Adapt::All,
        }
    }
}

impl Table {
    /// What files of this kind end in.
    fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Csv | Self::Dcase => &["csv"],
            Self::Raven | Self::Audacity => &["txt"],
            Self::Parquet => &["parquet"],
        }
    }

    fn format(self) -> TableFormat {
        match self {
            Self::Csv => TableFormat::Csv,
            Self::Dcase => TableFormat::Dcase,
            Self::Raven => TableFormat::Raven,
            Self::Audacity => TableFormat::Audacity,
            Self::Parquet => TableFormat::Parquet,
        }
    }
}

//! `chiffchaff demo`: the whole story on bundled recordings.

use super::{detect, evaluate, pretrain};
use crate::clips::{self, CacheArguments};
use crate::{Finish, printer::Printer};
use anyhow::{Context, bail};
use chiffchaff::dataset::{DatasetKind, DatasetSource};
use chiffchaff::detect::score::{Counts, ScoreConfig, Subsets, read_scored_files, score};
use chiffchaff::encoder::DeviceName;
use chiffchaff::experiment::Experiment;
use chiffchaff::measure::{Folds, MeasureConfig, ProtocolChoice};
use chiffchaff::report::table;
use chiffchaff::train::{RunDir, Start};
use clap::Args;
use std::path::PathBuf;

/// Find a finch's syllables from five marks, then train, measure and report on 400 real recordings
///
/// Runs `detect` on a song, seconds; then `pretrain` with the preset `small`, about nine minutes; then `evaluate`
/// beside an untrained encoder and a classic one. Interrupted, it goes on where it stopped.
#[derive(Args)]
#[command(after_help = "Examples:
  chiffchaff demo
  chiffchaff demo --set train.max_steps=200 --out runs/quick")]
pub(crate) struct Arguments {
    /// The folder of the bundled ESC-10 recordings
    #[arg(long, value_name = "DIR", default_value = "data/esc10")]
    data: PathBuf,
    /// The folder of the bundled finch song
    #[arg(long, value_name = "DIR", default_value = "data/finch")]
    song: PathBuf,
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
    find_syllables(arguments, printer)?;
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
    let (finished, remarks) = training.run(printer)?;
    if finished == pretrain::Finished::Interrupted {
        return Ok(Finish::WithRemarks);
    }
    let kept = evaluate::Kept::open(&arguments.out, true, printer)?;
    let measurement = evaluate::Job {
        model: &arguments.out,
        found: &clips::loaded(&data, printer)?,
        protocols: &ProtocolChoice::STANDARD,
        folds: &Folds::All,
        config: &MeasureConfig::default(),
        channel: None,
        baselines: true,
        gallery: true,
        device: DeviceName::Cpu,
        cache: &arguments.cache.dir()?,
        kept: Some(&kept),
    };
    let measured = measurement.run::<usize>(printer)?;
    evaluate::write(&measured, &arguments.out, printer)?;
    kept.finish()?;
    printer.data(&table(&measured.results, printer.width()).trim_end())?;
    Ok(if remarks == 0 {
        Finish::Clean
    } else {
        Finish::WithRemarks
    })
}

const SONG: &str = "bengalese_gy6or6_0324";

/// Five marked syllables in, all others out, beside the true ones.
fn find_syllables(arguments: &Arguments, printer: &Printer) -> anyhow::Result<()> {
    let song = arguments.song.join(SONG).with_extension("flac");
    let marks = song.with_extension("csv");
    if !marks.is_file() || !song.is_file() {
        bail!(
            "{}: no such song\n\nhint: run the demo in the repository, or say where the song lies with `--song DIR`",
            song.display()
        );
    }
    std::fs::create_dir_all(&arguments.out).with_context(|| arguments.out.display().to_string())?;
    let (found, page) = (
        arguments.out.join("finch.csv"),
        arguments.out.join("finch.html"),
    );
    let job = detect::Arguments::simple(song, marks.clone(), found.clone(), page);
    detect::run(&job, printer)?;
    let files = read_scored_files(&marks, &found, &Subsets::Folders, None)?.files;
    let scores = score(&files, &ScoreConfig::default());
    let counts = scores.files.values().map(|file| file.counts);
    for Counts {
        true_positives: hits,
        false_positives,
        false_negatives,
    } in counts
    {
        printer.data(&format_args!(
            "finch song: from five marked syllables, {hits} of the {} others found, {false_positives} false\n",
            hits + false_negatives
        ))?;
    }
    Ok(())
}

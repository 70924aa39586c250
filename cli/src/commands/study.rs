//! `chiffchaff study`: several experiments side by side, trained, measured and shown by one command.

use super::evaluate::{self, Kept};
use super::pretrain::{self, Finished};
use super::{Format, data_help};
use crate::clips::{self, CacheArguments, ChannelArgument};
use crate::protocols::MeasureArguments;
use crate::{Finish, printer::Printer};
use anyhow::{Context, bail};
use chiffchaff::corpus::LoadedDataset;
use chiffchaff::dataset::DatasetSource;
use chiffchaff::encoder::DeviceName;
use chiffchaff::evaluate::{Baseline, Evaluation, Scores};
use chiffchaff::experiment::Experiment;
use chiffchaff::measure::{Folds, Measured, ProtocolChoice};
use chiffchaff::report::{Run, comparison, comparison_markdown, write_html};
use chiffchaff::study::{STUDIES, Study};
use chiffchaff::train::{RunDir, Start};
use clap::Args;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Train and measure several encoders that differ in one thing
///
/// A study is a file of runs, each a preset with changes, and of protocols; some are built in. The same command again goes
/// on where it was interrupted. Ends in OUT/report.html and OUT/comparison.md; OUT/RUN holds every run.
#[derive(Args)]
#[command(after_help = "Examples:
  chiffchaff study
  chiffchaff study methods --data esc10:data/esc10 --out runs/methods
  chiffchaff study mine.toml --data folder:recordings --set train.max_steps=200 --out runs/mine")]
pub(crate) struct Arguments {
    /// A study that is built in, or a file that ends in .toml; without one, they are listed
    #[arg(value_name = "NAME|FILE")]
    study: Option<String>,
    #[arg(long, value_name = "KIND:PATH", help = data_help("Labelled clips, to learn from and to measure on"))]
    data: Option<DatasetSource>,
    /// Change one key of the configuration of every run, such as train.seed=1
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The folder of the study, made if it is not there
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Where to compute: cpu, cuda, cuda:N or mps
    #[arg(long, default_value = "cpu")]
    device: DeviceName,
    #[command(flatten)]
    measure: MeasureArguments,
    #[command(flatten)]
    channel: ChannelArgument,
    #[command(flatten)]
    cache: CacheArguments,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> anyhow::Result<Finish> {
    let (study, data, out) = match (&arguments.study, &arguments.data, &arguments.out) {
        (None, ..) => return list(printer),
        (Some(study), Some(data), Some(out)) => (study, data, out),
        _ => bail!(
            "a study needs `--data KIND:PATH` and `--out DIR`\n\nhint: for example `--data esc10:data/esc10 --out runs/methods`"
        ),
    };
    let study = if study.ends_with(".toml") {
        let toml = std::fs::read_to_string(study).with_context(|| study.clone())?;
        Study::parse(study, &toml)?
    } else {
        Study::built_in(study)?
    };
    let kept = Kept::open(out, true, printer)?;
    let found = clips::loaded(data, printer)?;
    let job = Job {
        kept: &kept,
        experiments: study.experiments(&arguments.channel.with_set(&arguments.set))?,
        folds: match study.each_fold_unheard {
            true => folds(&found)?,
            false => Vec::new(),
        },
        protocols: (study.protocols.iter().copied())
            .map(ProtocolChoice::from)
            .collect(),
        found: &found,
        study: &study,
        data,
        out,
        arguments,
    };
    let (runs, skipped) = match job.run(printer)? {
        Some(done) => done,
        None => return Ok(Finish::WithRemarks),
    };
    kept.finish()?;
    write_html(&out.join("report.html"), &runs)?;
    let page = out.join("comparison.md");
    let notes: String = study.notes.iter().map(|n| format!("- {n}\n")).collect();
    let text = format!(
        "{}\n\n{notes}\n{}",
        study.summary,
        comparison_markdown(&runs)
    );
    chiffchaff::write_whole(&page, text.as_bytes()).with_context(|| page.display().to_string())?;
    match arguments.format {
        Format::Text => printer.data(&comparison(&runs).trim_end())?,
        Format::Json => {
            let evaluations: BTreeMap<_, _> = runs
                .iter()
                .map(|run| (&run.name, &run.evaluation))
                .collect();
            printer.data(&serde_json::to_string_pretty(&evaluations)?)?;
        }
    }
    printer.say(&format_args!(
        "report: {}",
        out.join("report.html").display()
    ));
    Ok(match skipped {
        false => Finish::Clean,
        true => Finish::WithRemarks,
    })
}

fn list(printer: &Printer) -> anyhow::Result<Finish> {
    let mut text = String::new();
    for (name, _) in STUDIES {
        let study = Study::built_in(name)?;
        let runs: Vec<_> = study.runs.iter().map(|run| run.name.as_str()).collect();
        writeln!(
            text,
            "{name}\n  {}\n  runs: {}",
            study.summary,
            runs.join(", ")
        )?;
        for note in &study.notes {
            writeln!(text, "  note: {note}")?;
        }
        writeln!(text)?;
    }
    printer.data(&text.trim_end())?;
    Ok(Finish::Clean)
}

/// The folds that are scored, each by encoders that never heard it.
fn folds(found: &LoadedDataset) -> anyhow::Result<Vec<u32>> {
    let dataset = &found.dataset;
    let folds = match dataset.has_split_only() {
        true => {
            let parts = dataset.clone().with_split_as_folds();
            parts.folds().into_iter().max().into_iter().collect()
        }
        false => dataset.folds(),
    };
    if folds.is_empty() {
        bail!(
            "{}: this study trains without each fold in turn, but there are no folds\n\nhint: give a table with a column `fold`, as `--data csv:TABLE`",
            dataset.name
        );
    }
    Ok(folds)
}

struct Job<'a> {
    kept: &'a Kept,
    study: &'a Study,
    experiments: Vec<(&'a str, Experiment)>,
    /// Each run is trained once without each of these; or once, if there is none.
    folds: Vec<u32>,
    protocols: Vec<ProtocolChoice>,
    data: &'a DatasetSource,
    found: &'a LoadedDataset,
    out: &'a Path,
    arguments: &'a Arguments,
}

impl Job<'_> {
    /// All runs and whether clips were skipped; nothing if it was interrupted.
    fn run(&self, printer: &Printer) -> anyhow::Result<Option<(Vec<Run>, bool)>> {
        let mut skipped = false;
        // Before any is measured: an interruption costs least here.
        for (name, experiment) in &self.experiments {
            for (dir, without) in self.parts(name) {
                printer.say(&format_args!("{}: {}", self.study.name, dir.display()));
                if !RunDir::new(&dir).model().exists() {
                    // What was measured belongs to encoders that are gone.
                    let _ = std::fs::remove_file(self.out.join(name).join("evaluation.json"));
                }
                if !self.train(&dir, experiment, &without, printer)? {
                    return Ok(None);
                }
            }
        }
        let mut runs = Vec::new();
        let mut baselines: Vec<(&Experiment, BTreeMap<Baseline, Scores>)> = Vec::new();
        for (name, experiment) in &self.experiments {
            let dir = self.out.join(name);
            let same = |(other, _): &&(&Experiment, _)| starts_alike(other, experiment);
            let known = baselines
                .iter()
                .find(same)
                .map(|(_, scores)| scores.clone());
            if self.is_measured(&dir) {
                // It may have been stopped between its numbers and their page.
                write_html(&dir.join("report.html"), &[Run::read(&dir)?])?;
            } else {
                printer.say(&format_args!("measuring {}", dir.display()));
                let mut measured = self.measure(name, known.is_none(), printer)?;
                if let Some(known) = &known {
                    measured.results.baselines.clone_from(known);
                }
                evaluate::write(&measured, &dir, printer)?;
                skipped |= !measured.corpus.is_fine();
            }
            let mut run = Run::read(&dir)?;
            (*name).clone_into(&mut run.name);
            if let (None, Some(evaluation)) = (&known, &run.evaluation) {
                baselines.push((experiment, evaluation.baselines.clone()));
            }
            runs.push(run);
        }
        Ok(Some((runs, skipped)))
    }

    /// The run directories of one row, and the folds each leaves out.
    fn parts(&self, name: &str) -> Vec<(PathBuf, Vec<u32>)> {
        let dir = self.out.join(name);
        if self.folds.is_empty() {
            return vec![(dir, Vec::new())];
        }
        let without = |&fold: &u32| (dir.join(format!("without-{fold}")), vec![fold]);
        self.folds.iter().map(without).collect()
    }

    /// Trains what is not yet trained; false if that was interrupted.
    fn train(
        &self,
        dir: &Path,
        experiment: &Experiment,
        without: &[u32],
        printer: &Printer,
    ) -> anyhow::Result<bool> {
        let run = RunDir::new(dir);
        let toml = std::fs::read_to_string(run.experiment());
        if let (true, Ok(toml)) = (run.is_begun(), toml) {
            let origin = run.experiment().display().to_string();
            let made = Experiment::parse(&origin, &toml, &[])?;
            if made.identity() != experiment.identity() {
                bail!(
                    "{}: this run was made with other settings\n\nhint: choose another `--out DIR`, or remove it",
                    dir.display()
                );
            }
            if run.model().exists() {
                return Ok(true);
            }
        }
        let job = pretrain::Job {
            experiment: experiment.clone(),
            data: std::slice::from_ref(self.data),
            without_folds: without,
            start: match run.checkpoint().exists() {
                true => Start::Resume,
                false => Start::New,
            },
            run,
            device: self.arguments.device,
            cache: &self.arguments.cache,
        };
        let (finished, _) = job.run(printer)?;
        Ok(finished == Finished::Trained)
    }

    /// Whether this was measured as it would be now.
    fn is_measured(&self, dir: &Path) -> bool {
        let read = Run::read(dir).ok().and_then(|run| run.evaluation);
        read.is_some_and(|evaluation| {
            let epochs = |protocol| {
                let score = evaluation.protocols.get(&protocol)?;
                Some(score.accuracy_by_epoch.first().map(Vec::len))
            };
            let wanted = self.arguments.measure.epochs as usize;
            let as_now = |&protocol| match epochs(protocol) {
                None => false,
                Some(None) => true,
                Some(Some(epochs)) => epochs == wanted,
            };
            self.study.protocols.iter().all(as_now)
        })
    }

    fn measure(
        &self,
        name: &str,
        baselines: bool,
        printer: &Printer,
    ) -> anyhow::Result<Measured<usize>> {
        if !self.folds.is_empty() && !self.arguments.measure.few_labels.is_empty() {
            bail!(
                "`--few-labels` cannot be joined over the encoders of several folds\n\nhint: measure one of them by \
                 `chiffchaff evaluate --model RUN --data KIND:PATH --few-labels 1,5`"
            );
        }
        let parts = self.parts(name);
        let last = parts.len() - 1;
        let (config, cache) = (self.arguments.measure.config(), self.arguments.cache.dir()?);
        let measure = |(part, (model, scored)): (usize, (PathBuf, Vec<u32>))| {
            let job = evaluate::Job {
                model: &model,
                found: self.found,
                protocols: &self.protocols,
                folds: &match scored.is_empty() {
                    true => Folds::All,
                    false => Folds::Only(scored),
                },
                config: &config,
                channel: None,
                baselines,
                // One map is shown of a row: that of the last fold's encoder.
                gallery: part == last,
                device: self.arguments.device,
                cache: &cache,
                kept: Some(self.kept),
            };
            job.run::<usize>(printer)
        };
        let parts = parts.into_iter().enumerate().map(measure);
        let mut parts = parts.collect::<anyhow::Result<Vec<_>>>()?;
        let Some(mut measured) = parts.pop() else {
            bail!("`{name}` has no runs");
        };
        if !self.folds.is_empty() {
            let mut evaluations: Vec<Evaluation> =
                parts.into_iter().map(|part| part.results).collect();
            evaluations.push(measured.results);
            measured.results = Evaluation::joined(evaluations, name);
            measured.results.notes = vec![
                "one encoder for each fold, pre-trained on all others: nothing of what is scored was heard; the map of the clips is of the last fold's".to_owned(),
            ];
        }
        measured
            .results
            .notes
            .extend(self.study.notes.iter().cloned());
        Ok(measured)
    }
}

/// Whether two experiments begin with the same untrained encoder, which hears the same.
fn starts_alike(a: &Experiment, b: &Experiment) -> bool {
    (&a.features, &a.encoder, &a.embed, a.normalization)
        == (&b.features, &b.encoder, &b.embed, b.normalization)
        && (a.views.frames, a.train.seed, a.channel) == (b.views.frames, b.train.seed, b.channel)
}

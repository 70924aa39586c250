//! `chiffchaff pretrain`: sound files in, a trained encoder out.

use super::data_help;
use crate::bars::Bars;
use crate::clips::{self, CacheArguments, ChannelArgument};
use crate::interrupt::{Interrupt, StopRequest};
use crate::{Finish, printer::Printer, provenance};
use anyhow::{Context, bail};
use chiffchaff::corpus::LoadedDataset;
use chiffchaff::dataset::DatasetSource;
use chiffchaff::encoder::{DeviceName, StartingWeights};
use chiffchaff::experiment::Experiment;
use chiffchaff::measure;
use chiffchaff::method::Sizes;
use chiffchaff::output::OutputFolder;
use chiffchaff::report::Provenance;
use chiffchaff::train::{
    AlikeClips, Collapse, LearningWatch, Outcome, Progress, RunDir, Start, TrainError,
    TrainingCorpora, TrainingData, pretrain,
};
use clap::Args;
use indicatif::ProgressBar;
use std::collections::HashSet;
use std::mem::discriminant;
use std::ops::ControlFlow;
use std::path::PathBuf;

/// Learn an encoder from sound
///
/// Labels are not needed, unless the method learns from labels. Interrupted with Ctrl-C or killed,
/// the same command with `--resume` goes on and ends in the same bytes.
#[derive(Args)]
#[command(after_help = "Examples:
  chiffchaff pretrain --preset small --data folder:my_recordings --out runs/mine
  chiffchaff pretrain --preset small --data esc10:data/esc10 --set train.seed=1 --out runs/seed1
  chiffchaff pretrain --preset moummad-supcon --data fewshot:Training_Set --out runs/calls
  chiffchaff pretrain --data esc10:data/esc10 --out runs/seed1 --resume")]
pub(crate) struct Arguments {
    /// A built-in configuration; `chiffchaff presets` lists them
    #[arg(long, value_name = "NAME", conflicts_with = "config")]
    preset: Option<String>,
    /// A configuration file, such as the `experiment.toml` of a run
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[arg(long, value_name = "KIND:PATH", required = true, help = data_help("What to hear (several are joined)"))]
    data: Vec<DatasetSource>,
    /// Change one key of the configuration, such as train.epochs=50
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Leave this official fold out, so that it can be measured unheard; 3 is the test part of data that is split into
    /// train, validation and test
    #[arg(long, value_name = "FOLD")]
    without_fold: Vec<u32>,
    /// The run directory, made if it is not there
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    /// Start the encoder from these weights: a model of an earlier run, or published ones under torchvision's names
    /// (`.safetensors`, or `.pth` of PyTorch; a checkpoint with other things in it will do)
    #[arg(long, value_name = "FILE")]
    init: Option<PathBuf>,
    /// Go on from the run's last checkpoint, or start, where there is none yet
    #[arg(long)]
    resume: bool,
    /// Where to compute: cpu, cuda, cuda:N or mps
    #[arg(long, default_value = "cpu")]
    device: DeviceName,
    #[command(flatten)]
    channel: ChannelArgument,
    #[command(flatten)]
    cache: CacheArguments,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> anyhow::Result<Finish> {
    let weights = arguments.init.as_deref().map(StartingWeights::read);
    let weights = weights.transpose()?;
    let start = match &weights {
        Some(weights) if arguments.resume => Start::ResumeFrom(weights),
        None if arguments.resume => Start::Resume,
        Some(weights) => Start::From(weights),
        None => Start::New,
    };
    let job = Job {
        experiment: arguments.experiment()?,
        data: &arguments.data,
        without_folds: &arguments.without_fold,
        run: RunDir::new(&arguments.out),
        start,
        device: arguments.device,
        cache: &arguments.cache,
    };
    let (finished, remarks) = job.run(printer)?;
    if let Finished::Trained = finished {
        printer.say(&format_args!("model: {}", job.run.model().display()));
        printer.say(&format_args!(
            "next:  chiffchaff evaluate --model {} --data KIND:PATH",
            arguments.out.display()
        ));
    }
    Ok(match (finished, remarks) {
        (Finished::Trained, 0) => Finish::Clean,
        _ => Finish::WithRemarks,
    })
}

impl Arguments {
    fn experiment(&self) -> anyhow::Result<Experiment> {
        let set = self.channel.with_set(&self.set);
        let of_run = RunDir::new(&self.out).experiment();
        let file = match (&self.preset, &self.config) {
            (Some(preset), _) => return Ok(Experiment::preset(preset, &set)?),
            (None, Some(file)) => file,
            (None, None) if self.resume => &of_run,
            (None, None) => bail!(
                "neither `--preset` nor `--config` is given\n\nhint: `--preset small` is a good start; `chiffchaff presets` lists all"
            ),
        };
        let toml = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
        Ok(Experiment::parse(&file.display().to_string(), &toml, &set)?)
    }
}

/// One training run, as `pretrain` and `demo` start it.
pub(crate) struct Job<'a> {
    pub(crate) experiment: Experiment,
    pub(crate) data: &'a [DatasetSource],
    pub(crate) without_folds: &'a [u32],
    pub(crate) run: RunDir,
    pub(crate) start: Start<'a>,
    pub(crate) device: DeviceName,
    pub(crate) cache: &'a CacheArguments,
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finished {
    Trained,
    Interrupted,
}

impl Job<'_> {
    /// Trains, and gives the number of clips that were skipped and of other remarks.
    pub(crate) fn run(&self, printer: &Printer) -> anyhow::Result<(Finished, usize)> {
        let device = self.device.open()?;
        self.try_directory(printer)?;
        let reading = Interrupt::leaving(*printer, |_| {
            "interrupted while reading; the features that are done are kept\n\nhint: go on with the same command".to_owned()
        })?;
        let gathered = self.gather(printer)?;
        let (data, told) =
            gathered.training_data(&self.experiment, self.without_folds, self.start)?;
        for remark in &told {
            match remark.is_warning() {
                true => printer.warn(remark),
                false => printer.say(remark),
            }
        }
        let corpora = &gathered.corpora;
        for corpus in corpora {
            clips::list_remarks(corpus, printer);
        }
        let threads = self.experiment.train.compute_threads();
        printer.say(&format_args!(
            "training `{}` on {} clips, {} ({threads} threads)",
            self.experiment.preset.name,
            data.names.len(),
            self.device,
        ));
        let mut record = provenance::started(&format!("{} ({threads} threads)", self.device));
        record.used_files = Some(data.names.len());
        let skipped = corpora.iter().map(|corpus| corpus.skipped.entries.clone());
        record.skipped = skipped.flatten().collect();

        let alike = AlikeClips::among(&data.clips);
        if let Some(alike) = alike {
            printer.warn(&alike);
        }
        drop(reading);
        let mut screen = Screen::new(*printer, self.learning(&data));
        let stop = StopRequest::listening()?;
        let observe = |progress: &Progress<'_>| {
            screen.show(progress);
            match stop.is_made() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let outcome = pretrain(
            &self.experiment,
            &data,
            &self.run,
            self.start,
            device,
            observe,
        );
        screen.close();
        let finished = self.ended(outcome?, &mut record, printer)?;
        for corpus in corpora {
            clips::list_skipped(&corpus.skipped, printer);
        }
        let of_sound = corpora.iter().map(|corpus| corpus.cache.remarks().len());
        let of_learning = usize::from(alike.is_some()) + usize::from(screen.at_chance);
        let remarks = of_sound.sum::<usize>() + of_learning;
        Ok((finished, record.skipped.len() + remarks))
    }

    /// Says how training ended; beside an encoder that is done stands `record`.
    fn ended(
        &self,
        outcome: Outcome,
        record: &mut Provenance,
        printer: &Printer,
    ) -> anyhow::Result<Finished> {
        match outcome {
            Outcome::Finished(last) => {
                record.elapsed_secs = Some(last.elapsed_secs);
                printer.say(&format_args!(
                    "trained {} steps in {}, loss {:.3}",
                    last.step,
                    minutes(last.elapsed_secs),
                    last.loss
                ));
                provenance::write(record, self.run.path(), provenance::TRAINED)?;
                Ok(Finished::Trained)
            }
            Outcome::Interrupted => {
                printer.warn(&format_args!(
                    "interrupted; the checkpoint is up to date\n\nhint: go on with the same command and `--resume`"
                ));
                Ok(Finished::Interrupted)
            }
        }
    }

    /// All datasets, with the features that training reads.
    fn gather(&self, printer: &Printer) -> anyhow::Result<TrainingCorpora> {
        let load = |source| clips::loaded(source, printer);
        let found = self.data.iter().map(load);
        let found = found.collect::<anyhow::Result<Vec<LoadedDataset>>>()?;
        let bars = Bars::new(printer);
        let show = |done, of| bars.show(measure::Progress::Reading { done, of });
        let opened = TrainingCorpora::open(&self.experiment, &found, &self.cache.dir()?, show);
        bars.close();
        if let Err(error) = &opened {
            clips::tell_none_usable(error, printer);
        }
        Ok(opened?)
    }

    /// What tells that nothing is learned.
    fn learning(&self, data: &TrainingData<'_>) -> LearningWatch {
        let classes: HashSet<usize> = data.labels.iter().flatten().copied().collect();
        let sizes = Sizes {
            batch: self.experiment.train.batch_size,
            clips: data.labels.len(),
            classes: classes.len(),
        };
        LearningWatch::new(self.experiment.method.alarming_loss(&sizes))
    }

    /// Before anything is read: whether the run may start, and can be written.
    fn try_directory(&self, printer: &Printer) -> anyhow::Result<()> {
        let path = self.run.path();
        OutputFolder {
            path,
            option: "--out",
        }
        .check()?;
        let is_begun = self.run.is_begun();
        match self.start {
            Start::New | Start::From(_) if is_begun => {
                let path = path.to_owned();
                Err(TrainError::RunExists { path }.into())
            }
            Start::Resume | Start::ResumeFrom(_) if !is_begun => {
                printer.say(&"nothing to resume: training starts from the beginning");
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// What is on the terminal while training: a bar there, a line every tenth of the run elsewhere.
struct Screen {
    printer: Printer,
    bar: Option<ProgressBar>,
    tenths: u64,
    collapse: Option<Collapse>,
    learning: LearningWatch,
    /// Whether the loss stayed at its chance level.
    at_chance: bool,
}

impl Screen {
    fn new(printer: Printer, learning: LearningWatch) -> Self {
        Self {
            printer,
            bar: None,
            tenths: 0,
            collapse: None,
            learning,
            at_chance: false,
        }
    }

    fn show(&mut self, progress: &Progress<'_>) {
        let Progress {
            metrics,
            total_steps,
        } = *progress;
        let numbers = format!(
            "epoch {:.0}, loss {:.3}, {:.0} clips/s",
            metrics.epoch.floor(),
            metrics.loss,
            metrics.clips_per_sec
        );
        let bar = self.bar.get_or_insert_with(|| {
            let bar = self
                .printer
                .bar(total_steps, "{bar:20} {percent:>3} %, {eta} left, {msg}");
            bar.reset_eta();
            bar
        });
        bar.set_position(metrics.step);
        bar.set_message(numbers.clone());
        let tenths = metrics.step * 10 / total_steps;
        if bar.is_hidden() && tenths > self.tenths {
            self.printer.say(&format_args!(
                "{:>3} %, {numbers}, {} so far",
                tenths * 10,
                minutes(metrics.elapsed_secs)
            ));
        }
        self.tenths = tenths;
        let collapse = metrics.diagnostics.and_then(|d| d.collapse());
        if collapse.map(|c| discriminant(&c)) != self.collapse.map(|c| discriminant(&c)) {
            if let Some(collapse) = &collapse {
                bar.suspend(|| {
                    self.printer
                        .warn(&format_args!("step {}: {collapse}", metrics.step))
                });
            }
            self.collapse = collapse;
        }
        let at_chance = self.learning.hear(metrics.loss);
        if let Some(at_chance) = at_chance.filter(|_| !self.at_chance) {
            let step = metrics.step;
            bar.suspend(|| self.printer.warn(&format_args!("step {step}: {at_chance}")));
            self.at_chance = true;
        }
    }

    fn close(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn minutes(secs: f64) -> String {
    let secs = secs.round() as u64;
    format!("{}:{:02} min", secs / 60, secs % 60)
}

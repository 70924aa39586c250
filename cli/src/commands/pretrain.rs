//! `chiffchaff pretrain`: sound files in, a trained encoder out.

use super::data_help;
use crate::clips::{CacheArguments, ChannelArgument, Clips, Whole};
use crate::interrupt::{Interrupt, StopRequest};
use crate::{Finish, printer::Printer, provenance};
use anyhow::{Context, bail};
use chiffchaff::dataset::DatasetSource;
use chiffchaff::encoder::{DeviceName, StartingWeights, TrainingRecord};
use chiffchaff::experiment::Experiment;
use chiffchaff::features::{FeatureSet, FrontEnd, SamplesConfig};
use chiffchaff::method::Sizes;
use chiffchaff::output::OutputFolder;
use chiffchaff::report::Skipped;
use chiffchaff::train::{
    AlikeClips, Collapse, Cut, FrameLabels, LearningWatch, Outcome, Progress, RunDir, Start,
    TrainError, TrainingData, pretrain,
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
        let front_end = &self.experiment.features;
        let whole = match self.experiment.views.cut {
            Cut::Random {} => Whole::Clips,
            Cut::Windows(_) | Cut::Frames {} => Whole::Recordings,
        };
        let corpora = self.open(whole, front_end, printer)?;
        let sounds = self.sounds(printer)?;
        let data = self.training_data(&corpora, &sounds, printer)?;
        let skipped: Vec<Skipped> = corpora.iter().flat_map(|c| c.skipped.clone()).collect();
        for clips in &corpora {
            clips.list_remarks(printer);
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
        record.skipped = skipped;

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
        let finished = match outcome? {
            Outcome::Finished(last) => {
                record.elapsed_secs = Some(last.elapsed_secs);
                printer.say(&format_args!(
                    "trained {} steps in {}, loss {:.3}",
                    last.step,
                    minutes(last.elapsed_secs),
                    last.loss
                ));
                provenance::write(&record, self.run.path(), provenance::TRAINED)?;
                Finished::Trained
            }
            Outcome::Interrupted => {
                printer.warn(&format_args!(
                    "interrupted; the checkpoint is up to date\n\nhint: go on with the same command and `--resume`"
                ));
                Finished::Interrupted
            }
        };
        for clips in &corpora {
            clips.list_skipped(printer);
        }
        let of_sound = corpora.iter().map(|clips| clips.cache.remarks().len());
        let of_learning = usize::from(alike.is_some()) + usize::from(screen.at_chance);
        let remarks = of_sound.sum::<usize>() + of_learning;
        Ok((finished, record.skipped.len() + remarks))
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

    /// The sound of all datasets, if it is heard or augmented.
    fn sounds(&self, printer: &Printer) -> anyhow::Result<Vec<Clips>> {
        if !self.experiment.hears_sound() {
            return Ok(Vec::new());
        }
        let samples = FrontEnd::Samples(SamplesConfig::heard_by(&self.experiment.features));
        self.open(Whole::Clips, &samples, printer)
    }

    /// All datasets.
    fn open(
        &self,
        whole: Whole,
        front_end: &FrontEnd,
        printer: &Printer,
    ) -> anyhow::Result<Vec<Clips>> {
        let channel = self.experiment.channel;
        let open = |source| Clips::open(source, channel, whole, front_end, self.cache, printer);
        self.data.iter().map(open).collect()
    }

    /// The usable clips of all datasets outside the folds left out; `sounds` are those of the datasets, or none.
    fn training_data<'c>(
        &self,
        corpora: &'c [Clips],
        sounds: &'c [Clips],
        printer: &Printer,
    ) -> anyhow::Result<TrainingData<'c>> {
        let (mut set, mut sound_set) = (FeatureSet::default(), FeatureSet::default());
        let (mut labels, mut names) = (Vec::new(), Vec::new());
        let (mut frame_labels, mut classes) = (Vec::new(), 0);
        // Of several datasets, one may be part of another.
        let (union, mut contents, mut copies) = (corpora.len() > 1, HashSet::new(), 0);
        let cut = &self.experiment.views.cut;
        let frame_rate = self.experiment.features.frame_rate();
        for (corpus, clips) in corpora.iter().enumerate() {
            let dataset = &clips.dataset;
            if let Some(fold) = self
                .without_folds
                .iter()
                .find(|f| !dataset.folds().contains(f))
            {
                match dataset.folds().as_slice() {
                    [] => bail!(
                        "{}: has no official folds, so that none can be left out\n\nhint: give a table with a column `fold`, as `--data csv:TABLE`",
                        dataset.name
                    ),
                    folds => bail!("{}: there is no fold {fold}, but {folds:?}", dataset.name),
                }
            }
            let left_out = |clip: usize| {
                let fold = dataset.clips[clip].fold;
                fold.is_some_and(|fold| self.without_folds.contains(&fold))
            };
            if let Cut::Frames {} = cut {
                // Units of one corpus are none of another's.
                for recording in clips.marked_recordings(|clip| !left_out(clip)) {
                    let events = recording
                        .events
                        .iter()
                        .map(|&(span, label)| (span, classes + label));
                    frame_labels.push(FrameLabels::new(events, frame_rate));
                    let frames = 0..clips.cache.frames(recording.cached_as);
                    set.push_stretch(&clips.cache, recording.cached_as, frames);
                    labels.push(None);
                    names.push(recording.path.display().to_string());
                }
                classes += dataset.classes.len();
                continue;
            }
            for clip in (0..dataset.clips.len()).filter(|&clip| !left_out(clip)) {
                let Some(heard) = clips.heard(clip, cut, frame_rate) else {
                    continue;
                };
                let sounds = sounds.get(corpus).map(|sounds| &sounds.cache);
                if sounds.is_some_and(|sounds| sounds.frames(clip) == 0) {
                    continue; // gone since its features were computed
                }
                if union {
                    let mut one = FeatureSet::default();
                    one.push_stretch(heard.cache, heard.clip, heard.frames.clone());
                    if !contents.insert(one.content(0)) {
                        copies += 1;
                        continue;
                    }
                }
                if let Some(sounds) = sounds {
                    sound_set.extend(sounds, [clip]);
                }
                set.push_stretch(heard.cache, heard.clip, heard.frames);
                labels.push(dataset.clips[clip].label);
                names.push(clips.name(clip));
            }
        }
        if copies > 0 {
            printer.say(&format_args!(
                "{copies} clips sound exactly like others and are heard once"
            ));
        }
        let folded: Vec<_> = (corpora.iter().map(|clips| &clips.dataset))
            .filter(|dataset| !dataset.folds().is_empty())
            .map(|dataset| dataset.name.as_str())
            .collect();
        if union && self.without_folds.is_empty() && !folded.is_empty() {
            printer.warn(&format_args!(
                "all folds of {} are heard, without labels: also those that are scored later\n\nhint: leave one out \
                 with `--without-fold N`, or say so beside the scores",
                folded.join(" and ")
            ));
        }
        if union && self.experiment.method.uses_labels() && frame_labels.is_empty() {
            let without = match self.experiment.method.needs_labels() {
                true => "",
                false => ", or learn without labels: `--set method.label_weight=0.0`",
            };
            bail!("labels of several `--data` do not share their numbering; give one{without}");
        }
        let provenance = TrainingRecord {
            preset: self.experiment.preset.name.clone(),
            datasets: corpora.iter().map(|c| c.dataset.name.clone()).collect(),
            clips: names.len(),
            started_from: match self.start {
                Start::From(weights) | Start::ResumeFrom(weights) => {
                    Some(weights.path().display().to_string())
                }
                Start::New | Start::Resume => None,
            },
            excluded_folds: self.without_folds.to_vec(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        Ok(TrainingData {
            clips: set,
            sounds: sound_set,
            frame_labels,
            labels,
            names,
            provenance,
        })
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

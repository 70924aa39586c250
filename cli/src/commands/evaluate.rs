//! `chiffchaff evaluate`: a trained encoder in, accuracies beside their baselines out.

mod kept;

use super::{Format, data_help, evaluate_tags};
use crate::clips::{CacheArguments, ChannelArgument, Clips, Whole, scanned};
use crate::exhibition::{Mapped, gallery};
use crate::protocols::{MeasureArguments, ProtocolChoice};
use crate::{Finish, printer::Printer, provenance};
use anyhow::{Context, bail};
use chiffchaff::Embeddings;
use chiffchaff::audio::ChannelChoice;
use chiffchaff::dataset::{Dataset, DatasetSource};
use chiffchaff::encoder::{DeviceName, Model, ModelCard, StartingWeights, embed};
use chiffchaff::evaluate::{
    Baseline, Evaluation, Extends, FewLabels, FineTuneProgress, Label, Protocol, ProtocolName,
    Score, Scores, Task, evaluate_each, few_labels, mfcc_statistics,
};
use chiffchaff::features::{FeatureSet, FrontEnd, MfccConfig, Normalization};
use chiffchaff::report::{Audit, Gallery, Provenance, Run, table, write_html};
use clap::Args;
use kept::files_fingerprint;
pub(crate) use kept::{Kept, clips_fingerprint};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Measure an encoder on labelled clips with folds
///
/// Each fold is predicted from the others; what a protocol has to choose is chosen within those. Beside the
/// encoder stand the same network untrained, and MFCC statistics. For `frozen`, `finetune` and `scratch`, which are
/// fitted by epochs, the accuracy after every epoch is kept; the score is that of the last one.
/// The report shows a map of the clips, to look at and to listen to.
///
/// Another protocol is added to what was measured of the same encoder and clips before. Interrupted or killed, the same
/// command goes on: scores that are done are kept.
#[derive(Args)]
#[command(after_help = "Examples:
  chiffchaff evaluate --model runs/demo --data esc10:data/esc10
  chiffchaff evaluate --model runs/demo --data esc10:data/esc10 --protocol knn --format json
  chiffchaff evaluate --model runs/demo --data esc10:data/esc10 --protocol finetune --unfreeze last-two
  chiffchaff evaluate --model runs/demo --data esc10:data/esc10 --protocol linear,knn,classic --few-labels 1,5,10,20")]
pub(crate) struct Arguments {
    /// A run directory, or the encoder.safetensors of one
    #[arg(long, value_name = "RUN|FILE")]
    model: PathBuf,
    #[arg(long, value_name = "KIND:PATH", help = data_help("Labelled clips"))]
    data: DatasetSource,
    /// How to measure
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [ProtocolChoice::Linear, ProtocolChoice::Knn])]
    protocol: Vec<ProtocolChoice>,
    /// Which folds to score, such as 1,2; the others still train
    #[arg(long, value_name = "FOLDS", default_value = "all")]
    folds: Folds,
    /// Where to write evaluation.json, gallery.json and report.html [default: the run directory]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace what was measured there in another way, of other clips or of another encoder
    #[arg(long)]
    force: bool,
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

/// Which folds are scored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Folds {
    All,
    Only(Vec<u32>),
}

impl std::str::FromStr for Folds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::All);
        }
        let folds = text.split(',').map(|fold| fold.trim().parse());
        let folds = folds.collect::<Result<_, _>>();
        folds
            .map(Self::Only)
            .map_err(|_| "must be `all` or fold numbers such as 1,2".to_owned())
    }
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> anyhow::Result<Finish> {
    let out = arguments.out.clone();
    let of_model = || arguments.model.is_dir().then(|| arguments.model.clone());
    let out = out.or_else(of_model);
    let kept = out
        .as_deref()
        .map(|out| Kept::open(out, arguments.force, printer));
    let kept = kept.transpose()?;
    let job = Job {
        model: &arguments.model,
        data: &arguments.data,
        protocols: &arguments.protocol,
        folds: &arguments.folds,
        measure: &arguments.measure,
        channel: arguments.channel.channel,
        baselines: true,
        gallery: true,
        device: arguments.device,
        cache: &arguments.cache,
        kept: kept.as_ref(),
    };
    if evaluate_tags::has_several_classes(&arguments.data.load()?) {
        let finish = evaluate_tags::run(&job, out.as_deref(), arguments.format, printer)?;
        kept.map_or(Ok(()), Kept::finish)?;
        return Ok(finish);
    }
    let measured = job.run(printer)?;
    if let Some(out) = &out {
        measured.write(out, printer)?;
    }
    kept.map_or(Ok(()), Kept::finish)?;
    match arguments.format {
        Format::Json => printer.data(&serde_json::to_string_pretty(&measured.evaluation)?)?,
        Format::Text => printer.data(&table(&measured.evaluation, printer.width()).trim_end())?,
    }
    measured.clips.list_remarks(printer);
    measured.clips.list_skipped(printer);
    Ok(
        if measured.clips.are_fine() && measured.remarks.is_empty() {
            Finish::Clean
        } else {
            Finish::WithRemarks
        },
    )
}

/// One measurement, as `evaluate` and `demo` take it.
pub(crate) struct Job<'a> {
    pub(crate) model: &'a Path,
    pub(crate) data: &'a DatasetSource,
    pub(crate) protocols: &'a [ProtocolChoice],
    pub(crate) folds: &'a Folds,
    pub(crate) measure: &'a MeasureArguments,
    /// Which channel is heard, if not the one that the encoder learned from.
    pub(crate) channel: Option<ChannelChoice>,
    /// Whether to score untrained encoder and MFCC statistics, too.
    pub(crate) baselines: bool,
    /// Whether to look at the clips themselves for the report: what is odd in them, how they look and sound, their map.
    pub(crate) gallery: bool,
    pub(crate) device: DeviceName,
    pub(crate) cache: &'a CacheArguments,
    /// What is there already, where results are written as they come.
    pub(crate) kept: Option<&'a Kept>,
}

/// What a job gave.
pub(crate) struct Measured {
    pub(crate) evaluation: Evaluation,
    /// What was measured of the same encoder and clips before.
    earlier: Option<Evaluation>,
    pub(crate) clips: Clips,
    /// What the reader of the numbers must know before all else; among the warnings, too.
    pub(crate) remarks: Vec<String>,
    gallery: Option<Gallery>,
    record: Provenance,
}

impl Job<'_> {
    pub(crate) fn run(&self, printer: &Printer) -> anyhow::Result<Measured> {
        let model = Model::load(self.model, self.device.open()?)?;
        let imagenet = self.measure.imagenet.as_deref();
        let imagenet = imagenet.map(|weights| started_from(&model, weights));
        let imagenet = imagenet.transpose()?;
        let Opened {
            clips,
            classic,
            usable,
            unlabelled,
            measured,
            mut record,
            since,
        } = self.open(&model, printer)?;
        let task = self.scoring(Task::from_dataset(&measured)?, &clips, &model.card)?;
        let mut remarks = task.remarks();
        remarks.extend((unlabelled > 0).then(|| unlabelled_note(unlabelled)));
        let model_name = model_name(self.model, &model.card);
        let mut planned = Evaluation::new(&task, model_name, Scores::new());
        planned.encoder = Some(self.encoder_fingerprint()?);
        planned.settings = self.settings(task.scored_folds());
        let earlier = (self.kept.map(|kept| kept.earlier(EVALUATION, &planned))).transpose()?;
        let bench = Bench {
            job: self,
            task: &task,
            features: clips.features(&usable),
            printer,
            key: self.key(&planned, &measured),
        };
        let mut mapped = Mapped::default();
        let trained = bench.measured(&model, None, &mut mapped)?;
        let mut evaluation = Evaluation {
            protocols: trained.scores,
            ..planned
        };
        let mut few_labels = trained.few_labels;
        remarks.extend(trained.failed);
        let mut add = |baseline, measured: EncoderScores| {
            remarks.extend(measured.failed);
            if !measured.scores.is_empty() {
                evaluation.baselines.insert(baseline, measured.scores);
            }
            for few in measured.few_labels {
                let same = |all: &&mut FewLabels| all.per_class == few.per_class;
                if let Some(all) = few_labels.iter_mut().find(same) {
                    all.baselines.insert(baseline, few.accuracy);
                }
            }
        };
        if self.baselines {
            let untrained = model.untrained()?;
            let baseline = Baseline::Untrained;
            add(
                baseline,
                bench.measured(&untrained, Some(baseline), &mut mapped)?,
            );
            let mfcc = usable.iter().map(|&clip| classic.cache.features(clip));
            let mfcc = mfcc_statistics(&mfcc.collect::<Vec<_>>())?;
            add(
                Baseline::Classic,
                bench.of_embeddings(Baseline::Classic.title(), &mfcc, &self.of_mfcc())?,
            );
        }
        if let Some(started) = &imagenet {
            let baseline = Baseline::ImageNet;
            add(
                baseline,
                bench.measured(started, Some(baseline), &mut mapped)?,
            );
        }
        evaluation.few_labels = few_labels;
        remarks.extend(self.add_scratch(&mut evaluation, &bench, &model));
        if evaluation.protocols.is_empty() && !self.protocols.is_empty() {
            bail!("nothing could be measured:\n  {}", remarks.join("\n  "));
        }
        if self.measure.protocol_compat {
            let all = evaluation
                .baselines
                .values_mut()
                .chain([&mut evaluation.protocols]);
            all.flat_map(Scores::values_mut)
                .for_each(Score::add_best_epochs);
        }
        evaluation.notes = notes(&model.card, &clips, &measured, self.data);
        let mut told = BTreeSet::new();
        remarks.retain(|remark| told.insert(remark.clone()));
        let known = evaluation.warnings.clone();
        let new = remarks.iter().filter(|remark| !known.contains(remark));
        evaluation.warnings.extend(new.cloned());
        for remark in &remarks {
            printer.warn(remark);
        }
        evaluation
            .warnings
            .extend(heard_warning(&model.card, &evaluation, &clips));
        evaluation.warnings.extend(audit_warnings(&record));
        let gallery = match self.gallery {
            true => Some(gallery(&evaluation, &mapped, &clips, &usable, printer)?),
            false => None,
        };
        record.elapsed_secs = Some(since.elapsed().as_secs_f64());
        Ok(Measured {
            evaluation,
            earlier: earlier.flatten(),
            clips,
            remarks,
            gallery,
            record,
        })
    }

    /// What all scores of this measurement have in common.
    fn key(&self, planned: &Evaluation, measured: &Dataset) -> String {
        let files = files_fingerprint(measured);
        let (model, encoder) = (&planned.model, &planned.encoder);
        let version = env!("CARGO_PKG_VERSION");
        format!("{version} {model} {encoder:?} {files} {:?}", self.measure)
    }

    /// The clips with the features that the encoder and the classic baseline hear.
    pub(crate) fn open(&self, model: &Model, printer: &Printer) -> anyhow::Result<Opened> {
        let since = Instant::now();
        let mut record = provenance::started(&self.device.to_string());
        let channel = self.channel.unwrap_or(model.card.channel);
        let open = |front_end: &FrontEnd| {
            Clips::open(
                self.data,
                channel,
                Whole::Clips,
                front_end,
                self.cache,
                printer,
            )
        };
        let clips = open(&model.card.front_end)?;
        // Read the recordings that the encoder hears, so that all rows of the table hear the same.
        let classic = open(&FrontEnd::Mfcc(MfccConfig::librosa()))?;
        let usable: Vec<usize> = clips
            .cache
            .usable()
            .filter(|&c| classic.cache.frames(c) > 0)
            // Pieces that an official split leaves out are not measured, either.
            .filter(|&c| !clips.by_split || clips.dataset.clips[c].fold.is_some())
            .collect();
        if usable.is_empty() {
            bail!("{}: none of its clips can be measured", clips.dataset.name);
        }
        let (usable, unlabelled) = labelled(&clips.dataset, usable);
        record.encoder = Some(toml::to_string_pretty(&model.card)?);
        record.used_files = Some(usable.len());
        record.skipped = clips.skipped.clone();
        let mut measured = clips.selected(&usable);
        if clips.by_split && measured.folds().len() == 1 {
            // Nothing to learn from is left but parts of this one.
            measured.clips.iter_mut().for_each(|clip| clip.fold = None);
        }
        if measured.clips.iter().all(|clip| clip.fold.is_none()) {
            measured = measured.with_stratified_folds(5, 0)?;
        }
        if self.gallery {
            let mut all = clips.dataset.clone();
            for (&clip, of) in usable.iter().zip(&measured.clips) {
                all.clips[clip].fold = of.fold;
            }
            record.audit = Some(Audit::of(&scanned(&all, printer)));
        }
        Ok(Opened {
            clips,
            classic,
            usable,
            unlabelled,
            measured,
            record,
            since,
        })
    }

    /// The protocols that go by embeddings alone.
    pub(crate) fn of_embeddings(&self) -> Vec<Protocol> {
        let choices = self.protocols.iter();
        let of_embeddings = choices.filter_map(|choice| choice.of_embeddings(self.measure));
        of_embeddings.collect()
    }

    /// The same for MFCC statistics, and what one measured them by before networks, where that is asked for.
    fn of_mfcc(&self) -> Vec<Protocol> {
        let mut protocols = self.of_embeddings();
        if self.protocols.contains(&ProtocolChoice::Classic) {
            let known: Vec<_> = protocols.iter().map(Protocol::name).collect();
            let classic = Protocol::classic().into_iter();
            protocols.extend(classic.filter(|protocol| !known.contains(&protocol.name())));
        }
        protocols
    }

    /// Fine-tuning from the weights the encoder began with, where it is asked for: the fine-tuned baseline, if there is one.
    /// Gives why there is no score.
    fn add_scratch(
        &self,
        evaluation: &mut Evaluation,
        bench: &Bench<'_>,
        model: &Model,
    ) -> Option<String> {
        if !self.protocols.contains(&ProtocolChoice::Scratch) {
            return None;
        }
        let untrained = evaluation.baselines.get(&Baseline::Untrained);
        let known = untrained.and_then(|scores| scores.get(&ProtocolName::Finetune));
        let fitted =
            |model: Model| bench.fitted(&model, Some(Baseline::Untrained), ProtocolName::Scratch);
        let score = match known {
            Some(score) if self.measure.tunes_all() => Ok(score.clone()),
            _ => model.untrained().map_err(Into::into).and_then(fitted),
        };
        match score {
            Ok(score) => {
                evaluation.protocols.insert(ProtocolName::Scratch, score);
                None
            }
            Err(error) => Some(failure(ProtocolName::Scratch, &format!("{error:#}"))),
        }
    }

    /// The task, scoring the folds that are to be scored.
    pub(crate) fn scoring<L: Label>(
        &self,
        task: Task<L>,
        clips: &Clips,
        card: &ModelCard,
    ) -> anyhow::Result<Task<L>> {
        Ok(match self.scored_folds(clips, card, &task.all_folds()) {
            Some(folds) => task.scoring_only(&folds)?,
            None => task,
        })
    }

    /// Which folds are scored: those asked for; else those that the encoder never heard, if it heard the others; else the
    /// last part of an official split, the test part where it is there. `None`: all.
    fn scored_folds(&self, clips: &Clips, card: &ModelCard, known: &[u32]) -> Option<Vec<u32>> {
        let heard = &card.provenance;
        let has_left_out = heard.datasets.contains(&clips.dataset.name);
        match (self.folds, heard.excluded_folds.as_slice()) {
            (Folds::Only(folds), _) => Some(folds.clone()),
            (Folds::All, unheard) if !unheard.is_empty() && has_left_out => Some(unheard.to_vec()),
            (Folds::All, _) if clips.by_split => split_scored(known).map(|fold| vec![fold]),
            (Folds::All, _) => None,
        }
    }
}

/// Of the parts of an official split that are there, as folds, the one that is scored; none where they are folds of another
/// kind, dealt from a single part.
fn split_scored(known: &[u32]) -> Option<u32> {
    let last = known.iter().max().copied();
    last.filter(|&last| last <= Dataset::TEST_FOLD)
}

/// What a part of an official split is called, given its fold.
fn split_part(fold: u32) -> &'static str {
    match fold {
        1 => "train",
        2 => "validation",
        _ => "test",
    }
}

/// Those of `usable` that something is known of, and how many others there are; all, where nothing is known of any.
fn labelled(dataset: &Dataset, usable: Vec<usize>) -> (Vec<usize>, usize) {
    let by_tags = evaluate_tags::has_several_classes(dataset);
    let is_known = |&clip: &usize| {
        let clip = &dataset.clips[clip];
        clip.label.is_some() || (by_tags && clip.is_labelled())
    };
    let known: Vec<usize> = usable.iter().copied().filter(is_known).collect();
    match known.len() {
        0 => (usable, 0),
        labelled => (known, usable.len() - labelled),
    }
}

/// What is said of clips that nothing is known of.
pub(crate) fn unlabelled_note(unlabelled: usize) -> String {
    match unlabelled {
        1 => "1 clip has no label and is not measured".to_owned(),
        _ => format!("{unlabelled} clips have no label and are not measured"),
    }
}
/// The file of a measurement.
const EVALUATION: &str = "evaluation.json";

/// Clips that are about to be measured.
pub(crate) struct Opened {
    pub(crate) clips: Clips,
    /// The same with the classic baseline's features.
    pub(crate) classic: Clips,
    /// Those that can be measured.
    pub(crate) usable: Vec<usize>,
    /// How many more there are of which nothing is known.
    pub(crate) unlabelled: usize,
    /// These alone, in folds; dealt where there are no official ones.
    pub(crate) measured: Dataset,
    pub(crate) record: Provenance,
    pub(crate) since: Instant,
}

/// What one set of embeddings gave.
#[derive(Default, Serialize, Deserialize)]
struct EncoderScores {
    scores: Scores,
    /// Why others are missing.
    failed: Vec<String>,
    few_labels: Vec<FewLabels>,
}

/// Clips at hand, to score encoders on.
struct Bench<'a> {
    job: &'a Job<'a>,
    task: &'a Task,
    features: FeatureSet<'a>,
    printer: &'a Printer,
    /// What scores are kept under, besides what they are.
    key: String,
}

impl Bench<'_> {
    /// What an encoder scores by every protocol but `scratch`; its embeddings are added to `mapped` where they are computed.
    fn measured(
        &self,
        model: &Model,
        baseline: Option<Baseline>,
        mapped: &mut Mapped,
    ) -> anyhow::Result<EncoderScores> {
        let title = Baseline::title_of(baseline);
        let protocols = self.job.of_embeddings();
        let is_needed = self.job.gallery || !protocols.is_empty();
        let mut measured = match is_needed || !self.job.measure.few_labels.is_empty() {
            false => EncoderScores::default(),
            true => {
                let embeddings = embedded(model, &self.features, title, self.printer)?;
                let measured = self.of_embeddings(title, &embeddings, &protocols)?;
                mapped.add(title, embeddings);
                measured
            }
        };
        let fitted = [
            (ProtocolChoice::Frozen, ProtocolName::Frozen),
            (ProtocolChoice::Finetune, ProtocolName::Finetune),
        ];
        for (choice, name) in fitted {
            if self.job.protocols.contains(&choice) {
                match self.fitted(model, baseline, name) {
                    Ok(score) => {
                        measured.scores.insert(name, score);
                    }
                    Err(error) => measured.failed.push(failure(name, &format!("{error:#}"))),
                }
            }
        }
        Ok(measured)
    }

    /// The scores of these embeddings; of an interrupted measurement, if it has them.
    fn of_embeddings(
        &self,
        title: &str,
        embeddings: &Embeddings,
        protocols: &[Protocol],
    ) -> anyhow::Result<EncoderScores> {
        let folds = self.task.scored_folds();
        let what = format!("{title}\n{protocols:?} {folds:?}");
        self.kept(&what, || self.of_embeddings_now(embeddings, protocols))
    }

    fn of_embeddings_now(
        &self,
        embeddings: &Embeddings,
        protocols: &[Protocol],
    ) -> anyhow::Result<EncoderScores> {
        let (scores, failed) = evaluate_each(self.task, embeddings, protocols)?;
        let failed = failed.iter();
        let mut measured = EncoderScores {
            scores,
            failed: failed
                .map(|(&protocol, error)| failure(protocol, &error.to_string()))
                .collect(),
            few_labels: Vec::new(),
        };
        let draws = self.job.measure.draws;
        for &per_class in &self.job.measure.few_labels {
            match few_labels(self.task, embeddings, per_class, draws) {
                Ok(accuracy) => measured.few_labels.push(FewLabels {
                    per_class,
                    draws,
                    accuracy,
                    baselines: BTreeMap::new(),
                }),
                Err(error) => measured
                    .failed
                    .push(format!("{per_class} labels a class gave no score: {error}")),
            }
        }
        Ok(measured)
    }

    /// What `model` scores where it is fitted by epochs; of an interrupted measurement, if it has that.
    fn fitted(
        &self,
        model: &Model,
        baseline: Option<Baseline>,
        protocol: ProtocolName,
    ) -> anyhow::Result<Score> {
        let (title, whose) = (protocol.title(), Baseline::title_of(baseline));
        let what = format!("{title}, {whose}\n{:?}", self.task.scored_folds());
        self.kept(&what, || self.fitted_now(model, baseline, protocol))
    }

    /// What an interrupted measurement has by this name, or else what is measured now.
    fn kept<T: Serialize + DeserializeOwned>(
        &self,
        what: &str,
        measure: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        match self.job.kept {
            Some(kept) => kept.or_measure(&format!("{what} {}", self.key), measure),
            None => measure(),
        }
    }

    fn fitted_now(
        &self,
        model: &Model,
        baseline: Option<Baseline>,
        protocol: ProtocolName,
    ) -> anyhow::Result<Score> {
        let what = format!("{}, {}", protocol.title(), Baseline::title_of(baseline));
        let config = self.job.measure.fine_tune(protocol);
        let seeds = self.job.measure.seeds();
        let folds = (self.task.scored_folds().len() * seeds.len()) as u64;
        let epochs = u64::from(config.epochs);
        let bar = self.printer.bar(
            folds * epochs,
            "{msg} {bar:30} {pos}/{len} epochs, {eta} left",
        );
        let told = |progress: FineTuneProgress| {
            bar.set_position(progress.folds_done as u64 * epochs + u64::from(progress.epoch));
            let said = format!("{what}, {:.0} %", 100.0 * progress.accuracy);
            if bar.is_hidden() && progress.epoch == config.epochs {
                let done = progress.folds_done + 1;
                self.printer
                    .say(&format_args!("{said}, {done} of {folds} folds"));
            }
            bar.set_message(said);
        };
        let model_of = |seed: u64| match baseline == Some(Baseline::Untrained) {
            // The first seed is the one that the encoder was made with.
            true => model.untrained_by_seed(model.card.seed.wrapping_add(seed)),
            false => model.copy(),
        };
        let score = config.score_by_seeds(&seeds, self.task, model_of, &self.features, told);
        bar.finish_and_clear();
        Ok(score?)
    }
}

/// `random forest gave no score: …`
pub(crate) fn failure(protocol: ProtocolName, reason: &str) -> String {
    format!("{} gave no score: {reason}", protocol.title())
}

/// The same network with weights of a file.
fn started_from(model: &Model, weights: &Path) -> anyhow::Result<Model> {
    let started = model.untrained()?;
    started
        .encoder
        .start_from(&StartingWeights::read(weights)?)?;
    Ok(started)
}

/// Embeds clips, with progress.
pub(crate) fn embedded(
    model: &Model,
    features: &FeatureSet<'_>,
    what: &str,
    printer: &Printer,
) -> anyhow::Result<Embeddings> {
    let bar = printer.bar(
        features.len() as u64,
        "{msg} {bar:30} {pos}/{len} clips, {eta} left",
    );
    bar.set_message(format!("embedding, {what}"));
    let embedded = embed(model, features, |done| bar.set_position(done as u64));
    bar.finish_and_clear();
    Ok(embedded?)
}

/// `small (runs/demo)`
pub(crate) fn model_name(path: &Path, card: &ModelCard) -> String {
    format!("{} ({})", card.provenance.preset, path.display())
}

/// A front end scaled by all clips that were heard has heard the scored ones, labels apart: said where a reader might think
/// that they were kept away.
fn heard_warning(card: &ModelCard, evaluation: &Evaluation, clips: &Clips) -> Option<String> {
    let Normalization::Global { mean, std } = card.normalization else {
        return None;
    };
    let heard = &card.provenance;
    let scored = evaluation.protocols.values().flat_map(|score| &score.folds);
    let unheard = |fold: &u32| heard.excluded_folds.contains(fold);
    let was_heard = heard.datasets.contains(&clips.dataset.name);
    (was_heard && !scored.into_iter().all(unheard)).then(|| {
        let remedy = match clips.dataset.folds().is_empty() {
            true => NO_FOLDS,
            false => "training with `--without-fold N` measures them on the others alone",
        };
        format!(
            "the encoder's input is scaled by a mean ({mean:.3}) and standard deviation ({std:.3}) that were measured on all \
             clips it was trained on, those of the scored folds included, so that it knows a little of what it is tested \
             on; {remedy}"
        )
    })
}

/// What is said where advice to leave a fold out cannot be followed.
const NO_FOLDS: &str =
    "to keep some apart, train and measure on a table with a column `fold`, as `--data csv:TABLE`";

/// What the data themselves make wrong.
pub(crate) fn audit_warnings(record: &Provenance) -> impl Iterator<Item = String> {
    let audit = record.audit.iter();
    audit.flat_map(|audit| audit.warnings.iter().cloned())
}

/// What a reader must know to judge the numbers.
pub(crate) fn notes(
    card: &ModelCard,
    clips: &Clips,
    measured: &Dataset,
    source: &DatasetSource,
) -> Vec<String> {
    let dataset = &clips.dataset;
    let heard = &card.provenance;
    let mut notes = Vec::new();
    let dealt = clips.by_split && measured.folds().len() > Dataset::TEST_FOLD as usize;
    let scored = split_scored(&measured.folds()).filter(|_| clips.by_split);
    if heard.datasets.contains(&dataset.name) {
        let folds: BTreeSet<u32> = dataset.folds().into_iter().collect();
        notes.push(if folds.is_empty() {
            format!(
                "pre-training heard every clip of {}, those of the scored folds included, without their labels; {NO_FOLDS}",
                dataset.name
            )
        } else if heard.excluded_folds.is_empty() {
            let first = scored.or(folds.first().copied()).unwrap_or(1);
            format!(
                "pre-training heard every clip of {}, those of the scored folds included, without their labels; \
                 for encoders that never heard the scored fold, train one per fold with \
                 `chiffchaff pretrain --preset {} --data {}:{} --without-fold {first} --out RUN`, and measure it: only the fold left out is scored then",
                dataset.name,
                heard.preset,
                source.kind.name(),
                source.path.display(),
            )
        } else {
            format!("pre-training never heard folds {:?}; only they are scored", heard.excluded_folds)
        });
    }
    if let Some(scored) = scored {
        let learned: Vec<String> = (measured.folds().iter())
            .filter(|&&fold| fold != scored)
            .map(|&fold| format!("{} (fold {fold})", split_part(fold)))
            .collect();
        notes.push(format!(
            "{} is split once: learned on its {} clips, scored on its {} clips (fold {scored})",
            dataset.name,
            learned.join(" and "),
            split_part(scored),
        ));
    }
    if dealt || dataset.clips.iter().all(|clip| clip.fold.is_none()) {
        notes.push(format!(
            "{} has no official folds: its clips were dealt into 5, class by class, seed 0",
            dataset.name
        ));
    }
    notes
}

impl Measured {
    /// Writes `evaluation.json`, `gallery.json`, `measured.json` and `report.html`.
    pub(crate) fn write(&self, out: &Path, printer: &Printer) -> anyhow::Result<()> {
        let gallery = out.join("gallery.json");
        if self.gallery.is_none() && gallery.exists() {
            // One of another measurement would be of other clips.
            std::fs::remove_file(&gallery).with_context(|| gallery.display().to_string())?;
        }
        let mut evaluation = self.evaluation.clone();
        if let Some(earlier) = self.earlier.clone() {
            evaluation.extend(earlier);
        }
        let mut files = Vec::new();
        if let Some(gallery) = &self.gallery {
            files.push(("gallery.json", serde_json::to_vec(gallery)?));
        }
        files.push((EVALUATION, serde_json::to_vec_pretty(&evaluation)?));
        write_results(out, &files, &self.record, printer)
    }
}

/// Writes `measured.json`, what was measured, and `report.html` of it all. The numbers come last: where they are, nothing but
/// the page can be missing.
pub(crate) fn write_results(
    out: &Path,
    files: &[(&str, Vec<u8>)],
    record: &Provenance,
    printer: &Printer,
) -> anyhow::Result<()> {
    std::fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    provenance::write(record, out, provenance::MEASURED)?;
    for (name, bytes) in files {
        let path = out.join(name);
        chiffchaff::write_whole(&path, bytes).with_context(|| path.display().to_string())?;
    }
    let page = out.join("report.html");
    write_html(&page, &[Run::read(out)?])?;
    printer.say(&format_args!("report: {}", page.display()));
    Ok(())
}

//! `chiffchaff evaluate`: a trained encoder in, accuracies beside their baselines out.

use super::{Format, data_help};
use crate::clips::{CacheArguments, Clips, Whole};
use crate::{Finish, printer::Printer, provenance};
use anyhow::{Context, bail};
use chiffchaff::Embeddings;
use chiffchaff::dataset::{Dataset, DatasetSource};
use chiffchaff::encoder::{DeviceName, Model, ModelCard, embed};
use chiffchaff::evaluate::{
    Baseline, Evaluation, FineTune, FineTuneProgress, LinearProbe, Protocol, ProtocolName, Score,
    Scores, Task, Unfreeze, WeightedKnn, evaluate, mfcc_statistics,
};
use chiffchaff::features::{FeatureSet, FrontEnd, MfccConfig};
use chiffchaff::report::{Run, table, write_html};
use chiffchaff::train::FreezeMode;
use clap::{Args, ValueEnum};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Measure an encoder on labelled clips with folds
///
/// Each fold is predicted from the others; what a protocol has to choose is chosen within those. Beside the
/// encoder stand the same network untrained, and MFCC statistics. For `frozen`, `finetune` and `scratch`, which are
/// fitted by epochs, the accuracy after every epoch is kept; the score is that of the last one.
#[derive(Args)]
#[command(after_help = "Examples:
  chiffchaff evaluate --model runs/demo --data esc10:data/esc10
  chiffchaff evaluate --model runs/demo --data esc10:data/esc10 --protocol knn --format json
  chiffchaff evaluate --model runs/demo --data esc10:data/esc10 --protocol finetune --unfreeze last-two")]
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
    /// Where to write evaluation.json and report.html [default: the run directory]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Where to compute: cpu, cuda, cuda:N or mps
    #[arg(long, default_value = "cpu")]
    device: DeviceName,
    #[command(flatten)]
    fitting: FittingArguments,
    #[command(flatten)]
    cache: CacheArguments,
}

/// How encoders are fitted to labelled clips.
#[derive(Debug, Clone, Args)]
pub(crate) struct FittingArguments {
    /// For `frozen`, `finetune` and `scratch`: passes over the training clips
    #[arg(long, value_name = "N", default_value_t = FineTune::default().epochs)]
    pub(crate) epochs: u32,
    /// For `finetune`: what learns along with the linear layer
    #[arg(long, value_enum, default_value_t = Unfrozen::All)]
    unfreeze: Unfrozen,
    /// For `frozen`, and `finetune` in part: batch normalisation goes by the batch where nothing learns, as the code of
    /// Fonseca et al. and of Moummad et al. does
    #[arg(long)]
    freeze_weights_only: bool,
}

/// What learns, on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Unfrozen {
    /// The whole encoder
    All,
    /// Its last stage
    Last,
    /// Its last two stages
    LastTwo,
}

impl Default for FittingArguments {
    fn default() -> Self {
        Self {
            epochs: FineTune::default().epochs,
            unfreeze: Unfrozen::All,
            freeze_weights_only: false,
        }
    }
}

impl FittingArguments {
    /// What a protocol that is fitted by epochs does.
    fn fine_tune(&self, protocol: ProtocolChoice) -> FineTune {
        let of = match protocol {
            ProtocolChoice::Frozen => FineTune::frozen(),
            _ => FineTune::default(),
        };
        FineTune {
            epochs: self.epochs,
            unfreeze: match (protocol, self.unfreeze) {
                (ProtocolChoice::Finetune, Unfrozen::Last) => Unfreeze::Last,
                (ProtocolChoice::Finetune, Unfrozen::LastTwo) => Unfreeze::LastTwo,
                _ => of.unfreeze,
            },
            freeze: match self.freeze_weights_only {
                true => FreezeMode::WeightsOnly,
                false => FreezeMode::WeightsAndBn,
            },
            ..of
        }
    }
}

/// A protocol's name on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProtocolChoice {
    /// Logistic regression on the frozen embeddings
    Linear,
    /// Weighted vote of the nearest training clips
    Knn,
    /// A linear layer on the frozen encoder, fitted by gradient descent
    Frozen,
    /// The encoder fitted along with the linear layer
    Finetune,
    /// The same from the weights the encoder began with
    Scratch,
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
    let job = Job {
        model: &arguments.model,
        data: &arguments.data,
        protocols: &arguments.protocol,
        folds: &arguments.folds,
        fitting: &arguments.fitting,
        baselines: true,
        device: arguments.device,
        cache: &arguments.cache,
    };
    let measured = job.run(printer)?;
    let out = arguments.out.clone();
    let of_model = || arguments.model.is_dir().then(|| arguments.model.clone());
    if let Some(out) = out.or_else(of_model) {
        measured.write(&out, printer)?;
    }
    match arguments.format {
        Format::Json => printer.data(&serde_json::to_string_pretty(&measured.evaluation)?)?,
        Format::Text => printer.data(&table(&measured.evaluation, printer.width()).trim_end())?,
    }
    measured.clips.list_skipped(printer);
    Ok(if measured.clips.skipped.is_empty() {
        Finish::Clean
    } else {
        Finish::WithRemarks
    })
}

/// One measurement, as `evaluate` and `demo` take it.
pub(crate) struct Job<'a> {
    pub(crate) model: &'a Path,
    pub(crate) data: &'a DatasetSource,
    pub(crate) protocols: &'a [ProtocolChoice],
    pub(crate) folds: &'a Folds,
    pub(crate) fitting: &'a FittingArguments,
    /// Whether to score untrained encoder and MFCC statistics, too.
    pub(crate) baselines: bool,
    pub(crate) device: DeviceName,
    pub(crate) cache: &'a CacheArguments,
}

/// What a job gave.
pub(crate) struct Measured {
    pub(crate) evaluation: Evaluation,
    pub(crate) clips: Clips,
    record: chiffchaff::report::Provenance,
}

impl Job<'_> {
    pub(crate) fn run(&self, printer: &Printer) -> anyhow::Result<Measured> {
        let model = Model::load(self.model, self.device.open()?)?;
        let mut record = provenance::started(&self.device.to_string());
        refuse_several_classes(&self.data.load()?)?;
        let clips = Clips::open(
            self.data,
            Whole::Clips,
            &model.card.front_end,
            self.cache,
            printer,
        )?;
        // Read the recordings that the encoder hears, so that all rows of the table hear the same.
        let mfcc = FrontEnd::Mfcc(MfccConfig::librosa());
        let classic = Clips::open(self.data, Whole::Clips, &mfcc, self.cache, printer)?;
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
        record.used_files = Some(usable.len());
        record.skipped = clips.skipped.clone();

        let task = self.task(&clips, &usable, &model.card)?;
        let bench = Bench {
            job: self,
            task: &task,
            features: clips.features(&usable),
            printer,
        };
        let scores = bench.scores(&model, "trained")?;
        let mut evaluation = Evaluation::new(&task, model_name(self.model, &model.card), scores);
        if self.baselines {
            let untrained = bench.scores(&model.untrained()?, "untrained")?;
            let mfcc: Vec<_> = usable
                .iter()
                .map(|&clip| classic.cache.features(clip))
                .collect();
            let mfcc = evaluate(&task, &mfcc_statistics(&mfcc)?, &self.of_embeddings())?;
            for (baseline, scores) in [(Baseline::Untrained, untrained), (Baseline::Classic, mfcc)]
            {
                if !scores.is_empty() {
                    evaluation.baselines.insert(baseline, scores);
                }
            }
        }
        self.add_scratch(&mut evaluation, &bench, &model)?;
        evaluation.notes = notes(&model.card, &clips, self.data);
        Ok(Measured {
            evaluation,
            clips,
            record,
        })
    }

    /// The protocols that go by embeddings alone.
    fn of_embeddings(&self) -> Vec<Protocol> {
        let of_embeddings = self.protocols.iter();
        of_embeddings
            .filter_map(|choice| choice.of_embeddings())
            .collect()
    }

    /// Fine-tuning from the weights the encoder began with, where it is asked for: the fine-tuned baseline, if there is one.
    fn add_scratch(
        &self,
        evaluation: &mut Evaluation,
        bench: &Bench<'_>,
        model: &Model,
    ) -> anyhow::Result<()> {
        if !self.protocols.contains(&ProtocolChoice::Scratch) {
            return Ok(());
        }
        let untrained = evaluation.baselines.get(&Baseline::Untrained);
        let known = untrained.and_then(|scores| scores.get(&ProtocolName::Finetune));
        let score = match known {
            Some(score) if self.fitting.unfreeze == Unfrozen::All => score.clone(),
            _ => bench.fitted(&model.untrained()?, "from scratch", ProtocolChoice::Scratch)?,
        };
        evaluation.protocols.insert(ProtocolName::Scratch, score);
        Ok(())
    }

    /// The usable clips' labels and folds; folds are made up, by source, where there are none.
    fn task(&self, clips: &Clips, usable: &[usize], card: &ModelCard) -> anyhow::Result<Task> {
        let mut dataset = Dataset {
            clips: usable
                .iter()
                .map(|&clip| clips.dataset.clips[clip].clone())
                .collect(),
            ..clips.dataset.clone()
        };
        if dataset.clips.iter().all(|clip| clip.fold.is_none()) {
            dataset = dataset.with_stratified_folds(5, 0)?;
        }
        let task = Task::from_dataset(&dataset)?;
        Ok(
            match (self.folds, card.provenance.excluded_folds.as_slice()) {
                (Folds::Only(folds), _) => task.scoring_only(folds)?,
                (Folds::All, []) if clips.by_split => task.scoring_only(&[Dataset::TEST_FOLD])?,
                (Folds::All, []) => task,
                (Folds::All, unheard) if card.provenance.datasets.contains(&dataset.name) => {
                    task.scoring_only(unheard)?
                }
                (Folds::All, _) if clips.by_split => task.scoring_only(&[Dataset::TEST_FOLD])?,
                (Folds::All, _) => task,
            },
        )
    }
}

impl TryFrom<ProtocolName> for ProtocolChoice {
    type Error = anyhow::Error;

    fn try_from(name: ProtocolName) -> anyhow::Result<Self> {
        Ok(match name {
            ProtocolName::Linear => Self::Linear,
            ProtocolName::Knn => Self::Knn,
            ProtocolName::Frozen => Self::Frozen,
            ProtocolName::Finetune => Self::Finetune,
            ProtocolName::Scratch => Self::Scratch,
            other => bail!("this program cannot measure by {}", other.title()),
        })
    }
}

impl ProtocolChoice {
    /// The protocol, if it goes by embeddings alone.
    fn of_embeddings(self) -> Option<Protocol> {
        match self {
            Self::Linear => Some(Protocol::Linear(LinearProbe::default())),
            Self::Knn => Some(Protocol::Knn(WeightedKnn::default())),
            Self::Frozen | Self::Finetune | Self::Scratch => None,
        }
    }
}

/// Clips at hand, to score encoders on.
struct Bench<'a> {
    job: &'a Job<'a>,
    task: &'a Task,
    features: FeatureSet<'a>,
    printer: &'a Printer,
}

impl Bench<'_> {
    /// What `model` scores by every protocol but `scratch`.
    fn scores(&self, model: &Model, what: &str) -> anyhow::Result<Scores> {
        let of_embeddings = self.job.of_embeddings();
        let mut scores = match of_embeddings.as_slice() {
            [] => Scores::new(),
            protocols => evaluate(self.task, &self.embedded(model, what)?, protocols)?,
        };
        let fitted = [
            (ProtocolChoice::Frozen, ProtocolName::Frozen),
            (ProtocolChoice::Finetune, ProtocolName::Finetune),
        ];
        for (choice, name) in fitted {
            if self.job.protocols.contains(&choice) {
                scores.insert(name, self.fitted(model, what, choice)?);
            }
        }
        Ok(scores)
    }

    fn embedded(&self, model: &Model, what: &str) -> anyhow::Result<Embeddings> {
        let bar = self.printer.bar(
            self.features.len() as u64,
            "{msg} {bar:30} {pos}/{len} clips, {eta} left",
        );
        bar.set_message(format!("embedding, {what}"));
        let embedded = embed(model, &self.features, |done| bar.set_position(done as u64));
        bar.finish_and_clear();
        Ok(embedded?)
    }

    /// What `model` scores where it is fitted by epochs.
    fn fitted(&self, model: &Model, what: &str, choice: ProtocolChoice) -> anyhow::Result<Score> {
        let config = self.job.fitting.fine_tune(choice);
        let folds = self.task.scored_folds().len() as u64;
        let epochs = u64::from(config.epochs);
        let bar = self.printer.bar(
            folds * epochs,
            "{msg} {bar:30} {pos}/{len} epochs, {eta} left",
        );
        let told = |progress: FineTuneProgress| {
            bar.set_position(progress.folds_done as u64 * epochs + u64::from(progress.epoch));
            bar.set_message(format!(
                "fitting, {what}, {:.0} %",
                100.0 * progress.accuracy
            ));
        };
        let score = config.score(self.task, model, &self.features, told);
        bar.finish_and_clear();
        Ok(score?)
    }
}

/// Before hours are spent on features of what cannot be measured.
fn refuse_several_classes(dataset: &Dataset) -> anyhow::Result<()> {
    if dataset.clips.iter().any(|clip| clip.tags.is_some()) {
        bail!(
            "{}: its clips have any number of classes each, but `evaluate` needs clips of one class",
            dataset.name
        );
    }
    Ok(())
}

/// `small (runs/demo)`
fn model_name(path: &Path, card: &ModelCard) -> String {
    format!("{} ({})", card.provenance.preset, path.display())
}

/// What a reader must know to judge the numbers.
fn notes(card: &ModelCard, clips: &Clips, source: &DatasetSource) -> Vec<String> {
    let dataset = &clips.dataset;
    let heard = &card.provenance;
    let mut notes = Vec::new();
    if heard.datasets.contains(&dataset.name) {
        let folds: BTreeSet<u32> = dataset.folds().into_iter().collect();
        notes.push(if heard.excluded_folds.is_empty() {
            let first = match clips.by_split {
                true => Dataset::TEST_FOLD,
                false => folds.first().copied().unwrap_or(1),
            };
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
    if clips.by_split {
        notes.push(format!(
            "{} is split once: learned on its train and validation clips (folds 1 and 2), scored on its test clips (fold {})",
            dataset.name,
            Dataset::TEST_FOLD
        ));
    }
    if dataset.clips.iter().all(|clip| clip.fold.is_none()) {
        notes.push(format!(
            "{} has no official folds: its clips were dealt into 5, class by class, seed 0",
            dataset.name
        ));
    }
    notes
}

impl Measured {
    /// Writes `evaluation.json`, `run.json` if there is none, and `report.html`.
    pub(crate) fn write(&self, out: &Path, printer: &Printer) -> anyhow::Result<()> {
        std::fs::create_dir_all(out).with_context(|| out.display().to_string())?;
        let path = out.join("evaluation.json");
        let json = serde_json::to_vec_pretty(&self.evaluation)?;
        chiffchaff::write_whole(&path, &json).with_context(|| path.display().to_string())?;
        if !out.join("run.json").exists() {
            provenance::write(&self.record, out)?;
        }
        let page = out.join("report.html");
        write_html(&page, &[Run::read(out)?])?;
        printer.say(&format_args!("report: {}", page.display()));
        Ok(())
    }
}

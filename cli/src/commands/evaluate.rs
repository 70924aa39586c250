//! `chiffchaff evaluate`: a trained encoder in, accuracies beside their baselines out.

use super::{Format, data_help};
use crate::clips::{CacheArguments, Clips, Whole};
use crate::{Finish, printer::Printer, provenance};
use anyhow::{Context, bail};
use chiffchaff::Embeddings;
use chiffchaff::dataset::{Dataset, DatasetSource};
use chiffchaff::encoder::{DeviceName, Model, ModelCard, embed};
use chiffchaff::evaluate::{
    Baseline, Evaluation, LinearProbe, Protocol, Task, WeightedKnn, evaluate, mfcc_statistics,
};
use chiffchaff::features::{FrontEnd, MfccConfig};
use chiffchaff::report::{Run, table, write_html};
use clap::{Args, ValueEnum};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Measure an encoder on labelled clips with folds
///
/// The encoder stays as it is. Each fold is predicted from the others; what a protocol has to choose
/// is chosen within those. Beside the encoder stand the same network untrained, and MFCC statistics.
#[derive(Args)]
#[command(after_help = "Examples:
  chiffchaff evaluate --model runs/demo --data esc10:data/esc10
  chiffchaff evaluate --model runs/demo --data esc10:data/esc10 --protocol knn --format json")]
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
    cache: CacheArguments,
}

/// A protocol's name on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProtocolChoice {
    /// Logistic regression on the frozen embeddings
    Linear,
    /// Weighted vote of the nearest training clips
    Knn,
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
        let protocols: Vec<Protocol> = self.protocols.iter().map(|p| p.protocol()).collect();
        let score = |embeddings: &Embeddings| evaluate(&task, embeddings, &protocols);
        let embedded = |model: &Model, what: &str| {
            let bar = printer.bar(
                usable.len() as u64,
                "{msg} {bar:30} {pos}/{len} clips, {eta} left",
            );
            bar.set_message(format!("embedding, {what}"));
            let observe = |done| bar.set_position(done as u64);
            let embedded = embed(model, &clips.features(&usable), observe);
            bar.finish_and_clear();
            embedded
        };

        let name = model_name(self.model, &model.card);
        let scores = score(&embedded(&model, "trained")?)?;
        let mut evaluation = Evaluation::new(&task, name, scores);
        let untrained = score(&embedded(&model.untrained()?, "untrained")?)?;
        let mfcc: Vec<_> = usable
            .iter()
            .map(|&clip| classic.cache.features(clip))
            .collect();
        let mfcc = score(&mfcc_statistics(&mfcc)?)?;
        evaluation.baselines.insert(Baseline::Untrained, untrained);
        evaluation.baselines.insert(Baseline::Classic, mfcc);
        evaluation.notes = notes(&model.card, &clips, self.data);
        Ok(Measured {
            evaluation,
            clips,
            record,
        })
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

impl ProtocolChoice {
    fn protocol(self) -> Protocol {
        match self {
            Self::Linear => Protocol::Linear(LinearProbe::default()),
            Self::Knn => Protocol::Knn(WeightedKnn::default()),
        }
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

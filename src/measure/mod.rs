//! An encoder and a dataset → scores beside their baselines, as a report has them.
//!
//! A [`Measurement`] opens the clips, embeds them, scores the embeddings by every protocol on every fold that is to be
//! scored, and does the same with the baselines: the untrained network and statistics of MFCCs. It says what a reader must
//! know to judge the numbers, such as what the encoder was trained on. Clips of one class each and clips of any number of
//! classes are measured by the same code; what differs stands in [`Measurable`].
//!
//! [`Kept`] holds scores as they are done, so that an interrupted measurement goes on.
//!
//! ```no_run
//! use chiffchaff::corpus::LoadedDataset;
//! use chiffchaff::measure::Measurement;
//! use chiffchaff::report::table;
//!
//! let found = LoadedDataset::load(&"esc10:data/esc10".parse()?)?;
//! let measurement = Measurement::new("runs/mine".as_ref(), &found, "cache".as_ref());
//! println!("{}", table(&measurement.run::<usize>()?.results, 80));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bench;
mod error;
mod exhibition;
mod folds;
mod found;
mod identity;
mod kept;
mod labels;
mod notes;
mod opened;
mod progress;
mod protocols;
mod written;

pub use error::MeasureError;
pub use folds::Folds;
pub use kept::Kept;
pub use labels::{Common, Fit, Measurable};
pub use progress::{Observer, Progress};
pub use protocols::{MeasureConfig, ProtocolChoice};
pub use written::Measured;

use std::path::Path;
use std::time::Instant;

use crate::audio::ChannelChoice;
use crate::corpus::LoadedDataset;
use crate::dataset::Dataset;
use crate::encoder::{DeviceName, Model, ModelCard, StartingWeights};
use crate::evaluate::{Baseline, Protocol, Task, mfcc_statistics};
use crate::report::Provenance;
use bench::Bench;
use exhibition::gallery;
use found::Found;
use identity::{clips_fingerprint, encoder_fingerprint, files_fingerprint};
use opened::Opened;

/// What is measured, and how.
pub struct Measurement<'a> {
    /// A run directory, or the model file of one.
    pub model: &'a Path,
    /// The clips.
    pub found: &'a LoadedDataset,
    /// By which protocols.
    pub protocols: Vec<ProtocolChoice>,
    /// Which folds are scored.
    pub folds: Folds,
    /// How protocols go about it.
    pub config: MeasureConfig,
    /// Which channel is used, if not the one that the encoder was trained on.
    pub channel: Option<ChannelChoice>,
    /// Whether to score untrained encoder and MFCC statistics, too.
    pub baselines: bool,
    /// Whether to look at the clips themselves for the report: what is odd in them, how they look and sound, their map.
    pub gallery: bool,
    /// Where to compute.
    pub device: DeviceName,
    /// The folder where features are kept.
    pub cache: &'a Path,
    /// What is there already, where results are written as they come.
    pub kept: Option<&'a Kept>,
    /// What is known of this measurement before it begins: command, device, versions.
    pub record: Provenance,
    /// Told how far it has come.
    pub observe: &'a Observer<'a>,
}

/// Whether clips have any number of classes, so that `Vec<usize>` measures them, and not `usize`.
pub fn has_several_classes(dataset: &Dataset) -> bool {
    dataset.clips.iter().any(|clip| clip.tags.is_some())
}

impl<'a> Measurement<'a> {
    /// The encoder by linear probe and k-NN on all folds, beside its baselines, on the CPU; features are kept in the folder
    /// `cache`.
    pub fn new(model: &'a Path, found: &'a LoadedDataset, cache: &'a Path) -> Self {
        Self {
            model,
            found,
            protocols: ProtocolChoice::STANDARD.to_vec(),
            folds: Folds::All,
            config: MeasureConfig::default(),
            channel: None,
            baselines: true,
            gallery: false,
            device: DeviceName::Cpu,
            cache,
            kept: None,
            record: Provenance::default(),
            observe: &|_| {},
        }
    }
}

impl Measurement<'_> {
    /// Measures. `L`: what the labels of the clips are, see [`has_several_classes`].
    ///
    /// # Errors
    /// If no clip can be measured or no protocol gives a score; if an earlier measurement in the same folder is of
    /// something else; if encoder or clips cannot be read.
    pub fn run<L: Measurable>(&self) -> Result<Measured<L>, MeasureError> {
        L::must_allow(self)?;
        let model = Model::load(self.model, self.device.open()?)?;
        let imagenet = self.config.imagenet.as_deref();
        let imagenet = imagenet.map(|weights| started_from(&model, weights));
        let imagenet = imagenet.transpose()?;
        let since = Instant::now();
        let opened = self.open::<L>(&model.card)?;
        let mut record = self.record(&model.card, &opened);
        let task = self.scoring(
            Task::<L>::from_dataset(&opened.measured)?,
            &opened,
            &model.card,
        )?;
        let planned = self.planned(&task, &model.card, &opened)?;
        let earlier = self.kept.map(|kept| kept.earlier(L::FILE, &planned));
        let earlier = earlier.transpose()?.flatten();
        let mut found = Found::new(planned, &task, opened.unlabelled);
        let bench = Bench {
            job: self,
            task: &task,
            features: opened.corpus.features(&opened.usable),
            key: self.key(&opened.measured)?,
        };
        self.score(&bench, &model, imagenet, &opened, &mut found)?;
        if self.config.best_epochs {
            found.add_best_epochs();
        }
        found.add_notes(self, &model.card, &task, &opened, &record);
        let gallery = match L::shown(&found.results).filter(|_| self.gallery) {
            Some(shown) => {
                let (corpus, usable) = (&opened.corpus, &opened.usable);
                Some(gallery(shown, &found.mapped, corpus, usable, self.observe)?)
            }
            None => None,
        };
        record.elapsed_secs = Some(since.elapsed().as_secs_f64());
        drop(bench);
        Ok(Measured {
            results: found.results,
            earlier,
            corpus: opened.corpus,
            remarks: found.remarks,
            gallery,
            record,
        })
    }

    /// The encoder's scores, and those of all baselines.
    fn score<L: Measurable>(
        &self,
        bench: &Bench<'_, L>,
        model: &Model,
        imagenet: Option<Model>,
        opened: &Opened,
        found: &mut Found<L>,
    ) -> Result<(), MeasureError> {
        let trained = bench.measured(model, None, &mut found.mapped)?;
        found.add(None, trained);
        if self.baselines {
            let (baseline, untrained) = (Some(Baseline::Untrained), model.untrained()?);
            let untrained = bench.measured(&untrained, baseline, &mut found.mapped)?;
            found.add(baseline, untrained);
            let title = Baseline::Classic.title();
            let mfcc = mfcc_statistics(&opened.mfcc())?;
            let classic = bench.of_embeddings(title, &mfcc, &self.of_mfcc())?;
            found.add(Some(Baseline::Classic), classic);
        }
        if let Some(started) = &imagenet {
            let baseline = Some(Baseline::ImageNet);
            let started = bench.measured(started, baseline, &mut found.mapped)?;
            found.add(baseline, started);
        }
        found.add_scratch(self, bench, model);
        match L::common(&mut found.results).protocols.is_empty() && !self.protocols.is_empty() {
            true => Err(MeasureError::Nothing {
                reasons: std::mem::take(&mut found.remarks),
            }),
            false => Ok(()),
        }
    }

    /// What is written of how this was measured.
    fn record(&self, card: &ModelCard, opened: &Opened) -> Provenance {
        let card = toml::to_string_pretty(card);
        Provenance {
            encoder: Some(card.expect("a card consists of plain tables and numbers")),
            used_files: Some(opened.usable.len()),
            skipped: opened.corpus.skipped.entries.clone(),
            audit: self.gallery.then(|| self.audit(opened)),
            ..self.record.clone()
        }
    }

    /// The results as far as they are known beforehand.
    fn planned<L: Measurable>(
        &self,
        task: &Task<L>,
        card: &ModelCard,
        opened: &Opened,
    ) -> Result<L::Results, MeasureError> {
        let name = format!("{} ({})", card.provenance.preset, self.model.display());
        let mut planned = L::planned(task, name, &opened.measured);
        let common = L::common(&mut planned);
        *common.encoder = Some(encoder_fingerprint(self.model)?);
        *common.settings = self.settings(task.scored_folds());
        Ok(planned)
    }

    /// What all scores of this measurement have in common.
    fn key(&self, measured: &Dataset) -> Result<String, MeasureError> {
        let (model, files) = (self.model.display(), files_fingerprint(measured));
        let encoder = encoder_fingerprint(self.model)?;
        let version = env!("CARGO_PKG_VERSION");
        Ok(format!(
            "{version} {model} {encoder} {files} {:?}",
            self.config
        ))
    }

    /// The protocols that go by embeddings alone.
    fn of_embeddings(&self) -> Vec<Protocol> {
        let choices = self.protocols.iter();
        let of_embeddings = choices.filter_map(|choice| choice.of_embeddings(&self.config));
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

    /// The task, scoring the folds that are to be scored.
    fn scoring<L: Measurable>(
        &self,
        task: Task<L>,
        opened: &Opened,
        card: &ModelCard,
    ) -> Result<Task<L>, MeasureError> {
        let scored = self.folds.scored(&opened.corpus, card, &task.all_folds());
        Ok(match scored {
            Some(folds) => task.scoring_only(&folds)?,
            None => task,
        })
    }
}

/// The same network with weights of a file.
fn started_from(model: &Model, weights: &Path) -> Result<Model, MeasureError> {
    let started = model.untrained()?;
    started
        .encoder
        .start_from(&StartingWeights::read(weights)?)?;
    Ok(started)
}

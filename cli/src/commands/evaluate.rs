//! `chiffchaff evaluate`: a trained encoder in, accuracies beside their baselines out.

use super::{Format, data_help};
use crate::bars::Bars;
use crate::choice::choice;
use crate::clips::{self, CacheArguments, ChannelArgument};
use crate::interrupt::Interrupt;
use crate::protocols::{MeasureArguments, PROTOCOLS};
use crate::{Finish, printer::Printer, provenance};
use chiffchaff::audio::ChannelChoice;
use chiffchaff::corpus::LoadedDataset;
use chiffchaff::dataset::DatasetSource;
use chiffchaff::encoder::DeviceName;
use chiffchaff::measure::{
    Folds, Measurable, MeasureConfig, MeasureError, Measured, Measurement, Progress,
    ProtocolChoice, has_several_classes,
};
use clap::Args;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

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
    /// Which protocols
    #[arg(long, value_parser = choice::<ProtocolChoice>(), value_delimiter = ',', default_values = ["linear", "knn"], help_heading = PROTOCOLS)]
    protocol: Vec<ProtocolChoice>,
    /// Which folds to score, such as 1,2; the others still train
    #[arg(long, value_name = "FOLDS", default_value = "all", help_heading = PROTOCOLS)]
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
        found: &clips::loaded(&arguments.data, printer)?,
        protocols: &arguments.protocol,
        folds: &arguments.folds,
        config: &arguments.measure.config(),
        channel: arguments.channel.channel,
        baselines: true,
        gallery: true,
        device: arguments.device,
        cache: &arguments.cache.dir()?,
        kept: kept.as_ref(),
    };
    let finish = match has_several_classes(&job.found.dataset) {
        true => measure_and_show::<Vec<usize>>(&job, out.as_deref(), arguments.format, printer)?,
        false => measure_and_show::<usize>(&job, out.as_deref(), arguments.format, printer)?,
    };
    kept.map_or(Ok(()), Kept::finish)?;
    Ok(finish)
}

/// Measures clips with such labels, writes the results into `out` and prints them.
fn measure_and_show<L: Measurable>(
    job: &Job<'_>,
    out: Option<&Path>,
    format: Format,
    printer: &Printer,
) -> anyhow::Result<Finish> {
    let measured = job.run::<L>(printer)?;
    if let Some(out) = out {
        write(&measured, out, printer)?;
    }
    match format {
        Format::Json => printer.data(&serde_json::to_string_pretty(&measured.results)?)?,
        Format::Text => printer.data(&L::table(&measured.results, printer.width()).trim_end())?,
    }
    clips::list_remarks(&measured.corpus, printer);
    clips::list_skipped(&measured.corpus.skipped, printer);
    Ok(
        if measured.corpus.is_fine() && measured.remarks.is_empty() {
            Finish::Clean
        } else {
            Finish::WithRemarks
        },
    )
}

/// Writes the results, and says where the page is.
pub(crate) fn write<L: Measurable>(
    measured: &Measured<L>,
    out: &Path,
    printer: &Printer,
) -> anyhow::Result<()> {
    let page = measured.write(out)?;
    printer.say(&format_args!("report: {}", page.display()));
    Ok(())
}

/// One measurement, as `evaluate`, `study` and `demo` take it.
pub(crate) struct Job<'a> {
    pub(crate) model: &'a Path,
    pub(crate) found: &'a LoadedDataset,
    pub(crate) protocols: &'a [ProtocolChoice],
    pub(crate) folds: &'a Folds,
    pub(crate) config: &'a MeasureConfig,
    /// Which channel is heard, if not the one that the encoder learned from.
    pub(crate) channel: Option<ChannelChoice>,
    /// Whether to score untrained encoder and MFCC statistics, too.
    pub(crate) baselines: bool,
    /// Whether to look at the clips themselves for the report.
    pub(crate) gallery: bool,
    pub(crate) device: DeviceName,
    /// The folder where features are kept.
    pub(crate) cache: &'a Path,
    /// What is there already, where results are written as they come.
    pub(crate) kept: Option<&'a Kept>,
}

impl Job<'_> {
    /// Measures, with progress, and says what a reader of the numbers must know.
    pub(crate) fn run<L: Measurable>(&self, printer: &Printer) -> anyhow::Result<Measured<L>> {
        let bars = Bars::new(printer);
        let counter = self.kept.map(|kept| kept.interrupt.counter());
        let observe = |progress: Progress<'_>| {
            if let (Progress::Kept(parts), Some(counter)) = (progress, &counter) {
                counter.store(parts, Ordering::Relaxed);
            }
            bars.show(progress);
        };
        let measurement = Measurement {
            model: self.model,
            found: self.found,
            protocols: self.protocols.to_vec(),
            folds: self.folds.clone(),
            config: self.config.clone(),
            channel: self.channel,
            baselines: self.baselines,
            gallery: self.gallery,
            device: self.device,
            cache: self.cache,
            kept: self.kept.map(|kept| &kept.kept),
            record: provenance::started(&self.device.to_string()),
            observe: &observe,
        };
        let measured = measurement.run::<L>();
        bars.close();
        if let Err(MeasureError::Corpus(error)) = &measured {
            clips::tell_none_usable(error, printer);
        }
        let measured = measured?;
        for remark in &measured.remarks {
            printer.warn(remark);
        }
        Ok(measured)
    }
}

/// The folder that results go into; interrupted, the program says how many scores are kept.
pub(crate) struct Kept {
    kept: chiffchaff::measure::Kept,
    interrupt: Interrupt,
}

impl Kept {
    pub(crate) fn open(out: &Path, force: bool, printer: &Printer) -> anyhow::Result<Self> {
        let who = provenance::command_line();
        let kept = chiffchaff::measure::Kept::open(out, force, &who)?;
        let interrupt = Interrupt::leaving(*printer, |done| {
            format!(
                "interrupted; {done} scores are done and kept\n\nhint: the same command goes on from there"
            )
        })?;
        interrupt.done(kept.done());
        Ok(Self { kept, interrupt })
    }

    /// All is written: what was kept on the way goes.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        Ok(self.kept.finish()?)
    }
}

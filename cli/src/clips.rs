//! Clips as the program shows them: where their features are kept, which channel is heard, what was skipped and why.

use crate::bars::Bars;
use crate::printer::Printer;
use anyhow::Context;
use chiffchaff::audio::ChannelChoice;
use chiffchaff::corpus::{Corpus, CorpusError, LoadedDataset, Skipped, SkippedClips, examined};
use chiffchaff::dataset::{Clip, Dataset, DatasetScan, DatasetSource};
use chiffchaff::features::ClipRemark;
use chiffchaff::measure::Progress;
use clap::Args;
use std::path::PathBuf;

/// Where features are kept.
#[derive(Args)]
pub(crate) struct CacheArguments {
    /// Keep computed features in this folder [default: chiffchaff in the user's cache folder]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
}

impl CacheArguments {
    /// The folder.
    pub(crate) fn dir(&self) -> anyhow::Result<PathBuf> {
        let from = |variable: &str| std::env::var_os(variable).map(PathBuf::from);
        let user =
            || from("XDG_CACHE_HOME").or_else(|| from("HOME").map(|home| home.join(".cache")));
        let dir = self.cache.clone();
        dir.or_else(|| user().map(|cache| cache.join("chiffchaff")))
            .context("no folder to keep features in: `HOME` is not set\n\nhint: give one with `--cache DIR`")
    }
}

/// Which channel of recordings is heard.
#[derive(Args, Debug, Clone, Default)]
pub(crate) struct ChannelArgument {
    /// Hear this channel of recordings that have several: mix (the mean of all), a number from 1, or loudest (the one with
    /// most energy in the whole file) [default: mix, or what the model heard]
    #[arg(long, value_name = "CHANNEL")]
    pub(crate) channel: Option<ChannelChoice>,
}

impl ChannelArgument {
    /// `set`, and behind it what this changes of a configuration.
    pub(crate) fn with_set(&self, set: &[String]) -> Vec<String> {
        let channel = self.channel.map(|channel| format!("channel=\"{channel}\""));
        set.iter().cloned().chain(channel).collect()
    }
}

/// Finds the clips, and says what of their tables is not used.
pub(crate) fn loaded(source: &DatasetSource, printer: &Printer) -> anyhow::Result<LoadedDataset> {
    let found = LoadedDataset::load(source)?;
    tell_unused(&found, printer);
    Ok(found)
}

/// All clips that can be used, and whether files had to be left out, which is said of each.
pub(crate) fn usable(
    source: &DatasetSource,
    printer: &Printer,
) -> anyhow::Result<(Vec<Clip>, bool)> {
    let dataset = loaded(source, printer)?.dataset;
    let mut is_short = false;
    for fault in dataset.left_out() {
        printer.warn(&format_args!("{}: {}", fault.path.display(), fault.problem));
        is_short = true;
    }
    Ok((dataset.clips, is_short))
}

/// Says what of a dataset's tables is not used, though all its files are.
fn tell_unused(found: &LoadedDataset, printer: &Printer) {
    for fault in found.unused() {
        printer.warn(&format_args!("{}: {}", fault.path.display(), fault.problem));
    }
}

/// Reads every file, with progress.
pub(crate) fn scanned(dataset: &Dataset, printer: &Printer) -> DatasetScan {
    let bars = Bars::new(printer);
    examined(dataset, |done, of| {
        bars.show(Progress::Examining { done, of });
    })
}

/// Says why no clip can be used, if that is what went wrong.
pub(crate) fn tell_none_usable(error: &CorpusError, printer: &Printer) {
    if let CorpusError::NoneUsable { skipped, .. } = error {
        list_skipped(skipped, printer);
    }
}

/// Says what is odd about clips that are used.
pub(crate) fn list_remarks(corpus: &Corpus, printer: &Printer) {
    let remarks = corpus.cache.remarks();
    if remarks.is_empty() {
        return;
    }
    let (count, s) = (remarks.len(), if remarks.len() == 1 { "" } else { "s" });
    printer.warn(&format_args!("{count} remark{s} on clips that are used:"));
    for ClipRemark { path, remark } in remarks {
        printer.warn_more(&format_args!("{}: {remark}", path.display()));
    }
}

/// Says which clips were skipped and why.
pub(crate) fn list_skipped(skipped: &SkippedClips, printer: &Printer) {
    let SkippedClips { entries, clips, of } = skipped;
    if entries.is_empty() {
        return;
    }
    printer.warn(&format_args!("{clips} of {of} clips skipped:"));
    for Skipped { path, reason } in entries {
        printer.warn_more(&format_args!("{}: {reason}", path.display()));
    }
}

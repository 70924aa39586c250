//! From `--data` to clips whose features are on the disk, with everything that was skipped.

use crate::printer::Printer;
use anyhow::{Context, bail};
use chiffchaff::audio::AudioError;
use chiffchaff::dataset::{Clip, Dataset, DatasetSource};
use chiffchaff::features::{CacheConfig, CachePrecision, FeatureCache, FeatureSet, FrontEnd};
use chiffchaff::report::Skipped;
use clap::Args;
use std::path::{Path, PathBuf};

/// Where features are kept.
#[derive(Args)]
pub(crate) struct CacheArguments {
    /// Keep computed features in this folder [default: chiffchaff in the user's cache folder]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
}

impl CacheArguments {
    fn dir(&self) -> anyhow::Result<PathBuf> {
        let from = |variable: &str| std::env::var_os(variable).map(PathBuf::from);
        let user =
            || from("XDG_CACHE_HOME").or_else(|| from("HOME").map(|home| home.join(".cache")));
        let dir = self.cache.clone();
        dir.or_else(|| user().map(|cache| cache.join("chiffchaff")))
            .context("no folder to keep features in: `HOME` is not set\n\nhint: give one with `--cache DIR`")
    }
}

/// A dataset with the features of its clips.
pub(crate) struct Clips {
    pub(crate) dataset: Dataset,
    pub(crate) cache: FeatureCache,
    pub(crate) skipped: Vec<Skipped>,
}

impl Clips {
    /// Finds the clips and computes the features that are not cached yet.
    pub(crate) fn open(
        source: &DatasetSource,
        front_end: &FrontEnd,
        cache: &CacheArguments,
        printer: &Printer,
    ) -> anyhow::Result<Self> {
        let dataset = source.load()?;
        if dataset.clips.is_empty() {
            bail!(
                "{}: no sound files\n\nhint: `chiffchaff doctor --data {}:{}` lists what is there",
                source.path.display(),
                source.kind.name(),
                source.path.display()
            );
        }
        let config = CacheConfig {
            dir: cache.dir()?,
            precision: CachePrecision::default(),
        };
        let rate = front_end.sample_rate();
        let load = |clip: &Clip| clip.read_mono(rate).map_err(without_path);
        let bar = printer.bar(
            dataset.clips.len() as u64,
            "reading {bar:30} {pos}/{len} clips, {eta} left",
        );
        let progress = |done: usize, _| bar.set_position(done as u64);
        let opened = FeatureCache::open(&config, &dataset, front_end, load, progress);
        bar.finish_and_clear();
        let (cache, skipped) = opened?;
        let skipped = skipped.into_iter().map(|clip| Skipped {
            path: clip.path,
            reason: clip.reason,
        });
        let clips = Self {
            dataset,
            cache,
            skipped: skipped.collect(),
        };
        if clips.cache.usable().next().is_none() {
            clips.list_skipped(printer);
            bail!("{}: none of its clips can be used", source.path.display());
        }
        Ok(clips)
    }

    /// The features of these clips.
    pub(crate) fn features(&self, clips: &[usize]) -> FeatureSet<'_> {
        FeatureSet::of(&self.cache, clips.iter().copied())
    }

    /// What a clip is called in messages: its path within the dataset, or else its path.
    pub(crate) fn name(&self, clip: usize) -> String {
        self.dataset.clips[clip].path.display().to_string()
    }

    /// Says which clips were skipped and why.
    pub(crate) fn list_skipped(&self, printer: &Printer) {
        list_skipped(&self.skipped, self.dataset.clips.len(), printer);
    }
}

/// The reason alone: the list of skipped clips names the file itself.
fn without_path(error: AudioError) -> String {
    match error.read_problem() {
        Some(problem) => problem.to_string(),
        None => error.to_string(),
    }
}

fn list_skipped(skipped: &[Skipped], clips: usize, printer: &Printer) {
    if skipped.is_empty() {
        return;
    }
    printer.warn(&format_args!("{} of {clips} clips skipped:", skipped.len()));
    for Skipped { path, reason } in skipped {
        printer.warn_more(&format_args!("{}: {reason}", Path::display(path)));
    }
}

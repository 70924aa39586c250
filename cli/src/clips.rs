//! From `--data` to clips whose features are on the disk, with everything that was skipped.

use crate::printer::Printer;
use anyhow::{Context, bail};
use chiffchaff::audio::{AudioError, ChannelChoice, SoundChannels};
use chiffchaff::dataset::{Clip, Dataset, DatasetScan, DatasetSource, Span, scan};
use chiffchaff::features::{
    CacheConfig, CachePrecision, ClipRemark, FeatureCache, FeatureSet, FrontEnd,
};
use chiffchaff::report::Skipped;
use chiffchaff::train::Cut;
use clap::Args;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

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

/// What features are computed of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whole {
    /// Each clip by itself.
    Clips,
    /// The recordings that clips are spans of.
    Recordings,
}

/// Reads every file, with progress.
pub(crate) fn scanned(dataset: &Dataset, printer: &Printer) -> DatasetScan {
    let bar = printer.bar(
        dataset.clips.len() as u64,
        "examining {bar:30} {pos}/{len} files, {eta} left",
    );
    let found = scan(dataset, |done, of| {
        bar.set_length(of as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    drop(chiffchaff::audio::take_remarks()); // they are among what was found
    found
}

/// Says what of a dataset's tables is not used, though all its files are.
pub(crate) fn tell_unused(dataset: &Dataset, printer: &Printer) {
    for fault in dataset.faults.iter().filter(|f| f.problem.files() == 0) {
        printer.warn(&format_args!("{}: {}", fault.path.display(), fault.problem));
    }
}

/// A dataset with the features of its clips.
pub(crate) struct Clips {
    pub(crate) dataset: Dataset,
    pub(crate) cache: FeatureCache,
    /// Index of every clip's features in the cache: where clips are cut from whole recordings, its recording's.
    cached_as: Vec<usize>,
    /// Whether the dataset has an official split, whose parts its folds are, and no folds of its own.
    pub(crate) by_split: bool,
    pub(crate) skipped: Vec<Skipped>,
    /// How many of how many clips are not used: the files that a table lists and that are missing are one in `skipped`.
    skipped_of: (usize, usize),
}

impl Clips {
    /// The dataset of some of the clips.
    pub(crate) fn selected(&self, clips: &[usize]) -> Dataset {
        let clips = clips.iter().map(|&clip| self.dataset.clips[clip].clone());
        Dataset {
            clips: clips.collect(),
            ..self.dataset.clone()
        }
    }

    /// Finds the clips and computes the features that are not cached yet: of `whole` recordings where clips are spans of
    /// them, or of each clip; one `channel` of them is heard where one is.
    pub(crate) fn open(
        source: &DatasetSource,
        channel: ChannelChoice,
        whole: Whole,
        front_end: &FrontEnd,
        cache: &CacheArguments,
        printer: &Printer,
    ) -> anyhow::Result<Self> {
        if !channel.is_mix() && front_end.sound_channels() != SoundChannels::Mono {
            bail!(
                "`--channel {channel}`: what hears these clips hears both sides of them\n\nhint: leave `--channel` out, or train \
                 with `features.channels = \"mono\"`"
            );
        }
        let dataset = source.load()?.on_channel(channel);
        tell_unused(&dataset, printer);
        let by_split = dataset.has_split_only();
        let dataset = dataset.with_split_as_folds();
        let (computed, cached_as) = match whole {
            Whole::Clips => (dataset.clone(), (0..dataset.clips.len()).collect()),
            Whole::Recordings => dataset.recordings(),
        };
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
            precision: match front_end {
                FrontEnd::Samples(_) => CachePrecision::F32, // float files may be of any magnitude
                _ => CachePrecision::default(),
            },
        };
        let (rate, channels) = (front_end.sample_rate(), front_end.sound_channels());
        let load = |clip: &Clip| clip.open(rate, channels).map_err(without_path);
        let bar = printer.bar(
            computed.clips.len() as u64,
            "reading {bar:30} {pos}/{len} clips, {eta} left",
        );
        let progress = |done: usize, _| bar.set_position(done as u64);
        let opened = FeatureCache::open(&config, &computed, front_end, load, progress);
        bar.finish_and_clear();
        drop(chiffchaff::audio::take_remarks()); // the cache tells them, of earlier runs too
        let (cache, skipped) = opened?;
        let left_out: usize = dataset.left_out().map(|fault| fault.problem.files()).sum();
        let skipped_of = (left_out + skipped.len(), left_out + computed.clips.len());
        let left_out = dataset.left_out().map(|fault| Skipped {
            path: fault.path.clone(),
            reason: fault.problem.to_string(),
        });
        let skipped = skipped.into_iter().map(|clip| Skipped {
            path: clip.path,
            reason: clip.reason,
        });
        let skipped = left_out.chain(skipped).collect();
        let clips = Self {
            dataset,
            cache,
            cached_as,
            by_split,
            skipped,
            skipped_of,
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

    /// What a training run hears of a clip: the frames that `cut` takes it to be, if it is usable and long enough.
    pub(crate) fn heard(&self, clip: usize, cut: &Cut, frame_rate: f64) -> Option<Heard<'_>> {
        let cached_as = self.cached_as[clip];
        let frames = self.cache.frames(cached_as);
        let whole = (frames > 0).then_some(0..frames);
        let frames = match (cut, self.dataset.clips[clip].span) {
            (Cut::Windows(cut), Some(span)) => cut.event_frames(span.into(), frame_rate, frames),
            (Cut::Windows(cut), None) => whole.filter(|frames| frames.len() > cut.longer_than),
            (Cut::Random {} | Cut::Frames {}, _) => whole,
        };
        Some(Heard {
            cache: &self.cache,
            clip: cached_as,
            frames: frames?,
        })
    }

    /// The usable recordings with the marked events in them, those of the `chosen` clips.
    pub(crate) fn marked_recordings(&self, chosen: impl Fn(usize) -> bool) -> Vec<MarkedRecording> {
        let mut recordings = BTreeMap::new();
        for (clip, event) in self.dataset.clips.iter().enumerate() {
            let cached_as = self.cached_as[clip];
            if !chosen(clip) || self.cache.frames(cached_as) == 0 {
                continue;
            }
            let recording = recordings
                .entry(cached_as)
                .or_insert_with(|| MarkedRecording {
                    path: event.path.clone(),
                    cached_as,
                    events: Vec::new(),
                });
            recording.events.extend(event.span.zip(event.label));
            let tags = event.tags.iter().flatten();
            let strong = tags.filter_map(|tag| Some((tag.span?, tag.class)));
            recording.events.extend(strong);
        }
        recordings.into_values().collect()
    }

    /// What a clip is called in messages: its path, with the span it is of it.
    pub(crate) fn name(&self, clip: usize) -> String {
        let clip = &self.dataset.clips[clip];
        match clip.span {
            Some(span) => format!(
                "{} at {}–{} s",
                clip.path.display(),
                span.onset(),
                span.offset()
            ),
            None => clip.path.display().to_string(),
        }
    }

    /// Whether every clip is used and nothing is odd about any.
    pub(crate) fn are_fine(&self) -> bool {
        self.skipped.is_empty() && self.cache.remarks().is_empty()
    }

    /// Says what is odd about clips that are used.
    pub(crate) fn list_remarks(&self, printer: &Printer) {
        let remarks = self.cache.remarks();
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
    pub(crate) fn list_skipped(&self, printer: &Printer) {
        if self.skipped.is_empty() {
            return;
        }
        let (skipped, of) = self.skipped_of;
        printer.warn(&format_args!("{skipped} of {of} clips skipped:"));
        for Skipped { path, reason } in &self.skipped {
            printer.warn_more(&format_args!("{}: {reason}", path.display()));
        }
    }
}

/// A recording with the events that are marked in it, each with its label.
pub(crate) struct MarkedRecording {
    pub(crate) path: PathBuf,
    pub(crate) cached_as: usize,
    pub(crate) events: Vec<(Span, usize)>,
}

/// Frames of a cached clip.
pub(crate) struct Heard<'a> {
    pub(crate) cache: &'a FeatureCache,
    pub(crate) clip: usize,
    pub(crate) frames: Range<usize>,
}

/// The reason alone: the list of skipped clips names the file itself.
fn without_path(error: AudioError) -> String {
    match error.read_problem() {
        Some(problem) => problem.to_string(),
        None => error.to_string(),
    }
}

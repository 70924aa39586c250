//! A dataset with the features of its clips: what training and measurement begin with.
//!
//! [`LoadedDataset::load`] finds the clips of a [`DatasetSource`]. [`Corpus::open`] computes the features of those that are
//! not cached yet, and lists every clip that cannot be used with its reason.
//!
//! ```no_run
//! use chiffchaff::corpus::{Corpus, CorpusConfig, LoadedDataset};
//! use chiffchaff::features::{FrontEnd, LogMelConfig};
//!
//! let found = LoadedDataset::load(&"folder:recordings".parse()?)?;
//! let front_end = FrontEnd::LogMel(LogMelConfig::small());
//! let config = CorpusConfig::of_clips(&front_end, "cache".as_ref());
//! let corpus = Corpus::open(&found, &config, |_, _| {})?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::audio::{ChannelChoice, SoundChannels};
use crate::dataset::{
    Clip, Dataset, DatasetError, DatasetScan, DatasetSource, LayoutFault, Span, scan,
};
use crate::features::{
    CacheConfig, CachePrecision, FeatureCache, FeatureSet, FeaturesError, FrontEnd,
};

/// The clips that were found, and where.
#[derive(Debug, Clone)]
pub struct LoadedDataset {
    /// Where they were looked for.
    pub source: DatasetSource,
    /// The clips.
    pub dataset: Dataset,
}

impl LoadedDataset {
    /// Finds the clips; no sound is read.
    ///
    /// # Errors
    /// If the dataset is not laid out as its kind says.
    pub fn load(source: &DatasetSource) -> Result<Self, DatasetError> {
        Ok(Self {
            source: source.clone(),
            dataset: source.load()?,
        })
    }

    /// What of the dataset's tables is not used, though all its files are.
    pub fn unused(&self) -> impl Iterator<Item = &LayoutFault> {
        let faults = self.dataset.faults.iter();
        faults.filter(|fault| fault.problem.files() == 0)
    }
}

/// What features are computed of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whole {
    /// Each clip by itself.
    Clips,
    /// The recordings that clips are spans of.
    Recordings,
}

/// Which features a corpus has, and where they are kept.
#[derive(Debug, Clone, Copy)]
pub struct CorpusConfig<'a> {
    /// Which channel of recordings is used, where they have several.
    pub channel: ChannelChoice,
    /// What features are computed of.
    pub whole: Whole,
    /// How they are computed.
    pub front_end: &'a FrontEnd,
    /// The folder they are kept in, made if it is not there.
    pub cache: &'a Path,
}

impl<'a> CorpusConfig<'a> {
    /// The features of each clip by itself, of the mean of its channels.
    pub fn of_clips(front_end: &'a FrontEnd, cache: &'a Path) -> Self {
        Self {
            channel: ChannelChoice::Mix,
            whole: Whole::Clips,
            front_end,
            cache,
        }
    }
}

/// A file that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// The clips that are not used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SkippedClips {
    /// Each with its reason; the files that a table lists and that are missing are one entry.
    pub entries: Vec<Skipped>,
    /// How many clips that are.
    pub clips: usize,
    /// How many clips there are, those included.
    pub of: usize,
}

/// Why there are no clips to work with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CorpusError {
    /// One channel is asked for where two are used.
    #[error(
        "`--channel {channel}`: what hears these clips hears both sides of them\n\nhint: leave `--channel` out, or train \
         with `features.channels = \"mono\"`"
    )]
    Channel {
        /// The channel asked for.
        channel: ChannelChoice,
    },
    /// No clip was found.
    #[error(
        "{}: no sound files\n\nhint: `chiffchaff doctor --data {}:{}` lists what is there",
        data.path.display(), data.kind.name(), data.path.display()
    )]
    Empty {
        /// Where they were looked for.
        data: DatasetSource,
    },
    /// No clip can be used.
    #[error("{}: none of its clips can be used", data.path.display())]
    NoneUsable {
        /// Where they were found.
        data: DatasetSource,
        /// Why each is not used.
        skipped: SkippedClips,
    },
    /// The clips could not be found.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The features could not be computed or kept.
    #[error(transparent)]
    Features(#[from] FeaturesError),
}

/// A dataset with the features of its clips.
#[derive(Debug)]
pub struct Corpus {
    /// The clips; the parts of an official split are folds.
    pub dataset: Dataset,
    /// The features of the clips, or of the recordings they are spans of: see [`Self::cached_as`].
    pub cache: FeatureCache,
    /// Index of every clip's features in the cache.
    cached_as: Vec<usize>,
    /// Whether the dataset has an official split, whose parts its folds are, and no folds of its own.
    pub by_split: bool,
    /// The clips that are not used.
    pub skipped: SkippedClips,
}

impl Corpus {
    /// Computes the features that are not cached yet, on all threads of the current rayon pool.
    ///
    /// `observe` is called with clips done and clips in all, from any thread.
    ///
    /// # Errors
    /// If no clip can be used, the cache cannot be read or written, or the front end has a setting that makes no sense.
    pub fn open(
        found: &LoadedDataset,
        config: &CorpusConfig<'_>,
        observe: impl Fn(usize, usize) + Sync,
    ) -> Result<Self, CorpusError> {
        let (front_end, channel) = (config.front_end, config.channel);
        if !channel.is_mix() && front_end.sound_channels() != SoundChannels::Mono {
            return Err(CorpusError::Channel { channel });
        }
        let data = found.source.clone();
        let dataset = found.dataset.clone().on_channel(channel);
        let by_split = dataset.has_split_only();
        let dataset = dataset.with_split_as_folds();
        if dataset.clips.is_empty() {
            return Err(CorpusError::Empty { data });
        }
        let (computed, cached_as) = match config.whole {
            Whole::Clips => (dataset.clone(), (0..dataset.clips.len()).collect()),
            Whole::Recordings => dataset.recordings(),
        };
        let (cache, skipped) = computed_features(&computed, config, observe)?;
        let skipped = skipped_clips(&dataset, computed.clips.len(), skipped);
        if cache.usable().next().is_none() {
            return Err(CorpusError::NoneUsable { data, skipped });
        }
        Ok(Self {
            dataset,
            cache,
            cached_as,
            by_split,
            skipped,
        })
    }

    /// The features of these clips, each by itself.
    ///
    /// # Panics
    /// If a clip was skipped.
    pub fn features(&self, clips: &[usize]) -> FeatureSet<'_> {
        FeatureSet::of(&self.cache, clips.iter().copied())
    }

    /// Index of a clip's features in the cache: where clips are cut from whole recordings, its recording's.
    pub fn cached_as(&self, clip: usize) -> usize {
        self.cached_as[clip]
    }

    /// The dataset of some of the clips.
    pub fn selected(&self, clips: &[usize]) -> Dataset {
        let clips = clips.iter().map(|&clip| self.dataset.clips[clip].clone());
        Dataset {
            clips: clips.collect(),
            ..self.dataset.clone()
        }
    }

    /// The usable recordings with the marked events in them, those of the `chosen` clips.
    pub fn marked_recordings(&self, chosen: impl Fn(usize) -> bool) -> Vec<MarkedRecording> {
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
    pub fn name(&self, clip: usize) -> String {
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
    pub fn is_fine(&self) -> bool {
        self.skipped.entries.is_empty() && self.cache.remarks().is_empty()
    }
}

/// A recording with the events that are marked in it, each with its label.
#[derive(Debug, Clone, PartialEq)]
pub struct MarkedRecording {
    /// The sound file.
    pub path: PathBuf,
    /// Index of its features in the cache.
    pub cached_as: usize,
    /// Where each event lies, and the index of its class.
    pub events: Vec<(Span, usize)>,
}

/// Reads every file of a dataset and says what is odd; `observe` as for [`Corpus::open`].
///
/// What readers remark about the files is part of the result, and no longer among [`crate::audio::take_remarks`].
pub fn examined(dataset: &Dataset, observe: impl Fn(usize, usize) + Sync) -> DatasetScan {
    let found = scan(dataset, observe);
    drop(crate::audio::take_remarks());
    found
}

/// The cache of these clips or recordings, and those that are not in it.
fn computed_features(
    computed: &Dataset,
    config: &CorpusConfig<'_>,
    observe: impl Fn(usize, usize) + Sync,
) -> Result<(FeatureCache, Vec<Skipped>), FeaturesError> {
    let front_end = config.front_end;
    let cache = CacheConfig {
        dir: config.cache.to_owned(),
        precision: match front_end {
            FrontEnd::Samples(_) => CachePrecision::F32, // float files may be of any magnitude
            _ => CachePrecision::default(),
        },
    };
    let (rate, channels) = (front_end.sample_rate(), front_end.sound_channels());
    let load = |clip: &Clip| {
        clip.open(rate, channels)
            .map_err(|error| error.without_path())
    };
    let opened = FeatureCache::open(&cache, computed, front_end, load, observe);
    drop(crate::audio::take_remarks()); // the cache tells them, of earlier runs too
    let (cache, skipped) = opened?;
    let skipped = skipped.into_iter().map(|clip| Skipped {
        path: clip.path,
        reason: clip.reason,
    });
    Ok((cache, skipped.collect()))
}

/// Those that the dataset leaves out and, of `computed` ones, those without features.
fn skipped_clips(
    dataset: &Dataset,
    computed: usize,
    without_features: Vec<Skipped>,
) -> SkippedClips {
    let left_out: usize = dataset.left_out().map(|fault| fault.problem.files()).sum();
    let clips = left_out + without_features.len();
    let faults = dataset.left_out().map(|fault| Skipped {
        path: fault.path.clone(),
        reason: fault.problem.to_string(),
    });
    SkippedClips {
        entries: faults.chain(without_features).collect(),
        clips,
        of: left_out + computed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{SampleRate, WavEncoding, Waveform, write_wav};
    use crate::features::LogMelConfig;

    /// Two clips, and a file that is none.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let rate = SampleRate::new(22_050).unwrap();
        for (name, pitch) in [("a.wav", 0.1f32), ("b.wav", 0.2)] {
            let samples = (0..22_050)
                .map(|n| 0.5 * (n as f32 * pitch).sin())
                .collect();
            let sound = Waveform::mono(samples, rate);
            write_wav(folder.path().join(name), &sound, WavEncoding::Int16).unwrap();
        }
        std::fs::write(folder.path().join("c.wav"), "no sound").unwrap();
        folder
    }

    fn opened(folder: &Path) -> Result<Corpus, CorpusError> {
        let source = format!("folder:{}", folder.display()).parse().unwrap();
        let found = LoadedDataset::load(&source).unwrap();
        let front_end = FrontEnd::LogMel(LogMelConfig::small());
        let cache = tempfile::tempdir().unwrap();
        let config = CorpusConfig::of_clips(&front_end, cache.path());
        Corpus::open(&found, &config, |_, _| {})
    }

    #[test]
    fn what_cannot_be_used_is_listed_with_its_reason() {
        let folder = folder();
        let corpus = opened(folder.path()).unwrap();
        assert_eq!(corpus.cache.usable().collect::<Vec<_>>(), [0, 1]);
        let SkippedClips { entries, clips, of } = &corpus.skipped;
        assert_eq!((*clips, *of), (1, 3));
        assert!(entries[0].path.ends_with("c.wav"));
        assert!(!entries[0].reason.contains("c.wav"), "{entries:?}");
        assert!(!corpus.is_fine());
    }

    #[test]
    fn a_folder_without_clips_that_can_be_used_is_refused_with_the_reasons() {
        let folder = folder();
        let write = |name| std::fs::write(folder.path().join(name), "no sound").unwrap();
        ["a.wav", "b.wav"].into_iter().for_each(write);
        let error = opened(folder.path()).unwrap_err();
        assert!(
            matches!(&error, CorpusError::NoneUsable { skipped, .. } if skipped.clips == 3),
            "{error}"
        );
    }
}

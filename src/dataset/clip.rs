//! A dataset as a list of clips.

use super::{LayoutFault, Span};
use crate::audio::{
    AudioError, ChannelChoice, MonoReader, SampleRate, SoundChannels, Waveform,
    read_stereo_remarked, read_stereo_span_remarked,
};
use serde::Serialize;
use std::{
    collections::HashSet,
    fmt, fs,
    path::{Path, PathBuf},
};

/// One item of a dataset: a file, or a span of one.
#[derive(Debug, Clone, PartialEq)]
pub struct Clip {
    /// The sound file.
    pub path: PathBuf,
    /// Index into [`Dataset::classes`], if the clip has exactly one class.
    pub label: Option<usize>,
    /// Everything heard in the clip, where there may be several classes at once or none; an empty list says that none
    /// of the classes is heard. `None` if nothing is known, or if it is in `label`.
    pub tags: Option<Vec<Tag>>,
    /// The official fold, numbered as the dataset's authors do (ESC-50: 1..=5).
    pub fold: Option<u32>,
    /// The part of the official split, for datasets that are divided once and not into folds.
    pub split: Option<Split>,
    /// What the authors call the part of the dataset it belongs to, where that is finer than the split ("weak").
    pub subset: Option<String>,
    /// The recording the clip was cut from; clips of one source must not be split over folds.
    pub source: Option<String>,
    /// The part of the file; the whole file if absent.
    pub span: Option<Span>,
    /// Which channel of the file is heard, where one is.
    pub channel: ChannelChoice,
}

impl Clip {
    /// A whole file without label.
    pub fn unlabelled(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            label: None,
            tags: None,
            fold: None,
            split: None,
            subset: None,
            source: None,
            span: None,
            channel: ChannelChoice::Mix,
        }
    }

    /// Whether anything is known of what is heard in the clip.
    pub fn is_labelled(&self) -> bool {
        self.label.is_some() || self.tags.is_some()
    }

    /// The classes heard in the clip, ascending, each once.
    pub fn classes(&self) -> Vec<usize> {
        let tags = self.tags.iter().flatten().map(|tag| tag.class);
        let mut classes: Vec<usize> = self.label.into_iter().chain(tags).collect();
        classes.sort_unstable();
        classes.dedup();
        classes
    }

    /// Reads the clip as one channel: its span, or the whole file.
    ///
    /// # Errors
    /// As [`MonoReader::read_all`] and [`MonoReader::read_span`], and if the file does not have the clip's channel.
    pub fn read_mono(&self, rate: SampleRate) -> Result<Waveform, AudioError> {
        Ok(self.read_mono_remarked(rate)?.sound)
    }

    fn read_mono_remarked(&self, rate: SampleRate) -> Result<ClipSound, AudioError> {
        let reader = MonoReader::open(&self.path)?.on_channel(self.channel)?;
        let mut reader = reader.at_rate(rate)?;
        let sound = match self.span {
            Some(span) => reader.read_span(span.into())?,
            None => reader.read_all()?,
        };
        Ok(ClipSound {
            sound,
            remarks: remarks_of(&reader),
        })
    }

    /// Opens the clip for whoever can take long ones block by block: one channel of a whole long file is still to be read
    /// then. All others are read as by [`Self::read_remarked`].
    ///
    /// # Errors
    /// As [`Self::read_mono`].
    pub fn open(&self, rate: SampleRate, channels: SoundChannels) -> Result<OpenClip, AudioError> {
        if channels == SoundChannels::Mono && self.span.is_none() {
            let reader = MonoReader::open(&self.path)?;
            // Headers lie, but not about the size of the file.
            let bytes = fs::metadata(&self.path).map_or(0, |metadata| metadata.len());
            if reader.declared_len().unwrap_or(0).max(bytes) > LONG_SAMPLES {
                let reader = reader.on_channel(self.channel)?.at_rate(rate)?;
                return Ok(OpenClip::Long(Box::new(reader)));
            }
        }
        self.read_remarked(rate, channels).map(OpenClip::Read)
    }

    /// Reads the channels of the clip that are to be heard: its span, or the whole file.
    ///
    /// # Errors
    /// As [`Self::read_mono`].
    pub fn read(&self, rate: SampleRate, channels: SoundChannels) -> Result<Waveform, AudioError> {
        Ok(self.read_remarked(rate, channels)?.sound)
    }

    /// The same with what a user should know of it.
    ///
    /// # Errors
    /// As [`Self::read_mono`].
    pub fn read_remarked(
        &self,
        rate: SampleRate,
        channels: SoundChannels,
    ) -> Result<ClipSound, AudioError> {
        let (sound, remarks) = match (channels, self.span) {
            (SoundChannels::Mono, _) => return self.read_mono_remarked(rate),
            (SoundChannels::Stereo, Some(span)) => {
                read_stereo_span_remarked(&self.path, rate, span.into())?
            }
            (SoundChannels::Stereo, None) => read_stereo_remarked(&self.path, rate)?,
        };
        let remarks = remarks.iter().map(ToString::to_string).collect();
        Ok(ClipSound { sound, remarks })
    }
}

/// The sound of a clip, and what a user should know of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipSound {
    /// The sound.
    pub sound: Waveform,
    /// What is odd about it though it can be used, each as a sentence without the file's name.
    pub remarks: Vec<String>,
}

impl From<Waveform> for ClipSound {
    /// Sound that nothing is odd about.
    fn from(sound: Waveform) -> Self {
        Self {
            sound,
            remarks: Vec::new(),
        }
    }
}

/// The sound of a clip: read, or too long to be read at once.
pub enum OpenClip {
    /// All of it.
    Read(ClipSound),
    /// Its only channel, or the one that is heard, to be read block by block.
    Long(Box<MonoReader>),
}

impl<S: Into<ClipSound>> From<S> for OpenClip {
    fn from(sound: S) -> Self {
        Self::Read(sound.into())
    }
}

/// More samples than this, or bytes where the length is not known, are not read at once: an hour and a half at 22 kHz.
const LONG_SAMPLES: u64 = 1 << 27;

/// What is odd about what was read, each as a sentence without the file's name.
pub(crate) fn remarks_of(reader: &MonoReader) -> Vec<String> {
    let remarks = reader.remarks().iter().map(ToString::to_string);
    let cancelled = reader.cancelled();
    let cancelled = cancelled.iter().map(ToString::to_string);
    remarks.chain(cancelled).collect()
}

/// A class that is heard in a clip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tag {
    /// Index into [`Dataset::classes`].
    pub class: usize,
    /// When, within the file, if the label is strong; somewhere in the clip if it is weak.
    pub span: Option<Span>,
}

impl Tag {
    /// A class heard somewhere in the clip.
    pub fn weak(class: usize) -> Self {
        Self { class, span: None }
    }
}

/// A part of an official split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// To learn from.
    Train,
    /// To choose settings by.
    Validation,
    /// To measure on, once.
    Test,
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        })
    }
}

/// Clips with what is known about them, in a fixed order.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// What the dataset is called in tables and reports.
    pub name: String,
    /// The clips, sorted as the manifest lists them or else by path.
    pub clips: Vec<Clip>,
    /// Class names; a clip's label is an index into them.
    pub classes: Vec<String>,
    /// What is not as the layout says it should be, and keeps nothing else from being used.
    pub faults: Vec<LayoutFault>,
}

impl Dataset {
    /// The same with this channel of every file heard, where one is.
    pub fn on_channel(mut self, channel: ChannelChoice) -> Self {
        for clip in &mut self.clips {
            clip.channel = channel;
        }
        self
    }

    /// A dataset without faults.
    pub fn new(name: impl Into<String>, clips: Vec<Clip>, classes: Vec<String>) -> Self {
        Self {
            name: name.into(),
            clips,
            classes,
            faults: Vec::new(),
        }
    }

    /// What tells the clips from each other wherever the dataset lies: the path of each below the folder that holds all of
    /// them, and its span within the file.
    pub(crate) fn clip_names(&self) -> Vec<String> {
        let folders = self.clips.iter().filter_map(|clip| clip.path.parent());
        let shared = folders.map(Path::to_owned).reduce(|shared, folder| {
            let same = shared.components().zip(folder.components());
            same.take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
        });
        let shared = shared.unwrap_or_default();
        let name = |clip: &Clip| {
            let path = clip.path.strip_prefix(&shared).unwrap_or(&clip.path);
            match clip.span {
                Some(span) => {
                    format!("{} {}–{} s", path.display(), span.onset(), span.offset())
                }
                None => path.display().to_string(),
            }
        };
        self.clips.iter().map(name).collect()
    }

    /// The faults that keep files from being clips: missing ones, and those whose name alone would tell their class.
    pub fn left_out(&self) -> impl Iterator<Item = &LayoutFault> {
        let paths: HashSet<&Path> = self.clips.iter().map(|clip| clip.path.as_path()).collect();
        let faults = self.faults.iter().filter(|fault| fault.problem.files() > 0);
        faults.filter(move |fault| !paths.contains(fault.path.as_path()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clips_are_named_from_where_they_part() {
        let mut cut = Clip::unlabelled("/data/birds/wren/a.wav");
        cut.span = Some(Span::new(0.5, 2.0).unwrap());
        let clips = vec![cut, Clip::unlabelled("/data/birds/tit/a.wav")];
        let names = Dataset::new("birds", clips, vec![]).clip_names();
        assert_eq!(names, ["wren/a.wav 0.5–2 s", "tit/a.wav"]);
        let lone = Dataset::new("one", vec![Clip::unlabelled("x/a.wav")], vec![]);
        assert_eq!(lone.clip_names(), ["a.wav"]);
    }
}

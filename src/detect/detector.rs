//! A fitted detector and a recording → events.

#[cfg(feature = "nn")]
use super::Threshold;
use super::learned::{LearnedFrom, ShotPicture};
use super::{DetectError, Detection, EventBand, Stage};
use crate::audio::{ChannelChoice, TimeScale};
use std::fmt;
use std::fs::canonicalize;
use std::path::{Path, PathBuf};

/// What a method has learned from marked events.
pub(super) trait Fitted {
    /// The events of `recording`.
    fn detect(
        &self,
        recording: &Path,
        observe: &mut dyn FnMut(Stage),
    ) -> Result<Detection, DetectError>;

    /// Writes it into a file, if such detectors can be kept.
    fn save(&self, _path: &Path, _learned: &LearnedFrom) -> Result<(), DetectError> {
        Err(DetectError::CannotKeep)
    }

    /// Between which frequencies its events lie, if that is known.
    fn band(&self) -> Option<EventBand> {
        None
    }

    /// How the first shots looked to it, if it has kept that.
    fn shot_pictures(&self) -> Vec<ShotPicture> {
        Vec::new()
    }
}

/// A detector of one kind of event or several, which [`Fitter::fit`](super::Fitter::fit) makes from a few marked ones.
pub struct Detector {
    pub(super) fitted: Box<dyn Fitted>,
    /// The recordings with the marks.
    pub(super) fitted_to: Vec<PathBuf>,
    /// Whether recordings can be searched that the method was not fitted to.
    pub(super) searches_others: bool,
    /// The channel of recordings without marks.
    pub(super) channel: ChannelChoice,
    pub(super) time_scale: TimeScale,
    pub(super) learned: LearnedFrom,
}

impl fmt::Debug for Detector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut detector = f.debug_struct("Detector");
        detector.field("fitted_to", &self.fitted_to);
        detector.finish_non_exhaustive()
    }
}

/// What of a kept detector is to be otherwise than it was kept.
#[cfg(feature = "nn")]
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct KeptOptions {
    /// Which candidates count as events.
    pub threshold: Option<Threshold>,
    /// The channel that is searched.
    pub channel: Option<ChannelChoice>,
}

impl Detector {
    /// Reads a detector that [`Self::save`] has written. It knows no recording: each is searched from its beginning.
    ///
    /// # Errors
    /// [`DetectError::NotADetector`] if the file holds none; if it cannot be read; or if the threshold is out of range.
    #[cfg(feature = "nn")]
    pub fn load(
        path: &Path,
        options: KeptOptions,
        device: tch::Device,
    ) -> Result<Self, DetectError> {
        let (mut fitted, learned) = super::frames::load(path, device)?;
        let KeptOptions { threshold, channel } = options;
        fitted.threshold = threshold.unwrap_or(fitted.threshold);
        fitted.channel = channel.unwrap_or(fitted.channel);
        fitted.threshold.check()?;
        Ok(Self {
            fitted_to: Vec::new(),
            searches_others: true,
            channel: fitted.channel,
            time_scale: fitted.time_scale,
            learned,
            fitted: Box::new(fitted),
        })
    }

    /// Writes the detector into one file, whole or not at all: a safetensors file with the networks, how recordings are
    /// played and heard, what it learned from, and small pictures of the first 20 shots.
    ///
    /// # Errors
    /// [`DetectError::CannotKeep`] for all methods but `frames`; or if the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), DetectError> {
        self.fitted.save(path, &self.learned)
    }

    /// What it learned from.
    pub fn learned(&self) -> &LearnedFrom {
        &self.learned
    }

    /// Between which frequencies its events lie: as most marks say, or where the shots stand out of their surroundings. `None`
    /// where neither is known, and for all methods but `frames`.
    pub fn band(&self) -> Option<EventBand> {
        self.fitted.band()
    }

    /// How the first shots look to it; empty for all methods but `frames`.
    pub fn shot_pictures(&self) -> Vec<ShotPicture> {
        self.fitted.shot_pictures()
    }

    /// The channel that is searched of a recording without marks, the loudest one found.
    ///
    /// # Errors
    /// As [`ChannelChoice::of_file`].
    pub fn channel(&self, recording: &Path) -> Result<ChannelChoice, DetectError> {
        Ok(self.channel.of_file(recording)?)
    }

    /// How much slower or faster it plays recordings.
    pub fn time_scale(&self) -> TimeScale {
        self.time_scale
    }

    /// Finds every event like the marked ones: behind the last of them in a recording that the detector was fitted to,
    /// anywhere in others. Only the method `frames` searches others. The recording is read as a stream: memory does not grow
    /// with its length, but for the scores.
    ///
    /// # Errors
    /// [`DetectError::OtherRecording`] for a recording that the method cannot search; or if the recording cannot be read.
    pub fn detect(
        &self,
        recording: &Path,
        mut observe: impl FnMut(Stage),
    ) -> Result<Detection, DetectError> {
        let is_own = |path: &PathBuf| is_same_file(recording, path);
        if !self.searches_others && !self.fitted_to.iter().any(is_own) {
            return Err(DetectError::OtherRecording {
                path: recording.to_owned(),
                fitted_to: self.fitted_to.first().cloned().unwrap_or_default(),
            });
        }
        let mut detection = self.fitted.detect(recording, &mut observe)?;
        detection.labels = self.learned.labels();
        Ok(detection)
    }
}

/// Whether two paths lead to one file, perhaps by different names.
pub(super) fn is_same_file(one: &Path, other: &Path) -> bool {
    let same_place = || Some(canonicalize(one).ok()? == canonicalize(other).ok()?);
    one == other || same_place().unwrap_or(false)
}

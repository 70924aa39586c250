//! A fitted detector and a recording → events.

use super::{DetectError, Detection, Stage};
use crate::audio::TimeScale;
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
}

/// A detector of one kind of event, which [`Fitter::fit`](super::Fitter::fit) makes from a few marked ones.
pub struct Detector {
    pub(super) fitted: Box<dyn Fitted>,
    /// The recordings with the marks.
    pub(super) fitted_to: Vec<PathBuf>,
    /// Whether recordings can be searched that the method was not fitted to.
    pub(super) searches_others: bool,
    pub(super) time_scale: TimeScale,
}

impl fmt::Debug for Detector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut detector = f.debug_struct("Detector");
        detector.field("fitted_to", &self.fitted_to);
        detector.finish_non_exhaustive()
    }
}

impl Detector {
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
        self.fitted.detect(recording, &mut observe)
    }
}

/// Whether two paths lead to one file, perhaps by different names.
pub(super) fn is_same_file(one: &Path, other: &Path) -> bool {
    let same_place = || Some(canonicalize(one).ok()? == canonicalize(other).ok()?);
    one == other || same_place().unwrap_or(false)
}

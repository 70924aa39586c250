//! A fitted detector and a recording → events.

use super::{DetectError, Detection, Stage};
use std::fmt;
use std::fs::canonicalize;
use std::path::{Path, PathBuf};

/// What a method has learned from marked events.
pub(super) trait Fitted {
    /// The events of `recording`, which the method was fitted to.
    fn detect(
        &self,
        recording: &Path,
        observe: &mut dyn FnMut(Stage),
    ) -> Result<Detection, DetectError>;
}

/// A detector of one kind of event, which [`Fitter::fit`](super::Fitter::fit) makes from a few marked ones.
pub struct Detector {
    fitted: Box<dyn Fitted>,
    /// The recording with the marks.
    fitted_to: PathBuf,
}

impl fmt::Debug for Detector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut detector = f.debug_struct("Detector");
        detector.field("fitted_to", &self.fitted_to);
        detector.finish_non_exhaustive()
    }
}

impl Detector {
    pub(super) fn new(fitted: Box<dyn Fitted>, fitted_to: PathBuf) -> Self {
        Self { fitted, fitted_to }
    }

    /// Finds every event like the marked ones, behind the last of them. Today `recording` must be the one that the
    /// detector was fitted to. It is read as a stream: memory does not grow with its length, but for the scores.
    ///
    /// # Errors
    /// [`DetectError::OtherRecording`] for any other recording; or if the recording cannot be read.
    pub fn detect(
        &self,
        recording: &Path,
        mut observe: impl FnMut(Stage),
    ) -> Result<Detection, DetectError> {
        if !is_same_file(recording, &self.fitted_to) {
            return Err(DetectError::OtherRecording {
                path: recording.to_owned(),
                fitted_to: self.fitted_to.clone(),
            });
        }
        self.fitted.detect(recording, &mut observe)
    }
}

/// Whether two paths lead to one file, perhaps by different names.
fn is_same_file(one: &Path, other: &Path) -> bool {
    let same_place = || Some(canonicalize(one).ok()? == canonicalize(other).ok()?);
    one == other || same_place().unwrap_or(false)
}

//! A fitted classifier and a recording → events, window by window.

use super::classifier::Classifier;
use super::patches::{Frames, Query, images};
use super::runs::Runs;
use crate::audio::ChannelChoice;
use crate::detect::detector::Fitted;
use crate::detect::{DetectError, Detection, Stage};
use crate::features::FrontEnd;
use std::path::Path;
use tch::Device;

/// A classifier of windows, with what it takes to search the recording of its shots.
pub(super) struct WindowDetector {
    pub(super) classifier: Classifier,
    pub(super) device: Device,
    pub(super) front_end: FrontEnd,
    pub(super) channel: ChannelChoice,
    /// Frames of a window.
    pub(super) window: usize,
    /// Frames from one window to the next.
    pub(super) hop: usize,
    /// The frame in which the last shot ends.
    pub(super) query_start: usize,
    pub(super) threshold: f32,
}

impl Fitted for WindowDetector {
    fn detect(
        &self,
        recording: &Path,
        _observe: &mut dyn FnMut(Stage),
    ) -> Result<Detection, DetectError> {
        let frames = Frames::open(recording, self.channel, &self.front_end)?;
        let (bands, frame_rate) = (frames.bands(), self.front_end.frame_rate());
        let query = Query::new(frames, self.query_start, self.window, self.hop);
        let runs = Runs::new(self.query_start, self.hop, frame_rate, self.threshold);
        let events = query.events(runs, |patches| {
            let images = images(patches, bands, self.device)?;
            self.classifier.probabilities(images)
        })?;
        Ok(Detection::of_events(events, self.threshold))
    }
}

//! The score of every frame of a recording, and the events in it.

use super::fit::{Fitted, probabilities};
use super::stretch::{Stretch, Stretches};
use super::{FRAME_RADIUS, Scale, SegmentConfig, frames_of};
use crate::audio::{ChannelChoice, TimeScale};
use crate::dataset::Span;
use crate::detect::{DetectError, Detection, Stage, Track, detector};
use crate::features::FrontEnd;
use std::path::Path;

/// Networks that were fine-tuned to shots, with what it takes to search the recording of the shots.
pub(super) struct FrameDetector {
    pub(super) networks: Vec<Fitted>,
    pub(super) front_end: FrontEnd,
    pub(super) channel: ChannelChoice,
    pub(super) time_scale: TimeScale,
    pub(super) scale: Scale,
    pub(super) shots: Vec<Span>,
    /// The end of the last shot, seconds.
    pub(super) end: f64,
    /// Geometric mean of the shots' lengths, frames.
    pub(super) typical_shot: f64,
    pub(super) segment: SegmentConfig,
    pub(super) threshold: f32,
}

impl detector::Fitted for FrameDetector {
    fn detect(
        &self,
        recording: &Path,
        observe: &mut dyn FnMut(Stage),
    ) -> Result<Detection, DetectError> {
        let track = self.score(recording, observe)?;
        let from = (self.end * track.frame_rate()).ceil() as usize;
        let shots = self.shots.iter();
        let shots: Vec<_> = shots
            .map(|shot| frames_of(shot, track.frame_rate(), track.len()))
            .collect();
        let candidates = (self.segment).candidates(&track, from, &shots, self.typical_shot);
        let kept = candidates
            .iter()
            .filter(|event| event.score >= self.threshold);
        Ok(Detection {
            events: kept.copied().collect(),
            candidates,
            threshold: self.threshold,
            track: Some(track),
        })
    }
}

impl FrameDetector {
    fn score(
        &self,
        recording: &Path,
        observe: &mut dyn FnMut(Stage),
    ) -> Result<Track, DetectError> {
        let Scale(std) = self.scale;
        let mut stretches = Stretches::open(
            recording,
            self.channel,
            self.time_scale,
            &self.front_end,
            FRAME_RADIUS,
        )?;
        let mut track = Track::new(stretches.frame_rate());
        while let Some(mut stretch) = stretches.next()? {
            stretch.divide(std);
            let Stretch { lead, core, .. } = stretch;
            let scores = probabilities(
                &self.networks,
                stretch.bands(),
                stretch.values(),
                FRAME_RADIUS,
            );
            track.extend(&scores[lead..lead + core]);
            observe(Stage::Scoring(track.secs(track.len())));
        }
        Ok(track)
    }
}

//! Our own detector: every frame of a recording gets a score.
//!
//! An encoder that keeps frames apart is fine-tuned to the shots for a few seconds: frames inside a shot against all
//! others up to the end of the last one. Then it scores the whole recording, stretch by stretch, in memory that does not
//! grow with its length, and scores become events.

mod fit;
mod region;
mod segment;
mod stretch;

pub use fit::FitConfig;
pub use segment::SegmentConfig;

use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::path::Path;

use super::{DetectError, Detection, Track};
use crate::audio::ChannelChoice;
use crate::dataset::{Span, Support};
use crate::encoder::{EncoderConfig, EncoderError, Model, Precision};
use crate::train::PrecisionChoice;
use fit::{Fitted, SupportFrames, probabilities};
use region::Region;
use stretch::{Stretch, Stretches};
use tch::Device;

/// The settings of [`FrameDetector`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FrameConfig {
    /// How a detector is fitted.
    pub fit: FitConfig,
    /// So many are fitted and averaged. More is surer and takes as much longer.
    pub ensemble: u32,
    /// Events score at least this, within 0..=1, where the shots score 1 on average. Less finds more.
    pub threshold: f32,
    /// How frames become events.
    pub segment: SegmentConfig,
    /// Which channel of the recording is heard. Default the mean of all.
    pub channel: ChannelChoice,
    /// Where all draws come from.
    pub seed: u64,
}

impl Default for FrameConfig {
    fn default() -> Self {
        Self {
            fit: FitConfig::default(),
            ensemble: 1,
            threshold: 0.85,
            segment: SegmentConfig::default(),
            channel: ChannelChoice::Mix,
            seed: 0,
        }
    }
}

/// How far a detection is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stage {
    /// Fitting to the shots: steps done, and of how many.
    Fitting(u32, u32),
    /// Scoring: seconds of the recording done.
    Scoring(f64),
}

/// Finds events frame by frame.
pub struct FrameDetector<'a> {
    model: &'a Model,
    config: FrameConfig,
    precision: Precision,
}

/// The normalised scale of a recording, fixed where its shots are.
#[derive(Clone, Copy)]
struct Scale(f32);

impl<'a> FrameDetector<'a> {
    /// A detector that starts from `model`.
    ///
    /// # Errors
    /// If the model's network does not keep frames apart.
    pub fn new(model: &'a Model, config: FrameConfig) -> Result<Self, DetectError> {
        if !matches!(model.card.encoder, EncoderConfig::FrameNet(_)) {
            return Err(DetectError::NotFrames {
                preset: model.card.provenance.preset.clone(),
            });
        }
        let device = model.encoder.parameters().device();
        Ok(Self {
            precision: PrecisionChoice::Auto.resolve(&model.card.encoder, device),
            model,
            config,
        })
    }

    /// Finds what sounds like the shots behind the last of them.
    ///
    /// # Errors
    /// If the recording cannot be read.
    pub fn detect(
        &self,
        recording: &Path,
        support: &Support,
        mut observe: impl FnMut(Stage),
    ) -> crate::Result<Detection> {
        let (scale, frames) = self.support_frames(recording, support)?;
        let fit = &self.config.fit;
        let members = self.config.ensemble.max(1);
        let fitted = (0..members).map(|member| {
            let seed = self
                .config
                .seed
                .wrapping_mul(1000)
                .wrapping_add(member.into());
            let told = |step| {
                observe(Stage::Fitting(
                    member * fit.steps + step,
                    members * fit.steps,
                ))
            };
            Fitted::new(self.model, &frames, fit, self.precision, seed, told)
        });
        let fitted = fitted.collect::<Result<Vec<_>, _>>()?;
        let track = self.score(recording, &fitted, scale, |secs| {
            observe(Stage::Scoring(secs))
        })?;
        let from = (support.end() * track.frame_rate()).ceil() as usize;
        let segment = &self.config.segment;
        let shots = support.shots().iter();
        let shots: Vec<_> = shots
            .map(|shot| frames_of(shot, track.frame_rate(), track.len()))
            .collect();
        let candidates = segment.candidates(&track, from, &shots, frames.typical_shot());
        let threshold = self.config.threshold;
        let kept = candidates.iter().filter(|event| event.score >= threshold);
        Ok(Detection {
            events: kept.copied().collect(),
            candidates,
            threshold,
            track: Some(track),
        })
    }

    /// The frames to learn from, with a little context behind the last shot.
    fn support_frames(
        &self,
        recording: &Path,
        support: &Support,
    ) -> crate::Result<(Scale, SupportFrames)> {
        let context = self.config.fit.context;
        let frame_rate = self.model.card.front_end.frame_rate();
        let frames = |span: &Span| frames_of(span, frame_rate, usize::MAX);
        let shots: Vec<_> = support.shots().iter().map(frames).collect();
        let end = shots.iter().map(|shot| shot.end).max().unwrap_or(1);
        let region = Region::new(
            &shots,
            end + context,
            (self.config.fit.heard_secs * frame_rate) as usize,
        );
        let mut stretches = self.stretches(recording)?;
        let (mut scale, mut values, mut bands) = (None, Vec::new(), 0);
        while let Some(mut stretch) = stretches.next()? {
            let Scale(std) =
                *scale.get_or_insert_with(|| Scale(stretch.std().max(f32::MIN_POSITIVE)));
            stretch.divide(std);
            bands = stretch.bands();
            let core = stretch.first..stretch.first + stretch.core;
            for piece in region.within(&core) {
                let start = stretch.lead + piece.start - stretch.first;
                values.extend_from_slice(&stretch.values()[start * bands..][..piece.len() * bands]);
            }
            if core.end >= region.end() {
                break;
            }
        }
        // A recording may be shorter than its header says, and its shots behind its end.
        let (Some(scale), false) = (scale, values.is_empty()) else {
            return Err(DetectError::NoFrames {
                path: recording.to_owned(),
            }
            .into());
        };
        let kept = values.len() / bands;
        let known = region.place(end).min(kept);
        let mut weights = vec![1.0; known];
        weights.resize(kept, 0.0);
        let place = |frames: Range<usize>| {
            let onset = region.place(frames.start).min(kept - 1);
            onset..region.place(frames.end).clamp(onset + 1, kept)
        };
        let unheard = support.unknown().iter().map(|span| place(frames(span)));
        unheard.for_each(|unknown| weights[unknown].fill(0.0));
        for seam in region.seams().filter(|&seam| seam < kept) {
            let torn = seam.saturating_sub(FRAME_RADIUS)..(seam + FRAME_RADIUS).min(kept);
            weights[torn].fill(0.0);
        }
        let mut targets = vec![0.0; kept];
        let shots: Vec<_> = shots.into_iter().map(place).collect();
        for shot in &shots {
            targets[shot.clone()].fill(1.0);
            weights[shot.clone()].fill(1.0);
        }
        Ok((
            scale,
            SupportFrames {
                bands,
                values,
                targets,
                weights,
                shots,
            },
        ))
    }

    fn score(
        &self,
        recording: &Path,
        fitted: &[Fitted],
        Scale(std): Scale,
        mut observe: impl FnMut(f64),
    ) -> crate::Result<Track> {
        let mut track = Track::new(self.model.card.front_end.frame_rate());
        let mut stretches = self.stretches(recording)?;
        while let Some(mut stretch) = stretches.next()? {
            stretch.divide(std);
            let Stretch { lead, core, .. } = stretch;
            let scores = probabilities(fitted, stretch.bands(), stretch.values(), FRAME_RADIUS);
            track.extend(&scores[lead..lead + core]);
            observe(track.secs(track.len()));
        }
        Ok(track)
    }

    fn stretches(&self, recording: &Path) -> crate::Result<Stretches> {
        let front_end = &self.model.card.front_end;
        Stretches::open(recording, self.config.channel, front_end, FRAME_RADIUS)
    }
}

/// The frames that `span` lies in, at least one, of a recording of so many.
fn frames_of(span: &Span, frame_rate: f64, recording: usize) -> Range<usize> {
    let frame = |secs: f64| (secs * frame_rate).round() as usize;
    let onset = frame(span.onset()).min(recording.saturating_sub(1));
    onset..frame(span.offset()).min(recording).max(onset + 1)
}

/// The encoder built into the program: what `--preset calls` learned from imagined animals (`models/calls.md`).
///
/// # Errors
/// If libtorch refuses the device.
pub fn calls_model(device: Device) -> Result<Model, EncoderError> {
    let bytes = include_bytes!("../../../models/calls.safetensors");
    Model::parse("models/calls.safetensors", bytes, device)
}

/// Frames of context that the network hears on either side.
const FRAME_RADIUS: usize = crate::encoder::FrameNet::RADIUS;

//! The score of every frame of a recording, and the events in it.

use super::fit::{Fitted, SupportFrames, probabilities};
use super::focus::{Focus, bands_hz, lower_band};
use super::stretch::{Stretch, Stretches};
use super::{FRAME_RADIUS, Scale, SegmentConfig, frames_of, kept};
use crate::audio::{AudioReader, ChannelChoice, TimeScale};
use crate::dataset::Span;
use crate::detect::detector::{self, is_same_file};
use crate::detect::fitter::Playback;
use crate::detect::{
    DetectError, Detection, EventBand, LearnedFrom, ShotPicture, Stage, Threshold, Track,
};
use crate::encoder::ModelCard;
use std::cell::OnceCell;
use std::path::{Path, PathBuf};

/// Networks that were fine-tuned to shots.
pub(in crate::detect) struct FrameDetector {
    pub(super) networks: Vec<Fitted>,
    /// Of the network before it was fine-tuned.
    pub(super) card: ModelCard,
    /// The channel of recordings without marks.
    pub(in crate::detect) channel: ChannelChoice,
    pub(in crate::detect) time_scale: TimeScale,
    /// The bands that count.
    pub(super) focus: Focus,
    /// Between which frequencies the events lie, if that is known.
    pub(super) band: Option<EventBand>,
    /// The recordings with the shots.
    pub(super) known: Vec<Known>,
    /// What was learned from; of a kept detector, the shots with a little before and behind them.
    pub(super) frames: SupportFrames,
    /// Mean score of the shots themselves, once it was needed.
    pub(super) shots_score: OnceCell<f32>,
    /// Geometric mean of the shots' lengths, frames.
    pub(super) typical_shot: f64,
    pub(super) segment: SegmentConfig,
    pub(in crate::detect) threshold: Threshold,
}

/// A recording with shots.
pub(super) struct Known {
    pub(super) path: PathBuf,
    pub(super) channel: ChannelChoice,
    pub(super) scale: Scale,
    pub(super) shots: Vec<Span>,
    /// What is known to be no event.
    pub(super) negatives: Vec<Span>,
    /// Where events begin that are not known yet, seconds.
    pub(super) search_from: f64,
}

impl Known {
    /// Whether most of `event`, or most of a mark in it, is marked already, as one or as none.
    fn has(&self, event: &Span) -> bool {
        let is_same = |mark: &Span| {
            let both = event.offset().min(mark.offset()) - event.onset().max(mark.onset());
            both > 0.5 * event.secs().min(mark.secs())
        };
        self.shots.iter().chain(&self.negatives).any(is_same)
    }
}

impl detector::Fitted for FrameDetector {
    fn detect(
        &self,
        recording: &Path,
        observe: &mut dyn FnMut(Stage),
    ) -> Result<Detection, DetectError> {
        let known = self
            .known
            .iter()
            .find(|known| is_same_file(recording, &known.path));
        let (track, from, sure) = match known {
            Some(known) => {
                let track = self.score(recording, known.channel, Some(known.scale), observe)?;
                let from = (known.search_from * track.frame_rate()).ceil() as usize;
                let shots = known.shots.iter();
                let shots: Vec<_> = shots
                    .map(|shot| frames_of(shot, track.frame_rate(), track.len()))
                    .collect();
                // Up to where all is known, or everywhere if the shots lie among what is searched.
                let end = if from > 0 { from } else { track.len() };
                let sure = self
                    .segment
                    .mean_score(&track, end, &shots, self.typical_shot);
                (track, from, sure)
            }
            None => {
                self.check_rate(recording)?;
                let channel = self.channel.of_file(recording)?;
                let track = self.score(recording, channel, None, observe)?;
                (track, 0, self.shots_score())
            }
        };
        let mut candidates = self
            .segment
            .candidates(&track, from, sure, self.typical_shot);
        if let Some(known) = known {
            candidates.retain(|event| !known.has(&event.span));
        }
        let threshold = self.threshold.of(&candidates);
        let kept = candidates.iter().filter(|event| event.score >= threshold);
        Ok(Detection {
            events: kept.copied().collect(),
            candidates,
            threshold,
            track: Some(track),
        })
    }

    fn save(&self, path: &Path, learned: &LearnedFrom) -> Result<(), DetectError> {
        kept::save(self, path, learned)
    }

    fn band(&self) -> Option<EventBand> {
        self.band
    }

    fn shot_pictures(&self) -> Vec<ShotPicture> {
        self.frames.pictures(kept::MOST_PICTURES)
    }
}

impl FrameDetector {
    /// Scores every frame of a recording, divided by its `scale`, or by the one measured in its first stretch.
    fn score(
        &self,
        recording: &Path,
        channel: ChannelChoice,
        mut scale: Option<Scale>,
        observe: &mut dyn FnMut(Stage),
    ) -> Result<Track, DetectError> {
        let playback = Playback {
            channel,
            time_scale: self.time_scale,
        };
        let mut stretches =
            Stretches::open(recording, playback, &self.card.front_end, FRAME_RADIUS)?;
        let mut track = Track::new(stretches.frame_rate());
        while let Some(mut stretch) = stretches.next()? {
            let Scale(std) = *scale.get_or_insert_with(|| stretch.scale());
            stretch.divide(std);
            stretch.mask(&self.focus);
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

    /// Refuses a recording whose rate leaves out most of what the shots are.
    fn check_rate(&self, recording: &Path) -> Result<(), DetectError> {
        let Some(band) = lower_band(&self.frames) else {
            return Ok(());
        };
        let hz = bands_hz(&self.card.front_end, self.time_scale)?;
        let lowest_hz = hz.get(band).copied().unwrap_or(0.0);
        let rate = AudioReader::open(recording)?.sample_rate();
        let held_hz = f64::from(rate.hz()) / 2.0;
        match lowest_hz > held_hz {
            true => Err(DetectError::RateTooLow {
                path: recording.to_owned(),
                held_hz,
                lowest_hz,
            }),
            false => Ok(()),
        }
    }

    /// What the shots themselves score on average, before it is divided by that.
    pub(super) fn shots_score(&self) -> f32 {
        *self.shots_score.get_or_init(|| self.score_shots())
    }

    fn score_shots(&self) -> f32 {
        let SupportFrames {
            bands,
            values,
            shots,
            ..
        } = &self.frames;
        let mut track = Track::new(self.card.front_end.frame_rate());
        track.extend(&probabilities(&self.networks, *bands, values, FRAME_RADIUS));
        self.segment
            .mean_score(&track, track.len(), shots, self.typical_shot)
    }
}

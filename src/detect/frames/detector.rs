//! The score of every frame of a recording, and the events in it.

use super::fit::{Fitted, SupportFrames, probabilities};
use super::focus::{Focus, bands_hz, lower_band};
use super::rivals::best_of_rivals;
use super::stretch::{Stretch, Stretches};
use super::{FRAME_RADIUS, Scale, SegmentConfig, frames_of, kept};
use crate::audio::{AudioReader, ChannelChoice, TimeScale};
use crate::dataset::Span;
use crate::detect::detector::{self, is_same_file};
use crate::detect::fitter::Playback;
use crate::detect::{
    DetectError, Detection, Event, EventBand, LearnedFrom, ShotPicture, Stage, Threshold, Track,
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
    /// Mean score of each kind's shots themselves, once it was needed.
    pub(super) shots_scores: OnceCell<Vec<f32>>,
    /// Geometric mean of the lengths of each kind's shots, frames.
    pub(super) typical_shots: Vec<f64>,
    pub(super) segment: SegmentConfig,
    pub(in crate::detect) threshold: Threshold,
}

/// A recording with shots.
pub(super) struct Known {
    pub(super) path: PathBuf,
    pub(super) channel: ChannelChoice,
    pub(super) scale: Scale,
    /// Of all kinds, also of those that are not marked there.
    pub(super) kinds: Vec<KnownKind>,
}

/// What is known of one kind in a recording with shots.
#[derive(Clone, Default)]
pub(super) struct KnownKind {
    pub(super) shots: Vec<Span>,
    /// What is known to be no event.
    pub(super) negatives: Vec<Span>,
    /// Where events begin that are not known yet, seconds.
    pub(super) search_from: f64,
}

impl Known {
    /// Whether most of `event`, or most of a mark in it, is marked already, as one of any kind or as none of its own.
    fn has(&self, event: &Span, kind: usize) -> bool {
        let is_same = |mark: &Span| {
            let both = event.offset().min(mark.offset()) - event.onset().max(mark.onset());
            both > 0.5 * event.secs().min(mark.secs())
        };
        let mut shots = self.kinds.iter().flat_map(|kind| &kind.shots);
        shots.any(is_same) || self.kinds[kind].negatives.iter().any(is_same)
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
        let tracks = match known {
            Some(known) => self.score(recording, known.channel, Some(known.scale), observe)?,
            None => {
                self.check_rate(recording)?;
                let channel = self.channel.of_file(recording)?;
                self.score(recording, channel, None, observe)?
            }
        };
        let mut candidates = Vec::new();
        for (kind, track) in tracks.iter().enumerate() {
            candidates.extend(self.candidates(track, kind, known));
        }
        let candidates = best_of_rivals(candidates);
        let threshold = self.threshold.of(&candidates);
        let kept = candidates.iter().filter(|event| event.score >= threshold);
        Ok(Detection {
            events: kept.copied().collect(),
            candidates,
            threshold,
            track: Track::highest(tracks),
            labels: Vec::new(),
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
    /// Whatever might be an event of a kind, by its track.
    fn candidates(&self, track: &Track, kind: usize, known: Option<&Known>) -> Vec<Event> {
        let typical_shot = self.typical_shots[kind];
        let marked = known.map(|known| &known.kinds[kind]);
        let (from, sure) = match marked.filter(|marked| !marked.shots.is_empty()) {
            Some(marked) => {
                let from = (marked.search_from * track.frame_rate()).ceil() as usize;
                let shots = marked.shots.iter();
                let shots: Vec<_> = shots
                    .map(|shot| frames_of(shot, track.frame_rate(), track.len()))
                    .collect();
                // Up to where all is known, or everywhere if the shots lie among what is searched.
                let end = if from > 0 { from } else { track.len() };
                let sure = self.segment.mean_score(track, end, &shots, typical_shot);
                (from, sure)
            }
            None => (0, self.shots_scores()[kind]),
        };
        let mut candidates = self.segment.candidates(track, from, sure, typical_shot);
        candidates.retain(|event| !known.is_some_and(|known| known.has(&event.span, kind)));
        candidates.iter_mut().for_each(|event| event.kind = kind);
        candidates
    }

    /// Scores every frame of a recording for each kind, divided by its `scale`, or by the one measured in its first stretch.
    fn score(
        &self,
        recording: &Path,
        channel: ChannelChoice,
        mut scale: Option<Scale>,
        observe: &mut dyn FnMut(Stage),
    ) -> Result<Vec<Track>, DetectError> {
        let playback = Playback {
            channel,
            time_scale: self.time_scale,
        };
        let mut stretches =
            Stretches::open(recording, playback, &self.card.front_end, FRAME_RADIUS)?;
        let kinds = self.typical_shots.len();
        let mut tracks = vec![Track::new(stretches.frame_rate()); kinds];
        while let Some(mut stretch) = stretches.next()? {
            let Scale(std) = *scale.get_or_insert_with(|| stretch.scale());
            stretch.divide(std);
            stretch.mask(&self.focus);
            let Stretch { lead, core, .. } = stretch;
            let scores = probabilities(
                &self.networks,
                kinds,
                stretch.bands(),
                stretch.values(),
                FRAME_RADIUS,
            );
            for (track, scores) in tracks.iter_mut().zip(scores) {
                track.extend(&scores[lead..lead + core]);
            }
            let done = tracks.first().map_or(0.0, |track| track.secs(track.len()));
            observe(Stage::Scoring(done));
        }
        Ok(tracks)
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

    /// What the shots of each kind themselves score on average, before it is divided by that.
    pub(super) fn shots_scores(&self) -> &[f32] {
        self.shots_scores.get_or_init(|| self.score_shots())
    }

    fn score_shots(&self) -> Vec<f32> {
        let SupportFrames {
            kinds,
            bands,
            values,
            ..
        } = &self.frames;
        let scores = probabilities(&self.networks, *kinds, *bands, values, FRAME_RADIUS);
        let of_kind = |(kind, scores): (usize, Vec<f32>)| {
            let mut track = Track::new(self.card.front_end.frame_rate());
            track.extend(&scores);
            let shots: Vec<_> = self.frames.shots_of(kind).cloned().collect();
            let typical_shot = self.typical_shots[kind];
            self.segment
                .mean_score(&track, track.len(), &shots, typical_shot)
        };
        scores.into_iter().enumerate().map(of_kind).collect()
    }
}

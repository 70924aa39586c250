//! Shots and a recording → events, window by window.

use super::classifier::Classifier;
use super::config::WindowsConfig;
use super::patches::{Frames, Query, images, tiled};
use super::runs::Runs;
use super::support::Support;
use crate::dataset::Span;
use crate::detect::{Event, NetworkDetectError};
use crate::encoder::Model;
use std::ops::Range;
use std::path::Path;

/// Windows of the query that are judged together.
const BATCH: usize = 64;

/// The few-shot system of Moummad et al. 2023: a classifier of windows, made anew for every recording.
///
/// A recording is read as a stream: memory depends on the shots, not on its length.
#[derive(Debug)]
pub struct WindowDetector<'a> {
    model: &'a Model,
    config: WindowsConfig,
}

impl<'a> WindowDetector<'a> {
    /// A detector that starts from `model`, pre-trained by `moummad-supcon` or otherwise.
    ///
    /// # Errors
    /// If `max_negatives` is 0, or the model cannot hear windows as short as 17 frames.
    pub fn new(model: &'a Model, config: WindowsConfig) -> Result<Self, NetworkDetectError> {
        if config.max_negatives == Some(0) {
            return Err(NetworkDetectError::Config {
                key: "max_negatives",
                given: "0".to_owned(),
                required: "at least 1, or absent",
            });
        }
        let (window, minimum) = (super::window_length(0), model.encoder.min_frames());
        if window < minimum {
            return Err(NetworkDetectError::Window { window, minimum });
        }
        Ok(Self { model, config })
    }

    /// The events of `recording` after the last of `shots`, in order of time.
    ///
    /// `unknown` are spans that may or may not be such events. Depends on nothing but its arguments: recordings do not
    /// learn from one another.
    ///
    /// # Errors
    /// If there is no shot, one lies outside the recording, nothing can be compared with them, or the recording cannot
    /// be read.
    pub fn detect(
        &self,
        recording: &Path,
        shots: &[Span],
        unknown: &[Span],
    ) -> Result<Vec<Event>, NetworkDetectError> {
        if shots.is_empty() {
            return Err(NetworkDetectError::NoShots {
                path: recording.to_owned(),
            });
        }
        let frame_rate = self.model.card.front_end.frame_rate();
        let support = Support::new(shots, unknown, frame_rate, &self.config);
        let mut frames = Frames::open(recording, &self.model.card)?;
        let bands = frames.bands();
        let (positives, mut negatives) = self.examples(&mut frames, &support)?;
        if positives.is_empty() {
            return Err(self.no_positives(recording, shots, &frames));
        }
        if negatives.is_empty() {
            negatives = self.quietest(recording, &support, positives.len())?;
        }
        if negatives.is_empty() {
            return Err(NetworkDetectError::NoNegatives {
                path: recording.to_owned(),
            });
        }
        let classifier = Classifier::new(self.model, &self.config)?;
        let count = positives.len();
        let device = self.model.encoder.parameters().device();
        classifier.fit(
            &images(&[positives, negatives].concat(), bands, device)?,
            count,
        )?;

        let Support {
            window,
            hop,
            query_start,
            ..
        } = support;
        let mut query = Query::new(frames, query_start, window, hop);
        let mut runs = Runs::new(query_start, hop, frame_rate, 0.5);
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let patch = query.next_patch()?;
            let ended = patch.is_none();
            batch.extend(patch);
            if batch.len() == BATCH || (ended && !batch.is_empty()) {
                let probabilities = classifier.probabilities(images(&batch, bands, device)?)?;
                probabilities.into_iter().for_each(|p| runs.push(p));
                batch.clear();
            }
            if ended {
                return Ok(runs.finish());
            }
        }
    }

    /// The patches of both kinds, `[window, mels]` each; without those after the recording's end.
    fn examples(
        &self,
        frames: &mut Frames,
        support: &Support,
    ) -> Result<(Vec<Vec<f32>>, Vec<Vec<f32>>), NetworkDetectError> {
        let length = support.window * frames.bands();
        let positives = support.positives.iter().map(|window| (window, true));
        let negatives = support.negatives.iter().map(|window| (window, false));
        let mut examples: Vec<(&Range<usize>, bool)> = positives.chain(negatives).collect();
        examples.sort_by_key(|(window, _)| window.start);
        let (mut positives, mut negatives) = (Vec::new(), Vec::new());
        for (window, positive) in examples {
            let found = frames.get(window)?;
            if !found.is_empty() {
                let kind = if positive {
                    &mut positives
                } else {
                    &mut negatives
                };
                kind.push(tiled(found, length));
            }
        }
        Ok((positives, negatives))
    }

    /// The windows of the query with the least energy, where shots leave no room for negatives.
    fn quietest(
        &self,
        recording: &Path,
        support: &Support,
        count: usize,
    ) -> Result<Vec<Vec<f32>>, NetworkDetectError> {
        let frames = Frames::open(recording, &self.model.card)?;
        let mut query = Query::new(frames, support.query_start, support.window, support.hop);
        let mut quietest: Vec<(f32, Vec<f32>)> = Vec::new();
        while let Some(patch) = query.next_patch()? {
            let level = patch.iter().sum::<f32>() / patch.len() as f32;
            let place = quietest.partition_point(|(other, _)| *other <= level);
            if place < count {
                quietest.insert(place, (level, patch));
                quietest.truncate(count);
            }
        }
        Ok(quietest.into_iter().map(|(_, patch)| patch).collect())
    }

    fn no_positives(&self, path: &Path, shots: &[Span], frames: &Frames) -> NetworkDetectError {
        let path = path.to_owned();
        let frame_rate = self.model.card.front_end.frame_rate();
        let secs = frames.total() as f64 / frame_rate;
        match shots.iter().find(|shot| shot.onset() >= secs) {
            Some(&shot) => NetworkDetectError::ShotOutside { path, shot, secs },
            None => NetworkDetectError::TooShort {
                path,
                frame_secs: 1.0 / frame_rate,
            },
        }
    }
}

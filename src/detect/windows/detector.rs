//! Shots and a recording → events, window by window.

use super::classifier::Classifier;
use super::config::WindowsConfig;
use super::patches::{Frames, Patches, Query, images, tiled};
use super::runs::Runs;
use super::support::Support;
use crate::dataset::Span;
use crate::detect::{DetectError, Event};
use crate::encoder::Model;
use std::ops::Range;
use std::path::Path;

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
    pub fn new(model: &'a Model, config: WindowsConfig) -> Result<Self, DetectError> {
        if config.max_negatives == Some(0) {
            return Err(DetectError::Config {
                key: "max_negatives",
                given: "0".to_owned(),
                required: "at least 1, or absent",
            });
        }
        let (window, minimum) = (super::window_length(0), model.encoder.min_frames());
        if window < minimum {
            return Err(DetectError::Window { window, minimum });
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
    ) -> Result<Vec<Event>, DetectError> {
        if shots.is_empty() {
            return Err(DetectError::NoShots {
                path: recording.to_owned(),
            });
        }
        let frame_rate = self.model.card.front_end.frame_rate();
        let support = Support::new(shots, unknown, frame_rate, &self.config);
        let mut frames = Frames::open(recording, self.config.channel, &self.model.card)?;
        let bands = frames.bands();
        let (positives, mut negatives) = examples(&mut frames, &support)?;
        refuse_shots_outside(recording, shots, &frames, frame_rate)?;
        if positives.is_empty() {
            return Err(DetectError::TooShort {
                path: recording.to_owned(),
                frame_secs: 1.0 / frame_rate,
            });
        }
        if negatives.is_empty() {
            negatives = self.quietest(recording, &support, positives.len())?;
        }
        if negatives.is_empty() {
            return Err(DetectError::NoNegatives {
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
        let query = Query::new(frames, query_start, window, hop);
        let runs = Runs::new(query_start, hop, frame_rate, 0.5);
        query.events(runs, |patches| {
            classifier.probabilities(images(patches, bands, device)?)
        })
    }

    /// The windows of the query with the least energy, where shots leave no room for negatives.
    fn quietest(
        &self,
        recording: &Path,
        support: &Support,
        count: usize,
    ) -> Result<Patches, DetectError> {
        let frames = Frames::open(recording, self.config.channel, &self.model.card)?;
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
}

/// The patches of shots and of what is none; without those after the recording's end.
fn examples(frames: &mut Frames, support: &Support) -> Result<(Patches, Patches), DetectError> {
    let length = support.window * frames.bands();
    let positives = support.positives.iter().map(|window| (window, true));
    let negatives = support.negatives.iter().map(|window| (window, false));
    let mut examples: Vec<(&Range<usize>, bool)> = positives.chain(negatives).collect();
    examples.sort_by_key(|(window, _)| window.start);
    let (mut positives, mut negatives) = (Vec::new(), Vec::new());
    for (window, positive) in examples {
        let found = frames.get(window)?;
        if found.is_empty() {
            continue;
        }
        let kind = match positive {
            true => &mut positives,
            false => &mut negatives,
        };
        kind.push(tiled(found, length));
    }
    Ok((positives, negatives))
}

/// An error if the recording has ended before a shot begins.
pub(in crate::detect) fn refuse_shots_outside(
    recording: &Path,
    shots: &[Span],
    frames: &Frames,
    frame_rate: f64,
) -> Result<(), DetectError> {
    let Some(total) = frames.total() else {
        return Ok(());
    };
    let secs = total as f64 / frame_rate;
    match shots.iter().find(|shot| shot.onset() >= secs) {
        None => Ok(()),
        Some(&shot) => Err(DetectError::ShotOutside {
            path: recording.to_owned(),
            shot,
            secs,
        }),
    }
}

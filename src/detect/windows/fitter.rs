//! Shots → a fitted classifier of windows.

use super::classifier::Classifier;
use super::config::WindowsConfig;
use super::detector::WindowDetector;
use super::examples::{Examples, window_length};
use super::patches::{Frames, Patches, Query, images, tiled};
use crate::audio::ChannelChoice;
use crate::dataset::Span;
use crate::detect::detector::Fitted;
use crate::detect::fitter::{Fit, Playback};
use crate::detect::{DetectError, MarkedRecording, Stage};
use crate::encoder::Model;
use std::ops::Range;
use std::path::Path;

/// Fits classifiers of windows, the few-shot system of Moummad et al. 2023.
pub(in crate::detect) struct WindowFitter {
    model: Model,
    config: WindowsConfig,
}

impl WindowFitter {
    /// A fitter that starts from `model`, pre-trained by `moummad-supcon` or otherwise; an error if a setting is out of
    /// range, or if the network needs longer windows than the shortest, of 17 frames.
    pub(in crate::detect) fn new(model: Model, config: WindowsConfig) -> Result<Self, DetectError> {
        config.check()?;
        let (window, minimum) = (window_length(0), model.encoder.min_frames());
        if window < minimum {
            return Err(DetectError::Window { window, minimum });
        }
        Ok(Self { model, config })
    }

    /// The windows after the shots with the least energy, where shots leave no room for negatives.
    fn quietest(
        &self,
        recording: &Path,
        channel: ChannelChoice,
        examples: &Examples,
        count: usize,
    ) -> Result<Patches, DetectError> {
        let frames = Frames::open(recording, channel, &self.model.card.front_end)?;
        let mut query = Query::new(frames, examples.query_start, examples.window, examples.hop);
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

impl Fit for WindowFitter {
    fn fit(
        &self,
        marked: &MarkedRecording,
        Playback { channel, .. }: Playback,
        _observe: &mut dyn FnMut(Stage),
    ) -> Result<Box<dyn Fitted>, DetectError> {
        let (recording, front_end) = (&marked.path, &self.model.card.front_end);
        let (shots, unknown) = (marked.support.shots(), marked.support.unknown());
        let frame_rate = front_end.frame_rate();
        let examples = Examples::new(shots, unknown, frame_rate, &self.config);
        let mut frames = Frames::open(recording, channel, front_end)?;
        let (positives, mut negatives) = cut(&mut frames, &examples)?;
        refuse_shots_outside(recording, shots, &frames, frame_rate)?;
        if positives.is_empty() {
            return Err(DetectError::TooShort {
                path: recording.clone(),
                frame_secs: 1.0 / frame_rate,
            });
        }
        if negatives.is_empty() {
            negatives = self.quietest(recording, channel, &examples, positives.len())?;
        }
        if negatives.is_empty() {
            return Err(DetectError::NoNegatives {
                path: recording.clone(),
            });
        }
        let classifier = Classifier::new(&self.model, &self.config)?;
        let (count, bands) = (positives.len(), frames.bands());
        let device = self.model.encoder.parameters().device();
        let patches = [positives, negatives].concat();
        classifier.fit(&images(&patches, bands, device)?, count)?;
        Ok(Box::new(WindowDetector {
            classifier,
            device,
            front_end: front_end.clone(),
            channel,
            window: examples.window,
            hop: examples.hop,
            query_start: examples.query_start,
            threshold: self.config.threshold,
        }))
    }
}

/// The patches of positive and of negative windows; without those after the recording's end.
fn cut(frames: &mut Frames, examples: &Examples) -> Result<(Patches, Patches), DetectError> {
    let length = examples.window * frames.bands();
    let positives = examples.positives.iter().map(|window| (window, true));
    let negatives = examples.negatives.iter().map(|window| (window, false));
    let mut windows: Vec<(&Range<usize>, bool)> = positives.chain(negatives).collect();
    windows.sort_by_key(|(window, _)| window.start);
    let (mut positives, mut negatives) = (Vec::new(), Vec::new());
    for (window, positive) in windows {
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

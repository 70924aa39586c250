//! Shots → a fitted detector of frames.

use super::detector::{FrameDetector, Known};
use super::fit::{Fitted, SupportFrames};
use super::focus::{Focus, band_above, bands_hz};
use super::region::Region;
use super::stretch::Stretches;
use super::{FRAME_RADIUS, FrameConfig, Scale, frames_of};
use crate::dataset::{Marked, Span};
use crate::detect::fitter::{Fit, Playback};
use crate::detect::{DetectError, EventBand, MarkedRecording, Stage, detector};
use crate::encoder::{EncoderConfig, Model, Precision};
use crate::train::PrecisionChoice;
use std::cell::OnceCell;
use std::ops::Range;

/// Fits detectors that work frame by frame.
pub(in crate::detect) struct FrameFitter {
    model: Model,
    config: FrameConfig,
    precision: Precision,
}

impl FrameFitter {
    /// A fitter that starts from `model`; an error if a setting is out of range, or if its network does not keep frames
    /// apart.
    pub(in crate::detect) fn new(model: Model, config: FrameConfig) -> Result<Self, DetectError> {
        config.check()?;
        if !matches!(model.card.encoder, EncoderConfig::FrameNet(_)) {
            return Err(DetectError::NotFrames {
                preset: model.card.provenance.preset,
            });
        }
        let device = model.encoder.parameters().device();
        Ok(Self {
            precision: PrecisionChoice::Auto.resolve(&model.card.encoder, device),
            model,
            config,
        })
    }

    /// Fits the networks.
    fn networks(
        &self,
        frames: &SupportFrames,
        observe: &mut dyn FnMut(Stage),
    ) -> Result<Vec<Fitted>, DetectError> {
        let fit = &self.config.fit;
        let members = self.config.ensemble.max(1);
        let fitted = (0..members).map(|member| {
            let seed = self
                .config
                .seed
                .wrapping_mul(1000)
                .wrapping_add(member.into());
            let progress = |step| {
                observe(Stage::Fitting(
                    member * fit.steps + step,
                    members * fit.steps,
                ))
            };
            Fitted::new(&self.model, frames, fit, self.precision, seed, progress)
                .map_err(DetectError::from)
        });
        fitted.collect()
    }

    /// The frames to learn from, with a little context behind the last shot.
    fn support_frames(
        &self,
        marked: &MarkedRecording,
        playback: Playback,
    ) -> Result<(Scale, SupportFrames), DetectError> {
        let MarkedRecording { path, support, .. } = marked;
        let context = self.config.fit.context;
        let front_end = &self.model.card.front_end;
        let mut stretches = Stretches::open(path, playback, front_end, FRAME_RADIUS)?;
        let frame_rate = stretches.frame_rate();
        let frames = |span: &Span| frames_of(span, frame_rate, usize::MAX);
        let shots: Vec<_> = support.shots().iter().map(frames).collect();
        let negatives: Vec<_> = support.negative().iter().map(frames).collect();
        let examples = [&shots[..], &negatives].concat();
        let end = examples.iter().map(|span| span.end).max().unwrap_or(1);
        let region = Region::new(
            &examples,
            end + context,
            (self.config.fit.heard_secs * front_end.frame_rate()) as usize,
        );
        let (mut scale, mut values, mut bands) = (None, Vec::new(), 0);
        while let Some(mut stretch) = stretches.next()? {
            let Scale(std) = *scale.get_or_insert_with(|| stretch.scale());
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
            return Err(DetectError::NoFrames { path: path.clone() });
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
        let negatives = negatives.into_iter().map(place).collect();
        let mut learned = SupportFrames {
            bands,
            values,
            targets,
            weights,
            shots,
            negatives,
        };
        match support.marked() {
            Marked::All => learned.know_negatives(),
            Marked::Some => learned.know_surroundings(self.config.fit.surroundings),
        }
        Ok((scale, learned))
    }
}

/// From the lowest limit of the marks to the highest, and the bands within the limits; nothing, if those of a recording have
/// none or leave out no band. `hz` are the middles of the bands.
fn drawn(marked: &[(&MarkedRecording, Playback)], hz: &[f64]) -> Option<(EventBand, Focus)> {
    let limits = marked.iter().map(|(marked, _)| marked.support.band_hz());
    let limits = limits.collect::<Option<Vec<_>>>()?;
    let of_one = |limits: &&Range<f64>| Focus::between(limits, hz);
    let focus = limits.iter().map(of_one).reduce(|a, b| a.or(&b))?;
    let low_hz = limits.iter().map(|limits| limits.start).reduce(f64::min)?;
    let high_hz = limits.iter().map(|limits| limits.end).reduce(f64::max)?;
    let band = EventBand {
        low_hz,
        high_hz,
        is_marked: true,
    };
    (focus.heard() != (0..hz.len())).then_some((band, focus))
}

impl Fit for FrameFitter {
    fn scales_time(&self) -> bool {
        true
    }

    fn learns_together(&self) -> bool {
        true
    }

    fn learns_from_some(&self) -> bool {
        true
    }

    fn fit(
        &self,
        marked: &MarkedRecording,
        playback: Playback,
        observe: &mut dyn FnMut(Stage),
    ) -> Result<Box<dyn detector::Fitted>, DetectError> {
        self.fit_together(&[(marked, playback)], observe)
    }

    fn fit_together(
        &self,
        marked: &[(&MarkedRecording, Playback)],
        observe: &mut dyn FnMut(Stage),
    ) -> Result<Box<dyn detector::Fitted>, DetectError> {
        let mut together: Option<SupportFrames> = None;
        let mut known = Vec::new();
        for &(marked, playback) in marked {
            let (scale, frames) = self.support_frames(marked, playback)?;
            match &mut together {
                Some(together) => together.append(frames),
                None => together = Some(frames),
            }
            known.push(Known {
                path: marked.path.clone(),
                channel: playback.channel,
                scale,
                shots: marked.support.shots().to_vec(),
                negatives: marked.support.negative().to_vec(),
                search_from: marked.support.search_from(),
            });
        }
        let (Some(mut frames), Some((first, playback))) = (together, marked.first()) else {
            return Err(DetectError::MarkedRecordings { given: 0 });
        };
        let hz = bands_hz(&self.model.card.front_end, playback.time_scale)?;
        let (band, drawn) = match drawn(marked, &hz) {
            Some((band, drawn)) => (Some(band), drawn),
            None => (band_above(&frames, &hz), Focus::on(0..frames.bands)),
        };
        drawn.mask(&mut frames.values, frames.bands);
        let focus = match self.config.fit.focus {
            Some(margin) => Focus::of(&frames, margin).and(&drawn),
            None => drawn,
        };
        focus.mask(&mut frames.values, frames.bands);
        Ok(Box::new(FrameDetector {
            networks: self.networks(&frames, observe)?,
            card: self.model.card.clone(),
            channel: first.channel.unwrap_or(self.model.card.channel),
            time_scale: playback.time_scale,
            known,
            focus,
            band,
            typical_shot: frames.typical_shot(),
            frames,
            shots_score: OnceCell::new(),
            segment: self.config.segment,
            threshold: self.config.threshold,
        }))
    }
}

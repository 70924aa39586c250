//! Shots → a fitted detector of frames.

use super::detector::{FrameDetector, Known, KnownKind};
use super::fit::{Fitted, SupportFrames};
use super::focus::{Focus, band_above, bands_hz};
use super::region::Region;
use super::stretch::Stretches;
use super::{FRAME_RADIUS, FrameConfig, Scale, frames_of};
use crate::dataset::{Marked, Span, Support};
use crate::detect::fitter::{Fit, Playback};
use crate::detect::kinds::Kinds;
use crate::detect::{DetectError, EventBand, MarkedRecording, Stage, detector};
use crate::encoder::{EncoderConfig, Model, Precision};
use crate::train::PrecisionChoice;
use std::cell::OnceCell;

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
        kinds: &Kinds,
        playback: Playback,
    ) -> Result<(Scale, SupportFrames), DetectError> {
        let MarkedRecording { path, support, .. } = marked;
        let context = self.config.fit.context;
        let front_end = &self.model.card.front_end;
        let mut stretches = Stretches::open(path, playback, front_end, FRAME_RADIUS)?;
        let frame_rate = stretches.frame_rate();
        let frames = |span: &Span| frames_of(span, frame_rate, usize::MAX);
        let examples = support.shots().iter().chain(support.negative());
        let examples: Vec<_> = examples.map(frames).collect();
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
        let mut learned = examples_in((values, bands), support, kinds, &region, frame_rate);
        match support.marked() {
            Marked::All => learned.know_negatives(),
            Marked::Some => learned.know_surroundings(self.config.fit.surroundings),
        }
        Ok((scale, learned))
    }
}

/// Says which of the frames of a region, `[frames, bands]`, are examples of which kind, and of which it is not known.
fn examples_in(
    (values, bands): (Vec<f32>, usize),
    support: &Support,
    kinds: &Kinds,
    region: &Region,
    frame_rate: f64,
) -> SupportFrames {
    let kept = values.len() / bands;
    let frames = |span: &Span| frames_of(span, frame_rate, usize::MAX);
    let place = |span: &Span| {
        let frames = frames(span);
        let onset = region.place(frames.start).min(kept - 1);
        onset..region.place(frames.end).clamp(onset + 1, kept)
    };
    let known_to = |marks: &[Span]| {
        let ends = marks.iter().map(|mark| frames(mark).end);
        0..region.place(ends.max().unwrap_or(0)).min(kept)
    };
    let mut examples = SupportFrames::unmarked(values, bands, kinds.len());
    // What is of one kind is no other, also where nothing else is known of the other.
    for shot in support.shots().iter().map(place) {
        (0..kinds.len()).for_each(|kind| examples.weigh(shot.clone(), kind, 1.0));
    }
    let own: Vec<_> = (support.kinds().iter())
        .map(|own| (own, kinds.number(own.label.as_deref())))
        .collect();
    for &(own, kind) in &own {
        let known = match support.marked() {
            Marked::All => known_to(&own.shots),
            Marked::Some => 0..kept,
        };
        examples.weigh(known, kind, 1.0);
        let unknown = own.unknown.iter().map(place);
        unknown.for_each(|unknown| examples.weigh(unknown, kind, 0.0));
    }
    for seam in region.seams().filter(|&seam| seam < kept) {
        let torn = seam.saturating_sub(FRAME_RADIUS)..(seam + FRAME_RADIUS).min(kept);
        (0..kinds.len()).for_each(|kind| examples.weigh(torn.clone(), kind, 0.0));
    }
    let shots = own.iter().flat_map(|&(own, kind)| {
        let shots = own.shots.iter().map(place);
        shots.map(move |shot| (shot, kind))
    });
    let mut shots: Vec<_> = shots.collect();
    shots.sort_by_key(|(shot, _)| shot.start);
    for (shot, kind) in shots {
        examples.mark(shot, kind);
    }
    for &(own, kind) in &own {
        examples.negatives.extend(own.negative.iter().map(place));
        let negatives = examples.negatives.len();
        examples.negative_kinds.resize(negatives, kind);
    }
    examples
}

/// What is known of each kind in a recording; of one without shots there nothing is.
fn known_kinds(support: &Support, kinds: &Kinds) -> Vec<KnownKind> {
    let mut known = vec![KnownKind::default(); kinds.len()];
    for own in support.kinds() {
        known[kinds.number(own.label.as_deref())] = KnownKind {
            shots: own.shots.clone(),
            negatives: own.negative.clone(),
            search_from: own.search_from,
        };
    }
    known
}

/// From the lowest limit of the marks to the highest, and the bands within the limits; nothing, if those of a recording have
/// none or leave out no band. `hz` are the middles of the bands.
fn drawn(marked: &[(&MarkedRecording, Playback)], hz: &[f64]) -> Option<(EventBand, Focus)> {
    let limits = marked.iter().map(|(marked, _)| marked.support.band_hz());
    let limits = limits.collect::<Option<Vec<_>>>()?;
    let of_each = limits.iter().map(|limits| Focus::between(limits, hz));
    let focus = of_each.reduce(|a, b| a.or(&b))?;
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

    fn learns_kinds(&self) -> bool {
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
        let kinds = Kinds::of(marked.iter().map(|&(marked, _)| marked));
        let mut together: Option<SupportFrames> = None;
        let mut known = Vec::new();
        for &(marked, playback) in marked {
            let (scale, frames) = self.support_frames(marked, &kinds, playback)?;
            match &mut together {
                Some(together) => together.append(frames),
                None => together = Some(frames),
            }
            known.push(Known {
                path: marked.path.clone(),
                channel: playback.channel,
                scale,
                kinds: known_kinds(&marked.support, &kinds),
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
            typical_shots: (0..frames.kinds)
                .map(|kind| frames.typical_shot(kind))
                .collect(),
            frames,
            shots_scores: OnceCell::new(),
            segment: self.config.segment,
            threshold: self.config.threshold,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{LabelChoice, ShotChoice, parse_marks};

    /// Ten seconds of ten frames each, marked so.
    fn examples(table: &str, marked: Marked) -> SupportFrames {
        let choice = ShotChoice {
            label: LabelChoice::All,
            marked,
            ..ShotChoice::default()
        };
        let marks = parse_marks("a.csv".as_ref(), table.as_bytes()).unwrap();
        let marked = MarkedRecording {
            path: "a.wav".into(),
            channel: None,
            time_scale: None,
            support: marks.support("a.wav".as_ref(), 10.0, &choice).unwrap(),
        };
        let kinds = Kinds::of(std::iter::once(&marked));
        let region = Region::new(&[], 100, 100);
        let values = (vec![0.0; 100 * 2], 2);
        examples_in(values, &marked.support, &kinds, &region, 10.0)
    }

    /// From and to where what is said of a kind is 1.
    fn ones(values: &[f32], kind: usize) -> Vec<(usize, usize)> {
        let mut ones: Vec<(usize, usize)> = Vec::new();
        for (frame, values) in values.chunks_exact(2).enumerate() {
            match ones.last_mut() {
                _ if values[kind] == 0.0 => {}
                Some((_, end)) if *end == frame => *end += 1,
                _ => ones.push((frame, frame + 1)),
            }
        }
        ones
    }

    const KINDS: &str =
        "onset,offset,label\n1,2,owl\n3,4,wren\n0,0.5,UNK\n2.2,2.5,-owl\n6,7,-wren\n";

    #[test]
    fn each_kind_is_known_to_its_own_last_shot_and_where_others_are() {
        let frames = examples(KINDS, Marked::All);
        assert_eq!(frames.shots, [10..20, 30..40]);
        assert_eq!(frames.shot_kinds, [0, 1]);
        assert_eq!(ones(&frames.targets, 0), [(10, 20)]);
        assert_eq!(ones(&frames.targets, 1), [(30, 40)]);
        assert_eq!(ones(&frames.weights, 0), [(5, 20), (30, 40)]);
        assert_eq!(ones(&frames.weights, 1), [(5, 40)]);
        assert!(frames.negatives.is_empty());
    }

    #[test]
    fn among_unmarked_calls_only_shots_their_surroundings_and_negatives_are_known() {
        let mut frames = examples(KINDS, Marked::Some);
        assert_eq!(frames.negatives, [22..25, 60..70]);
        assert_eq!(frames.negative_kinds, [0, 1]);
        frames.know_surroundings(0.5);
        assert_eq!(ones(&frames.weights, 0), [(5, 25), (30, 40)]);
        assert_eq!(ones(&frames.weights, 1), [(10, 20), (25, 45), (60, 70)]);
    }
}

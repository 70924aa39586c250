//! Scores of templates → events.

use super::{
    Search,
    correlation::Correlator,
    peaks::{Ends, find_peaks},
    spectrogram::Patch,
};
use crate::dataset::Span;
use crate::detect::Event;
use std::collections::BTreeMap;
use std::ops::Range;

/// How well a template agrees with another shot, at the best place; `[template][other shot]`, NaN on the diagonal and where
/// the other is too short.
fn agreement(search: &Search, picture: impl Fn(usize) -> Patch, bins: usize) -> Vec<Vec<f32>> {
    let templates: Vec<Patch> = search
        .shots
        .iter()
        .map(|shot| shot.template.clone())
        .collect();
    let correlator = Correlator::new(&templates, bins);
    let mut agreement = vec![vec![f32::NAN; templates.len()]; templates.len()];
    for other in 0..templates.len() {
        let scores = correlator.scores(&picture(other));
        for (template, scores) in scores
            .iter()
            .enumerate()
            .filter(|(template, _)| *template != other)
        {
            let best = scores.iter().copied().reduce(f32::max);
            agreement[template][other] = best.unwrap_or(f32::NAN);
        }
    }
    agreement
}

/// As the published code does it.
pub(super) fn published(search: &Search, curves: &[Vec<f32>]) -> Vec<Event> {
    let alike = |other: usize| search.shots[other].template.clone();
    let height = search.framing.bins() - 2 * super::SPARE_BINS;
    let agreement = agreement(search, alike, height);
    let known = agreement
        .iter()
        .flatten()
        .copied()
        .filter(|value| !value.is_nan());
    // A single shot has nothing to be compared with.
    let threshold = known.reduce(f32::max).unwrap_or(SINGLE_SHOT_THRESHOLD);
    let last = curves.iter().zip(&search.shots);
    let frames = last
        .map(|(curve, shot)| curve.len() + shot.frames.len())
        .max()
        .unwrap_or(0);
    let mut marks = vec![0.0_f32; frames];
    for (curve, shot) in curves.iter().zip(&search.shots) {
        for peak in find_peaks(
            curve,
            threshold,
            peak_distance(search, shot.span),
            Ends::Excluded,
        ) {
            for mark in &mut marks[published_mark(peak, shot.frames.len())] {
                *mark = mark.max(curve[peak].max(f32::MIN_POSITIVE));
            }
        }
    }
    let secs = |frame: usize| search.framing.secs(search.first + frame - 1);
    runs(&marks)
        .filter_map(|run| {
            let score = marks[run.clone()].iter().copied().fold(0.0, f32::max);
            Some(Event {
                span: Span::new(secs(run.start), secs(run.end)).ok()?,
                score: score.min(1.0),
            })
        })
        .collect()
}

/// What a single shot's copies must score at least; recommended, the published code stops there.
const SINGLE_SHOT_THRESHOLD: f32 = 0.5;

/// Frames between peaks of one template.
fn peak_distance(search: &Search, shot: Span) -> usize {
    let frame = |secs: f64| {
        secs * f64::from(search.framing.sample_rate.hz()) / search.framing.hop_length as f64
    };
    ((frame(shot.offset()) + 1.0).floor() - frame(shot.onset()).floor()).max(1.0) as usize
}

/// The frames that a peak marks. The published code marks around the peak, moves it all by half a template afterwards, and
/// loses its last frame on the way; where half a template before the peak there is nothing, it marks the peak alone.
fn published_mark(peak: usize, width: usize) -> Range<usize> {
    let before = width / 2;
    let after = width - before - 1;
    let end = if peak < before || after == 0 {
        peak + 1
    } else {
        peak + after
    };
    let start = peak.checked_sub(before).unwrap_or(peak);
    start + before..end.max(peak + 1) + before
}

/// Stretches of frames that are marked.
fn runs(marks: &[f32]) -> impl Iterator<Item = Range<usize>> {
    let mut next = 0;
    std::iter::from_fn(move || {
        let start = next + marks[next..].iter().position(|&mark| mark > 0.0)?;
        let len = marks[start..]
            .iter()
            .take_while(|&&mark| mark > 0.0)
            .count();
        next = start + len;
        Some(start..next)
    })
}

/// The best of what the templates find, apart from each other.
pub(super) fn strongest(search: &Search, curves: &[Vec<f32>], part: f64) -> Vec<Event> {
    let around = |other: usize| search.shots[other].around.clone();
    let agreement = agreement(search, around, search.framing.bins());
    let nearest = |other: usize| {
        let known = agreement
            .iter()
            .map(|row| row[other])
            .filter(|value| !value.is_nan());
        known.reduce(f32::max)
    };
    let nearest: Vec<f32> = (0..curves.len()).filter_map(nearest).collect();
    let threshold = match nearest.len() {
        0 => SINGLE_SHOT_THRESHOLD,
        n => part as f32 * nearest.iter().sum::<f32>() / n as f32,
    };
    let mut found: Vec<Event> = Vec::new();
    for (curve, shot) in curves.iter().zip(&search.shots) {
        for peak in find_peaks(curve, threshold, shot.frames.len(), Ends::Included) {
            let moved =
                search.framing.secs(search.first + peak) - search.framing.secs(shot.frames.start);
            let span = Span::new(shot.span.onset() + moved, shot.span.offset() + moved);
            found.extend(span.ok().map(|span| Event {
                span,
                score: curve[peak].clamp(0.0, 1.0),
            }));
        }
    }
    apart(found)
}

/// Part of the shorter of two events that the other may cover, `0..=1`.
const MOST_OVERLAP: f64 = 0.3;

/// The highest events, and of the others those that hardly overlap with any higher one; sorted, and cut apart.
fn apart(mut events: Vec<Event>) -> Vec<Event> {
    events.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: BTreeMap<u64, Event> = BTreeMap::new(); // by onset: as bits, positive numbers sort alike
    for event in events {
        let onset = event.span.onset().to_bits();
        let before = kept.range(..=onset).rev().take(2);
        let after = kept.range(onset..).take(2);
        if !before
            .chain(after)
            .any(|(_, other)| is_same(event.span, other.span))
        {
            kept.insert(onset, event);
        }
    }
    let mut kept: Vec<Event> = kept.into_values().collect();
    for i in 1..kept.len() {
        let (first, second) = (kept[i - 1].span, kept[i].span);
        if second.onset() < first.offset() {
            let middle = 0.5 * (second.onset() + first.offset());
            let cut = (
                Span::new(first.onset(), middle),
                Span::new(middle, second.offset()),
            );
            if let (Ok(first), Ok(second)) = cut {
                (kept[i - 1].span, kept[i].span) = (first, second);
            }
        }
    }
    kept
}

fn is_same(a: Span, b: Span) -> bool {
    let overlap = a.offset().min(b.offset()) - a.onset().max(b.onset());
    overlap > MOST_OVERLAP * a.secs().min(b.secs())
}

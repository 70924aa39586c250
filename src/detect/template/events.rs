//! Scores of templates → events.

use super::{
    SPARE_BINS, Search, Shot,
    correlation::Correlator,
    peaks::{Ends, find_peaks},
    spectrogram::Patch,
};
use crate::dataset::Span;
use crate::detect::Event;
use std::collections::BTreeMap;
use std::ops::Range;

/// For each shot, how well each other template agrees with it at the best place; those too long for its picture are left
/// out.
fn agreement(search: &Search, picture: impl Fn(&Shot) -> &Patch, bins: usize) -> Vec<Vec<f32>> {
    let templates: Vec<Patch> = search
        .shots
        .iter()
        .map(|shot| shot.template.clone())
        .collect();
    let correlator = Correlator::new(&templates, bins);
    let with_shot = |(n, shot): (usize, &Shot)| {
        let scores = correlator.scores(picture(shot)).into_iter().enumerate();
        let others = scores.filter(|(template, _)| *template != n);
        others
            .filter_map(|(_, scores)| scores.into_iter().reduce(f32::max))
            .collect()
    };
    search.shots.iter().enumerate().map(with_shot).collect()
}

/// As the published code does it.
pub(super) fn published(search: &Search, curves: &[Vec<f32>]) -> Vec<Event> {
    let height = search.framing.bins() - 2 * SPARE_BINS;
    let agreement = agreement(search, |shot| &shot.template, height);
    let known = agreement.into_iter().flatten();
    // A single shot has nothing to be compared with.
    let threshold = known.reduce(f32::max).unwrap_or(SINGLE_SHOT_THRESHOLD);
    let lengths = curves.iter().zip(&search.shots);
    let frames = lengths
        .map(|(curve, shot)| curve.len() + shot.frames.len())
        .max();
    let mut marks = vec![0.0_f32; frames.unwrap_or(0)];
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
                kind: 0,
            })
        })
        .collect()
}

/// What a single shot's copies must score at least; recommended, the published code stops there.
const SINGLE_SHOT_THRESHOLD: f32 = 0.5;

/// Frames between peaks of one template.
fn peak_distance(search: &Search, shot: Span) -> usize {
    let (onset, offset) = (
        search.framing.position(shot.onset()),
        search.framing.position(shot.offset()),
    );
    ((offset + 1.0).floor() - onset.floor()).max(1.0) as usize
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
    let agreement = agreement(search, |shot| &shot.around, search.framing.bins());
    let nearest = agreement
        .into_iter()
        .filter_map(|others| others.into_iter().reduce(f32::max));
    let nearest: Vec<f32> = nearest.collect();
    let threshold = match nearest.len() {
        0 => SINGLE_SHOT_THRESHOLD,
        n => part as f32 * nearest.iter().sum::<f32>() / n as f32,
    };
    // What does not agree at all is no event, however little the shots agree.
    let threshold = threshold.max(f32::MIN_POSITIVE);
    let mut found: Vec<Event> = Vec::new();
    for (curve, shot) in curves.iter().zip(&search.shots) {
        for peak in find_peaks(curve, threshold, shot.frames.len(), Ends::Included) {
            let moved =
                search.framing.secs(search.first + peak) - search.framing.secs(shot.frames.start);
            let end = (shot.span.offset() + moved).min(search.secs);
            let span = Span::new(shot.span.onset() + moved, end);
            found.extend(span.ok().map(|span| Event {
                span,
                score: curve[peak].clamp(0.0, 1.0),
                kind: 0,
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn published_marks_begin_at_the_peak_and_lose_their_last_frame() {
        assert_eq!(published_mark(10, 6), 10..15);
        assert_eq!(published_mark(10, 5), 10..14);
        assert_eq!(published_mark(10, 2), 10..12);
        assert_eq!(published_mark(10, 1), 10..11);
        // Less than half a template after the start of the search, one frame is left.
        assert_eq!(published_mark(2, 6), 5..6);
        assert_eq!(published_mark(3, 6), 3..8);
    }

    #[test]
    fn runs_are_the_stretches_that_are_marked() {
        let marks = [0.0, 0.5, 0.1, 0.0, 0.0, 0.9];
        assert_eq!(runs(&marks).collect::<Vec<_>>(), [1..3, 5..6]);
        assert_eq!(runs(&[]).count(), 0);
    }

    proptest! {
        #[test]
        fn events_kept_are_sorted_and_apart_and_the_best_is_among_them(
            found in prop::collection::vec((0u32..2000, 1u32..80, 0u32..100), 1..60),
        ) {
            let found: Vec<Event> = found
                .into_iter()
                .map(|(onset, len, score)| Event {
                    span: Span::new(f64::from(onset) / 8.0, f64::from(onset + len) / 8.0).unwrap(),
                    score: score as f32 / 100.0,
                    kind: 0,
                })
                .collect();
            let best = found.iter().map(|event| event.score).fold(0.0, f32::max);
            let kept = apart(found);
            prop_assert!(kept.windows(2).all(|pair| pair[0].span.offset() <= pair[1].span.onset()));
            prop_assert!(kept.iter().any(|event| event.score == best));
        }
    }
}

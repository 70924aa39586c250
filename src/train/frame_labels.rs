//! What every frame of a recording is of.

use crate::dataset::Span;
use std::ops::Range;

/// The marked events of one recording, as frames with labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FrameLabels {
    events: Vec<(Range<usize>, usize)>,
}

impl FrameLabels {
    /// Of events in seconds with their labels; `frame_rate` in frames per second. Where events overlap, the later in
    /// the list counts.
    pub fn new(events: impl IntoIterator<Item = (Span, usize)>, frame_rate: f64) -> Self {
        let frame = |secs: f64| (secs * frame_rate).round() as usize;
        let events = events.into_iter().map(|(span, label)| {
            let onset = frame(span.onset());
            (onset..frame(span.offset()).max(onset + 1), label)
        });
        Self {
            events: events.collect(),
        }
    }

    /// The unit of each frame from `start` on: its label, or below zero, −1 − `recording`, where nothing is marked.
    pub(crate) fn units(&self, recording: usize, start: usize, frames: usize) -> Vec<i64> {
        let mut units = vec![-1 - recording as i64; frames];
        for (event, label) in &self.events {
            let from = event.start.clamp(start, start + frames) - start;
            let to = event.end.clamp(start, start + frames) - start;
            units[from..to].fill(*label as i64);
        }
        units
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_events_have_their_label_and_others_their_recording() {
        let events = [
            (Span::new(0.2, 0.4).unwrap(), 7),
            (Span::new(0.4, 0.401).unwrap(), 8),
        ];
        let labels = FrameLabels::new(events, 10.0);
        assert_eq!(labels.units(2, 0, 7), [-3, -3, 7, 7, 8, -3, -3]);
        assert_eq!(labels.units(2, 3, 3), [7, 8, -3]);
    }
}

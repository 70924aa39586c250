//! Probabilities of windows → events.
//!
//! # Source
//! The code released with Moummad et al. 2023 (arXiv:2309.00878).

use crate::dataset::Span;
use crate::detect::Event;

/// Joins consecutive positive windows into events.
///
/// ```text
/// windows i..j positive:  onset = t₀ + i·hop,  offset = t₀ + j·hop,  score = mean of their probabilities
/// ```
/// An event so ends one hop after the start of its last window, not at that window's end.
#[derive(Debug, Clone)]
pub(in crate::detect) struct Runs {
    /// t₀, frames.
    start: usize,
    hop: usize,
    frame_rate: f64,
    threshold: f32,
    windows: usize,
    run: Option<Run>,
    events: Vec<Event>,
}

#[derive(Debug, Clone, Copy)]
struct Run {
    first: usize,
    sum: f64,
}

impl Runs {
    /// For windows every `hop` frames from frame `start` on; positive above `threshold`.
    pub(in crate::detect) fn new(
        start: usize,
        hop: usize,
        frame_rate: f64,
        threshold: f32,
    ) -> Self {
        Self {
            start,
            hop,
            frame_rate,
            threshold,
            windows: 0,
            run: None,
            events: Vec::new(),
        }
    }

    /// The probability of the next window.
    pub(in crate::detect) fn push(&mut self, probability: f32) {
        if probability > self.threshold {
            let new = Run {
                first: self.windows,
                sum: 0.0,
            };
            self.run.get_or_insert(new).sum += f64::from(probability);
        } else {
            self.close();
        }
        self.windows += 1;
    }

    /// The events, in order of time.
    pub(in crate::detect) fn finish(mut self) -> Vec<Event> {
        self.close();
        self.events
    }

    fn close(&mut self) {
        let Some(Run { first, sum }) = self.run.take() else {
            return;
        };
        let at = |window: usize| (self.start + window * self.hop) as f64 / self.frame_rate;
        let span = Span::new(at(first), at(self.windows));
        self.events.push(Event {
            span: span.expect("a run has at least one window, and a window one hop"),
            score: (sum / (self.windows - first) as f64) as f32,
            kind: 0,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(probabilities: &[f32]) -> Vec<(f64, f64, f32)> {
        let mut runs = Runs::new(20, 5, 10.0, 0.5);
        probabilities.iter().for_each(|&p| runs.push(p));
        let found = runs.finish().into_iter();
        found
            .map(|event| (event.span.onset(), event.span.offset(), event.score))
            .collect()
    }

    #[test]
    fn runs_end_one_hop_after_their_last_window() {
        let found = events(&[0.0, 0.75, 1.0, 0.25, 0.75]);
        assert_eq!(found, [(2.5, 3.5, 0.875), (4.0, 4.5, 0.75)]);
    }

    #[test]
    fn nothing_gives_no_event_and_everything_gives_one() {
        assert_eq!(events(&[0.0, 0.5]), []);
        assert_eq!(events(&[1.0; 4]), [(2.0, 4.0, 1.0)]);
        assert_eq!(events(&[]), []);
    }
}

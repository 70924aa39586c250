//! Events with the marks beside them, and with the frequencies of both.

use super::Found;
use crate::dataset::{Span, USED_MARK};
use serde::{Deserialize, Serialize};

/// A mark that events were found by, for a table of them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsedMark {
    /// When it sounds.
    pub span: Span,
    /// Which kind it is of, as [`Event::kind`](crate::detect::Event::kind).
    pub kind: usize,
    /// Between which frequencies, Hz, where it says so; else those of the events are written.
    pub band_hz: Option<(f64, f64)>,
}

/// Between which frequencies events lie, for tables that say so.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Band {
    /// The table has no columns for it, unless another recording needs them.
    #[default]
    NotShown,
    /// The columns stay empty.
    Unknown,
    /// From so many to so many Hz.
    Hz(f64, f64),
}

impl Band {
    fn hz(self) -> Option<(f64, f64)> {
        match self {
            Self::Hz(low, high) => Some((low, high)),
            Self::NotShown | Self::Unknown => None,
        }
    }

    /// Whether one of them wants the columns.
    pub(super) fn is_shown(found: &[Found]) -> bool {
        found.iter().any(|of| of.band != Self::NotShown)
    }
}

/// An event or a mark.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) span: Span,
    pub(super) kind: usize,
    /// `None`: a mark.
    pub(super) score: Option<f32>,
    pub(super) band_hz: Option<(f64, f64)>,
}

impl Row {
    /// What stands in the column of verdicts.
    pub(super) fn verdict(&self) -> &'static str {
        match self.score {
            Some(_) => "",
            None => USED_MARK,
        }
    }
}

/// Whether there is a column of verdicts.
pub(super) fn has_marks(found: &[Found]) -> bool {
    found.iter().any(|of| of.marks.is_some())
}

/// Every event, and every mark that is wanted, with its recording.
pub(super) fn rows<'a>(found: &'a [Found<'a>]) -> impl Iterator<Item = (&'a Found<'a>, Row)> {
    found
        .iter()
        .flat_map(|of| of_recording(of).into_iter().map(move |row| (of, row)))
}

fn of_recording(of: &Found) -> Vec<Row> {
    let band_hz = of.band.hz();
    let events = of.events.iter().map(|event| Row {
        span: event.span,
        kind: event.kind,
        score: Some(event.score),
        band_hz,
    });
    let mut rows: Vec<Row> = events.collect();
    if let Some(marks) = of.marks {
        rows.extend(marks.iter().map(|mark| Row {
            span: mark.span,
            kind: mark.kind,
            score: None,
            band_hz: mark.band_hz.or(band_hz),
        }));
        rows.sort_by(|a, b| a.span.onset().total_cmp(&b.span.onset()));
    }
    rows
}

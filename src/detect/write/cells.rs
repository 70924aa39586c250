//! The cells and rows that tables of text have in common.

use super::{Event, Found};
use crate::dataset::{Span, guarded, looks_quoted};
use std::fmt::{self, Display, Write};

/// Every event with its recording, in the order of the recordings.
pub(super) fn rows<'a>(found: &'a [Found<'a>]) -> impl Iterator<Item = (&'a Found<'a>, &'a Event)> {
    found
        .iter()
        .flat_map(|of| of.events.iter().map(move |event| (of, event)))
}

/// Adds a line to a table.
pub(super) fn line(text: &mut String, values: fmt::Arguments) {
    writeln!(text, "{values}").expect("a string takes any text");
}

/// Onset and offset in whole microseconds, one apart at least.
pub(super) fn times(event: &Event) -> (Micros, Micros) {
    times_of(&event.span)
}

/// The same of any span.
pub(super) fn times_of(span: &Span) -> (Micros, Micros) {
    let micros = |secs: f64| (secs * 1e6).round() as u64;
    let onset = micros(span.onset());
    let offset = micros(span.offset()).max(onset + 1);
    (Micros(onset), Micros(offset))
}

/// Shown as seconds.
pub(super) struct Micros(u64);

impl Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// A value of a comma-separated table.
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = on_one_line(self.0);
        let text = guarded(&text);
        if text.contains(['"', ',', ';']) || text.trim() != text {
            write!(f, "\"{}\"", text.replace('"', "\"\""))
        } else {
            write!(f, "{text}")
        }
    }
}

/// A value of a table with tabs, which has quotes only where its own would be taken for such.
pub(super) struct Untabbed<'a>(pub(super) &'a str);

impl Display for Untabbed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = on_one_line(self.0);
        let text = guarded(&text);
        match looks_quoted(&text) {
            true => write!(f, "\"{}\"", text.replace('"', "\"\"")),
            false => write!(f, "{text}"),
        }
    }
}

fn on_one_line(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}

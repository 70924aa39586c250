//! Events → the text of tables.

use super::{Event, Found};
use crate::dataset::{guarded, looks_quoted};
use std::fmt::{self, Display, Write};

/// `Audiofilename,Starttime,Endtime`
pub(super) fn dcase(found: &[Found]) -> Vec<u8> {
    let mut text = "Audiofilename,Starttime,Endtime\n".to_owned();
    for (of, event) in rows(found) {
        let (onset, offset) = times(event);
        line(
            &mut text,
            format_args!("{},{onset},{offset}", Quoted(of.recording)),
        );
    }
    text.into_bytes()
}

/// `recording,onset,offset,score,label`
pub(super) fn csv(found: &[Found]) -> Vec<u8> {
    let mut text = "recording,onset,offset,score,label\n".to_owned();
    for (of, event) in rows(found) {
        let (onset, offset) = times(event);
        let (recording, label) = (Quoted(of.recording), Quoted(of.label.unwrap_or_default()));
        line(
            &mut text,
            format_args!("{recording},{onset},{offset},{},{label}", event.score),
        );
    }
    text.into_bytes()
}

/// A selection table; columns of frequencies only where they are known.
pub(super) fn raven(found: &[Found]) -> Vec<u8> {
    let has_band = found.iter().any(|of| of.band_hz.is_some());
    let bands = if has_band {
        "Low Freq (Hz)\tHigh Freq (Hz)\t"
    } else {
        ""
    };
    let mut text = format!(
        "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\t{bands}Begin File\tScore\tAnnotation\n"
    );
    for (n, (of, event)) in rows(found).enumerate() {
        let (onset, offset) = times(event);
        let band = of
            .band_hz
            .map_or_else(String::new, |(low, high)| format!("{low:.1}\t{high:.1}\t"));
        let (recording, label) = (
            Untabbed(of.recording),
            Untabbed(of.label.unwrap_or_default()),
        );
        let selection = n + 1;
        let score = event.score;
        line(
            &mut text,
            format_args!(
                "{selection}\tSpectrogram 1\t1\t{onset}\t{offset}\t{band}{recording}\t{score}\t{label}"
            ),
        );
    }
    text.into_bytes()
}

/// Onset, offset, label.
pub(super) fn audacity(found: &[Found]) -> Vec<u8> {
    let mut text = String::new();
    for (of, event) in rows(found) {
        let (onset, offset) = times(event);
        let label = Untabbed(of.label.unwrap_or_default());
        line(&mut text, format_args!("{onset}\t{offset}\t{label}"));
    }
    text.into_bytes()
}

fn rows<'a>(found: &'a [Found<'a>]) -> impl Iterator<Item = (&'a Found<'a>, &'a Event)> {
    found
        .iter()
        .flat_map(|of| of.events.iter().map(move |event| (of, event)))
}

fn line(text: &mut String, values: fmt::Arguments) {
    writeln!(text, "{values}").expect("a string takes any text");
}

/// Onset and offset in whole microseconds, one apart at least.
fn times(event: &Event) -> (Micros, Micros) {
    let micros = |secs: f64| (secs * 1e6).round() as u64;
    let onset = micros(event.span.onset());
    let offset = micros(event.span.offset()).max(onset + 1);
    (Micros(onset), Micros(offset))
}

/// Shown as seconds.
struct Micros(u64);

impl Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// A value of a comma-separated table.
struct Quoted<'a>(&'a str);

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
struct Untabbed<'a>(&'a str);

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

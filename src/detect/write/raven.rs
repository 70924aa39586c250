//! Events → a selection table of Raven.

use super::cells::{Untabbed, line, rows, times};
use super::{Found, TableKind, Writer};

pub(super) const KIND: TableKind = TableKind {
    title: "a Raven table",
    suffix: ".selections",
    extension: "txt",
    names_recordings: false,
    writer: Writer::Text(raven),
};

/// A selection table; columns of frequencies only where they are known.
fn raven(found: &[Found]) -> String {
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
        let (recording, label) = (Untabbed(of.recording), Untabbed(of.label_of(event)));
        let selection = n + 1;
        let score = event.score;
        line(
            &mut text,
            format_args!(
                "{selection}\tSpectrogram 1\t1\t{onset}\t{offset}\t{band}{recording}\t{score}\t{label}"
            ),
        );
    }
    text
}

//! Events → a selection table of Raven.

use super::cells::{Untabbed, line, times_of};
use super::marked::{has_marks, rows};
use super::{Found, TableKind, Writer};

pub(super) const KIND: TableKind = TableKind {
    title: "a Raven table",
    suffix: ".selections",
    extension: "txt",
    names_recordings: false,
    tells_marks: true,
    writer: Writer::Text(raven),
};

/// A selection table; columns of frequencies only where they are known, and a last one that tells marks where they are wanted.
fn raven(found: &[Found]) -> String {
    let has_band = rows(found).any(|(_, row)| row.band_hz.is_some());
    let bands = if has_band {
        "Low Freq (Hz)\tHigh Freq (Hz)\t"
    } else {
        ""
    };
    let has_marks = has_marks(found);
    let verdict = if has_marks { "\tVerdict" } else { "" };
    let mut text = format!(
        "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\t{bands}Begin File\tScore\tAnnotation{verdict}\n"
    );
    for (n, (of, row)) in rows(found).enumerate() {
        let (onset, offset) = times_of(&row.span);
        let band = match row.band_hz {
            Some((low, high)) => format!("{low:.1}\t{high:.1}\t"),
            None if has_band => "\t\t".to_owned(),
            None => String::new(),
        };
        let label = of.label_of(row.kind).unwrap_or_default();
        let (recording, label) = (Untabbed(of.recording), Untabbed(label));
        let selection = n + 1;
        let score = row
            .score
            .map_or_else(String::new, |score| score.to_string());
        let verdict = match has_marks {
            true => format!("\t{}", row.verdict()),
            false => String::new(),
        };
        line(
            &mut text,
            format_args!(
                "{selection}\tSpectrogram 1\t1\t{onset}\t{offset}\t{band}{recording}\t{score}\t{label}{verdict}"
            ),
        );
    }
    text
}

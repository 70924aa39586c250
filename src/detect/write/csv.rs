//! Events → comma-separated text with score and label.

use super::cells::{Quoted, line, rows, times};
use super::{Found, TableKind, Writer};

pub(super) const KIND: TableKind = TableKind {
    title: "CSV",
    suffix: "",
    extension: "csv",
    names_recordings: true,
    writer: Writer::Text(csv),
};

/// `recording,onset,offset,score,label`
fn csv(found: &[Found]) -> String {
    let mut text = "recording,onset,offset,score,label\n".to_owned();
    for (of, event) in rows(found) {
        let (onset, offset) = times(event);
        let (recording, label) = (Quoted(of.recording), Quoted(of.label.unwrap_or_default()));
        line(
            &mut text,
            format_args!("{recording},{onset},{offset},{},{label}", event.score),
        );
    }
    text
}

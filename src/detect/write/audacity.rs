//! Events → a label track of Audacity.

use super::cells::{Untabbed, line, rows, times};
use super::{Found, TableKind, Writer};

pub(super) const KIND: TableKind = TableKind {
    title: "an Audacity label track",
    suffix: "",
    extension: "txt",
    names_recordings: false,
    tells_marks: false,
    writer: Writer::Text(audacity),
};

/// Onset, offset, label.
fn audacity(found: &[Found]) -> String {
    let mut text = String::new();
    for (of, event) in rows(found) {
        let (onset, offset) = times(event);
        let label = Untabbed(of.label_of(event.kind).unwrap_or_default());
        line(&mut text, format_args!("{onset}\t{offset}\t{label}"));
    }
    text
}

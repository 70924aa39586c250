//! Events → comma-separated text with score and label.

use super::cells::{Quoted, line, rows, times};
use super::{Began, Found, TableKind, Writer};

pub(super) const KIND: TableKind = TableKind {
    title: "CSV",
    suffix: "",
    extension: "csv",
    names_recordings: true,
    writer: Writer::Text(csv),
};

/// `recording,onset,offset,score,label`, with `date,time` of the onset where that is wanted.
fn csv(found: &[Found]) -> String {
    let is_dated = Began::is_shown(found);
    let dated = if is_dated { ",date,time" } else { "" };
    let mut text = format!("recording,onset,offset,score,label{dated}\n");
    for (of, event) in rows(found) {
        let (onset, offset) = times(event);
        let (recording, label) = (Quoted(of.recording), Quoted(of.label_of(event)));
        let (date, time) = of.began.later(event.span.onset()).unwrap_or_default();
        let dated = match is_dated {
            true => format!(",{date},{time}"),
            false => String::new(),
        };
        line(
            &mut text,
            format_args!(
                "{recording},{onset},{offset},{},{label}{dated}",
                event.score
            ),
        );
    }
    text
}

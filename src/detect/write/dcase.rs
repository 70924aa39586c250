//! Events → the table that the DCASE few-shot task evaluates.

use super::cells::{Quoted, line, rows, times};
use super::{Found, TableKind, Writer};

pub(super) const KIND: TableKind = TableKind {
    title: "DCASE CSV",
    suffix: "",
    extension: "csv",
    names_recordings: true,
    tells_marks: false,
    writer: Writer::Text(dcase),
};

/// `Audiofilename,Starttime,Endtime`
fn dcase(found: &[Found]) -> String {
    let mut text = "Audiofilename,Starttime,Endtime\n".to_owned();
    for (of, event) in rows(found) {
        let (onset, offset) = times(event);
        line(
            &mut text,
            format_args!("{},{onset},{offset}", Quoted(of.recording)),
        );
    }
    text
}

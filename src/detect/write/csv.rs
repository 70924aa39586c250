//! Events → comma-separated text with score and label.

use super::cells::{Quoted, line, times_of};
use super::marked::{Row, has_marks, rows};
use super::{Band, Began, Found, TableKind, Writer};

pub(super) const KIND: TableKind = TableKind {
    title: "CSV",
    suffix: "",
    extension: "csv",
    names_recordings: true,
    tells_marks: true,
    writer: Writer::Text(csv),
};

/// `recording,onset,offset,score,label`, with `low_hz,high_hz`, with `date,time` of the onset and with `verdict` where they
/// are wanted.
fn csv(found: &[Found]) -> String {
    let further = [
        (Band::is_shown(found), ",low_hz,high_hz"),
        (Began::is_shown(found), ",date,time"),
        (has_marks(found), ",verdict"),
    ];
    let head: String = further
        .iter()
        .map(|&(is_shown, names)| if is_shown { names } else { "" })
        .collect();
    let mut text = format!("recording,onset,offset,score,label{head}\n");
    for (of, row) in rows(found) {
        let (onset, offset) = times_of(&row.span);
        let label = of.label_of(row.kind).unwrap_or_default();
        let (recording, label) = (Quoted(of.recording), Quoted(label));
        let score = row
            .score
            .map_or_else(String::new, |score| score.to_string());
        let [has_band, is_dated, has_marks] = further.map(|(is_shown, _)| is_shown);
        let mut more = String::new();
        if has_band {
            more += &band(&row);
        }
        if is_dated {
            let (date, time) = of.began.later(row.span.onset()).unwrap_or_default();
            more += &format!(",{date},{time}");
        }
        if has_marks {
            more += &format!(",{}", row.verdict());
        }
        line(
            &mut text,
            format_args!("{recording},{onset},{offset},{score},{label}{more}"),
        );
    }
    text
}

fn band(row: &Row) -> String {
    row.band_hz.map_or_else(
        || ",,".to_owned(),
        |(low, high)| format!(",{low:.1},{high:.1}"),
    )
}

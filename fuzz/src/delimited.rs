//! Tables as people write them: columns of every program's names, in any separator and encoding, with any cells.

use crate::marks;
use chiffchaff::dataset::{DatasetKind, DatasetSource};
use std::fs;

/// Names of columns, of Raven, Audacity, Kaleidoscope, BirdNET, opensoundscape, warbleR, DCASE and ours.
const COLUMNS: [&str; 32] = [
    "Selection",
    "View",
    "Channel",
    "Begin Time (s)",
    "End Time (s)",
    "Low Freq (Hz)",
    "High Freq (Hz)",
    "Begin File",
    "Begin Path",
    "File Offset (s)",
    "Species Code",
    "Annotation",
    "Start (s)",
    "Confidence",
    "Scientific name",
    "OFFSET",
    "DURATION",
    "IN FILE",
    "MANUAL ID",
    "sound.files",
    "selec",
    "start",
    "end",
    "Audiofilename",
    "Starttime",
    "Endtime",
    "Q",
    "onset",
    "offset",
    "file",
    "label",
    "fold",
];
const CELLS: [&str; 24] = [
    "",
    "0",
    "1",
    "2.5",
    "2,5",
    "-1",
    "1e308",
    "1e999",
    "NaN",
    "inf",
    "00:01:02.5",
    "a.wav",
    "b/a.wav",
    "C:\\b\\a.wav",
    "POS",
    "NEG",
    "UNK",
    "Spinus spinus",
    "Zaunkönig",
    "\"",
    "\"a\"\"b\"",
    "a\nb",
    "=1",
    "  ",
];

/// A table that the bytes choose: separator, encoding, count of columns, their names, cells; read as marks and as clips.
///
/// # Panics
/// At a finding.
pub fn delimited(bytes: &[u8]) {
    let [separator, encoding, count, rest @ ..] = bytes else {
        return;
    };
    let count = usize::from(count % 10) + 1;
    let mut choices = rest.iter().map(|&choice| usize::from(choice));
    let header = choices.by_ref().take(count);
    let header: Vec<_> = header.map(|n| COLUMNS[n % COLUMNS.len()]).collect();
    let cells: Vec<_> = choices.map(|n| CELLS[n % CELLS.len()]).collect();
    let separator = [",", ";", "\t"][usize::from(separator % 3)];
    let lines = std::iter::once(&header[..]).chain(cells.chunks(count));
    let lines: Vec<_> = lines.map(|line| line.join(separator)).collect();
    let table = encoded(&lines.join("\n"), *encoding);
    marks(&table);
    clips(&table);
}

/// UTF-8 without and with its mark, UTF-16 of either order, Latin-1.
fn encoded(text: &str, encoding: u8) -> Vec<u8> {
    let wide = |order: fn(u16) -> [u8; 2]| {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(order).collect()
    };
    match encoding % 5 {
        0 => text.as_bytes().to_vec(),
        1 => [b"\xef\xbb\xbf", text.as_bytes()].concat(),
        2 => wide(u16::to_le_bytes),
        3 => wide(u16::to_be_bytes),
        _ => text
            .chars()
            .map(|c| u8::try_from(c).unwrap_or(b'?'))
            .collect(),
    }
}

fn clips(table: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("table.csv");
    fs::write(&path, table).expect("a temporary file");
    fs::write(folder.path().join("a.wav"), b"").expect("a temporary file");
    let kind = DatasetKind::Csv;
    match (DatasetSource { kind, path }).load() {
        Ok(dataset) => {
            for clip in &dataset.clips {
                let mut classes = clip.classes().into_iter();
                assert!(classes.all(|class| class < dataset.classes.len()));
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

//! The tables of many programs, as they and as spreadsheets save them: read right or refused, none misread.

use super::*;
use encoding_rs::{MACINTOSH, WINDOWS_1252};
use std::path::Path;

/// Onset, offset and label of what is marked in `Grünling.wav`, and of one event in another recording.
const OWN: [(&str, &str, &str); 3] = [
    ("0.5", "0.75", "Gesang"),
    ("1.25", "1.5", "Ruf, laut"),
    ("3", "4.125", "Gesang"),
];
const OTHER: (&str, &str, &str) = ("7.5", "8", "Ruf, laut");

/// A program: its header, a row of a recording, onset, offset and label, and whether rows name recording and label.
struct Program {
    header: &'static str,
    row: fn(&str, &str, &str, &str) -> Vec<String>,
    names: bool,
    labels: bool,
}

fn duration(onset: &str, offset: &str) -> String {
    let secs = |text: &str| text.parse::<f64>().unwrap();
    (secs(offset) - secs(onset)).to_string()
}

macro_rules! program {
    ($header:expr, $names:expr, $labels:expr, |$r:ident, $on:ident, $off:ident, $label:ident| $($value:expr),+) => {
        Program {
            header: $header,
            row: |$r, $on, $off, $label| {
                let _ = ($r, $label);
                vec![$(($value).to_string()),+]
            },
            names: $names,
            labels: $labels,
        }
    };
}

fn programs() -> Vec<Program> {
    vec![
        program!(
            "Selection|View|Channel|Begin Time (s)|End Time (s)|Low Freq (Hz)|High Freq (Hz)|Begin File|Annotation",
            true,
            true,
            |r, on, off, l| on.len(),
            "Spectrogram 1",
            1,
            on,
            off,
            2000,
            5000,
            r,
            l
        ),
        program!(
            "Selection|View|Channel|Begin Time (s)|End Time (s)|Begin Path|File Offset (s)|Species Code",
            true,
            true,
            |r, on, off, l| on.len(),
            "Spectrogram 1",
            1,
            format!("{on}"),
            off,
            format!("D:\\Karten\\{r}"),
            on,
            l
        ),
        program!("", false, true, |r, on, off, l| on, off, l),
        program!(
            "INDIR|FOLDER|IN FILE|CHANNEL|OFFSET|DURATION|Fmin|Fmean|Fmax|TOP1MATCH*|TOP1DIST|MANUAL ID",
            true,
            true,
            |r, on, off, l| "D:\\Karten",
            "A01",
            r,
            0,
            on,
            duration(on, off),
            2000,
            3000,
            5000,
            "x",
            0.5,
            l
        ),
        program!(
            "Start (s)|End (s)|Scientific name|Common name|Confidence|File",
            true,
            true,
            |r, on, off, l| on,
            off,
            format!("S. {l}"),
            l,
            0.9,
            r
        ),
        program!(
            "filepath|start|end|scientific_name|common_name|confidence",
            true,
            true,
            |r, on, off, l| format!("/home/me/{r}"),
            on,
            off,
            format!("S. {l}"),
            l,
            0.9
        ),
        program!(
            "audio_file|annotation_file|annotation|start_time|end_time|low_f|high_f",
            true,
            true,
            |r, on, off, l| r,
            "x.txt",
            l,
            on,
            off,
            2000,
            5000
        ),
        program!(
            "|sound.files|channel|selec|start|end|bottom.freq|top.freq",
            true,
            false,
            |r, on, off, l| 1,
            r,
            1,
            on.len(),
            on,
            off,
            2,
            5
        ),
        program!(
            "TIME|VALUE|DURATION|LABEL",
            false,
            true,
            |r, on, off, l| on,
            440,
            duration(on, off),
            l
        ),
        program!(
            "Audiofilename|Starttime|Endtime|Q",
            true,
            false,
            |r, on, off, l| r,
            on,
            off,
            "POS"
        ),
        program!(
            "filename|onset|offset|event_label",
            true,
            true,
            |r, on, off, l| r,
            on,
            off,
            l
        ),
        program!(
            "onset|offset|label",
            false,
            true,
            |r, on, off, l| on,
            off,
            l
        ),
    ]
}

/// The table as text: with a decimal comma where that is asked for, quoted where a value has the separator.
fn written(program: &Program, separator: &str, end: &str, comma: bool) -> String {
    let value = |value: &str| {
        let is_number = value.parse::<f64>().is_ok();
        let value = match comma && is_number {
            true => value.replace('.', ","),
            false => value.to_owned(),
        };
        match value.contains(separator) {
            true => format!("\"{value}\""),
            false => value,
        }
    };
    let line = |values: Vec<String>| {
        let values: Vec<_> = values.iter().map(|text| value(text)).collect();
        values.join(separator) + end
    };
    let row = |recording: &str, (onset, offset, label): (&str, &str, &str)| {
        line((program.row)(recording, onset, offset, label))
    };
    let header = match program.header {
        "" => String::new(),
        header => line(header.split('|').map(str::to_owned).collect()),
    };
    let own: String = OWN.iter().map(|mark| row("Grünling.wav", *mark)).collect();
    let other = if program.names {
        row("Amsel.wav", OTHER)
    } else {
        String::new()
    };
    format!("{header}{other}{own}")
}

fn encoded(text: &str) -> Vec<Vec<u8>> {
    let utf_16 =
        |unit: fn(u16) -> [u8; 2]| -> Vec<u8> { text.encode_utf16().flat_map(unit).collect() };
    vec![
        text.as_bytes().to_vec(),
        [b"\xef\xbb\xbf", text.as_bytes()].concat(),
        [b"\xff\xfe", &utf_16(u16::to_le_bytes)[..]].concat(),
        utf_16(u16::to_be_bytes),
        WINDOWS_1252.encode(text).0.into_owned(),
        MACINTOSH.encode(text).0.into_owned(),
    ]
}

/// Whether the marks of `Grünling.wav` are those that were written.
fn is_right(program: &Program, marks: &Annotation) -> bool {
    let recordings = ["Aufnahmen/Gru\u{308}nling.flac".into()];
    let matching = Matching::new(std::slice::from_ref(marks), &recordings);
    let Ok(own) = matching.marks_of(0) else {
        return false;
    };
    let events: Vec<_> = own.parts.iter().flat_map(|(_, events)| events).collect();
    let is_same = |(event, (onset, offset, label)): (&&&MarkedEvent, &(&str, &str, &str))| {
        let secs = |text: &str| text.parse::<f64>().unwrap();
        (event.span.onset() - secs(onset)).abs() < 1e-9
            && (event.span.offset() - secs(offset)).abs() < 1e-9
            && event.mark == Mark::Positive
            && event.label.as_deref() == Some(*label).filter(|_| program.labels)
    };
    events.len() == OWN.len() && events.iter().zip(&OWN).all(is_same)
}

#[test]
fn tables_of_twelve_programs_in_every_encoding_and_separator_are_read_right_or_refused() {
    let (mut read, mut refused) = (0, 0);
    for program in programs() {
        for separator in ["\t", ";", ","] {
            for (end, comma) in [("\n", false), ("\r\n", true), ("\r", false)] {
                for bytes in encoded(&written(&program, separator, end, comma)) {
                    match parse_marks(Path::new("Marken.csv"), &bytes) {
                        Ok(marks) => {
                            read += 1;
                            assert!(
                                is_right(&program, &marks),
                                "{:?} {separator:?} {end:?}: {marks:#?}",
                                program.header
                            );
                        }
                        Err(_) => refused += 1,
                    }
                }
            }
        }
    }
    assert_eq!((read, refused), (648, 0));
}

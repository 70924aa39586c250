//! Files made byte by byte.

use super::*;
use jiff::civil;
use std::{fs, path::PathBuf};
use tempfile::TempDir;

/// A chunk of a WAV, padded.
fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let size = u32::try_from(content.len()).unwrap().to_le_bytes();
    let padding = vec![0; content.len() % 2];
    [name.as_slice(), &size, content, &padding].concat()
}

/// A WAV of one channel of 16 bits at 8 kHz: `before` and `behind` lie around its samples.
fn wav(before: &[u8], behind: &[u8]) -> Vec<u8> {
    let mut format = Vec::new();
    for short in [1_u16, 1] {
        format.extend(short.to_le_bytes());
    }
    for long in [8000_u32, 16000] {
        format.extend(long.to_le_bytes());
    }
    for short in [2_u16, 16] {
        format.extend(short.to_le_bytes());
    }
    let data = chunk(b"data", &[0; 64]);
    let content = [
        &b"WAVE"[..],
        &chunk(b"fmt ", &format),
        before,
        &data,
        behind,
    ]
    .concat();
    let size = u32::try_from(content.len()).unwrap().to_le_bytes();
    [&b"RIFF"[..], &size, &content].concat()
}

fn guano(timestamp: &str) -> Vec<u8> {
    let text = format!("GUANO|Version: 1.0\nMake: A: B\nTimestamp: {timestamp}\nTE: 1\n");
    chunk(b"guan", text.as_bytes())
}

fn comment(text: &str) -> Vec<u8> {
    let content = [
        &b"INFO"[..],
        &chunk(b"IART", b"A"),
        &chunk(b"ICMT", text.as_bytes()),
    ]
    .concat();
    chunk(b"LIST", &content)
}

fn broadcast(date: &str, time: &str) -> Vec<u8> {
    let mut content = vec![0; 320];
    content.extend(date.as_bytes());
    content.extend(time.as_bytes());
    content.resize(602, 0);
    chunk(b"bext", &content)
}

fn wamd(time: &str) -> Vec<u8> {
    let field = |number: u16, content: &[u8]| {
        let size = u32::try_from(content.len()).unwrap();
        [&number.to_le_bytes()[..], &size.to_le_bytes(), content].concat()
    };
    let fields = [
        field(0, &[1, 0]),
        field(1, b"SM4"),
        field(5, time.as_bytes()),
        field(10, b""),
    ];
    chunk(b"wamd", &fields.concat())
}

/// A FLAC of nothing but parts in front of its sound.
fn flac(parts: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut file = b"fLaC".to_vec();
    for (index, (kind, content)) in parts.iter().enumerate() {
        let last: u8 = if index + 1 == parts.len() { 0x80 } else { 0 };
        file.push(kind | last);
        file.extend(&u32::try_from(content.len()).unwrap().to_be_bytes()[1..]);
        file.extend(content);
    }
    file
}

fn comments(texts: &[&str]) -> Vec<u8> {
    let sized = |text: &str| {
        let size = u32::try_from(text.len()).unwrap().to_le_bytes();
        [&size[..], text.as_bytes()].concat()
    };
    let mut content = sized("a writer");
    content.extend(u32::try_from(texts.len()).unwrap().to_le_bytes());
    content.extend(texts.iter().flat_map(|text| sized(text)));
    content
}

fn written(name: &str, bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

/// What a file says whose name says nothing.
fn said(bytes: &[u8]) -> Option<RecordedAt> {
    let (_folder, path) = written("a.wav", bytes);
    let start = recorded_at(&path);
    assert_eq!(start.remark, None);
    start.at
}

fn at(utc_offset_mins: Option<i16>, said_by: TimeSource) -> Option<RecordedAt> {
    Some(RecordedAt {
        clock: civil::date(2020, 6, 24).at(19, 17, 30, 0),
        utc_offset_mins,
        said_by,
    })
}

#[test]
fn guano_is_read_before_and_behind_the_samples() {
    let chunk = guano("2020-06-24T19:17:30+10:00");
    let expected = at(Some(600), TimeSource::Guano);
    assert_eq!(said(&wav(&chunk, b"")), expected);
    assert_eq!(said(&wav(b"", &chunk)), expected);
    let local = guano(" 2020-06-24 19:17:30 ");
    assert_eq!(said(&wav(b"", &local)), at(None, TimeSource::Guano));
}

#[test]
fn guano_behind_a_chunk_whose_padding_was_forgotten_is_read() {
    let mut odd = chunk(b"junk", b"odd");
    odd.pop();
    let behind = [odd, guano("2020-06-24T19:17:30Z")].concat();
    assert_eq!(said(&wav(b"", &behind)), at(Some(0), TimeSource::Guano));
}

#[test]
fn comments_of_audiomoth_are_read_with_every_zone() {
    let rows = [
        ("(UTC)", Some(0)),
        ("(UTC+2)", Some(120)),
        ("(UTC+10)", Some(600)),
        ("(UTC-3:30)", Some(-210)),
        ("(UTC+5:45)", Some(345)),
    ];
    for (zone, mins) in rows {
        let text = format!(
            "Recorded at 19:17:30 24/06/2020 {zone} by AudioMoth 24F319055FDF2F5B at gain 2"
        );
        let expected = at(mins, TimeSource::AudioMoth);
        assert_eq!(said(&wav(&comment(&text), b"")), expected, "{zone}");
    }
    let first =
        comment("Recorded at 19:17:30 24/06/2020 by AudioMoth 24F319055FDF2F5B at gain setting 2");
    assert_eq!(said(&wav(&first, b"")), at(None, TimeSource::AudioMoth));
    let someone = comment("Recorded at 19:17:30 06/05/2020 at the pond");
    assert_eq!(said(&wav(&someone, b"")), None);
}

#[test]
fn broadcast_and_wildlife_metadata_are_read() {
    for (date, time) in [
        ("2020-06-24", "19:17:30"),
        ("2020:06:24", "19-17-30"),
        ("2020/06/24", "19.17.30"),
    ] {
        let bext = broadcast(date, time);
        assert_eq!(
            said(&wav(&bext, b"")),
            at(None, TimeSource::Broadcast),
            "{date}"
        );
    }
    assert_eq!(said(&wav(&broadcast("0000-00-00", "00:00:00"), b"")), None);
    assert_eq!(said(&wav(&broadcast("", ""), b"")), None);
    for (time, mins) in [
        ("2020-06-24 19:17:30-05:00", Some(-300)),
        ("2020-06-24 19:17:30.000", None),
        ("2020-06-24 19:17:30", None),
    ] {
        let expected = at(mins, TimeSource::WildlifeAcoustics);
        assert_eq!(said(&wav(b"", &wamd(time))), expected, "{time}");
    }
}

#[test]
fn comments_and_foreign_chunks_of_flac_are_read() {
    let description = (0, vec![0; 34]);
    let tags = |texts: &[&str]| flac(&[description.clone(), (4, comments(texts))]);
    let start = tags(&["ARTIST=A", "recordingstart=2020-06-24 19:17:30+1000"]);
    assert_eq!(said(&start), at(Some(600), TimeSource::Tag));
    let moth = tags(&["Comment=Recorded at 19:17:30 24/06/2020 (UTC) by AudioMoth"]);
    assert_eq!(said(&moth), at(Some(0), TimeSource::AudioMoth));
    assert_eq!(said(&tags(&["DATE=2020-06-24", "DATE=2020"])), None);
    let foreign = [&b"riff"[..], &guano("2020-06-24T19:17:30Z")].concat();
    let foreign = flac(&[description, (2, foreign)]);
    assert_eq!(said(&foreign), at(Some(0), TimeSource::Guano));
}

#[test]
fn the_surest_statement_is_believed_and_another_remarked() {
    let chunks = [
        broadcast("2020-06-25", "10:00:07"),
        guano("2020-06-24T19:17:30Z"),
    ]
    .concat();
    let (_folder, path) = written("a.wav", &wav(&chunks, b""));
    let start = recorded_at(&path);
    assert_eq!(start.at, at(Some(0), TimeSource::Guano));
    let remark = start.remark.unwrap().to_string();
    assert_eq!(
        remark,
        "began at 2020-06-24 19:17:30 UTC by its GUANO metadata, but at 2020-06-25 10:00:07 by its broadcast header; the first is believed"
    );
}

#[test]
fn a_name_that_differs_is_remarked_unless_by_a_time_zone() {
    let rows = [
        ("20200624_191730.wav", false),
        ("20200624_191829.wav", false),
        ("20200624_191831.wav", true),
        ("20200625_051730.wav", false), // ten hours
        ("20200624_154730.wav", false), // three hours and a half
        ("20200625_010230.wav", false), // Nepal
        ("20200624_193230.wav", true),  // a quarter of an hour
        ("20200625_101730.wav", true),  // fifteen hours
        ("20210624_191730.wav", true),
        ("20200625T051730+1000.wav", false),
        ("20200624T191730+1000.wav", true),
    ];
    for (name, differs) in rows {
        let (_folder, path) = written(name, &wav(&guano("2020-06-24T19:17:30Z"), b""));
        let start = recorded_at(&path);
        assert_eq!(start.at, at(Some(0), TimeSource::Guano), "{name}");
        assert_eq!(start.remark.is_some(), differs, "{name}");
    }
}

#[test]
fn a_name_lends_its_zone_to_the_same_time() {
    let file = wav(&guano("2020-06-24T19:17:30"), b"");
    let (_folder, path) = written("20200624T191730+1000.wav", &file);
    assert_eq!(recorded_at(&path).at, at(Some(600), TimeSource::Guano));
    let (_folder, path) = written("20200624T091730Z.wav", &file);
    assert_eq!(recorded_at(&path).at, at(None, TimeSource::Guano));
}

#[test]
fn files_that_say_nothing_or_are_broken_leave_their_name() {
    let whole = wav(&guano("2020-06-24T19:17:30Z"), &wamd("2020-06-24 19:17:30"));
    for length in 0..whole.len() {
        let (_folder, path) = written("20200624_191730.wav", &whole[..length]);
        let at = recorded_at(&path).at.unwrap();
        assert_eq!(at.to_string().get(..19), Some("2020-06-24 19:17:30"));
    }
    let bytes = flac(&[(4, vec![0xff; 40]), (2, b"riff".to_vec())]);
    assert_eq!(said(&bytes), None);
    let huge = [
        chunk(b"LIST", b"INFOICMT\xff\xff\xff\xffRecorded"),
        chunk(b"wamd", &[5, 0, 0xff, 0xff, 0xff, 0xff]),
    ];
    assert_eq!(said(&wav(&huge.concat(), b"")), None);
    assert_eq!(recorded_at(Path::new("/")).at, None);
}

#[test]
fn statements_survive_being_kept() {
    let at = at(Some(-210), TimeSource::WildlifeAcoustics).unwrap();
    let text = serde_json::to_string(&at).unwrap();
    assert_eq!(
        text,
        r#"{"clock":"2020-06-24T19:17:30","utc_offset_mins":-210,"said_by":"wildlife-acoustics"}"#
    );
    assert_eq!(serde_json::from_str::<RecordedAt>(&text).unwrap(), at);
}

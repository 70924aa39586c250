//! What a file itself says about when its recording began.
//!
//! ```text
//! WAV   chunk `guan`           GUANO: lines of `key: value`, among them `Timestamp: 2023-05-01T04:30:00+10:00`
//!       chunk `wamd`           Wildlife Acoustics: fields of number (2 bytes), size (4) and content; number 5 is the time as text
//!       chunk `LIST` of `INFO` `ICMT` of AudioMoth: `Recorded at 19:17:30 24/06/2020 (UTC-3:30) by AudioMoth …`; `ICRD`
//!       chunk `bext`           broadcast wave: date in 10 bytes from 320 on, time in 8 from 330 on
//! FLAC  comments               `RecordingStart`, `Timestamp`, `DATE`, and AudioMoth's as `COMMENT`
//!       application `riff`     chunks of the WAV that it was made from
//! ```

use super::{
    RecordedAt, TimeSource,
    clock::{Clock, OfDay, Scan, date, iso, offset_mins},
};
use crate::audio::{
    ReadProblem,
    container::{Container, read_at, recognise},
};
use std::{fs::File, io};

/// More parts than any file has that was not made to keep us busy.
const MAX_PARTS: usize = 1000;
/// Bytes that are read of a part; a track of places in `wamd` may be long, and the time comes before it.
const MAX_BYTES: u64 = 1 << 20;

/// Everything that the file says, the surest first.
pub(super) fn statements(file: &mut File) -> Result<Vec<RecordedAt>, ReadProblem> {
    let Some(found) = recognise(file)? else {
        return Ok(Vec::new());
    };
    let mut said = match found.container {
        Container::Wave => of_wave(file, found.start),
        Container::Flac => of_flac(file, found.start),
        _ => Ok(Vec::new()),
    }
    .map_err(ReadProblem::Io)?;
    said.sort_by_key(|statement| statement.said_by);
    Ok(said)
}

/// Walks over all chunks, as some recorders write theirs behind the samples.
fn of_wave(file: &mut File, start: u64) -> io::Result<Vec<RecordedAt>> {
    const UNKNOWN: u64 = u32::MAX as u64;
    let held = file.metadata()?.len();
    let is_big_endian = read_at(file, start, 4)?.starts_with(b"RIFX");
    let mut said = Vec::new();
    let mut long_data = None;
    let mut at = start + 12;
    for _ in 0..MAX_PARTS {
        let Some((name, stated)) = chunk_at(file, at, is_big_endian)? else {
            break;
        };
        let content = at + 8;
        let size = match (&name, long_data) {
            (b"data", Some(size)) if stated == UNKNOWN => size,
            _ => stated,
        };
        if &name == b"ds64" {
            let sizes = read_at(file, content, 16)?;
            long_data = sizes.get(8..16).and_then(little_endian);
        } else if is_told_by(&name) {
            let bytes = part(file, content, size)?;
            said.extend(of_chunk(&name, &bytes));
        }
        let end = content.saturating_add(size);
        if end >= held {
            break; // also where the size of the samples was never filled in
        }
        at = end + size % 2;
        let mut fits = |at| {
            let chunk = chunk_at(file, at, is_big_endian)?;
            io::Result::Ok(chunk.is_some_and(|(_, stated)| stated <= held.saturating_sub(at + 8)))
        };
        if at != end && !fits(at)? && fits(end)? {
            at = end; // some writers forget the padding
        }
    }
    Ok(said)
}

/// The first bytes of a part; none if it is cut off, as half a time is another time.
fn part(file: &mut File, start: u64, size: u64) -> io::Result<Vec<u8>> {
    let wanted = size.min(MAX_BYTES);
    let bytes = read_at(file, start, wanted as usize)?;
    let is_whole = bytes.len() as u64 == wanted;
    Ok(if is_whole { bytes } else { Vec::new() })
}

/// Name and size of the chunk that begins here, if its name is one.
fn chunk_at(file: &mut File, at: u64, is_big_endian: bool) -> io::Result<Option<([u8; 4], u64)>> {
    let header = read_at(file, at, 8)?;
    let (Some(name), Some(size)) = (header.first_chunk::<4>(), header.last_chunk::<4>()) else {
        return Ok(None);
    };
    let is_name = header.len() == 8 && name.iter().all(|byte| (b' '..=b'~').contains(byte));
    let size = match is_big_endian {
        true => u32::from_be_bytes(*size),
        false => u32::from_le_bytes(*size),
    };
    Ok(is_name.then_some((*name, size.into())))
}

/// Whether a chunk of this name may tell the time.
fn is_told_by(name: &[u8; 4]) -> bool {
    matches!(name, b"guan" | b"wamd" | b"LIST" | b"bext")
}

/// What a chunk says.
fn of_chunk(name: &[u8; 4], bytes: &[u8]) -> Vec<RecordedAt> {
    let one = |clock: Option<Clock>, said_by| -> Vec<RecordedAt> {
        let statement = clock.map(|clock| RecordedAt::new(clock, said_by));
        statement.into_iter().collect()
    };
    match name {
        b"guan" => one(guano(bytes), TimeSource::Guano),
        b"wamd" => one(wamd(bytes), TimeSource::WildlifeAcoustics),
        b"bext" => one(broadcast(bytes), TimeSource::Broadcast),
        b"LIST" => info(bytes),
        _ => Vec::new(),
    }
}

/// `Timestamp: 2023-05-01T04:30:00+10:00`, in a line of its own.
fn guano(bytes: &[u8]) -> Option<Clock> {
    let text = String::from_utf8_lossy(bytes);
    let mut values = text.lines().filter_map(|line| {
        let (key, value) = line.split_once(':')?;
        let key = key.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        key.eq_ignore_ascii_case("Timestamp").then_some(value)
    });
    iso(values.next()?)
}

/// The field of number 5.
fn wamd(bytes: &[u8]) -> Option<Clock> {
    const TIME: u16 = 5;
    let mut left = bytes;
    while let Some((number, rest)) = left.split_first_chunk::<2>() {
        let (size, rest) = rest.split_first_chunk::<4>()?;
        let size = usize::try_from(u32::from_le_bytes(*size)).ok()?;
        let content = rest.get(..size)?;
        if u16::from_le_bytes(*number) == TIME {
            return iso(std::str::from_utf8(content).ok()?);
        }
        left = &rest[size..];
    }
    None
}

/// `2023-05-01` and `04:30:00`; what stands between the numbers differs.
fn broadcast(bytes: &[u8]) -> Option<Clock> {
    const BETWEEN: &[u8] = b"-_:. /";
    let mut scan = Scan::new(bytes.get(320..338)?);
    let year = scan.digits(4)?;
    scan.any_of(BETWEEN)?;
    let month = scan.digits(2)?;
    scan.any_of(BETWEEN)?;
    let day = scan.digits(2)?;
    let hour = scan.digits(2)?;
    scan.any_of(BETWEEN)?;
    let minute = scan.digits(2)?;
    scan.any_of(BETWEEN)?;
    let of_day = OfDay {
        hour,
        minute,
        second: scan.digits(2)?,
        nanos: 0,
    };
    Some(Clock {
        shown: of_day.on(date(year, month, day)?)?,
        utc_offset_mins: None,
    })
}

/// Comment and date of a list of information.
fn info(bytes: &[u8]) -> Vec<RecordedAt> {
    let mut said = Vec::new();
    let Some(mut left) = bytes.strip_prefix(b"INFO") else {
        return said;
    };
    while let Some((name, rest)) = left.split_first_chunk::<4>() {
        let Some((size, rest)) = rest.split_first_chunk::<4>() else {
            break;
        };
        let size = u32::from_le_bytes(*size) as usize;
        let text = String::from_utf8_lossy(&rest[..size.min(rest.len())]);
        let clock = match name {
            b"ICMT" => audiomoth(&text).map(|clock| (clock, TimeSource::AudioMoth)),
            b"ICRD" => iso(&text).map(|clock| (clock, TimeSource::Tag)),
            _ => None,
        };
        said.extend(clock.map(|(clock, said_by)| RecordedAt::new(clock, said_by)));
        left = rest.get(size.saturating_add(size % 2)..).unwrap_or(&[]);
    }
    said
}

/// `Recorded at 19:17:30 24/06/2020 (UTC+2)`, day before month. Without a zone only if a Moth wrote it: others may put the month
/// first.
fn audiomoth(text: &str) -> Option<Clock> {
    let (_, after) = text.split_once("Recorded at ")?;
    let mut scan = Scan::new(after.as_bytes());
    let hour = scan.whole(2)?;
    scan.any_of(b":")?;
    let minute = scan.whole(2)?;
    scan.any_of(b":")?;
    let second = scan.whole(2)?;
    scan.any_of(b" ")?;
    let day = scan.whole(2)?;
    scan.any_of(b"/")?;
    let month = scan.whole(2)?;
    scan.any_of(b"/")?;
    let year = scan.whole(4)?;
    let of_day = OfDay {
        hour,
        minute,
        second,
        nanos: 0,
    };
    let utc_offset_mins = zone_of_audiomoth(scan);
    if utc_offset_mins.is_none() && !text.contains("Moth") {
        return None;
    }
    Some(Clock {
        shown: of_day.on(date(year, month, day)?)?,
        utc_offset_mins,
    })
}

/// ` (UTC)`, ` (UTC+10)` or ` (UTC-3:30)`
fn zone_of_audiomoth(mut scan: Scan) -> Option<i16> {
    if !scan.take(" (UTC") {
        return None;
    }
    if scan.take(")") {
        return Some(0);
    }
    let is_ahead = scan.any_of(b"+-")? == b'+';
    let run = scan.run();
    let hours = scan.digits(run.min(2)).filter(|_| run > 0)?;
    let minutes = if scan.take(":") { scan.whole(2)? } else { 0 };
    scan.any_of(b")")?;
    offset_mins(is_ahead, hours, minutes)
}

/// Reads the parts in front of the sound.
fn of_flac(file: &mut File, start: u64) -> io::Result<Vec<RecordedAt>> {
    const APPLICATION: u8 = 2;
    const COMMENTS: u8 = 4;
    let mut said = Vec::new();
    let mut at = start + 4;
    for _ in 0..MAX_PARTS {
        let header = read_at(file, at, 4)?;
        let &[kind, high, middle, low] = header.as_slice() else {
            break;
        };
        let size = u64::from(u32::from_be_bytes([0, high, middle, low]));
        match kind & 0x7f {
            COMMENTS => said.extend(comments(&part(file, at + 4, size)?)),
            APPLICATION => said.extend(foreign(&part(file, at + 4, size)?)),
            _ => {}
        }
        if kind & 0x80 > 0 {
            break;
        }
        at += 4 + size;
    }
    Ok(said)
}

/// A chunk of the WAV that a FLAC was made from.
fn foreign(bytes: &[u8]) -> Vec<RecordedAt> {
    let chunk = bytes.strip_prefix(b"riff");
    let Some((name, rest)) = chunk.and_then(|chunk| chunk.split_first_chunk::<4>()) else {
        return Vec::new();
    };
    match rest.get(4..) {
        Some(content) if is_told_by(name) => of_chunk(name, content),
        _ => Vec::new(),
    }
}

/// Vorbis comments: the name of the writer, a count, and texts of `key=value`, each behind its size.
fn comments(bytes: &[u8]) -> Vec<RecordedAt> {
    let mut said = Vec::new();
    let Some((_, left)) = sized(bytes) else {
        return said;
    };
    let mut left = left.get(4..).unwrap_or(&[]);
    while let Some((comment, rest)) = sized(left) {
        said.extend(of_comment(&String::from_utf8_lossy(comment)));
        left = rest;
    }
    said
}

fn of_comment(comment: &str) -> Option<RecordedAt> {
    let (key, value) = comment.split_once('=')?;
    let is = |names: &[&str]| names.iter().any(|name| key.eq_ignore_ascii_case(name));
    let (clock, said_by) = if is(&["RecordingStart", "Timestamp", "DATE"]) {
        (iso(value)?, TimeSource::Tag)
    } else if is(&["COMMENT", "DESCRIPTION", "ICMT"]) {
        (audiomoth(value)?, TimeSource::AudioMoth)
    } else {
        return None;
    };
    Some(RecordedAt::new(clock, said_by))
}

/// Bytes behind their number, and what follows them.
fn sized(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (size, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*size)).ok()?)
}

fn little_endian(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

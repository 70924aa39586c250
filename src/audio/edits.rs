//! What an MP4's edit list, or in its absence iTunes' tag, keeps of its sound.
//!
//! ```text
//! box     = bytes, name, content; 1 in place of the bytes: 64 bits follow the name; 0: to the end of the file
//! moov / mvhd                 ticks per second of the film
//! moov / trak / tkhd          the track's number
//! moov / trak / edts / elst   per edit: length in ticks of the film, start in ticks of the track or −1 for a pause
//! moov / trak / mdia / mdhd   ticks per second of the track
//! moov / mvex                 the sound lies in fragments
//! moov / udta / … "iTunSMPB"  the encoder's delay in hexadecimal numbers
//! ```
//! A pause in front moves the sound against a picture and adds no samples; an edit ends with the packet in which its end lies. Both is how
//! ffmpeg does it. A length of 0 stands for all that comes in fragments; without fragments it is wrong, and sound is not given up for it.

use super::{ReadProblem, container::read_at, demuxed::Edit};
use std::fs::File;

/// A box's name and where its content lies.
struct Part {
    name: [u8; 4],
    start: u64,
    end: u64,
    /// The end that its header states.
    stated: u64,
}

/// More boxes on one level are not looked at.
const MOST_BOXES: usize = 10_000;
/// More edits are not looked at.
const MOST_EDITS: usize = 1000;
/// In samples: some writers count the encoder's delay in when they state the length of an edit.
const MOST_DELAY: u64 = 4096;

/// Whether the file ends within a box, and has its sound in fragments, of which the last one is not whole then.
pub(super) fn is_cut_in_fragments(file: &mut File, held: u64) -> Result<bool, ReadProblem> {
    let parts = parts(file, 0, held)?;
    let is_torn = parts.last().is_some_and(|part| part.stated > held);
    Ok(is_torn && parts.iter().any(|part| &part.name == b"moof"))
}

/// Whether the file ends within a box.
pub(super) fn is_cut_off(file: &mut File, held: u64) -> Result<bool, ReadProblem> {
    Ok(parts(file, 0, held)?
        .last()
        .is_some_and(|part| part.stated > held))
}

/// The length of the file in bytes. If the file is cut off within its last box, and that box holds the samples, it is the
/// length that the box states, at most 1024 times `held`; otherwise `held`, the bytes there are.
pub(super) fn stated_len(file: &mut File, held: u64) -> Result<u64, ReadProblem> {
    let parts = parts(file, 0, held)?;
    let torn = parts.last().filter(|part| &part.name == b"mdat");
    let stated = torn.map_or(held, |part| part.stated.min(held << 10));
    Ok(stated.max(held))
}

/// What is kept of the track of that number, whose sound has `rate` samples a second.
pub(super) fn read(
    file: &mut File,
    held: u64,
    track: u32,
    rate: u32,
) -> Result<Option<Edit>, ReadProblem> {
    let Some(moov) = find(file, 0, held, b"moov")? else {
        return Ok(None);
    };
    let film_ticks = match find(file, moov.start, moov.end, b"mvhd")? {
        Some(header) => ticks(file, &header)?,
        None => 0,
    };
    let in_fragments = find(file, moov.start, moov.end, b"mvex")?.is_some();
    let mut edit = None;
    for trak in parts(file, moov.start, moov.end)?
        .iter()
        .filter(|part| &part.name == b"trak")
    {
        if number_of(file, trak)? == Some(track) {
            edit = edit_of(file, trak, film_ticks, rate)?;
        }
    }
    match edit {
        Some(edit) => Ok(Some(Edit {
            of_no_length: edit.of_no_length && !in_fragments,
            ..edit
        })),
        None => itunes_delay(file, &moov),
    }
}

fn edit_of(
    file: &mut File,
    trak: &Part,
    film_ticks: u32,
    rate: u32,
) -> Result<Option<Edit>, ReadProblem> {
    let Some(edts) = find(file, trak.start, trak.end, b"edts")? else {
        return Ok(None);
    };
    let Some(elst) = find(file, edts.start, edts.end, b"elst")? else {
        return Ok(None);
    };
    let Some(mdia) = find(file, trak.start, trak.end, b"mdia")? else {
        return Ok(None);
    };
    let track_ticks = match find(file, mdia.start, mdia.end, b"mdhd")? {
        Some(header) => ticks(file, &header)?,
        None => 0,
    };
    if track_ticks == 0 {
        return Ok(None);
    }
    let edits = list(file, &elst)?;
    let samples = |ticks: u64, per_sec: u32| {
        (ticks as f64 * f64::from(rate) / f64::from(per_sec)).round() as u64
    };
    let mut kept: Option<Edit> = None;
    for (len, start) in edits {
        let Ok(start) = u64::try_from(start) else {
            continue;
        };
        let first = samples(start, track_ticks);
        let is_stated = len > 0 && film_ticks > 0;
        let end = is_stated.then(|| first.saturating_add(samples(len, film_ticks)));
        let slack = MOST_DELAY + samples(1, film_ticks.max(1));
        let this = Edit {
            first,
            end,
            least: end.map_or(0, |end| end.saturating_sub(slack)),
            of_no_length: len == 0,
        };
        kept = Some(match kept {
            None => this,
            // Parts that join are one; any other order of play is not ours.
            Some(before) if before.end.is_some_and(|end| end.abs_diff(first) <= 1) => Edit {
                first: before.first,
                ..this
            },
            Some(_) => {
                return Err(ReadProblem::NeedsFfmpeg {
                    format: "MP4 that is cut and rearranged by its edit list".to_owned(),
                });
            }
        });
    }
    Ok(kept)
}

/// Lengths and starts.
fn list(file: &mut File, elst: &Part) -> Result<Vec<(u64, i64)>, ReadProblem> {
    let len = (elst.end - elst.start).min(8 + 20 * MOST_EDITS as u64);
    let bytes = read_at(file, elst.start, len as usize).map_err(ReadProblem::Io)?;
    let Some((header, entries)) = bytes.split_first_chunk::<8>() else {
        return Ok(Vec::new());
    };
    let count = u32::from_be_bytes([header[4], header[5], header[6], header[7]]) as usize;
    let wide = header[0] == 1;
    let size = if wide { 20 } else { 12 };
    let entry = |bytes: &[u8]| match wide {
        true => Some((
            u64::from_be_bytes(bytes.get(..8)?.try_into().ok()?),
            i64::from_be_bytes(bytes.get(8..16)?.try_into().ok()?),
        )),
        false => Some((
            u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?).into(),
            i32::from_be_bytes(bytes.get(4..8)?.try_into().ok()?).into(),
        )),
    };
    Ok(entries
        .chunks_exact(size)
        .take(count)
        .filter_map(entry)
        .collect())
}

/// Ticks per second in `mvhd` and `mdhd`.
fn ticks(file: &mut File, header: &Part) -> Result<u32, ReadProblem> {
    let bytes = read_at(file, header.start, 24).map_err(ReadProblem::Io)?;
    let at = if bytes.first() == Some(&1) { 20 } else { 12 };
    Ok(number(&bytes, at).unwrap_or(0))
}

fn number_of(file: &mut File, trak: &Part) -> Result<Option<u32>, ReadProblem> {
    let Some(header) = find(file, trak.start, trak.end, b"tkhd")? else {
        return Ok(None);
    };
    let bytes = read_at(file, header.start, 24).map_err(ReadProblem::Io)?;
    let at = if bytes.first() == Some(&1) { 20 } else { 12 };
    Ok(number(&bytes, at))
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// The delay in iTunes' tag: `iTunSMPB`, then ` 00000000 00000840 000001CA …`, the second number.
fn itunes_delay(file: &mut File, moov: &Part) -> Result<Option<Edit>, ReadProblem> {
    let Some(udta) = find(file, moov.start, moov.end, b"udta")? else {
        return Ok(None);
    };
    let len = (udta.end - udta.start).min(1 << 20) as usize;
    let bytes = read_at(file, udta.start, len).map_err(ReadProblem::Io)?;
    let name = b"iTunSMPB";
    let Some(at) = bytes.windows(name.len()).position(|part| part == name) else {
        return Ok(None);
    };
    let text =
        String::from_utf8_lossy(&bytes[at + name.len()..bytes.len().min(at + 150)]).into_owned();
    let mut words = text.split(' ').skip_while(|word| *word != "00000000");
    let delay = words
        .nth(1)
        .and_then(|word| u64::from_str_radix(word, 16).ok());
    Ok(delay
        .filter(|delay| (1..16_384).contains(delay))
        .map(|first| Edit {
            first,
            ..Edit::default()
        }))
}

fn find(
    file: &mut File,
    start: u64,
    end: u64,
    name: &[u8; 4],
) -> Result<Option<Part>, ReadProblem> {
    Ok(parts(file, start, end)?
        .into_iter()
        .find(|part| &part.name == name))
}

fn parts(file: &mut File, start: u64, end: u64) -> Result<Vec<Part>, ReadProblem> {
    let mut parts = Vec::new();
    let mut at = start;
    while end.saturating_sub(at) >= 8 && parts.len() < MOST_BOXES {
        let header = read_at(file, at, 16).map_err(ReadProblem::Io)?;
        let (Some(size), Some(name)) = (number(&header, 0), header.get(4..8)) else {
            break;
        };
        let (header_len, size) = match size {
            0 => (8, end - at),
            1 => (
                16,
                header.get(8..16).map_or(0, |b| {
                    u64::from_be_bytes(b.try_into().expect("eight bytes"))
                }),
            ),
            size => (8, size.into()),
        };
        if size < header_len {
            break;
        }
        let next = at.saturating_add(size);
        parts.push(Part {
            name: [name[0], name[1], name[2], name[3]],
            start: at + header_len,
            end: next.min(end),
            stated: next,
        });
        at = next;
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, io::Write};

    /// The edit of a file that `change` has changed.
    fn edit_of_changed(change: impl FnOnce(&mut Vec<u8>)) -> Edit {
        let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/audio");
        let mut bytes = fs::read(format!("{fixtures}/mono.m4a")).unwrap();
        change(&mut bytes);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        read(&mut file, bytes.len() as u64, 1, 44_100)
            .unwrap()
            .unwrap()
    }

    fn place(bytes: &[u8], name: &[u8]) -> usize {
        let found = bytes.windows(4).position(|four| four == name);
        found.unwrap()
    }

    #[test]
    fn a_length_of_nothing_is_right_only_in_fragments() {
        let whole = edit_of_changed(|_| {});
        assert_eq!((whole.first, whole.end), (1024, Some(1024 + 22_050)));
        let without_length = |bytes: &mut Vec<u8>| {
            let at = place(bytes, b"elst") + 12;
            bytes[at..at + 4].fill(0);
        };
        let nothing = Edit {
            first: 1024,
            of_no_length: true,
            ..Edit::default()
        };
        assert_eq!(edit_of_changed(without_length), nothing);
        let in_fragments = edit_of_changed(|bytes| {
            without_length(bytes);
            let at = place(bytes, b"udta");
            bytes[at..at + 4].copy_from_slice(b"mvex");
        });
        assert_eq!(
            in_fragments,
            Edit {
                of_no_length: false,
                ..nothing
            }
        );
    }
}

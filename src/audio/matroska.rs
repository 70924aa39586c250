//! What our Matroska demuxer leaves out: where the file should end, and how much of its packets is not sound.
//!
//! ```text
//! element     = number, size, content; both of 1 to 8 bytes, as the zeros in front of the first one bit say; a size of ones: not known
//! Segment / Cluster / SimpleBlock
//! Segment / Cluster / BlockGroup / Block              track as such a number, 16 bits of time, flags, if they say so the number of packets less one
//! Segment / Cluster / BlockGroup / DiscardPadding     nanoseconds at the end of the group's block, negative ones at its start
//! ```
//! An encoder that flushes may leave two packets at the end of which not all is sound, so any packet may have its padding.

use super::{ReadProblem, container::read_at};
use std::{collections::BTreeMap, fs::File};

const SEGMENT: u64 = 0x1853_8067;
const CLUSTER: u64 = 0x1f43_b675;
const SIMPLE_BLOCK: u64 = 0xa3;
const BLOCK_GROUP: u64 = 0xa0;
const BLOCK: u64 = 0xa1;
const DISCARD_PADDING: u64 = 0x75a2;

/// Flags of a block that say that it holds several packets.
const LACED: u8 = 6;
/// Tracks of higher numbers are not looked at, and more paddings neither.
const MOST_TRACKS: u32 = 1000;
const MOST_PADDINGS: usize = 10_000;

/// What is known of a file's packets and of its end.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct End {
    /// Whether it ends before its segment does.
    pub(super) cut_off: bool,
    /// In seconds, by track and number of the packet in it, from 0; negative: at the packet's start.
    paddings: BTreeMap<(u32, u64), f64>,
}

impl End {
    /// Seconds at the start and at the end of a track's packet that are no sound.
    pub(super) fn padding_secs(&self, track: u32, packet: u64) -> (f64, f64) {
        let secs = self.paddings.get(&(track, packet)).copied();
        let secs = secs.unwrap_or_default();
        ((-secs).max(0.0), secs.max(0.0))
    }
}

/// Looks for paddings and the end of the file that begins at `start`.
pub(super) fn end(file: &mut File, start: u64, held: u64) -> Result<End, ReadProblem> {
    let mut end = End::default();
    let Some(segment) = find(file, start, held, SEGMENT)? else {
        return Ok(end);
    };
    end.cut_off = segment.end.is_some_and(|end| end > held);
    let mut packets = BTreeMap::new();
    let mut at = segment.start;
    while let Some(part) = element(file, at, held)? {
        if part.id == CLUSTER {
            at = part.start; // its size may not be known
            continue;
        }
        let Some(next) = part.end else { break };
        end.cut_off |= next > held;
        let block = match part.id {
            SIMPLE_BLOCK => Some(part),
            BLOCK_GROUP => find(file, part.start, next.min(held), BLOCK)?,
            _ => None,
        };
        if let Some(block) = block
            && let Some((track, count)) = packets_of(file, block)?
        {
            let before: &mut u64 = packets.entry(track).or_default();
            let secs = match part.id {
                BLOCK_GROUP => padding(file, part.start, next.min(held))?,
                _ => 0.0,
            };
            if secs != 0.0 && end.paddings.len() < MOST_PADDINGS {
                let packet = if secs < 0.0 { 0 } else { count - 1 };
                end.paddings.insert((track, *before + packet), secs);
            }
            *before += count;
        }
        at = next;
    }
    Ok(end)
}

/// Track and number of packets of a block.
fn packets_of(file: &mut File, block: Element) -> Result<Option<(u32, u64)>, ReadProblem> {
    let bytes = read_at(file, block.start, 12).map_err(ReadProblem::Io)?;
    let Some((len, track)) = number(&bytes) else {
        return Ok(None);
    };
    let track = u32::try_from(track - (1 << (7 * len))).unwrap_or(MOST_TRACKS);
    let Some(flags) = bytes.get(len + 2) else {
        return Ok(None);
    };
    let more = bytes.get(len + 3).filter(|_| flags & LACED > 0);
    let count = 1 + more.map_or(0, |&more| u64::from(more));
    Ok((track < MOST_TRACKS).then_some((track, count)))
}

/// The padding of a group in seconds, 0 if it has none.
fn padding(file: &mut File, start: u64, end: u64) -> Result<f64, ReadProblem> {
    let Some(found) = find(file, start, end, DISCARD_PADDING)? else {
        return Ok(0.0);
    };
    let len = found.end.map_or(0, |end| end - found.start).min(8) as usize;
    let bytes = read_at(file, found.start, len).map_err(ReadProblem::Io)?;
    let is_negative = bytes.first().is_some_and(|first| first & 0x80 > 0);
    let sign = if is_negative { -1_i64 } else { 0 };
    let number = bytes.iter().fold(sign, |n, &byte| n << 8 | i64::from(byte));
    Ok(number as f64 / 1e9)
}

/// An element's number and where its content lies.
#[derive(Debug, Clone, Copy)]
struct Element {
    id: u64,
    start: u64,
    end: Option<u64>,
}

fn find(file: &mut File, start: u64, end: u64, id: u64) -> Result<Option<Element>, ReadProblem> {
    let mut at = start;
    while let Some(found) = element(file, at, end)? {
        if found.id == id {
            return Ok(Some(found));
        }
        let Some(next) = found.end else { break };
        at = next;
    }
    Ok(None)
}

/// The element at `at`; `None`: there is none before `end`.
fn element(file: &mut File, at: u64, end: u64) -> Result<Option<Element>, ReadProblem> {
    if at >= end {
        return Ok(None);
    }
    let bytes = read_at(file, at, 12).map_err(ReadProblem::Io)?;
    let Some((id_len, id)) = number(&bytes) else {
        return Ok(None);
    };
    let Some((size_len, size)) = number(&bytes[id_len..]) else {
        return Ok(None);
    };
    let start = at + (id_len + size_len) as u64;
    let marker = 1 << (7 * size_len);
    let size = size - marker;
    Ok(Some(Element {
        id,
        start,
        end: (size != marker - 1).then_some(start + size),
    }))
}

/// Length and value of a number, the one bit that tells its length included.
fn number(bytes: &[u8]) -> Option<(usize, u64)> {
    let len = bytes.first()?.leading_zeros() as usize + 1;
    let bytes = bytes.get(..len)?;
    let value = bytes.iter().fold(0, |n, &byte| n << 8 | u64::from(byte));
    (len <= 8).then_some((len, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// An element of at most 126 bytes.
    fn part(id: &[u8], content: &[u8]) -> Vec<u8> {
        [id, &[0x80 | content.len() as u8], content].concat()
    }

    #[test]
    fn every_packet_has_its_padding_whatever_track_and_block_it_is_in() {
        let simple = |track: u8| part(&[0xa3], &[0x80 | track, 0, 0, 0x80, 7, 7]);
        let group = |block: &[u8], nanos: i64| {
            let padding = part(&[0x75, 0xa2], &nanos.to_be_bytes()[4..]);
            part(&[0xa0], &[part(&[0xa1], block), padding].concat())
        };
        const LACED_OF_3: &[u8] = &[0x81, 0, 0, LACED, 2, 7, 7, 7];
        let cluster = [
            group(&[0x81, 0, 0, 0, 7], -5_000_000),
            simple(2),
            simple(1),
            group(LACED_OF_3, 250_000_000),
            group(&[0x81, 0, 0, 0, 7], 500_000_000),
            simple(2),
        ]
        .concat();
        let segment = [&[0x1f, 0x43, 0xb6, 0x75, 0xff][..], &cluster].concat();
        let mut file = tempfile::tempfile().unwrap();
        let whole = [&[0x18, 0x53, 0x80, 0x67, 0xff][..], &segment].concat();
        file.write_all(&whole).unwrap();
        let end = end(&mut file, 0, whole.len() as u64).unwrap();
        assert!(!end.cut_off);
        let found: Vec<_> = (0..6).map(|n| end.padding_secs(1, n)).collect();
        let none = (0.0, 0.0);
        assert_eq!(
            found,
            [(0.005, 0.0), none, none, none, (0.0, 0.25), (0.0, 0.5)]
        );
        assert!((0..6).all(|n| end.padding_secs(2, n) == none));
    }
}

//! What our Matroska demuxer leaves out: where the file should end, and how much of its last packet is not sound.
//!
//! ```text
//! element     = number, size, content; both of 1 to 8 bytes, as the zeros in front of the first one bit say; a size of ones: not known
//! Segment / Cluster / BlockGroup / DiscardPadding     nanoseconds at the end of the group's packet
//! ```

use super::{ReadProblem, container::read_at};
use std::fs::File;

const SEGMENT: u64 = 0x1853_8067;
const CLUSTER: u64 = 0x1f43_b675;
const SIMPLE_BLOCK: u64 = 0xa3;
const BLOCK_GROUP: u64 = 0xa0;
const DISCARD_PADDING: u64 = 0x75a2;

/// What is known of a file's end.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct End {
    /// Whether it ends before its segment does.
    pub(super) cut_off: bool,
    /// Of the last packet, in seconds.
    pub(super) padding_secs: f64,
}

/// Looks for the end of the file that begins at `start`.
pub(super) fn end(file: &mut File, start: u64, held: u64) -> Result<End, ReadProblem> {
    let mut end = End::default();
    let Some(segment) = find(file, start, held, SEGMENT)? else {
        return Ok(end);
    };
    end.cut_off = segment.end.is_some_and(|end| end > held);
    let mut at = segment.start;
    while let Some(part) = element(file, at, held)? {
        if part.id == CLUSTER {
            at = part.start; // its size may not be known
            continue;
        }
        let Some(next) = part.end else { break };
        end.cut_off |= next > held;
        end.padding_secs = match part.id {
            BLOCK_GROUP => padding(file, part.start, next.min(held))?,
            SIMPLE_BLOCK => 0.0,
            _ => end.padding_secs,
        };
        at = next;
    }
    Ok(end)
}

fn padding(file: &mut File, start: u64, end: u64) -> Result<f64, ReadProblem> {
    let Some(found) = find(file, start, end, DISCARD_PADDING)? else {
        return Ok(0.0);
    };
    let len = found.end.map_or(0, |end| end - found.start).min(8) as usize;
    let bytes = read_at(file, found.start, len).map_err(ReadProblem::Io)?;
    let is_negative = bytes.first().is_none_or(|first| first & 0x80 > 0);
    let number = bytes
        .iter()
        .fold(0_u64, |n, &byte| n << 8 | u64::from(byte));
    Ok(if is_negative {
        0.0
    } else {
        number as f64 / 1e9
    })
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

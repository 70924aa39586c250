//! FLAC, and FLAC files joined to one.

use super::{
    ReadProblem, ReadRemark,
    container::read_at,
    demuxed::{Demuxed, Kind},
    open::{demuxer, try_clone},
    packets::{Demuxer, Unit},
};
use std::{collections::VecDeque, fs::File};
use symphonia::{core::codecs::audio::AudioCodecParameters, default::formats::FlacReader};

/// Streams one after the other.
pub(super) struct Flac {
    file: File,
    held: u64,
    start: u64,
    stream: Demuxed,
    /// Where the streams behind this one begin, once they have been looked for.
    joined: Option<VecDeque<u64>>,
    /// Samples in the streams before this one.
    before: u64,
    ended: bool,
    remarks: Vec<ReadRemark>,
}

/// What a stream begins with: its name, and the header of its description, which is 34 bytes long and may be the only one.
const BEGINNINGS: [&[u8; 8]; 2] = [b"fLaC\0\0\0\x22", b"fLaC\x80\0\0\x22"];
const CHUNK: usize = 1 << 20;
/// Samples of a frame, at most.
const LONGEST_BLOCK: u64 = 1 << 16;

impl Flac {
    pub(super) fn new(file: File, start: u64, held: u64) -> Result<Self, ReadProblem> {
        Ok(Self {
            stream: open(&file, start, held)?,
            file,
            held,
            start,
            joined: None,
            before: 0,
            ended: false,
            remarks: Vec::new(),
        })
    }

    /// Whether the end of the stream is near, or may be.
    fn is_near_end(&self) -> bool {
        let declared = self.stream.declared_len();
        declared.is_none_or(|declared| self.stream.position() + 2 * LONGEST_BLOCK >= declared)
    }

    /// Ends this stream where the next one begins, before its last frames are taken for one with what follows.
    fn end_at_joined(&mut self) -> Result<(), ReadProblem> {
        self.look_for_joined()?;
        let end = self
            .joined
            .as_ref()
            .and_then(|joined| joined.front().copied());
        if let Some(end) = end {
            let position = self.stream.position();
            self.stream = open(&self.file, self.start, end)?;
            while self.stream.position() < position && self.stream.next_unit()?.is_some() {}
        }
        Ok(())
    }

    fn look_for_joined(&mut self) -> Result<(), ReadProblem> {
        if self.joined.is_some() {
            return Ok(());
        }
        let mut found = VecDeque::new();
        let mut at = self.start + 8;
        loop {
            let bytes = read_at(&mut self.file, at, CHUNK + 7).map_err(ReadProblem::Io)?;
            let begins = |eight: &[u8]| BEGINNINGS.iter().any(|beginning| *beginning == eight);
            let places = bytes
                .windows(8)
                .enumerate()
                .filter(|(_, eight)| begins(eight));
            found.extend(places.map(|(place, _)| at + place as u64));
            if bytes.len() < CHUNK + 7 {
                break;
            }
            at += CHUNK as u64;
        }
        self.joined = Some(found);
        Ok(())
    }

    /// Goes on to the stream behind this one, if there is one.
    fn next_stream(&mut self) -> Result<bool, ReadProblem> {
        self.look_for_joined()?;
        let Some(joined) = &mut self.joined else {
            return Ok(false);
        };
        let Some(start) = joined.pop_front() else {
            return Ok(false);
        };
        let end = joined.front().copied().unwrap_or(self.held);
        let next = open(&self.file, start, end)?;
        let (old, new) = (self.stream.params(), next.params());
        self.before += self.stream.position();
        let same = old.bits_per_sample == new.bits_per_sample && old.sample_rate == new.sample_rate;
        if !same {
            let read_secs = self.before as f64 / f64::from(self.stream.rate().max(1));
            return Err(ReadProblem::FormatChanges { read_secs });
        }
        self.remarks.append(&mut self.stream.take_remarks());
        (self.stream, self.start) = (next, start);
        Ok(true)
    }

    /// A stream that was written to a pipe does not state its length, but if it is cut off, it ends within a frame.
    fn tell_torn_end(&mut self) -> Result<(), ReadProblem> {
        if self.stream.declared_len().is_some() || std::mem::replace(&mut self.ended, true) {
            return Ok(());
        }
        let end = self.first_frame()? + self.stream.bytes();
        let rest = read_at(&mut self.file, end, 8).map_err(ReadProblem::Io)?;
        let is_tag = [&b"TAG"[..], b"APETAGEX", b"ID3"]
            .iter()
            .any(|tag| rest.starts_with(tag));
        if end < self.held && !is_tag {
            let all = self.before + self.stream.position();
            self.remarks.push(ReadRemark::CutOff {
                read_secs: all as f64 / f64::from(self.stream.rate().max(1)),
                promised_secs: None,
            });
        }
        Ok(())
    }

    /// Where in the file the frames of this stream begin: behind the last block of descriptions.
    fn first_frame(&mut self) -> Result<u64, ReadProblem> {
        let mut at = self.start + 4;
        loop {
            let header = read_at(&mut self.file, at, 4).map_err(ReadProblem::Io)?;
            let Some((kind, size)) = header.split_first() else {
                return Ok(at);
            };
            let size = size
                .iter()
                .fold(0, |size, &byte| size << 8 | u64::from(byte));
            at += 4 + size;
            if kind & 0x80 > 0 {
                return Ok(at);
            }
        }
    }
}

fn open(file: &File, start: u64, end: u64) -> Result<Demuxed, ReadProblem> {
    Demuxed::new(
        demuxer::<FlacReader<'_>>(try_clone(file)?, start, end)?,
        Kind::Flac,
    )
}

impl Demuxer for Flac {
    fn params(&self) -> AudioCodecParameters {
        self.stream.params()
    }

    fn declared_len(&self) -> Option<u64> {
        self.stream.declared_len()
    }

    fn next_unit(&mut self) -> Result<Option<Unit>, ReadProblem> {
        if self.joined.is_none() && self.is_near_end() {
            self.end_at_joined()?;
        }
        loop {
            let unit = self.stream.next_unit()?;
            if unit.is_some() {
                return Ok(unit);
            }
            if !self.next_stream()? {
                self.tell_torn_end()?;
                return Ok(None);
            }
        }
    }

    fn take_remarks(&mut self) -> Vec<ReadRemark> {
        let mut remarks = std::mem::take(&mut self.remarks);
        remarks.append(&mut self.stream.take_remarks());
        remarks
    }

    fn knows_lengths(&self) -> bool {
        true
    }
}

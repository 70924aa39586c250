//! A part of a file, looked at before it is taken: what walking from frame to frame needs.

use super::ReadProblem;
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

/// Bytes asked of the file at once.
const CHUNK: usize = 1 << 16;

/// Bytes of a file from a start to an end, in memory that does not grow with them.
pub(super) struct Scan {
    file: File,
    /// Of the file, the next byte to be fetched, and the byte behind the last one.
    fetched: u64,
    end: u64,
    buffer: Vec<u8>,
    taken: usize,
}

impl Scan {
    pub(super) fn new(mut file: File, start: u64, end: u64) -> Result<Self, ReadProblem> {
        file.seek(SeekFrom::Start(start)).map_err(ReadProblem::Io)?;
        Ok(Self {
            file,
            fetched: start,
            end,
            buffer: Vec::new(),
            taken: 0,
        })
    }

    /// Where in the file the next byte lies.
    pub(super) fn position(&self) -> u64 {
        self.fetched - (self.buffer.len() - self.taken) as u64
    }

    /// Bytes that are left.
    pub(super) fn left(&self) -> u64 {
        self.end.saturating_sub(self.position())
    }

    /// The next `len` bytes, or less at the end.
    pub(super) fn peek(&mut self, len: usize) -> Result<&[u8], ReadProblem> {
        if self.buffer.len() - self.taken < len {
            self.fetch(len).map_err(ReadProblem::Io)?;
        }
        let held = (self.buffer.len() - self.taken).min(len);
        Ok(&self.buffer[self.taken..][..held])
    }

    /// Steps over `len` bytes, or all that are left.
    pub(super) fn skip(&mut self, len: u64) -> Result<(), ReadProblem> {
        let held = (self.buffer.len() - self.taken) as u64;
        if len <= held {
            self.taken += len as usize;
            return Ok(());
        }
        self.fetched = (self.fetched + (len - held)).min(self.end.max(self.fetched));
        self.buffer.clear();
        self.taken = 0;
        let to = SeekFrom::Start(self.fetched);
        self.file.seek(to).map(|_| ()).map_err(ReadProblem::Io)
    }

    fn fetch(&mut self, len: usize) -> io::Result<()> {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        let wanted = len.max(CHUNK) - self.buffer.len();
        let wanted = (wanted as u64).min(self.end.saturating_sub(self.fetched));
        let read = (&mut self.file)
            .take(wanted)
            .read_to_end(&mut self.buffer)?;
        self.fetched += read as u64;
        if (read as u64) < wanted {
            self.end = self.fetched; // the file has become shorter
        }
        Ok(())
    }
}

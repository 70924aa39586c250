//! The cache's file: a description followed by records, only ever appended to.
//!
//! ```text
//! file    = magic, length, checksum, description, then records; everything padded to 8 bytes
//! record  = kind, key length, frames, checksum of values, checksum of these and the key, key, values
//! seal    = a record without key and values: all before it has reached the disk
//! ```
//! A killed process leaves whole records and at most one torn one at the end; a machine that lost
//! its power may also leave records whose values never reached the disk. So records behind the last
//! seal are checked value by value, those before it by their short headers alone: opening a large
//! cache reads little of it. What follows the first record that does not hold is cut off.

use super::mapped;
use super::values::Values;
use memmap2::Mmap;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Seek, SeekFrom, Write},
    ops::Range,
    path::{Path, PathBuf},
};

/// Written in the machine's own byte order, so that a file from another kind of machine is not
/// mistaken for one's own.
const MAGIC: u64 = u64::from_le_bytes(*b"chiffch1");
const RECORD: u64 = u64::from_le_bytes(*b"\nrecord\n");
const SEAL: u64 = u64::from_le_bytes(*b"\nsealed\n");
pub(super) const WORD: usize = size_of::<u64>();
const HEADER: usize = 5 * WORD;

/// A record's place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) key: Range<usize>,
    pub(super) frames: usize,
    pub(super) values: Range<usize>,
    /// Of the values, as it was when they were computed.
    pub(super) checksum: u64,
    whole: Range<usize>,
}

impl Record {
    /// Bytes it takes in the file.
    pub(super) fn size(&self) -> usize {
        self.whole.len()
    }
}

/// An open log. Whoever holds one holds the lock on its file.
pub(super) struct Log {
    path: PathBuf,
    file: File,
    description: String,
    bytes_per_frame: usize,
    map: Mmap,
    records: Vec<Record>,
    /// Length of the file up to the end of the last whole record.
    end: usize,
    /// Length of the file up to the last seal.
    sealed: usize,
}

impl Log {
    /// Opens the log at `path`, cutting off what a killed process left half-written; makes a new one
    /// where there is none or it does not carry this `description`.
    pub(super) fn open(path: &Path, description: &str, bytes_per_frame: usize) -> io::Result<Self> {
        let existing = match File::open(path) {
            Ok(file) if file.metadata()?.len() > 0 => Some(mapped::map(&file)?),
            Ok(_) => None,
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let start = preamble(description).len();
        if !existing.is_some_and(|map| map.starts_with(&preamble(description))) {
            replace(path, |file| file.write_all(&preamble(description)))?;
        }
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let map = mapped::map(&file)?;
        let mut log = Self {
            path: path.to_owned(),
            file,
            description: description.to_owned(),
            bytes_per_frame,
            map,
            records: Vec::new(),
            end: start,
            sealed: start,
        };
        log.walk();
        log.check_unsealed();
        log.file.set_len(log.end as u64)?;
        log.file.seek(SeekFrom::Start(log.end as u64))?;
        Ok(log)
    }

    /// The records, oldest first.
    pub(super) fn records(&self) -> &[Record] {
        &self.records
    }

    /// Length of the file.
    pub(super) fn size(&self) -> usize {
        self.end
    }

    /// The key of one of [`Self::records`], as it was appended.
    pub(super) fn key(&self, record: &Record) -> &[u8] {
        &self.map[record.key.clone()]
    }

    /// Adds records that survive the death of this process once this returns.
    pub(super) fn append<'a>(
        &mut self,
        records: impl IntoIterator<Item = (&'a [u8], &'a Values)>,
    ) -> io::Result<()> {
        let mut out = BufWriter::with_capacity(1 << 20, &self.file);
        for (key, values) in records {
            let len = usize::try_from(values.len()).map_err(io::Error::other)?;
            let mut sum = Checksum::of_length(len);
            values.read(|piece| {
                sum.add(piece);
                Ok(())
            })?;
            out.write_all(&head(RECORD, key, len / self.bytes_per_frame, sum.0))?;
            values.read(|piece| out.write_all(piece))?;
            out.write_all(&[0; WORD][..padded(len) - len])?;
            self.end += HEADER + padded(key.len()) + padded(len);
        }
        out.flush()
    }

    /// Bytes that a power failure could still take.
    pub(super) fn unsealed(&self) -> usize {
        self.end - self.sealed
    }

    /// Brings all records to the disk and says so in the file.
    pub(super) fn seal(&mut self) -> io::Result<()> {
        if self.unsealed() > 0 {
            self.file.sync_data()?;
            self.file.write_all(&seal())?;
            self.file.sync_data()?;
            self.end += HEADER;
            self.sealed = self.end;
        }
        Ok(())
    }

    /// Rewrites the file with `kept` records only.
    pub(super) fn keep(self, kept: &[Record]) -> io::Result<Self> {
        replace(&self.path, |file| {
            file.write_all(&preamble(&self.description))?;
            for record in kept {
                file.write_all(&self.map[record.whole.clone()])?;
            }
            file.write_all(&seal())
        })?;
        Self::open(&self.path, &self.description, self.bytes_per_frame)
    }

    /// Ends writing: the records and the map they lie in.
    pub(super) fn into_map(mut self) -> io::Result<(Mmap, Vec<Record>)> {
        self.map = mapped::map(&self.file)?;
        self.walk();
        Ok((self.map, self.records))
    }

    /// Finds the whole records of the map.
    fn walk(&mut self) {
        self.records.clear();
        self.end = preamble(&self.description).len();
        while let Some((kind, record)) = parse(&self.map, self.end, self.bytes_per_frame) {
            self.end = record.whole.end;
            match kind {
                SEAL => self.sealed = self.end,
                _ => self.records.push(record),
            }
        }
    }

    /// Forgets the first record behind the last seal whose values are not what was written, and all
    /// after it.
    fn check_unsealed(&mut self) {
        let damaged = self.records.iter().position(|record| {
            record.whole.start >= self.sealed
                && checksum(&self.map[record.values.clone()])
                    != word(&self.map, record.whole.start + 3 * WORD)
        });
        if let Some(damaged) = damaged {
            self.end = self.records[damaged].whole.start;
            self.records.truncate(damaged);
        }
    }
}

fn preamble(description: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in [
        MAGIC,
        description.len() as u64,
        checksum(description.as_bytes()),
    ] {
        bytes.extend(word.to_ne_bytes());
    }
    bytes.extend(description.as_bytes());
    bytes.resize(padded(bytes.len()), 0);
    bytes
}

/// All of a record but its values.
fn head(kind: u64, key: &[u8], frames: usize, checksum_of_values: u64) -> Vec<u8> {
    let mut head = Vec::with_capacity(HEADER + padded(key.len()));
    for word in [kind, key.len() as u64, frames as u64, checksum_of_values] {
        head.extend(word.to_ne_bytes());
    }
    let own = head_checksum(&head, key);
    head.extend(own.to_ne_bytes());
    head.extend(key);
    head.resize(padded(head.len()), 0);
    head
}

fn seal() -> Vec<u8> {
    head(SEAL, &[], 0, checksum(&[]))
}

/// The record at `start`, unless it is torn or damaged in its header. Lengths are not trusted
/// before their checksum holds.
fn parse(bytes: &[u8], start: usize, bytes_per_frame: usize) -> Option<(u64, Record)> {
    let header = bytes.get(start..start.checked_add(HEADER)?)?;
    let field = |n: usize| usize::try_from(word(header, n * WORD)).ok();
    let kind = word(header, 0);
    if kind != RECORD && kind != SEAL {
        return None;
    }
    let key_start = start + HEADER;
    let key = key_start..key_start.checked_add(field(1)?)?;
    if word(header, 4 * WORD) != head_checksum(&header[..4 * WORD], bytes.get(key.clone())?) {
        return None;
    }
    let frames = field(2)?;
    let values_start = key_start + padded(key.len());
    let values = values_start..values_start.checked_add(frames.checked_mul(bytes_per_frame)?)?;
    let whole = start..values_start.checked_add(padded(values.len()))?;
    let record = Record {
        key,
        frames,
        values,
        checksum: word(header, 3 * WORD),
        whole,
    };
    (record.whole.end <= bytes.len()).then_some((kind, record))
}

fn word(bytes: &[u8], at: usize) -> u64 {
    let bytes = bytes[at..at + WORD].try_into().expect("a word is 8 bytes");
    u64::from_ne_bytes(bytes)
}

/// `length` rounded up to whole words.
fn padded(length: usize) -> usize {
    length.saturating_add(WORD - 1) / WORD * WORD
}

fn head_checksum(head: &[u8], key: &[u8]) -> u64 {
    checksum(head).rotate_left(32) ^ checksum(key)
}

/// FNV-1a over words instead of bytes: finds every change within one word, and zeros where there
/// should be values. No defence against someone who means harm, who can write any cache anyway.
pub(super) fn checksum(bytes: &[u8]) -> u64 {
    let mut sum = Checksum::of_length(bytes.len());
    sum.add(bytes);
    sum.0
}

/// [`checksum`] of bytes that come in pieces, of whole words but for the last.
struct Checksum(u64);

impl Checksum {
    fn of_length(bytes: usize) -> Self {
        const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
        Self(mix(OFFSET, bytes as u64))
    }

    fn add(&mut self, piece: &[u8]) {
        let (words, rest) = piece.as_chunks::<WORD>();
        let hash = words
            .iter()
            .fold(self.0, |hash, word| mix(hash, u64::from_ne_bytes(*word)));
        self.0 = rest.iter().fold(hash, |hash, &byte| mix(hash, byte.into()));
    }
}

fn mix(hash: u64, word: u64) -> u64 {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    (hash ^ word).wrapping_mul(PRIME).rotate_left(29)
}

/// Writes a file under a temporary name, brings it to the disk, then gives it its name. The caller
/// holds the lock, so that the temporary name is free.
fn replace(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut out = BufWriter::new(File::create(&temporary)?);
    write(&mut out)?;
    out.into_inner()?.sync_all()?;
    fs::rename(&temporary, path)?;
    sync_folder(path)
}

/// Brings a rename to the disk; only Unix lets folders be opened for it.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

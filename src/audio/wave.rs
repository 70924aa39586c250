//! RIFF, RIFX, RF64, BW64 and Wave64: what the samples are and where they lie, whatever the sizes in front of them say.
//!
//! ```text
//! RIFF    = "RIFF", bytes that follow, "WAVE", chunks; chunk = name, size, as many bytes, padded to 2
//! RIFX    = the same, numbers and samples big-endian
//! RF64    = the same as RIFF, sizes of 64 bits in a chunk "ds64" (BW64: its name in broadcasting)
//! Wave64  = the same with names of 16 bytes and sizes of 64 bits that count the chunk's header, padded to 8
//! ```
//! Sizes are written last, so those of a recording that was not closed are zero, all ones, or too small. Which of them are wrong is
//! told, and the samples are read whatever they say.

use super::{
    ReadProblem,
    container::read_at,
    pcm::{Encoding, Endian, Layout, Region},
    source::Spec,
};
use std::fs::File;
use symphonia::core::errors::Error as DecodeError;

/// What a WAV file holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    Samples(Layout),
    /// Frames of MPEG layer 1, 2 or 3.
    Mpeg(Region),
    Adpcm(Adpcm),
    /// An encoding that we do not decode.
    Other(String, Region),
}

/// Blocks of four bits a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Adpcm {
    pub(super) microsoft: bool,
    pub(super) spec: Spec,
    pub(super) block_bytes: usize,
    pub(super) block_frames: usize,
    pub(super) region: Region,
}

/// How numbers, names and padding are written.
#[derive(Debug, Clone, Copy)]
struct Dialect {
    endian: Endian,
    /// Bytes of a chunk's name and size together.
    header: u64,
    wave64: bool,
}

/// A chunk's name and where its content lies.
#[derive(Debug, Clone, Copy)]
struct Chunk {
    name: [u8; 4],
    start: u64,
    stated: u64,
}

/// Reads the header of a WAV of any dialect that begins at `start`.
pub(super) fn read(file: &mut File, start: u64, held: u64) -> Result<Content, ReadProblem> {
    let head = read_at(file, start, 40).map_err(ReadProblem::Io)?;
    let dialect = Dialect::of(&head);
    let first = start + if dialect.wave64 { 40 } else { 12 };
    let mut walk = Walk {
        file,
        dialect,
        held,
        at: first,
    };
    let (mut format, mut data, mut wrong_size) = (None, None, None);
    let (mut long_whole, mut long_data) = (None, None);
    while let Some(chunk) = walk.next()? {
        match &chunk.name {
            b"ds64" => {
                long_whole = walk.number_at(chunk.start)?;
                long_data = walk.number_at(chunk.start + 8)?;
            }
            b"fmt " => {
                let len = chunk.stated.min(64) as usize;
                format = Some(read_at(walk.file, chunk.start, len).map_err(ReadProblem::Io)?);
            }
            b"data" => {
                data = Some(chunk);
                if format.is_some() {
                    break;
                }
            }
            b"LIST" if walk.is_overfull(chunk)? => wrong_size = Some("LIST"),
            _ => {}
        }
        if data.is_some() && format.is_some() {
            break;
        }
        walk.skip(chunk)?;
    }
    let (Some(format), Some(data)) = (format, data) else {
        return Err(if walk.at >= held {
            cut_header()
        } else {
            broken("wav: no description or no samples")
        });
    };
    let format = Format::parse(&format, dialect.endian)
        .ok_or_else(|| broken("wav: its description is too short"))?;
    let mut region = walk.data_region(data, long_data)?;
    let end = start.saturating_add(dialect.whole_size(&head, long_whole));
    if end < region.start + region.len || end >= held + dialect.padding() {
        wrong_size = wrong_size.or(Some(dialect.name()));
    }
    region.wrong_size = wrong_size;
    format.content(region, dialect.endian)
}

/// Whether a RIFF of any content ends before its first bytes say.
pub(super) fn is_riff_cut_off(file: &mut File, start: u64, held: u64) -> Result<bool, ReadProblem> {
    let head = read_at(file, start, 8).map_err(ReadProblem::Io)?;
    let dialect = Dialect::of(&head);
    Ok(start + dialect.whole_size(&head, None) >= held + dialect.padding())
}

impl Dialect {
    fn of(head: &[u8]) -> Self {
        let wave64 = head.starts_with(b"riff");
        Self {
            endian: if head.starts_with(b"RIFX") {
                Endian::Big
            } else {
                Endian::Little
            },
            header: if wave64 { 24 } else { 8 },
            wave64,
        }
    }

    /// What the first part is called.
    fn name(self) -> &'static str {
        if self.wave64 { "riff" } else { "RIFF" }
    }

    /// Chunks begin at multiples of as many bytes.
    fn padding(self) -> u64 {
        if self.wave64 { 8 } else { 2 }
    }

    /// Bytes of the whole file as its first bytes state them, or `ds64` does for them.
    fn whole_size(self, head: &[u8], long: Option<u64>) -> u64 {
        if self.wave64 {
            return head.get(16..24).map_or(0, |bytes| self.number(bytes));
        }
        let short = head.get(4..8).map_or(0, |bytes| self.number(bytes));
        let size = long
            .filter(|_| short == u64::from(u32::MAX))
            .unwrap_or(short);
        size.saturating_add(8)
    }

    fn number(self, bytes: &[u8]) -> u64 {
        let add = |number: u64, &byte: &u8| number << 8 | u64::from(byte);
        match self.endian {
            Endian::Little => bytes.iter().rev().fold(0, add),
            Endian::Big => bytes.iter().fold(0, add),
        }
    }
}

/// Names that begin another file.
const FILES: [&[u8; 4]; 5] = [b"RIFF", b"RF64", b"BW64", b"RIFX", b"riff"];

/// From chunk to chunk.
struct Walk<'a> {
    file: &'a mut File,
    dialect: Dialect,
    /// Length of the file.
    held: u64,
    at: u64,
}

impl Walk<'_> {
    fn next(&mut self) -> Result<Option<Chunk>, ReadProblem> {
        let Some((name, stated)) = self.header_at(self.at)? else {
            self.at = self.held;
            return Ok(None);
        };
        Ok(Some(Chunk {
            name,
            stated,
            start: self.at + self.dialect.header,
        }))
    }

    fn header_at(&mut self, at: u64) -> Result<Option<([u8; 4], u64)>, ReadProblem> {
        let size = self.dialect.header as usize;
        let header = read_at(self.file, at, size).map_err(ReadProblem::Io)?;
        if header.len() < size {
            return Ok(None);
        }
        let name = [header[0], header[1], header[2], header[3]];
        let stated = match self.dialect.wave64 {
            true => self.dialect.number(&header[16..24]).saturating_sub(24),
            false => self.dialect.number(&header[4..8]),
        };
        Ok(Some((name, stated)))
    }

    fn number_at(&mut self, at: u64) -> Result<Option<u64>, ReadProblem> {
        let bytes = read_at(self.file, at, 8).map_err(ReadProblem::Io)?;
        Ok((bytes.len() == 8).then(|| self.dialect.number(&bytes)))
    }

    /// To the chunk behind this one; some writers forget the padding.
    fn skip(&mut self, chunk: Chunk) -> Result<(), ReadProblem> {
        let end = chunk.start.saturating_add(chunk.stated);
        self.at = self.padded(chunk, end);
        let unpadded = self.at != end && !self.is_chunk(self.at)? && self.is_chunk(end)?;
        if unpadded {
            self.at = end;
        }
        Ok(())
    }

    fn padded(&self, chunk: Chunk, end: u64) -> u64 {
        let to = self.dialect.padding();
        end.saturating_add((to - chunk.stated % to) % to)
    }

    /// Whether a chunk with a printable name that ends within the file begins here, or the file ends.
    fn is_chunk(&mut self, at: u64) -> Result<bool, ReadProblem> {
        let header = self.header_at(at)?;
        Ok(match header {
            Some((name, stated)) => {
                is_printable(name) && stated <= self.held.saturating_sub(at + self.dialect.header)
            }
            None => at <= self.held,
        })
    }

    /// Whether a part of a list claims more bytes than the list holds.
    fn is_overfull(&mut self, list: Chunk) -> Result<bool, ReadProblem> {
        let end = list.start.saturating_add(list.stated).min(self.held);
        let mut at = list.start + 4;
        while at + self.dialect.header <= end && self.is_named(at)? {
            let Some((_, stated)) = self.header_at(at)? else {
                break;
            };
            let part_end = at + self.dialect.header + stated;
            if part_end > end + 1 {
                return Ok(true);
            }
            at = part_end + stated % 2;
            if !self.is_named(at)? {
                at = part_end; // some writers forget the padding
            }
        }
        Ok(false)
    }

    fn is_named(&mut self, at: u64) -> Result<bool, ReadProblem> {
        let header = self.header_at(at)?;
        Ok(header.is_some_and(|(name, _)| is_printable(name)))
    }

    /// Whether everything from here to the end of the file is chunks, or a few bytes of nothing.
    fn only_chunks_from(&mut self, mut at: u64) -> Result<bool, ReadProblem> {
        while at + self.dialect.header <= self.held {
            let Some((name, stated)) = self.header_at(at)? else {
                break;
            };
            let is_file = FILES.iter().any(|magic| **magic == name);
            if is_file || !self.is_chunk(at)? {
                return Ok(false);
            }
            let start = at + self.dialect.header;
            let chunk = Chunk {
                name: [0; 4],
                start,
                stated,
            };
            at = self.padded(chunk, start.saturating_add(stated));
        }
        Ok(true)
    }

    /// Where the samples lie: what the header states where the rest of the file bears it out, and otherwise all up to the end.
    fn data_region(&mut self, data: Chunk, long_size: Option<u64>) -> Result<Region, ReadProblem> {
        const NEVER: [u64; 2] = [0, u32::MAX as u64];
        let stated = match long_size {
            Some(size) if data.stated == u64::from(u32::MAX) => size,
            _ => data.stated,
        };
        let start = data.start;
        let left = self.held.saturating_sub(start);
        // Wave64's are of 64 bits, and what is never filled in is near the largest of them, signed or not.
        // What programs write into a pipe for "two gigabytes, or whatever comes": far more than came.
        let is_promise = (0x7fff_0000..=0x8000_0000).contains(&stated) && left < stated / 2;
        let unfilled = NEVER.contains(&stated) || stated > u64::MAX >> 2 || is_promise;
        let believed = Region::new(start, self.held, Some(stated));
        if stated > left {
            let stated = (!unfilled).then_some(stated);
            return Ok(Region { stated, ..believed });
        }
        let end = start + stated;
        let padded = self.padded(data, end);
        if self.only_chunks_from(padded)? || (padded != end && self.only_chunks_from(end)?) {
            return Ok(believed);
        }
        self.what_follows(believed, end)
    }

    /// Behind the stated end lie bytes that are no chunks: sound that the header does not count, tags, or another file.
    fn what_follows(&mut self, believed: Region, end: u64) -> Result<Region, ReadProblem> {
        let follows = read_at(self.file, end, 1 << 12).map_err(ReadProblem::Io)?;
        let tags: [&[u8]; 4] = [b"TAG", b"ID3", b"APETAGEX", b"LYRICS"];
        let files = FILES.iter().map(|magic| magic.as_slice());
        let is_foreign = tags
            .into_iter()
            .chain(files)
            .any(|magic| follows.starts_with(magic));
        let left = self.held - believed.start;
        let unread = self.held - end;
        if believed.len == 0 && !is_foreign {
            return Ok(Region {
                len: left,
                stated: None,
                ..believed
            });
        }
        if is_foreign || follows.len() < 1 << 10 || follows.iter().all(|&byte| byte == 0) {
            let tags = follows.starts_with(b"TAG")
                || follows.starts_with(b"ID3")
                || follows.iter().all(|&b| b == 0);
            return Ok(Region {
                unread: if tags { 0 } else { unread },
                ..believed
            });
        }
        Ok(Region {
            len: left,
            ..believed
        })
    }
}

/// What the chunk `fmt ` says.
struct Format {
    tag: u16,
    spec: Spec,
    block_bytes: usize,
    bits: u16,
    /// What an ADPCM's description adds: samples a block.
    block_frames: Option<u16>,
}

impl Format {
    fn parse(bytes: &[u8], endian: Endian) -> Option<Self> {
        let short = |at: usize| -> Option<u16> {
            let two = bytes.get(at..at + 2)?.try_into().ok()?;
            Some(if endian == Endian::Big {
                u16::from_be_bytes(two)
            } else {
                u16::from_le_bytes(two)
            })
        };
        let long = |at: usize| -> Option<u32> {
            let four = bytes.get(at..at + 4)?.try_into().ok()?;
            Some(if endian == Endian::Big {
                u32::from_be_bytes(four)
            } else {
                u32::from_le_bytes(four)
            })
        };
        const EXTENSIBLE: u16 = 0xfffe;
        let tag = match short(0)? {
            EXTENSIBLE => short(24).unwrap_or(EXTENSIBLE),
            tag => tag,
        };
        let spec = Spec {
            channels: short(2)?.into(),
            rate: long(4)?,
        };
        let block_bytes = short(12)?.into();
        Some(Self {
            tag,
            spec,
            block_bytes,
            bits: short(14).unwrap_or(0),
            block_frames: short(18),
        })
    }

    fn content(&self, region: Region, endian: Endian) -> Result<Content, ReadProblem> {
        let adpcm = |microsoft| self.adpcm(microsoft, region).map(Content::Adpcm);
        let encoding = match self.tag {
            1 => self.whole_numbers()?,
            3 if self.bits == 64 => Encoding::Float64,
            3 if self.bits == 32 => Encoding::Float32,
            6 => Encoding::ALaw,
            7 => Encoding::MuLaw,
            2 => return adpcm(true),
            0x11 => return adpcm(false),
            0x50 | 0x55 => return Ok(Content::Mpeg(region)),
            tag => {
                let format = format!("WAV with samples of kind {tag:#06x}");
                return Ok(Content::Other(format, region));
            }
        };
        Ok(Content::Samples(Layout {
            spec: self.spec,
            encoding,
            endian,
            region,
        }))
    }

    fn whole_numbers(&self) -> Result<Encoding, ReadProblem> {
        let bits = usize::from(self.bits);
        let by_block = self
            .block_bytes
            .checked_div(self.spec.channels)
            .unwrap_or(0);
        let exact =
            by_block * self.spec.channels == self.block_bytes && (1..=8).contains(&by_block);
        let bytes = if exact { by_block } else { bits.div_ceil(8) };
        if bits == 0 || bits > 8 * bytes || !(1..=8).contains(&bytes) {
            return Err(broken(
                "wav: bits of a sample that do not fit into its bytes",
            ));
        }
        Ok(if bytes == 1 {
            Encoding::Unsigned8
        } else {
            Encoding::Signed { bytes }
        })
    }

    fn adpcm(&self, microsoft: bool, region: Region) -> Result<Adpcm, ReadProblem> {
        let (channels, block) = (self.spec.channels, self.block_bytes);
        let header = if microsoft {
            7 * channels
        } else {
            4 * channels
        };
        if !(1..=2).contains(&channels) || block <= header || self.bits != 4 {
            return Err(broken("wav: an ADPCM description that makes no sense"));
        }
        let in_header = if microsoft { 2 } else { 1 };
        let most = (block - header) * 2 / channels + in_header;
        let block_frames = match self.block_frames {
            Some(frames) if (1..=most).contains(&frames.into()) => frames.into(),
            _ => most,
        };
        Ok(Adpcm {
            microsoft,
            spec: self.spec,
            block_bytes: block,
            block_frames,
            region,
        })
    }
}

fn is_printable(name: [u8; 4]) -> bool {
    name.iter().all(|byte| (b' '..=b'~').contains(byte))
}

pub(super) fn broken(reason: &'static str) -> ReadProblem {
    ReadProblem::Header(DecodeError::DecodeError(reason))
}

fn cut_header() -> ReadProblem {
    ReadProblem::Truncated {
        read_secs: 0.0,
        declared_secs: None,
    }
}

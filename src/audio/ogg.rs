//! Ogg with Vorbis or FLAC: from page to page, stream after stream.
//!
//! ```text
//! page = "OggS", 0, flags, position, stream, number, checksum, count, lengths of pieces, pieces
//! ```
//! A piece of 255 bytes is continued by the next, and a position is the number of samples up to the end of the last packet that ends on
//! the page, or −1. From the positions follows how much of the first page, and of the last, is no part of the sound. Every packet is decoded,
//! whether its page has a position or not.

use super::{
    ReadProblem, ReadRemark,
    packets::{copy, make_decoder},
    scan::Scan,
    source::{Source, Spec},
};
use std::collections::HashSet;
use symphonia::core::{
    codecs::audio::{
        AudioCodecParameters, AudioDecoder,
        well_known::{CODEC_ID_FLAC, CODEC_ID_VORBIS},
    },
    errors::Error as DecodeError,
    packet::PacketBuilder,
    units::{Duration, Timestamp},
};

const HEADER: usize = 27;
const LONGEST_PAGE: usize = HEADER + 255 + 255 * 255;
/// A packet over many pages is kept up to this size: headers of Vorbis hold its code books, and comments a picture.
const LONGEST_PACKET: usize = 64 << 20;

const CONTINUED: u8 = 1;
const FIRST: u8 = 2;
const LAST: u8 = 4;

/// A page's header and content.
struct Page {
    flags: u8,
    position: Option<u64>,
    stream: u32,
    number: u32,
    lengths: Vec<u8>,
    content: Vec<u8>,
}

impl Page {
    /// From all bytes of a page; `None`: its checksum is another.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let four = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let count = usize::from(bytes[26]);
        let position = i64::from_le_bytes(bytes[6..14].try_into().expect("eight bytes"));
        let page = Self {
            flags: bytes[5],
            position: u64::try_from(position).ok(),
            stream: four(14),
            number: four(18),
            lengths: bytes[HEADER..HEADER + count].to_vec(),
            content: bytes[HEADER + count..].to_vec(),
        };
        (four(22) == checksum(bytes)).then_some(page)
    }

    fn is(&self, flag: u8) -> bool {
        self.flags & flag > 0
    }
}

/// CRC-32 of polynomial 04c11db7, from the highest bit, with zeros in the place of the checksum.
fn checksum(page: &[u8]) -> u32 {
    const TABLE: [u32; 256] = table();
    let step = |sum: u32, byte: u8| sum << 8 ^ TABLE[usize::from((sum >> 24) as u8 ^ byte)];
    let sum = page[..22].iter().fold(0, |sum, &byte| step(sum, byte));
    let sum = (0..4).fold(sum, |sum, _| step(sum, 0));
    page[26..].iter().fold(sum, |sum, &byte| step(sum, byte))
}

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = (byte as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum >> 31 == 1 {
                sum << 1 ^ 0x04c1_1db7
            } else {
                sum << 1
            };
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
}

/// The codec of a stream, by its first packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Codec {
    Vorbis,
    Flac,
}

/// By the first packet: a codec of ours, or the name of another, or `None` for what is not sound.
fn codec(packet: &[u8]) -> Option<Result<Codec, &'static str>> {
    let known: [(&[u8], Result<Codec, &'static str>); 6] = [
        (b"\x01vorbis", Ok(Codec::Vorbis)),
        (b"\x7fFLAC", Ok(Codec::Flac)),
        (b"OpusHead", Err("Opus")),
        (b"Speex   ", Err("Speex")),
        (b"PCM     ", Err("PCM in Ogg")),
        (b"CELT    ", Err("CELT")),
    ];
    known
        .iter()
        .find(|(magic, _)| packet.starts_with(magic))
        .map(|(_, codec)| *codec)
}

/// The stream that is being decoded.
struct Stream {
    id: u32,
    codec: Codec,
    decoder: Option<Box<dyn AudioDecoder>>,
    /// Vorbis: the first and the third packet.
    headers: Vec<Vec<u8>>,
    unfinished: Vec<u8>,
    next_number: Option<u32>,
    /// Samples decoded, those that are not to be heard among them.
    decoded: u64,
    /// Position minus samples decoded, once a page has given its position.
    origin: Option<i64>,
    ended: bool,
}

/// A file of one or more streams.
pub(super) struct Ogg {
    scan: Scan,
    stream: Stream,
    spec: Spec,
    /// Samples given, of all streams.
    given: u64,
    others: HashSet<u32>,
    remarks: Vec<ReadRemark>,
    waiting: Option<Page>,
    ended: bool,
}

impl Ogg {
    /// `scan` stands at the first page.
    pub(super) fn new(mut scan: Scan) -> Result<Self, ReadProblem> {
        let mut remarks = Vec::new();
        let mut others = HashSet::new();
        let mut foreign = None;
        while let Some(page) = next_page(&mut scan, 0.0, &mut remarks)? {
            if !page.is(FIRST) {
                break;
            }
            match codec(&page.content) {
                Some(Ok(codec)) => {
                    let stream = Stream::new(page.stream, codec);
                    let spec = Spec {
                        rate: 0,
                        channels: 0,
                    };
                    let waiting = Some(page);
                    return Ok(Self {
                        scan,
                        stream,
                        spec,
                        given: 0,
                        others,
                        remarks,
                        waiting,
                        ended: false,
                    });
                }
                Some(Err(name)) => foreign = Some(name),
                None => {}
            }
            others.insert(page.stream);
        }
        Err(match foreign {
            Some(name) => ReadProblem::NeedsFfmpeg {
                format: name.to_owned(),
            },
            None => ReadProblem::NoTrack,
        })
    }

    fn secs(&self) -> f64 {
        self.given as f64 / f64::from(self.spec.rate.max(1))
    }

    /// The next page of the stream that is being decoded; another stream that begins when that has begun takes its place.
    fn our_page(&mut self) -> Result<Option<Page>, ReadProblem> {
        loop {
            let page = match self.waiting.take() {
                Some(page) => Some(page),
                None => {
                    let secs = self.secs();
                    next_page(&mut self.scan, secs, &mut self.remarks)?
                }
            };
            let Some(page) = page else { return Ok(None) };
            let begun = self.stream.next_number.is_some_and(|number| number > 1);
            let joined = page.is(FIRST) && (self.stream.ended || begun);
            if joined {
                match codec(&page.content) {
                    Some(Ok(codec)) => {
                        self.close();
                        self.stream = Stream::new(page.stream, codec);
                        self.others.remove(&page.stream);
                        return Ok(Some(page));
                    }
                    Some(Err(_)) => {
                        self.ended = true;
                        return Err(ReadProblem::FormatChanges {
                            read_secs: self.secs(),
                        });
                    }
                    None => {}
                }
            }
            if page.is(FIRST) && page.stream != self.stream.id {
                self.others.insert(page.stream);
            }
            if page.stream == self.stream.id && !self.others.contains(&page.stream) {
                return Ok(Some(page));
            }
        }
    }

    /// The samples of a page into `planes`, as far as they are to be heard.
    fn decode(&mut self, page: &Page, planes: &mut Vec<Vec<f32>>) -> Result<(), ReadProblem> {
        let at_secs = self.secs();
        let lost = self
            .stream
            .next_number
            .is_some_and(|expected| expected != page.number);
        self.stream.next_number = Some(page.number.wrapping_add(1));
        if lost || !page.is(CONTINUED) {
            self.stream.unfinished.clear();
        }
        let before = self.stream.decoded;
        for packet in self.stream.packets(page, lost) {
            self.decode_packet(packet, planes)?;
        }
        let decoded = self.stream.decoded - before;
        let keep = self.stream.kept(page, decoded);
        if lost {
            let lost_secs = keep.gap as f64 / f64::from(self.spec.rate.max(1));
            self.remarks.push(ReadRemark::Gap { at_secs, lost_secs });
        }
        for plane in planes.iter_mut() {
            plane.truncate(plane.len().saturating_sub(keep.back as usize));
            plane.drain(..plane.len().min(keep.front as usize));
        }
        self.stream.ended |= page.is(LAST);
        Ok(())
    }

    fn decode_packet(
        &mut self,
        packet: Vec<u8>,
        planes: &mut Vec<Vec<f32>>,
    ) -> Result<(), ReadProblem> {
        if self.stream.decoder.is_none() {
            return self.stream.header(packet);
        }
        let Some(decoder) = &mut self.stream.decoder else {
            return Ok(());
        };
        if self.stream.codec.is_header(&packet) {
            return Ok(());
        }
        let packet = PacketBuilder::new()
            .track_id(0)
            .pts(Timestamp::ZERO)
            .dur(Duration::ZERO)
            .data(packet)
            .build();
        match decoder.decode(&packet) {
            Ok(buffer) => {
                let spec = Spec {
                    rate: buffer.spec().rate(),
                    channels: buffer.num_planes(),
                };
                let begun = self.given > 0 || planes.iter().any(|plane| !plane.is_empty());
                if begun && spec != self.spec {
                    self.ended = true;
                    return Err(ReadProblem::FormatChanges {
                        read_secs: self.secs(),
                    });
                }
                self.spec = spec;
                let mut block = Vec::new();
                copy(&decoder.last_decoded(), &mut block);
                self.stream.decoded += block.first().map_or(0, Vec::len) as u64;
                planes.resize(spec.channels, Vec::new());
                for (plane, block) in planes.iter_mut().zip(block) {
                    plane.extend(block);
                }
            }
            Err(error) => self.complain(error),
        }
        Ok(())
    }

    fn complain(&mut self, error: DecodeError) {
        let at_secs = self.secs();
        let reason = error.to_string();
        self.remarks.push(ReadRemark::Damaged {
            at_secs,
            lost_secs: 0.0,
            reason,
        });
    }

    /// At the end of a stream.
    fn close(&mut self) {
        if !self.stream.ended {
            let read_secs = self.secs();
            self.remarks.push(ReadRemark::CutOff {
                read_secs,
                promised_secs: None,
            });
        }
    }
}

/// Which samples of a page are part of the sound, and how many are missing before the page.
#[derive(Debug, Default, PartialEq, Eq)]
struct Kept {
    /// Samples at the start of the page that are dropped.
    front: u64,
    /// Samples at its end that are dropped.
    back: u64,
    /// Samples missing between the page before and this one.
    gap: u64,
}

impl Stream {
    fn new(id: u32, codec: Codec) -> Self {
        Self {
            id,
            codec,
            decoder: None,
            headers: Vec::new(),
            unfinished: Vec::new(),
            next_number: None,
            decoded: 0,
            origin: None,
            ended: false,
        }
    }

    /// The packets that end on a page. `torn`: pages before it are missing, and with them the beginning of what it continues.
    fn packets(&mut self, page: &Page, torn: bool) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        let mut rest = page.content.as_slice();
        let mut skip = page.is(CONTINUED) && (torn || self.unfinished.is_empty());
        for &length in &page.lengths {
            let (piece, after) = rest.split_at(rest.len().min(length.into()));
            rest = after;
            if !skip && self.unfinished.len() < LONGEST_PACKET {
                self.unfinished.extend_from_slice(piece);
            }
            if length < 255 {
                let packet = std::mem::take(&mut self.unfinished);
                if !skip {
                    packets.push(packet);
                }
                skip = false;
            }
        }
        packets
    }

    /// Takes a header; makes the decoder once all are there.
    fn header(&mut self, packet: Vec<u8>) -> Result<(), ReadProblem> {
        let mut params = AudioCodecParameters::new();
        match self.codec {
            Codec::Vorbis => {
                let is_setup = packet.starts_with(b"\x05vorbis");
                if is_setup || packet.starts_with(b"\x01vorbis") {
                    self.headers.push(packet);
                }
                if !is_setup {
                    return Ok(());
                }
                params
                    .for_codec(CODEC_ID_VORBIS)
                    .with_extra_data(self.headers.concat().into());
            }
            Codec::Flac => {
                // "\x7fFLAC", version, number of headers, "fLaC", length and kind of the description, the description.
                let Some(description) = packet.get(17..51) else {
                    return Ok(());
                };
                params
                    .for_codec(CODEC_ID_FLAC)
                    .with_extra_data(description.into());
            }
        }
        self.decoder = Some(make_decoder(&params)?);
        Ok(())
    }

    /// What a page's position says about the `decoded` samples that its packets gave.
    fn kept(&mut self, page: &Page, decoded: u64) -> Kept {
        let mut kept = Kept::default();
        let Some(position) = page
            .position
            .filter(|_| self.decoder.is_some() && self.decoded > 0)
        else {
            return kept;
        };
        let (position, all) = (position as i64, self.decoded as i64);
        let late = position - all; // samples that should have been decoded and were not
        let origin = match self.origin {
            Some(origin) => origin,
            // The first position: what it leaves out of the first page lies at its front, of an only page at its back.
            None if page.is(LAST) => late.max(0),
            None => {
                kept.front = (-late).clamp(0, decoded as i64) as u64;
                late
            }
        };
        self.origin = Some(origin);
        let off = late.saturating_sub(origin);
        if page.is(LAST) && off < 0 {
            kept.back = off.unsigned_abs().min(decoded - kept.front);
        } else if off > 0 {
            kept.gap = off as u64;
            self.origin = Some(late);
        }
        kept
    }
}

impl Codec {
    /// Comments and the like between sound.
    fn is_header(self, packet: &[u8]) -> bool {
        match self {
            Self::Vorbis => packet.first().is_none_or(|first| first & 1 > 0),
            Self::Flac => packet.first() != Some(&0xff),
        }
    }
}

/// The next page; what lies before it is left out.
fn next_page(
    scan: &mut Scan,
    at_secs: f64,
    remarks: &mut Vec<ReadRemark>,
) -> Result<Option<Page>, ReadProblem> {
    let mut left_out = 0;
    let mut torn = false;
    let page = loop {
        let bytes = scan.peek(LONGEST_PAGE)?;
        if bytes.is_empty() {
            break None;
        }
        let len = page_len(bytes);
        if let Some(len) = len.filter(|&len| len <= bytes.len()) {
            let page = Page::parse(&bytes[..len]);
            if page.is_some() {
                scan.skip(len as u64)?;
                break page;
            }
        } else if bytes.starts_with(b"OggS") {
            torn = true;
        }
        if bytes.starts_with(b"TAG") && bytes.len() <= 128 {
            break None;
        }
        let step = 1 + bytes[1..]
            .windows(4)
            .position(|four| four == b"OggS")
            .unwrap_or(bytes.len() - 1);
        left_out += step as u64;
        scan.skip(step as u64)?;
    };
    if left_out > 0 && !(torn && page.is_none()) {
        remarks.push(ReadRemark::LeftOut {
            at_secs,
            bytes: left_out,
        });
    }
    Ok(page)
}

/// Whether the file ends without a page that says so.
pub(super) fn is_cut_off(mut scan: Scan) -> Result<bool, ReadProblem> {
    let (mut open, mut ignored) = (HashSet::new(), Vec::new());
    while let Some(page) = next_page(&mut scan, 0.0, &mut ignored)? {
        open.insert(page.stream);
        if page.is(LAST) {
            open.remove(&page.stream);
        }
    }
    Ok(!open.is_empty())
}

/// Length of the page at the start of `bytes`, if one begins there.
fn page_len(bytes: &[u8]) -> Option<usize> {
    if !bytes.starts_with(b"OggS\0") {
        return None;
    }
    let count = usize::from(*bytes.get(26)?);
    let lengths = bytes.get(HEADER..HEADER + count)?;
    Some(
        HEADER
            + count
            + lengths
                .iter()
                .map(|&length| usize::from(length))
                .sum::<usize>(),
    )
}

impl Source for Ogg {
    fn spec(&self) -> Spec {
        self.spec
    }

    fn declared_len(&self) -> Option<u64> {
        None
    }

    fn next_block(&mut self, planes: &mut Vec<Vec<f32>>) -> Result<bool, ReadProblem> {
        while !self.ended {
            for plane in planes.iter_mut() {
                plane.clear();
            }
            let Some(page) = self.our_page()? else {
                self.ended = true;
                self.close();
                break;
            };
            self.decode(&page, planes)?;
            let len = planes.first().map_or(0, Vec::len);
            self.given += len as u64;
            if len > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The first page with sound of each stream is decoded; from there on positions tell.
    fn count(&mut self) -> Result<Option<u64>, ReadProblem> {
        let (mut all, mut planes) = (0, Vec::new());
        while let Some(page) = self.our_page()? {
            let origin = self.stream.origin;
            let Some(origin) = origin.filter(|_| !page.is(FIRST)) else {
                planes.clear();
                self.decode(&page, &mut planes)?;
                all += planes.first().map_or(0, Vec::len) as u64;
                continue;
            };
            self.stream.next_number = Some(page.number.wrapping_add(1));
            if let Some(position) = page.position {
                let decoded = (position as i64).saturating_sub(origin).max(0) as u64;
                all = decoded
                    .saturating_add(all)
                    .saturating_sub(self.stream.decoded);
                self.stream.decoded = decoded;
            }
            self.stream.ended |= page.is(LAST);
        }
        Ok(Some(all))
    }

    fn take_remarks(&mut self) -> Vec<ReadRemark> {
        std::mem::take(&mut self.remarks)
    }
}

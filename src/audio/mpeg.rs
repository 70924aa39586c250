//! MPEG audio, layers 1 to 3: from frame to frame, whatever lies between them.
//!
//! The stream has no header and no end: frames follow each other, and a tag in the first one may say how many there are and how much
//! silence the encoder put around the sound. The tag is believed about the silence, and the file about the number of frames, so that
//! joined, cut and wrongly tagged files are read to their end.

use super::{
    ReadProblem, ReadRemark,
    container::id3v2_len,
    packets::{Demuxer, Unit},
    pcm::Region,
    scan::Scan,
};
use symphonia::core::codecs::audio::{
    AudioCodecId, AudioCodecParameters,
    well_known::{CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3},
};

/// No frame is longer: 448 kbit/s of layer 1 at 32 kHz come to 672 bytes, 384 of layer 2 to 1729, and slower rates stay below that.
pub(super) const LONGEST_FRAME: usize = 2881;

/// What a decoder of layer 3 adds to the encoder's delay.
const DECODER_DELAY: u64 = 528 + 1;

/// The tag states the silence at the end in 12 bits.
const MOST_SILENCE: u64 = 1 << 12;

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Frame {
    /// 1, 2, or 25 for the unofficial 2.5.
    version: u8,
    layer: u8,
    rate: u32,
    channels: usize,
    bits_per_sec: usize,
    /// Bytes, the header included.
    len: usize,
}

impl Frame {
    /// `None`: not a header, or one of a frame whose length is not stated (free format).
    fn parse(bytes: &[u8]) -> Option<Self> {
        let [first, second, third, fourth] = *bytes.first_chunk()?;
        if first != 0xff || second & 0xe0 != 0xe0 {
            return None;
        }
        let version = [25, 0, 2, 1][usize::from(second >> 3 & 3)];
        let layer = 4 - (second >> 1 & 3);
        let (bit_rate, rate) = (usize::from(third >> 4), usize::from(third >> 2 & 3));
        if version == 0 || layer == 4 || rate == 3 || !(1..15).contains(&bit_rate) {
            return None;
        }
        let rate = [44_100, 48_000, 32_000][rate]
            / [1, 2, 4][[1, 2, 25].iter().position(|&v| v == version)?];
        let padding = usize::from(third >> 1 & 1);
        let bits_per_sec = 1000 * KILOBITS[table(version, layer)][bit_rate - 1] as usize;
        let len = match layer {
            1 => (12 * bits_per_sec / rate as usize + padding) * 4,
            3 if version != 1 => 72 * bits_per_sec / rate as usize + padding,
            _ => 144 * bits_per_sec / rate as usize + padding,
        };
        let channels = if fourth >> 6 == 3 { 1 } else { 2 };
        Some(Self {
            version,
            layer,
            rate,
            channels,
            bits_per_sec,
            len,
        })
    }

    /// Samples per channel.
    fn samples(&self) -> u64 {
        match (self.layer, self.version) {
            (1, _) => 384,
            (3, 2 | 25) => 576,
            _ => 1152,
        }
    }

    /// Whether the other can follow in the same stream.
    fn goes_with(&self, other: &Self) -> bool {
        (self.version, self.layer, self.rate) == (other.version, other.layer, other.rate)
    }

    /// Layer 2 allows each bit rate of MPEG-1 only for one channel, or only for two; encoders do not all know, and our decoder refuses.
    fn is_irregular(&self) -> bool {
        let kilobits = self.bits_per_sec / 1000;
        let of_two = kilobits >= 224;
        let of_one = matches!(kilobits, 32 | 48 | 56 | 80);
        self.layer == 2 && self.version == 1 && if self.channels == 1 { of_two } else { of_one }
    }

    fn codec(&self) -> AudioCodecId {
        match self.layer {
            1 => CODEC_ID_MP1,
            2 => CODEC_ID_MP2,
            _ => CODEC_ID_MP3,
        }
    }
}

/// kbit/s by version and layer, ISO 11172-3 2.4.2.3 and ISO 13818-3 2.4.2.3.
const KILOBITS: [[u16; 14]; 5] = [
    [
        32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448,
    ],
    [
        32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384,
    ],
    [
        32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
    ],
    [
        32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256,
    ],
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

fn table(version: u8, layer: u8) -> usize {
    match (version, layer) {
        (1, layer) => usize::from(layer) - 1,
        (_, 1) => 3,
        _ => 4,
    }
}

/// Number of frames that follow each other from the start of `bytes` on, the last one perhaps cut.
pub(super) fn frames_in(bytes: &[u8]) -> usize {
    let Some(first) = Frame::parse(bytes) else {
        return 0;
    };
    let (mut at, mut frames) = (first.len, 1);
    while let Some(frame) = bytes.get(at..).and_then(Frame::parse) {
        if !frame.goes_with(&first) {
            break;
        }
        at += frame.len;
        frames += 1;
    }
    frames
}

/// What the first frame may hold in place of sound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct LengthTag {
    frames: Option<u64>,
    bytes: Option<u64>,
    /// Samples that the encoder put in front and behind.
    silence: Option<(u64, u64)>,
}

impl LengthTag {
    /// Xing's and LAME's tag behind the side information, or Fraunhofer's at its fixed place.
    fn parse(header: &Frame, frame: &[u8]) -> Option<Self> {
        if header.layer != 3 {
            return None;
        }
        let number = |at: usize| {
            let bytes: [u8; 4] = frame.get(at..at + 4)?.try_into().ok()?;
            Some(u64::from(u32::from_be_bytes(bytes)))
        };
        if frame.get(36..40) == Some(b"VBRI") {
            return Some(Self {
                frames: number(36 + 14),
                bytes: number(36 + 10),
                silence: None,
            });
        }
        let side = match (header.version, header.channels) {
            (1, 2) => 32,
            (1, _) | (_, 2) => 17,
            _ => 9,
        };
        let at = 4 + side;
        if !matches!(frame.get(at..at + 4)?, b"Xing" | b"Info") {
            return None;
        }
        let flags = number(at + 4)?;
        let mut next = at + 8;
        let mut field = |bit: u64, len: usize| {
            let present = flags & bit > 0;
            let start = next;
            next += if present { len } else { 0 };
            present.then_some(start)
        };
        let frames = field(1, 4).and_then(number).filter(|&frames| frames > 0);
        let bytes = field(2, 4).and_then(number).filter(|&bytes| bytes > 0);
        field(4, 100);
        field(8, 4);
        let encoder = frame.get(next..next + 4);
        let known = matches!(encoder, Some(b"LAME" | b"Lavf" | b"Lavc"));
        let silence = number(next + 20)
            .filter(|_| known)
            .map(|four| (four >> 12 & 0xfff, four & 0xfff));
        Some(Self {
            frames,
            bytes,
            silence,
        })
    }
}

/// A stream of frames.
pub(super) struct Mpeg {
    scan: Scan,
    first: Frame,
    tag: LengthTag,
    /// Samples up to the next frame, the encoder's silence included.
    position: u64,
    remarks: Vec<ReadRemark>,
    ended: bool,
    cut_off: bool,
    /// Bytes behind the stream that are not known to be anything.
    unread: u64,
    /// Whether there are more frames than the tag says.
    goes_on: bool,
    /// Whether an ID3v2 tag lies before the frame that is next: another file begins.
    new_part: bool,
}

impl Mpeg {
    /// `scan` stands at the first frame. What a length tag says of the silence is believed only where it `begins` the stream: as in
    /// ffmpeg, not behind the rest of a cut-off frame.
    pub(super) fn new(mut scan: Scan, begins: bool) -> Result<Self, ReadProblem> {
        let head = scan.peek(LONGEST_FRAME)?;
        let first = Frame::parse(head).ok_or(ReadProblem::NotAudio)?;
        if first.is_irregular() {
            let format = "MPEG layer 2 with an irregular bit rate".to_owned();
            return Err(ReadProblem::NeedsFfmpeg { format });
        }
        let mut tag = head
            .get(..first.len)
            .and_then(|frame| LengthTag::parse(&first, frame));
        let left = scan.left();
        if let Some(tag) = &mut tag {
            // Joined files: the tag is about the first of them.
            let longer = |bytes: u64| left > bytes && left - bytes > bytes / 16;
            tag.frames = tag.frames.filter(|_| !tag.bytes.is_some_and(longer));
        }
        if tag.is_some() {
            scan.skip(first.len as u64)?;
        }
        let mut mpeg = Self {
            first,
            tag: tag.filter(|_| begins).unwrap_or_default(),
            scan,
            position: 0,
            remarks: Vec::new(),
            ended: false,
            cut_off: false,
            unread: 0,
            goes_on: false,
            new_part: false,
        };
        if let Some((header, _)) = mpeg.sync()? {
            mpeg.first = header;
        }
        Ok(mpeg)
    }

    /// For a stream inside of a WAV file.
    pub(super) fn inside(mut self, region: Region) -> Self {
        self.cut_off = region.stated.is_some_and(|stated| stated > region.len);
        self.unread = region.unread;
        self
    }

    /// The next frame's header, and whether all of it is there; steps over tags and what is no frame.
    fn sync(&mut self) -> Result<Option<(Frame, bool)>, ReadProblem> {
        let mut left_out = 0;
        self.new_part = false;
        let found = loop {
            if let Some(len) = self.tag_len()? {
                self.new_part |= id3v2_len(self.scan.peek(10)?).is_some();
                self.scan.skip(len)?;
                continue;
            }
            let bytes = self.scan.peek(2 * LONGEST_FRAME + 4)?;
            if bytes.len() < 4 {
                left_out += bytes.len() as u64;
                break None;
            }
            if let Some(frame) = frame_at(bytes, left_out > 0) {
                break Some((frame, bytes.len() >= frame.len));
            }
            // To the next byte that may begin a frame or a tag.
            let may_begin = |&byte: &u8| matches!(byte, 0xff | b'I' | b'T' | b'A' | b'L');
            let step = 1 + bytes[1..]
                .iter()
                .position(may_begin)
                .unwrap_or(bytes.len() - 1);
            let only_zeros = bytes[..step].iter().all(|&byte| byte == 0);
            left_out += if only_zeros { 0 } else { step as u64 };
            self.scan.skip(step as u64)?;
        };
        if left_out > 0 {
            let at_secs = self.secs();
            self.remarks.push(ReadRemark::LeftOut {
                at_secs,
                bytes: left_out,
            });
        }
        Ok(found)
    }

    /// Length of the tag that begins here, if one does: ID3 of both versions, APE, Lyrics3.
    fn tag_len(&mut self) -> Result<Option<u64>, ReadProblem> {
        let left = self.scan.left();
        let bytes = self.scan.peek(32)?;
        if let Some(len) = id3v2_len(bytes) {
            return Ok(Some(len));
        }
        if bytes.starts_with(b"TAG") && left >= 128 {
            return Ok(Some(128));
        }
        if bytes.starts_with(b"APETAGEX") && bytes.len() == 32 {
            let size = u32::from_le_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]);
            let is_header = bytes[23] & 0x20 > 0; // it counts its items and its footer
            return Ok(Some(if is_header { 32 + u64::from(size) } else { 32 }));
        }
        if bytes.starts_with(b"LYRICSBEGIN") {
            let rest = self.scan.peek((left as usize).min(1 << 14))?;
            let end = rest
                .windows(9)
                .position(|nine| matches!(nine, b"LYRICS200" | b"LYRICSEND"));
            return Ok(end.map(|end| end as u64 + 9));
        }
        Ok(None)
    }

    fn secs(&self) -> f64 {
        let skipped = self
            .tag
            .silence
            .map_or(0, |(front, _)| front + DECODER_DELAY);
        self.position.saturating_sub(skipped) as f64 / f64::from(self.first.rate)
    }

    /// Samples to be cut off a frame of `len` samples at `position`, front and back.
    fn trims(&self, len: u64) -> (u64, u64) {
        let Some((front, back)) = self.tag.silence else {
            return (0, 0);
        };
        let front = (front + DECODER_DELAY)
            .saturating_sub(self.position)
            .min(len);
        let frames = self.tag.frames.filter(|_| !self.goes_on);
        let all = frames.map(|frames| frames * len); // the tag states 32 bits
        let back = all.map_or(0, |all| {
            let from = (all + DECODER_DELAY).saturating_sub(back);
            let end = self.position + len;
            let inside = end >= from && self.position < all;
            if inside { (end - from).min(len) } else { 0 }
        });
        (front, back.min(len - front))
    }

    /// Where silence at the end is to be cut off by the tag: if more frames follow than it says, it is wrong and nothing is cut off.
    fn doubt_length(&mut self, len: u64) -> Result<(), ReadProblem> {
        let Some(all) = self.tag.frames.map(|frames| frames * len) else {
            return Ok(());
        };
        let is_near = self.position + MOST_SILENCE >= all && self.position < all;
        if self.goes_on || !is_near {
            return Ok(());
        }
        let left = ((all - self.position) / len) as usize;
        let bytes = self.scan.peek((left + 2) * LONGEST_FRAME)?;
        self.goes_on = frames_in(bytes) > left;
        Ok(())
    }

    fn end(&mut self, torn: bool) {
        self.ended = true;
        let rate = f64::from(self.first.rate);
        let promised = self.tag.frames.map(|frames| frames * self.first.samples());
        let missing =
            promised.is_some_and(|promised| promised > self.position + self.first.samples());
        if let Some(promised) = promised.filter(|_| self.goes_on) {
            self.remarks.push(ReadRemark::LongerThanStated {
                read_secs: self.secs(),
                stated_secs: promised as f64 / rate,
            });
        }
        if self.unread > 0 {
            self.remarks.push(ReadRemark::LeftOut {
                at_secs: self.secs(),
                bytes: self.unread,
            });
        }
        if torn || missing || self.cut_off {
            let silence = self.tag.silence.map_or(0, |(front, back)| front + back);
            self.remarks.push(ReadRemark::CutOff {
                read_secs: self.secs(),
                promised_secs: promised
                    .filter(|_| missing)
                    .map(|all| all.saturating_sub(silence) as f64 / rate),
            });
        }
    }
}

/// The frame at the start of `bytes`. Where the rhythm was lost, the next one must follow it.
fn frame_at(bytes: &[u8], lost: bool) -> Option<Frame> {
    let frame = Frame::parse(bytes)?;
    match bytes.get(frame.len..) {
        Some(next) if lost && next.len() >= 4 => {
            Frame::parse(next)?.goes_with(&frame).then_some(frame)
        }
        None | Some(_) if lost => None,
        _ => Some(frame),
    }
}

impl Demuxer for Mpeg {
    fn params(&self) -> AudioCodecParameters {
        let mut params = AudioCodecParameters::new();
        params
            .for_codec(self.first.codec())
            .with_sample_rate(self.first.rate);
        params
    }

    fn declared_len(&self) -> Option<u64> {
        let silence = self.tag.silence.map_or(0, |(front, back)| front + back);
        let frames = self.tag.frames?;
        Some((frames * self.first.samples()).saturating_sub(silence))
    }

    fn next_unit(&mut self) -> Result<Option<Unit>, ReadProblem> {
        if self.ended {
            return Ok(None);
        }
        let (header, whole) = loop {
            let Some((header, whole)) = self.sync()? else {
                self.end(false);
                return Ok(None);
            };
            // As ffmpeg does: a length tag in the middle is a frame of silence, unless an ID3v2 tag lies before it.
            let frame = self.scan.peek(header.len)?;
            if LengthTag::parse(&header, frame).is_none() || !self.new_part {
                break (header, whole);
            }
            self.scan.skip(header.len as u64)?;
        };
        if header.layer != self.first.layer {
            self.end(false);
            return Err(ReadProblem::FormatChanges {
                read_secs: self.secs(),
            });
        }
        let len = header.samples();
        // A torn last frame is decoded as far as it goes: much of it may lie in the frames before.
        let mut data = self.scan.peek(header.len)?.to_vec();
        data.resize(header.len, 0);
        self.scan.skip(header.len as u64)?;
        self.doubt_length(len)?;
        let (front, back) = self.trims(len);
        self.position += len;
        if !whole {
            self.end(true);
        }
        Ok(Some(Unit {
            data: data.into(),
            len,
            front,
            back,
        }))
    }

    fn take_remarks(&mut self) -> Vec<ReadRemark> {
        std::mem::take(&mut self.remarks)
    }
}

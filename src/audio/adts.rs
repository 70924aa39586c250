//! AAC in ADTS: from frame to frame.

use super::{
    ReadProblem, ReadRemark, he_aac,
    packets::{Demuxer, Unit},
    scan::Scan,
};
use symphonia::core::{
    audio::{Channels, Position},
    codecs::audio::{AudioCodecParameters, well_known::CODEC_ID_AAC},
};

/// Samples of a frame, for each of its blocks.
const BLOCK: u64 = 1024;
const HEADER: usize = 7;
/// What fits into 13 bits.
const LONGEST_FRAME: usize = 1 << 13;
const RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000,
    7350,
];

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Frame {
    rate: u32,
    channels: usize,
    /// 1 is low complexity, the one our decoder knows.
    profile: u8,
    header: usize,
    len: usize,
    blocks: u64,
}

impl Frame {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let [a, b, c, d, e, f, g] = *bytes.first_chunk::<HEADER>()?;
        let rate = *RATES.get(usize::from(c >> 2 & 15))?;
        let len = usize::from(d & 3) << 11 | usize::from(e) << 3 | usize::from(f >> 5);
        let header = if b & 1 > 0 { HEADER } else { HEADER + 2 };
        let is_frame = a == 0xff && b & 0xf6 == 0xf0 && len > header;
        is_frame.then_some(Self {
            rate,
            channels: [0, 1, 2, 3, 4, 5, 6, 8][usize::from((c & 1) << 2 | d >> 6)],
            profile: c >> 6,
            header,
            len,
            blocks: u64::from(g & 3) + 1,
        })
    }

    fn goes_with(&self, other: &Self) -> bool {
        (self.rate, self.channels, self.profile) == (other.rate, other.channels, other.profile)
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

/// A stream of frames.
pub(super) struct Adts {
    scan: Scan,
    first: Frame,
    position: u64,
    remarks: Vec<ReadRemark>,
}

impl Adts {
    /// `scan` stands at the first frame. Refused by name is what our decoder would give only half of, or not at all.
    pub(super) fn new(mut scan: Scan) -> Result<Self, ReadProblem> {
        let head = scan.peek(he_aac::LOOKED_AT * LONGEST_FRAME)?;
        let first = Frame::parse(head).ok_or(ReadProblem::NotAudio)?;
        if first.profile != 1 || first.channels == 0 || first.channels > 2 || first.blocks > 1 {
            return Err(ReadProblem::NeedsFfmpeg {
                format: "AAC of another kind than LC".to_owned(),
            });
        }
        let mut frames = Vec::new();
        let mut rest = head;
        while let Some(frame) = Frame::parse(rest).filter(|frame| frame.len <= rest.len()) {
            frames.push(&rest[frame.header..frame.len]);
            rest = &rest[frame.len..];
        }
        if first.rate <= 24_000 && he_aac::is_in(frames.into_iter().take(he_aac::LOOKED_AT)) {
            return Err(ReadProblem::NeedsFfmpeg {
                format: "HE-AAC".to_owned(),
            });
        }
        Ok(Self {
            scan,
            first,
            position: 0,
            remarks: Vec::new(),
        })
    }

    fn secs(&self) -> f64 {
        self.position as f64 / f64::from(self.first.rate)
    }

    /// To the next frame; what lies before it is left out.
    fn sync(&mut self) -> Result<Option<Frame>, ReadProblem> {
        let mut left_out = 0;
        let found = loop {
            let bytes = self.scan.peek(LONGEST_FRAME + HEADER)?;
            if bytes.len() < HEADER {
                left_out += bytes.len() as u64;
                break None;
            }
            let frame = Frame::parse(bytes).filter(|frame| {
                let next = bytes.get(frame.len..).and_then(Frame::parse);
                left_out == 0 || next.is_some_and(|next| next.goes_with(frame))
            });
            if frame.is_some() {
                break frame;
            }
            if bytes.starts_with(b"TAG")
                || bytes.starts_with(b"ID3")
                || bytes.starts_with(b"APETAGEX")
            {
                break None;
            }
            let step = 1 + bytes[1..]
                .iter()
                .position(|&byte| byte == 0xff)
                .unwrap_or(bytes.len() - 1);
            left_out += step as u64;
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
}

impl Demuxer for Adts {
    fn params(&self) -> AudioCodecParameters {
        let both = Position::FRONT_LEFT | Position::FRONT_RIGHT;
        let positions = if self.first.channels == 1 {
            Position::FRONT_LEFT
        } else {
            both
        };
        let mut params = AudioCodecParameters::new();
        params
            .for_codec(CODEC_ID_AAC)
            .with_sample_rate(self.first.rate)
            .with_channels(Channels::Positioned(positions));
        params
    }

    fn declared_len(&self) -> Option<u64> {
        None
    }

    fn next_unit(&mut self) -> Result<Option<Unit>, ReadProblem> {
        let Some(frame) = self.sync()? else {
            return Ok(None);
        };
        if !frame.goes_with(&self.first) {
            return Err(ReadProblem::FormatChanges {
                read_secs: self.secs(),
            });
        }
        let bytes = self.scan.peek(frame.len)?;
        if bytes.len() < frame.len {
            let read_secs = self.secs();
            self.scan.skip(frame.len as u64)?;
            self.remarks.push(ReadRemark::CutOff {
                read_secs,
                promised_secs: None,
            });
            return Ok(None);
        }
        let data: Box<[u8]> = bytes[frame.header..].into();
        self.scan.skip(frame.len as u64)?;
        self.position += BLOCK;
        Ok(Some(Unit {
            data,
            len: BLOCK,
            front: 0,
            back: 0,
        }))
    }

    fn take_remarks(&mut self) -> Vec<ReadRemark> {
        std::mem::take(&mut self.remarks)
    }
}

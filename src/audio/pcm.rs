//! Samples as they lie in a file, one after the other → blocks of `f32`.

use super::{
    ReadProblem, ReadRemark,
    source::{Source, Spec},
};
use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
};

/// Bytes decoded at once, about.
const BLOCK: usize = 1 << 15;

/// How a sample is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// 8 bits from 0 to 255, silence is 128.
    Unsigned8,
    /// Two's complement of this many bytes, 1 to 8.
    Signed {
        bytes: usize,
    },
    Float32,
    Float64,
    ALaw,
    MuLaw,
}

impl Encoding {
    /// Bytes of a sample.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Unsigned8 | Self::ALaw | Self::MuLaw => 1,
            Self::Signed { bytes } => bytes,
            Self::Float32 => 4,
            Self::Float64 => 8,
        }
    }
}

/// Which byte of a number comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endian {
    Little,
    Big,
}

/// Where samples lie, and how.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layout {
    pub(super) spec: Spec,
    pub(super) encoding: Encoding,
    pub(super) endian: Endian,
    pub(super) region: Region,
}

/// A part of a file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Region {
    pub(super) start: u64,
    /// Bytes that are there.
    pub(super) len: u64,
    /// Bytes that the header states, if it does.
    pub(super) stated: Option<u64>,
    /// Bytes behind it that are not known to be anything.
    pub(super) unread: u64,
    /// The part of the file around or before it whose size is wrong, though that costs no sound.
    pub(super) wrong_size: Option<&'static str>,
}

/// A region of samples that is being read.
pub(super) struct Pcm {
    file: BufReader<File>,
    layout: Layout,
    left: u64,
    bytes: Vec<u8>,
    remarks: Vec<ReadRemark>,
}

impl Pcm {
    pub(super) fn new(mut file: File, layout: Layout) -> Result<Self, ReadProblem> {
        file.seek(SeekFrom::Start(layout.region.start))
            .map_err(ReadProblem::Io)?;
        let frame = layout.frame_bytes();
        let bytes_per_sec = f64::from(layout.spec.rate) * frame as f64;
        let remarks = layout.region.remarks(bytes_per_sec, frame as u64);
        Ok(Self {
            file: BufReader::new(file),
            left: layout.region.len / frame as u64,
            layout,
            bytes: Vec::new(),
            remarks,
        })
    }
}

impl Layout {
    fn frame_bytes(&self) -> usize {
        self.spec.channels.max(1) * self.encoding.bytes()
    }
}

impl Region {
    /// The part of a file of `held` bytes that begins at `start`: as many bytes as are `stated`, or all.
    pub(super) fn new(start: u64, held: u64, stated: Option<u64>) -> Self {
        let in_file = held.saturating_sub(start);
        Self {
            start,
            len: stated.map_or(in_file, |stated| stated.min(in_file)),
            stated,
            unread: 0,
            wrong_size: None,
        }
    }

    /// What its sizes say wrongly; a torn last frame is nothing to speak of where no size says so.
    pub(super) fn remarks(&self, bytes_per_sec: f64, frame: u64) -> Vec<ReadRemark> {
        let secs = |bytes: u64| bytes as f64 / bytes_per_sec;
        let mut remarks = Vec::new();
        let read_secs = secs(self.len);
        match self.stated {
            None if self.len > 0 => remarks.push(ReadRemark::NoLength { read_secs }),
            Some(stated) if stated / frame > self.len / frame => remarks.push(ReadRemark::CutOff {
                read_secs,
                promised_secs: Some(secs(stated)),
            }),
            Some(stated) if stated < self.len => remarks.push(ReadRemark::LongerThanStated {
                read_secs,
                stated_secs: secs(stated),
            }),
            _ => {}
        }
        if self.unread > 0 {
            remarks.push(ReadRemark::LeftOut {
                at_secs: read_secs,
                bytes: self.unread,
            });
        }
        if let (Some(part), true) = (self.wrong_size, remarks.is_empty()) {
            remarks.push(ReadRemark::WrongSize { part, read_secs });
        }
        remarks
    }
}

impl Source for Pcm {
    fn spec(&self) -> Spec {
        self.layout.spec
    }

    fn declared_len(&self) -> Option<u64> {
        Some(self.layout.region.len / self.layout.frame_bytes() as u64)
    }

    fn next_block(&mut self, planes: &mut Vec<Vec<f32>>) -> Result<bool, ReadProblem> {
        let frame = self.layout.frame_bytes();
        let frames = self.left.min((BLOCK / frame).max(1) as u64) as usize;
        if frames == 0 {
            return Ok(false);
        }
        self.bytes.resize(frames * frame, 0);
        let got = read_full(&mut self.file, &mut self.bytes).map_err(ReadProblem::Io)? / frame;
        self.left = if got < frames {
            0
        } else {
            self.left - got as u64
        };
        planes.resize(self.layout.spec.channels, Vec::new());
        for (channel, plane) in planes.iter_mut().enumerate() {
            plane.clear();
            self.layout
                .decode(&self.bytes[..got * frame], channel, plane);
        }
        Ok(got > 0)
    }

    fn count(&mut self) -> Result<Option<u64>, ReadProblem> {
        Ok(Some(self.left))
    }

    fn take_remarks(&mut self) -> Vec<ReadRemark> {
        std::mem::take(&mut self.remarks)
    }
}

fn read_full(file: &mut impl Read, bytes: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

impl Layout {
    /// Appends one channel of interleaved frames.
    fn decode(&self, frames: &[u8], channel: usize, plane: &mut Vec<f32>) {
        let (width, little) = (self.encoding.bytes(), self.endian == Endian::Little);
        let samples = frames
            .chunks_exact(self.frame_bytes())
            .map(|frame| &frame[channel * width..][..width]);
        match self.encoding {
            Encoding::Unsigned8 => plane.extend(samples.map(|s| (f32::from(s[0]) - 128.0) / 128.0)),
            Encoding::ALaw => plane.extend(samples.map(|s| of_i16(a_law(s[0])))),
            Encoding::MuLaw => plane.extend(samples.map(|s| of_i16(mu_law(s[0])))),
            Encoding::Signed { bytes: 2 } if little => {
                plane.extend(samples.map(|s| of_i16(i16::from_le_bytes([s[0], s[1]]))));
            }
            Encoding::Signed { .. } if little => {
                plane.extend(samples.map(|s| of_bytes(s.iter().rev())));
            }
            Encoding::Signed { .. } => plane.extend(samples.map(|s| of_bytes(s.iter()))),
            Encoding::Float32 => plane.extend(samples.map(|s| {
                let bytes = [s[0], s[1], s[2], s[3]];
                if little {
                    f32::from_le_bytes(bytes)
                } else {
                    f32::from_be_bytes(bytes)
                }
            })),
            Encoding::Float64 => plane.extend(samples.map(|s| {
                let bytes = s.try_into().expect("eight bytes");
                (if little {
                    f64::from_le_bytes(bytes)
                } else {
                    f64::from_be_bytes(bytes)
                }) as f32
            })),
        }
    }
}

fn of_i16(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}

/// Two's complement, the highest byte first.
fn of_bytes<'a>(bytes: impl ExactSizeIterator<Item = &'a u8>) -> f32 {
    let unused = 64 - 8 * bytes.len() as u32;
    let number = bytes.fold(0_u64, |number, &byte| number << 8 | u64::from(byte));
    // Shifted to the top, whatever its width; exact in f64 up to 53 bits, and f32 has 24.
    ((number << unused) as i64 as f64 / 2_f64.powi(63)) as f32
}

/// ITU-T G.711, A-law.
fn a_law(byte: u8) -> i16 {
    let byte = byte ^ 0x55;
    let (exponent, mantissa) = (byte >> 4 & 7, i16::from(byte & 15));
    let magnitude = match exponent {
        0 => mantissa << 4 | 8,
        exponent => (mantissa << 4 | 0x108) << (exponent - 1),
    };
    if byte & 0x80 > 0 {
        magnitude
    } else {
        -magnitude
    }
}

/// ITU-T G.711, µ-law.
fn mu_law(byte: u8) -> i16 {
    let byte = !byte;
    let (exponent, mantissa) = (byte >> 4 & 7, i16::from(byte & 15));
    let magnitude = ((mantissa << 3 | 0x84) << exponent) - 0x84;
    if byte & 0x80 > 0 {
        -magnitude
    } else {
        magnitude
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_of_any_width_reach_from_minus_one_to_one() {
        for width in 1..=8 {
            let mut lowest = vec![0; width];
            lowest[0] = 0x80;
            assert_eq!(of_bytes(lowest.iter()), -1.0);
            lowest[0] = 0x40;
            assert_eq!(of_bytes(lowest.iter()), 0.5);
        }
    }

    #[test]
    fn logarithmic_samples_are_those_of_g_711() {
        assert_eq!(
            [0xff, 0x7f, 0x80, 0x00].map(mu_law),
            [0, 0, 32_124, -32_124]
        );
        assert_eq!(
            [0xd5, 0x55, 0xaa, 0x2a].map(a_law),
            [8, -8, 32_256, -32_256]
        );
    }
}

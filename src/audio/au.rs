//! Sun's and NeXT's sound files (`.au`, `.snd`), as GTZAN is given out in them.
//!
//! ```text
//! file = ".snd", offset of the samples, their bytes or 2³² − 1, encoding, sample rate, channels, any text, samples
//! ```
//! All numbers are big-endian, as in AIFF-C, which lays its samples out alike: a header of that kind in front of them makes
//! them readable for the decoder there is.

use super::ReadProblem;
use std::{
    fs::File,
    io::{Cursor, Read, Seek, SeekFrom},
};
use symphonia::core::{
    errors::Error as DecodeError,
    io::{MediaSource, ReadOnlySource},
};

const MAGIC: &[u8; 4] = b".snd";
const HEADER: usize = 24;
const UNKNOWN: u32 = u32::MAX;
/// What an AIFF-C header needs beside the samples; their length must fit into 32 bits with it.
const AROUND: u64 = 64;

/// `file` as a stream for the decoders: a Sun file with a header of AIFF-C, any other as it is.
pub(super) fn stream(mut file: File) -> Result<Box<dyn MediaSource>, ReadProblem> {
    let mut header = Vec::with_capacity(HEADER);
    let read = file.by_ref().take(HEADER as u64).read_to_end(&mut header);
    read.map_err(ReadProblem::Io)?;
    if header.len() < HEADER || !header.starts_with(MAGIC) {
        file.rewind().map_err(ReadProblem::Io)?;
        return Ok(Box::new(file));
    }
    let field = |index: usize| {
        let bytes = header[4 * index..][..4].try_into().expect("four bytes");
        u32::from_be_bytes(bytes)
    };
    let [offset, bytes, encoding, rate, channels] = [1, 2, 3, 4, 5].map(field);
    let broken = |reason| ReadProblem::Header(DecodeError::DecodeError(reason));
    if (offset as usize) < HEADER {
        return Err(broken("au: its samples begin within the header"));
    }
    let channels = u16::try_from(channels)
        .ok()
        .filter(|&channels| channels > 0);
    let channels = channels.ok_or_else(|| broken("au: no channel, or more than 65535"))?;
    let (bits, compression) = match encoding {
        1 => (16, b"ulaw"), // decoded to 16 bits, which AIFF-C states
        2 => (8, b"NONE"),
        3 => (16, b"NONE"),
        4 => (24, b"NONE"),
        5 => (32, b"NONE"),
        6 => (32, b"fl32"),
        7 => (64, b"fl64"),
        27 => (16, b"alaw"),
        _ => {
            let reason = "au: neither linear samples, floats, A-law nor µ-law";
            return Err(ReadProblem::UnknownCodec(DecodeError::Unsupported(reason)));
        }
    };
    let stored = if matches!(encoding, 1 | 27) { 8 } else { bits };
    let frame = u64::from(channels) * u64::from(stored) / 8;
    let held = file.metadata().map_err(ReadProblem::Io)?.len();
    let bytes = match bytes {
        UNKNOWN => held.saturating_sub(offset.into()) / frame * frame,
        bytes => bytes.into(),
    };
    if bytes + AROUND > u32::MAX.into() {
        return Err(broken("au: more than 4 GiB of samples"));
    }
    file.seek(SeekFrom::Start(offset.into()))
        .map_err(ReadProblem::Io)?;
    let header = aiff_c(rate, channels, bits, compression, bytes as u32, frame);
    let whole = Cursor::new(header).chain(file.take(bytes));
    Ok(Box::new(ReadOnlySource::new(whole)))
}

/// Everything of an AIFF-C file that lies before its samples.
fn aiff_c(
    rate: u32,
    channels: u16,
    bits: u16,
    compression: &[u8; 4],
    bytes: u32,
    frame: u64,
) -> Vec<u8> {
    let frames = (u64::from(bytes) / frame) as u32;
    let mut common = Vec::new();
    common.extend(channels.to_be_bytes());
    common.extend(frames.to_be_bytes());
    common.extend(bits.to_be_bytes());
    common.extend(extended(rate));
    common.extend(compression);
    common.extend([0, 0]); // the compression's name: none
    let sound = bytes + 8;
    let form = 4 + 8 + common.len() as u32 + 8 + sound;
    let mut header = Vec::new();
    header.extend(b"FORM");
    header.extend(form.to_be_bytes());
    header.extend(b"AIFCCOMM");
    header.extend((common.len() as u32).to_be_bytes());
    header.extend(common);
    header.extend(b"SSND");
    header.extend(sound.to_be_bytes());
    header.extend([0; 8]); // offset and block size
    header
}

/// A whole number as an 80-bit float: sign and exponent, then the significand with its leading one.
fn extended(number: u32) -> [u8; 10] {
    let mut bytes = [0; 10];
    if number > 0 {
        let zeros = number.leading_zeros();
        let exponent = 16383 + 31 - zeros as u16;
        bytes[..2].copy_from_slice(&exponent.to_be_bytes());
        bytes[2..6].copy_from_slice(&(number << zeros).to_be_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use crate::audio::{AudioReader, Waveform};
    use std::{fs, path::Path};

    fn read(file: &Path) -> Result<Waveform, String> {
        let reader = AudioReader::open(file).map_err(|e| e.to_string())?;
        reader.read_all().map_err(|e| e.to_string())
    }

    fn fixture(name: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/audio")
            .join(name)
    }

    /// What follows the name of a chunk and its length, in either byte order.
    fn chunk(file: &[u8], name: &[u8; 4], skip: usize) -> Vec<u8> {
        let at = file.windows(4).position(|four| four == name).unwrap();
        file[at + 8 + skip..].to_vec()
    }

    fn au(encoding: u32, rate: u32, channels: u32, samples: &[u8], bytes: u32) -> Vec<u8> {
        let mut file = b".snd".to_vec();
        for field in [28, bytes, encoding, rate, channels] {
            file.extend(field.to_be_bytes());
        }
        file.extend(b"tone");
        file.extend(samples);
        file
    }

    fn written(folder: &Path, bytes: &[u8]) -> Result<Waveform, String> {
        let path = folder.join("sound.au");
        fs::write(&path, bytes).unwrap();
        read(&path)
    }

    #[test]
    fn the_same_samples_sound_the_same_as_in_other_containers() {
        let folder = tempfile::tempdir().unwrap();
        for (name, data, skip, encoding, rate) in [
            ("s16.aiff", b"SSND", 8, 3, 16_000),
            ("s24.aiff", b"SSND", 8, 4, 8_000),
            ("mulaw.wav", b"data", 0, 1, 8_000),
            ("alaw.wav", b"data", 0, 27, 8_000),
        ] {
            let samples = chunk(&fs::read(fixture(name)).unwrap(), data, skip);
            for bytes in [samples.len() as u32, u32::MAX] {
                let ours = written(folder.path(), &au(encoding, rate, 1, &samples, bytes));
                assert_eq!(ours, read(&fixture(name)), "{name}");
            }
        }
    }

    #[test]
    fn sides_stay_apart_and_floats_and_eight_bits_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let floats: Vec<u8> = [0.5f32, -0.25, 0.125, 1.0]
            .iter()
            .flat_map(|x| x.to_be_bytes())
            .collect();
        let sound = written(folder.path(), &au(6, 44_100, 2, &floats, 16)).unwrap();
        assert_eq!(sound.channels(), [[0.5, 0.125], [-0.25, 1.0]]);
        let sound = written(folder.path(), &au(2, 8000, 1, &[64, 192], 2)).unwrap();
        assert_eq!(sound.channels(), [[0.5, -0.5]]);
    }

    #[test]
    fn what_is_wrong_is_told() {
        let folder = tempfile::tempdir().unwrap();
        for (file, reason) in [
            (au(3, 8000, 1, &[0; 100], 200), "is cut off"),
            (au(99, 8000, 1, &[0; 100], 100), "neither linear samples"),
            (au(3, 8000, 0, &[0; 100], 100), "no channel"),
            (au(3, 0, 1, &[0; 100], 100), "broken header"),
            (au(3, 8000, 1, &[0; 100], u32::MAX - 1), "4 GiB"),
        ] {
            let error = written(folder.path(), &file).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}

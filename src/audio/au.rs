//! Sun's and NeXT's sound files (`.au`, `.snd`), as GTZAN is given out in them.
//!
//! ```text
//! file = ".snd", offset of the samples, their bytes or 2³² − 1, encoding, sample rate, channels, any text, samples
//! ```
//! All numbers are big-endian.

use super::{
    ReadProblem,
    container::read_at,
    pcm::{Encoding, Endian, Layout, Region},
    source::Spec,
    wave::broken,
};
use std::fs::File;
use symphonia::core::errors::Error as DecodeError;

const HEADER: usize = 24;
const UNKNOWN: u32 = u32::MAX;

/// Reads the header of a Sun file that begins at `start`.
pub(super) fn read(file: &mut File, start: u64, held: u64) -> Result<Layout, ReadProblem> {
    let header = read_at(file, start, HEADER).map_err(ReadProblem::Io)?;
    if header.len() < HEADER {
        return Err(broken("au: the header is cut off"));
    }
    let field = |index: usize| {
        let bytes = header[4 * index..][..4].try_into().expect("four bytes");
        u32::from_be_bytes(bytes)
    };
    let [offset, bytes, encoding, rate, channels] = [1, 2, 3, 4, 5].map(field);
    if (offset as usize) < HEADER {
        return Err(broken("au: its samples begin within the header"));
    }
    let channels = u16::try_from(channels)
        .ok()
        .filter(|&channels| channels > 0)
        .ok_or_else(|| broken("au: no channel, or more than 65535"))?;
    let encoding = match encoding {
        1 => Encoding::MuLaw,
        2..=5 => Encoding::Signed {
            bytes: encoding as usize - 1,
        },
        6 => Encoding::Float32,
        7 => Encoding::Float64,
        27 => Encoding::ALaw,
        _ => {
            let reason = "au: neither linear samples, floats, A-law nor µ-law";
            return Err(ReadProblem::UnknownCodec(DecodeError::Unsupported(reason)));
        }
    };
    let spec = Spec {
        rate,
        channels: channels.into(),
    };
    let start = start + u64::from(offset);
    let in_file = held.saturating_sub(start);
    let stated = match bytes {
        // The format knows a length that is not known: nothing is wrong with it.
        UNKNOWN => Some(in_file),
        0 => (in_file == 0).then_some(0),
        bytes => Some(bytes.into()),
    };
    let region = Region::new(start, held, stated);
    Ok(Layout {
        spec,
        encoding,
        endian: Endian::Big,
        region,
    })
}

#[cfg(test)]
mod tests {
    use crate::audio::{AudioReader, Waveform};
    use std::{fs, path::Path};

    fn read(file: &Path) -> Result<Waveform, String> {
        let mut reader = AudioReader::open(file).map_err(|e| e.to_string())?;
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
            (au(99, 8000, 1, &[0; 100], 100), "neither linear samples"),
            (au(3, 8000, 0, &[0; 100], 100), "no channel"),
            (au(3, 0, 1, &[0; 100], 100), "sample rate of 0 Hz"),
        ] {
            let error = written(folder.path(), &file).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}

//! [`Waveform`] → WAV file.

use super::{AudioError, Waveform};
use crate::whole_file::write_whole_with;
use hound::{SampleFormat, WavSpec, WavWriter};
use std::{
    fs::File,
    io::{self, BufWriter},
    path::Path,
};

/// How samples are stored in a WAV file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WavEncoding {
    /// 16-bit integers, which every program reads; rounded, and cut off at full scale.
    Int16,
    /// 32-bit floats: exact, and beyond full scale.
    Float32,
}

/// Writes a WAV file. It appears complete or not at all: written under another name, flushed to the disk, renamed.
///
/// # Errors
/// If the system will not write, or if the sound has too many channels or bytes (4 GiB) for a WAV file.
pub fn write_wav(
    path: impl AsRef<Path>,
    sound: &Waveform,
    encoding: WavEncoding,
) -> Result<(), AudioError> {
    let path = path.as_ref();
    write_whole_with(path, |file| encode(sound, encoding, file)).map_err(|source| {
        AudioError::Write {
            path: path.to_owned(),
            source,
        }
    })
}

fn encode(sound: &Waveform, encoding: WavEncoding, file: &mut BufWriter<File>) -> io::Result<()> {
    let (bits_per_sample, sample_format) = match encoding {
        WavEncoding::Int16 => (16, SampleFormat::Int),
        WavEncoding::Float32 => (32, SampleFormat::Float),
    };
    let bytes = sound.len() as u64 * sound.channels().len() as u64 * u64::from(bits_per_sample) / 8;
    if bytes > u64::from(u32::MAX) - 1024 {
        return Err(io::Error::other(format!(
            "{bytes} bytes of sound do not fit into a WAV file"
        )));
    }
    let spec = WavSpec {
        channels: u16::try_from(sound.channels().len()).map_err(io::Error::other)?,
        sample_rate: sound.sample_rate().hz(),
        bits_per_sample,
        sample_format,
    };
    let mut writer = WavWriter::new(file, spec).map_err(into_io)?;
    for i in 0..sound.len() {
        for channel in sound.channels() {
            match encoding {
                WavEncoding::Int16 => writer.write_sample(to_i16(channel[i])),
                WavEncoding::Float32 => writer.write_sample(channel[i]),
            }
            .map_err(into_io)?;
        }
    }
    writer.finalize().map_err(into_io)
}

/// Full scale is 32768, as in every decoder; the cast cuts off what lies beyond.
fn to_i16(sample: f32) -> i16 {
    (sample * 32768.0).round() as i16
}

fn into_io(error: hound::Error) -> io::Error {
    match error {
        hound::Error::IoError(error) => error,
        error => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{AudioReader, SampleRate};
    use std::fs;

    fn stereo() -> Waveform {
        let rate = SampleRate::new(8000).unwrap();
        Waveform::from_channels(vec![vec![0.0, 0.5, -1.0], vec![0.25, 1.5, -2.0]], rate).unwrap()
    }

    #[test]
    fn floats_come_back_exactly() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        write_wav(&path, &stereo(), WavEncoding::Float32).unwrap();
        assert_eq!(
            AudioReader::open(&path).unwrap().read_all().unwrap(),
            stereo()
        );
    }

    #[test]
    fn integers_are_cut_off_at_full_scale() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        write_wav(&path, &stereo(), WavEncoding::Int16).unwrap();
        let back = AudioReader::open(&path).unwrap().read_all().unwrap();
        let full = 32767.0 / 32768.0;
        assert_eq!(
            back.channels(),
            [vec![0.0, 0.5, -1.0], vec![0.25, full, -1.0]]
        );
    }

    #[test]
    fn a_failed_write_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("taken");
        fs::create_dir(&target).unwrap(); // renaming onto a folder fails, after all has been written
        let error = write_wav(&target, &stereo(), WavEncoding::Int16).unwrap_err();
        assert!(
            error.to_string().contains("taken: cannot be written"),
            "{error}"
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

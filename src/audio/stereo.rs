//! A sound file → its first two channels at the rate that is wanted.

use super::{AudioError, AudioReader, ReadProblem, SampleRate, Waveform, reader::read_error};
use std::path::Path;

/// Reads a whole file: decoded, its first two channels or the only one, resampled to `rate`.
///
/// # Errors
/// As [`read_mono`](super::read_mono).
pub fn read_stereo(path: impl AsRef<Path>, rate: SampleRate) -> Result<Waveform, AudioError> {
    let sound = AudioReader::open(path)?.read_all()?;
    sound.front_pair().resampled(rate)
}

/// Reads the part of a file from `onset` to `offset`, in seconds; the part ends early where the file does. The whole file
/// is decoded.
///
/// # Errors
/// As [`read_mono_span`](super::read_mono_span).
pub fn read_stereo_span(
    path: impl AsRef<Path>,
    rate: SampleRate,
    (onset, offset): (f64, f64),
) -> Result<Waveform, AudioError> {
    let sound = read_stereo(&path, rate)?;
    let secs = sound.secs();
    let part = sound.span((onset, offset));
    if part.is_empty() {
        let problem = ReadProblem::OutsideFile {
            onset,
            offset,
            secs,
        };
        return Err(read_error(path.as_ref(), problem));
    }
    Ok(part)
}

//! A sound file → its first two channels at the rate that is wanted.

use super::{
    AudioError, AudioReader, ReadProblem, ReadRemark, SampleRate, Waveform, reader::read_error,
};
use std::path::Path;

/// Reads a whole file: decoded, its first two channels or the only one, resampled to `rate`.
///
/// # Errors
/// As [`read_mono`](super::read_mono).
pub fn read_stereo(path: impl AsRef<Path>, rate: SampleRate) -> Result<Waveform, AudioError> {
    Ok(read_stereo_remarked(path, rate)?.0)
}

/// The same with what was found wrong with the file.
pub(crate) fn read_stereo_remarked(
    path: impl AsRef<Path>,
    rate: SampleRate,
) -> Result<(Waveform, Vec<ReadRemark>), AudioError> {
    let mut reader = AudioReader::open(path)?;
    let sound = reader.read_all()?.front_pair().resampled(rate)?;
    Ok((sound, reader.remarks().to_vec()))
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
    Ok(read_stereo_span_remarked(path, rate, (onset, offset))?.0)
}

/// The same with what was found wrong with the file.
pub(crate) fn read_stereo_span_remarked(
    path: impl AsRef<Path>,
    rate: SampleRate,
    (onset, offset): (f64, f64),
) -> Result<(Waveform, Vec<ReadRemark>), AudioError> {
    let (sound, remarks) = read_stereo_remarked(&path, rate)?;
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
    Ok((part, remarks))
}

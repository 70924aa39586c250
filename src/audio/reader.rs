//! A sound file → blocks of samples, at the file's own rate.

use super::{
    AudioError, ReadProblem, ReadRemark, SampleRate, Waveform, channel::append_mean, open, remark,
    source::Source,
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

/// No sound is louder than this many times full scale; files with integers stored as floats stay below.
const MAX_AMPLITUDE: f32 = 1e10;

/// More than this many samples per channel are not read into memory at once (4 GiB; 6 h at 48 kHz).
pub const MAX_SAMPLES_AT_ONCE: usize = 1 << 30;

/// A sound file that is being decoded, block by block, in memory that does not grow with its length.
///
/// Reads WAV in all its forms (RIFF, RIFX, RF64, BW64, Wave64; integers of 8 to 64 bits, floats, A-law, µ-law, MS and IMA
/// ADPCM, MPEG), AIFF, AU, CAF, FLAC, Ogg (Vorbis, FLAC), MPEG layers 1 to 3, AAC-LC, MP4 (AAC-LC, Apple Lossless, PCM)
/// and Matroska; what it does not decode itself goes through the program `ffmpeg`, where there is one (`CHIFFCHAFF_FFMPEG`
/// names another than `ffmpeg`). The first bytes decide what a file is, not its name.
///
/// The samples are those that ffmpeg gives: edit lists and what encoders wrote about their delay are honoured, and AAC in
/// ADTS, which does not state it, keeps its delay. Sizes and lengths in headers are not believed over what the file holds; where the
/// two differ, where the file ends early or is damaged, [`Self::remarks`] and [`take_remarks`](super::take_remarks) tell.
///
/// ```no_run
/// use chiffchaff::audio::AudioReader;
/// let mut reader = AudioReader::open("dawn.flac")?;
/// println!("{} channels at {}", reader.channels(), reader.sample_rate());
/// while let Some(block) = reader.next_block()? {
///     let first_channel: &[f32] = &block[0];
/// #   let _ = first_channel;
/// }
/// # Ok::<(), chiffchaff::audio::AudioError>(())
/// ```
///
/// # Errors
/// What cannot be decoded further gives an error at that point; the blocks before it have been handed out by then, so a
/// caller may keep them.
pub struct AudioReader {
    path: PathBuf,
    source: Box<dyn Source>,
    sample_rate: SampleRate,
    channels: usize,
    /// Samples per channel in the blocks that were decoded.
    position: u64,
    state: State,
    planes: Vec<Vec<f32>>,
    remarks: Vec<ReadRemark>,
}

/// Where a reader stands.
#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    /// A block that has not been handed out lies in the planes.
    Waiting,
    Reading,
    Ended,
}

impl AudioReader {
    /// More channels than the largest microphone arrays have.
    pub const MAX_CHANNELS: usize = 1024;

    /// Opens a file and decodes its first block, from which rate and channels are taken.
    ///
    /// # Errors
    /// [`AudioError::Read`] with the reason if this is not a readable sound file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, AudioError> {
        let path = path.as_ref();
        guard(|| Self::try_open(path))
            .unwrap_or(Err(ReadProblem::DecoderFailed { read_secs: 0.0 }))
            .map_err(|problem| read_error(path, problem))
    }

    /// Samples per second and channel.
    pub fn sample_rate(&self) -> SampleRate {
        self.sample_rate
    }

    /// Number of channels, 1 to [`Self::MAX_CHANNELS`].
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Samples per channel by the file's header, if it tells. Headers lie: allocate nothing by this, and hold nothing against
    /// it; [`Self::counted_len`] tells the truth.
    pub fn declared_len(&self) -> Option<u64> {
        self.source.declared_len()
    }

    /// Samples per channel that the file at `path` holds and what its sample rate is, counted from packet to packet without
    /// decoding, where its format lets one.
    ///
    /// # Errors
    /// As [`Self::open`] and [`Self::next_block`].
    pub fn counted_len(path: impl AsRef<Path>) -> Result<(u64, SampleRate), AudioError> {
        let path = path.as_ref();
        let reader = Self::open(path)?;
        let count = || -> Result<Option<u64>, ReadProblem> { open::source(path)?.count() };
        let counted = guard(count).unwrap_or(Err(ReadProblem::DecoderFailed { read_secs: 0.0 }));
        match counted.map_err(|problem| read_error(path, problem))? {
            Some(len) => Ok((len, reader.sample_rate)),
            None => reader.decoded_len(),
        }
    }

    fn decoded_len(mut self) -> Result<(u64, SampleRate), AudioError> {
        while self.next_block()?.is_some() {}
        Ok((self.position, self.sample_rate))
    }

    /// What was found wrong with the file so far. [`take_remarks`](super::take_remarks) gives the same for all files.
    pub fn remarks(&self) -> &[ReadRemark] {
        &self.remarks
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Decodes the next block: one slice per channel, all of one length, never empty; `None` at the end.
    ///
    /// # Errors
    /// If the file cannot be decoded further, or holds what is no sound. After an error the reader is at its end.
    pub fn next_block(&mut self) -> Result<Option<&[Vec<f32>]>, AudioError> {
        if !self.advance()? {
            return Ok(None);
        }
        let start = self.position - self.planes.first().map_or(0, Vec::len) as u64;
        for plane in &self.planes {
            if let Some(problem) = find_no_sound(plane, start, self.sample_rate) {
                self.state = State::Ended;
                return Err(read_error(&self.path, problem));
            }
        }
        Ok(Some(&self.planes))
    }

    /// Decodes the next block and appends the mean of its channels to `output`; `false` at the end.
    ///
    /// # Errors
    /// As [`Self::next_block`]; nothing is appended then.
    pub(crate) fn next_block_mono(&mut self, output: &mut Vec<f32>) -> Result<bool, AudioError> {
        let Some(block) = self.next_block()? else {
            return Ok(false);
        };
        append_mean(block, output);
        Ok(true)
    }

    /// Reads all that is left, every channel.
    ///
    /// # Errors
    /// As [`Self::next_block`], and if there is no sample or more than [`MAX_SAMPLES_AT_ONCE`].
    pub fn read_all(&mut self) -> Result<Waveform, AudioError> {
        let declared = self.declared_len().unwrap_or(0);
        if declared.saturating_mul(self.channels as u64) > MAX_SAMPLES_AT_ONCE as u64 {
            return Err(read_error(&self.path, ReadProblem::TooLong));
        }
        let mut channels = vec![Vec::new(); self.channels];
        while let Some(block) = self.next_block()? {
            let len = channels[0].len() + block[0].len();
            if len.saturating_mul(channels.len()) > MAX_SAMPLES_AT_ONCE {
                return Err(read_error(&self.path, ReadProblem::TooLong));
            }
            for (channel, plane) in channels.iter_mut().zip(block) {
                channel.extend_from_slice(plane);
            }
        }
        if channels[0].is_empty() {
            return Err(read_error(&self.path, ReadProblem::NoSamples));
        }
        Waveform::from_channels(channels, self.sample_rate)
    }

    fn try_open(path: &Path) -> Result<Self, ReadProblem> {
        let mut reader = Self {
            source: open::source(path)?,
            path: path.to_owned(),
            // What the header says, if it does, until the first block below tells.
            sample_rate: SampleRate::MIN,
            channels: 0,
            position: 0,
            state: State::Reading,
            planes: Vec::new(),
            remarks: Vec::new(),
        };
        let more = reader.decode_next()?;
        let spec = reader.source.spec();
        if !more && (spec.channels == 0 || spec.rate == 0) {
            return Err(ReadProblem::NoSamples);
        }
        check_channels(spec.channels)?;
        reader.sample_rate = check_rate(spec.rate)?;
        reader.channels = spec.channels;
        if more {
            reader.state = State::Waiting;
        }
        Ok(reader)
    }

    /// Makes the planes hold the next block; `false` at the end.
    fn advance(&mut self) -> Result<bool, AudioError> {
        match self.state {
            State::Ended => return Ok(false),
            State::Waiting => {
                self.state = State::Reading;
                return Ok(true);
            }
            State::Reading => {}
        }
        let read_secs = self.secs();
        let step =
            guard(|| self.decode_next()).unwrap_or(Err(ReadProblem::DecoderFailed { read_secs }));
        let step = step.and_then(|more| {
            if more {
                self.check_unchanged(read_secs)
            } else {
                Ok(false)
            }
        });
        if !matches!(step, Ok(true)) {
            self.state = State::Ended;
        }
        step.map_err(|problem| read_error(&self.path, problem))
    }

    fn check_unchanged(&self, read_secs: f64) -> Result<bool, ReadProblem> {
        let spec = self.source.spec();
        let same = spec.rate == self.sample_rate.hz() && spec.channels == self.channels;
        if same {
            Ok(true)
        } else {
            Err(ReadProblem::FormatChanges { read_secs })
        }
    }

    fn decode_next(&mut self) -> Result<bool, ReadProblem> {
        let more = self.source.next_block(&mut self.planes);
        for remark in self.source.take_remarks() {
            remark::leave(&self.path, remark.clone());
            self.remarks.push(remark);
        }
        let more = more?;
        if more {
            self.position += self.planes.first().map_or(0, Vec::len) as u64;
        }
        Ok(more)
    }

    fn secs(&self) -> f64 {
        self.position as f64 / f64::from(self.sample_rate.hz())
    }
}

impl std::fmt::Debug for AudioReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AudioReader")
            .field("path", &self.path)
            .field("sample_rate", &self.sample_rate)
            .field("channels", &self.channels)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

pub(super) fn read_error(path: &Path, problem: ReadProblem) -> AudioError {
    AudioError::Read {
        path: path.to_owned(),
        problem,
    }
}

/// Runs decoder code, which must not panic and is not ours: one bad file must not end a run over ten thousand.
fn guard<T>(decode: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(decode)).ok()
}

/// Before anything is allocated by them.
pub(super) fn check_channels(channels: usize) -> Result<(), ReadProblem> {
    match channels {
        1..=AudioReader::MAX_CHANNELS => Ok(()),
        channels => Err(ReadProblem::Channels { channels }),
    }
}

pub(super) fn check_rate(hz: u32) -> Result<SampleRate, ReadProblem> {
    SampleRate::new(hz).map_err(|_| ReadProblem::SampleRate { hz })
}

/// The first value that cannot be sound; `start` is the position of the first sample in the file.
fn find_no_sound(samples: &[f32], start: u64, rate: SampleRate) -> Option<ReadProblem> {
    let is_sound = |x: f32| x.abs() <= MAX_AMPLITUDE; // false for NaN
    // Without early exit first: that is several times faster, and nearly always true.
    if samples.iter().fold(true, |all, &x| all & is_sound(x)) {
        return None;
    }
    let at = samples.iter().position(|&x| !is_sound(x))?;
    Some(ReadProblem::NotSound {
        at_secs: (start + at as u64) as f64 / f64::from(rate.hz()),
        value: samples[at],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoder_that_panics_is_an_error_and_not_the_end() {
        assert_eq!(guard(|| 1), Some(1));
        assert_eq!(guard(|| -> i32 { panic!("as a decoder might") }), None);
    }
}

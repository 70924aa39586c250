//! A sound file → blocks of samples, at the file's own rate.

use super::{AudioError, ReadProblem, SampleRate, Waveform, au};
use std::{
    fs::File,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};
use symphonia::core::{
    audio::{Audio, AudioBuffer, GenericAudioBufferRef, conv::FromSample, sample::Sample},
    codecs::{
        CodecParameters,
        audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions, CODEC_ID_NULL_AUDIO},
    },
    errors::Error as DecodeError,
    formats::{
        FormatReader, Track, TrackType,
        probe::Hint,
        well_known::{FORMAT_ID_AIFF, FORMAT_ID_FLAC, FORMAT_ID_WAVE},
    },
    io::MediaSourceStream,
};

/// No sound is louder than this many times full scale; files with integers stored as floats stay below.
const MAX_AMPLITUDE: f32 = 1e10;

/// More than this many samples per channel are not read into memory at once (4 GiB; 6 h at 48 kHz).
pub const MAX_SAMPLES_AT_ONCE: usize = 1 << 30;

/// A sound file that is being decoded, block by block, in memory that does not grow with its length.
///
/// Reads WAV (integers of 8 to 32 bits, floats of 32 and 64, A-law, µ-law, MS and IMA ADPCM), FLAC, Ogg Vorbis, MP3
/// (and layers 1 and 2), AAC, M4A (AAC-LC and Apple Lossless), AIFF, AU, CAF and Matroska. The content decides, not the
/// extension. Silence that an encoder put in front is removed for Ogg and MP3; AAC keeps its encoder's delay (about 1024
/// to 2112 samples), which its files do not state in one agreed way.
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
/// What is damaged or cut off gives an error at that point; the blocks before it have been handed out by then, so a
/// caller may keep them.
pub struct AudioReader {
    path: PathBuf,
    format: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track_id: u32,
    sample_rate: SampleRate,
    channels: usize,
    declared_len: Option<u64>,
    /// Whether the header's length is binding (WAV, FLAC, AIFF), or an estimate.
    binding_len: bool,
    /// Samples per channel handed out or waiting in the decoder.
    position: u64,
    state: State,
    planes: Vec<Vec<f32>>,
}

/// Where a reader stands.
#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    /// The decoder holds a block that has not been handed out.
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

    /// Samples per channel by the file's header, if it tells. Headers lie: allocate nothing by this.
    pub fn declared_len(&self) -> Option<u64> {
        self.declared_len
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Decodes the next block: one slice per channel, all of one length, never empty; `None` at the end.
    ///
    /// # Errors
    /// If the file is damaged, cut off, or holds what is no sound. After an error the reader is at its end.
    pub fn next_block(&mut self) -> Result<Option<&[Vec<f32>]>, AudioError> {
        if !self.advance()? {
            return Ok(None);
        }
        let mut planes = std::mem::take(&mut self.planes);
        self.decoder.last_decoded().copy_to_vecs_planar(&mut planes);
        self.planes = planes;
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
    pub fn next_block_mono(&mut self, output: &mut Vec<f32>) -> Result<bool, AudioError> {
        if !self.advance()? {
            return Ok(false);
        }
        let start = output.len();
        let decoded = self.decoder.last_decoded();
        append_mean_of_any(&decoded, output);
        if !may_be_no_sound(&decoded) {
            return Ok(true);
        }
        let mixed = &output[start..];
        if let Some(problem) =
            find_no_sound(mixed, self.position - mixed.len() as u64, self.sample_rate)
        {
            output.truncate(start);
            self.state = State::Ended;
            return Err(read_error(&self.path, problem));
        }
        Ok(true)
    }

    /// Reads all that is left, every channel.
    ///
    /// # Errors
    /// As [`Self::next_block`], and if there is no sample or more than [`MAX_SAMPLES_AT_ONCE`].
    pub fn read_all(mut self) -> Result<Waveform, AudioError> {
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
        let format = probe(path)?;
        let track = choose_track(&*format)?;
        let params = audio_params(track).ok_or(ReadProblem::NoTrack)?;
        check_channels(params.channels.as_ref().map(|c| c.count()))?;
        let declared_rate = check_rate(params.sample_rate)?;
        let binding = [FORMAT_ID_WAVE, FORMAT_ID_FLAC, FORMAT_ID_AIFF];
        let mut reader = Self {
            decoder: make_decoder(params)?,
            track_id: track.id,
            declared_len: track.num_frames,
            binding_len: binding.contains(&format.format_info().format),
            // These two are what the header says, if it does, until the first block below tells.
            sample_rate: declared_rate.unwrap_or(SampleRate::MIN),
            channels: params.channels.as_ref().map_or(0, |c| c.count()),
            path: path.to_owned(),
            format,
            position: 0,
            state: State::Reading,
            planes: Vec::new(),
        };
        if reader.decode_next()? {
            let buffer = reader.decoder.last_decoded();
            let (hz, channels) = (buffer.spec().rate(), buffer.num_planes());
            check_channels(Some(channels))?;
            reader.sample_rate = SampleRate::new(hz).map_err(|_| ReadProblem::SampleRate { hz })?;
            reader.channels = channels;
            reader.state = State::Waiting;
        } else if reader.channels == 0 || declared_rate.is_none() {
            return Err(ReadProblem::NoSamples);
        }
        Ok(reader)
    }

    /// Makes the decoder hold the next block; `false` at the end.
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
        let buffer = self.decoder.last_decoded();
        let same =
            buffer.spec().rate() == self.sample_rate.hz() && buffer.num_planes() == self.channels;
        if same {
            Ok(true)
        } else {
            Err(ReadProblem::FormatChanges { read_secs })
        }
    }

    /// Decodes up to the next block with samples in it, and counts them.
    fn decode_next(&mut self) -> Result<bool, ReadProblem> {
        loop {
            let packet = match self.format.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => return self.end_of_data().map(|()| false),
                Err(DecodeError::ResetRequired) => {
                    self.next_stream()?;
                    continue;
                }
                Err(error) if is_eof(&error) => return self.early_end(),
                Err(error) => return Err(self.damaged(error)),
            };
            if packet.track_id != self.track_id {
                continue;
            }
            match self.decoder.decode(&packet) {
                Ok(buffer) if buffer.frames() > 0 => {
                    self.position += buffer.frames() as u64;
                    return Ok(true);
                }
                Ok(_) => {}
                Err(DecodeError::ResetRequired) => self.decoder.reset(),
                Err(error) => return self.undecodable(error),
            }
        }
    }

    /// The next of several streams joined in one file.
    fn next_stream(&mut self) -> Result<(), ReadProblem> {
        let track = choose_track(&*self.format)?;
        let params = audio_params(track).ok_or(ReadProblem::NoTrack)?;
        check_channels(params.channels.as_ref().map(|c| c.count()))?;
        self.decoder = make_decoder(params)?;
        self.track_id = track.id;
        self.declared_len = None;
        Ok(())
    }

    /// WAV and AIFF have no packets of their own: one that is too short to decode means that the file ends.
    fn undecodable(&self, error: DecodeError) -> Result<bool, ReadProblem> {
        if is_eof(&error) && self.packets_are_made_up() {
            return self.early_end();
        }
        Err(self.damaged(error))
    }

    /// The bytes end before the demuxer expects it. A WAV that was written to a pipe has no length: there this is the
    /// regular end.
    fn early_end(&self) -> Result<bool, ReadProblem> {
        let regular = self.packets_are_made_up() && self.declared_len.is_none();
        if regular {
            Ok(false)
        } else {
            Err(self.cut_off())
        }
    }

    fn packets_are_made_up(&self) -> bool {
        [FORMAT_ID_WAVE, FORMAT_ID_AIFF].contains(&self.format.format_info().format)
    }

    fn end_of_data(&self) -> Result<(), ReadProblem> {
        let missing = self
            .declared_len
            .is_some_and(|declared| self.position < declared);
        if self.binding_len && missing {
            Err(self.cut_off())
        } else {
            Ok(())
        }
    }

    fn cut_off(&self) -> ReadProblem {
        let rate = f64::from(self.sample_rate.hz());
        ReadProblem::Truncated {
            read_secs: self.secs(),
            declared_secs: self.declared_len.map(|len| len as f64 / rate),
        }
    }

    fn damaged(&self, error: DecodeError) -> ReadProblem {
        match error {
            DecodeError::IoError(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
                ReadProblem::Io(error)
            }
            source => ReadProblem::Damaged {
                read_secs: self.secs(),
                source,
            },
        }
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
            .field("declared_len", &self.declared_len)
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

fn probe(path: &Path) -> Result<Box<dyn FormatReader>, ReadProblem> {
    let metadata = std::fs::metadata(path).map_err(ReadProblem::Io)?;
    if !metadata.is_file() {
        return Err(ReadProblem::NotAFile);
    }
    if metadata.len() == 0 {
        return Err(ReadProblem::Empty);
    }
    let file = File::open(path).map_err(ReadProblem::Io)?;
    let stream = MediaSourceStream::new(au::stream(file)?, Default::default());
    symphonia::default::get_probe()
        .probe(&Hint::new(), stream, Default::default(), Default::default())
        .map_err(|error| match error {
            DecodeError::Unsupported(reason) if reason.starts_with("core (probe)") => {
                ReadProblem::NotAudio
            }
            error if is_eof(&error) => ReadProblem::Truncated {
                read_secs: 0.0,
                declared_secs: None,
            },
            DecodeError::IoError(error) => ReadProblem::Io(error),
            error => ReadProblem::Header(error),
        })
}

fn is_eof(error: &DecodeError) -> bool {
    matches!(error, DecodeError::IoError(e) if e.kind() == io::ErrorKind::UnexpectedEof)
}

fn choose_track(format: &dyn FormatReader) -> Result<&Track, ReadProblem> {
    format
        .default_track(TrackType::Audio)
        .ok_or(ReadProblem::NoTrack)
}

fn audio_params(track: &Track) -> Option<&AudioCodecParameters> {
    match &track.codec_params {
        Some(CodecParameters::Audio(params)) => Some(params),
        _ => None,
    }
}

/// Before a decoder is made: it allocates by channels. `None`: the header does not tell.
fn check_channels(channels: Option<usize>) -> Result<(), ReadProblem> {
    match channels {
        Some(channels) if !(1..=AudioReader::MAX_CHANNELS).contains(&channels) => {
            Err(ReadProblem::Channels { channels })
        }
        _ => Ok(()),
    }
}

fn check_rate(hz: Option<u32>) -> Result<Option<SampleRate>, ReadProblem> {
    hz.map(|hz| SampleRate::new(hz).map_err(|_| ReadProblem::SampleRate { hz }))
        .transpose()
}

fn make_decoder(params: &AudioCodecParameters) -> Result<Box<dyn AudioDecoder>, ReadProblem> {
    symphonia::default::get_codecs()
        .make_audio_decoder(params, &AudioDecoderOptions::default())
        .map_err(|error| match error {
            DecodeError::Unsupported(_) => ReadProblem::UnknownCodec(error),
            error if params.codec == CODEC_ID_NULL_AUDIO => ReadProblem::UnknownCodec(error),
            error => ReadProblem::Header(error),
        })
}

fn append_mean_of_any(buffer: &GenericAudioBufferRef<'_>, output: &mut Vec<f32>) {
    match buffer {
        GenericAudioBufferRef::U8(buffer) => append_mean(buffer, output),
        GenericAudioBufferRef::U16(buffer) => append_mean(buffer, output),
        GenericAudioBufferRef::U24(buffer) => append_mean(buffer, output),
        GenericAudioBufferRef::U32(buffer) => append_mean(buffer, output),
        GenericAudioBufferRef::S8(buffer) => append_mean(buffer, output),
        GenericAudioBufferRef::S16(buffer) => append_mean(buffer, output),
        GenericAudioBufferRef::S24(buffer) => append_mean(buffer, output),
        GenericAudioBufferRef::S32(buffer) => append_mean(buffer, output),
        GenericAudioBufferRef::F32(buffer) => append_mean(buffer, output),
        GenericAudioBufferRef::F64(buffer) => append_mean(buffer, output),
    }
}

fn append_mean<S: Sample>(buffer: &AudioBuffer<S>, output: &mut Vec<f32>)
where
    f32: FromSample<S>,
{
    let start = output.len();
    let mut planes = buffer.iter_planes();
    if let Some(first) = planes.next() {
        output.extend(first.iter().map(|&sample| f32::from_sample(sample)));
    }
    for plane in planes {
        for (sum, &sample) in output[start..].iter_mut().zip(plane) {
            *sum += f32::from_sample(sample);
        }
    }
    if buffer.num_planes() > 1 {
        let scale = 1.0 / buffer.num_planes() as f32;
        output[start..].iter_mut().for_each(|sum| *sum *= scale);
    }
}

/// Whole numbers are always within full scale.
fn may_be_no_sound(buffer: &GenericAudioBufferRef<'_>) -> bool {
    matches!(
        buffer,
        GenericAudioBufferRef::F32(_) | GenericAudioBufferRef::F64(_)
    )
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

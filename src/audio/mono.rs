//! A sound file → one channel at the rate that is wanted.

use super::{
    AudioError, AudioReader, Cancelled, ChannelChoice, ChannelLevels, MAX_SAMPLES_AT_ONCE,
    ReadProblem, ReadRemark, Resampler, SampleRate, TimeScale, Waveform,
    channel::append_mean,
    reader::read_error,
    resample::{borrow_resampler, give_back_resampler, rescaled_len},
};
use std::path::Path;

/// Reads a whole file: decoded, channels averaged, resampled to `rate`.
///
/// # Errors
/// If the file cannot be read to its end, holds no sample or more than [`MAX_SAMPLES_AT_ONCE`], or has a rate that
/// cannot be converted. [`MonoReader`] reads longer files, and what can be read of damaged ones.
pub fn read_mono(path: impl AsRef<Path>, rate: SampleRate) -> Result<Waveform, AudioError> {
    MonoReader::open(path)?.at_rate(rate)?.read_all()
}

/// Reads the part of a file from `onset` to `offset`, in seconds, and nothing behind it; the part ends early where
/// the file does.
///
/// # Errors
/// As [`read_mono`], and if the file ends at or before the onset.
pub fn read_mono_span(
    path: impl AsRef<Path>,
    rate: SampleRate,
    span: (f64, f64),
) -> Result<Waveform, AudioError> {
    MonoReader::open(path)?.at_rate(rate)?.read_span(span)
}

/// A sound file as a stream of one channel, in memory that does not grow with its length.
///
/// The blocks, joined, are exactly what [`read_mono`] gives.
pub struct MonoReader {
    reader: AudioReader,
    heard: Heard,
    /// Taken only while this is dropped.
    resampler: Option<Resampler>,
    decoded: Vec<f32>,
    block: Vec<f32>,
    /// The rate that the file counts as recorded at.
    played: SampleRate,
    rate: SampleRate,
    ended: bool,
}

impl MonoReader {
    /// Opens a file, to be read at its own rate unless [`Self::at_rate`] says otherwise.
    ///
    /// # Errors
    /// As [`AudioReader::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, AudioError> {
        let reader = AudioReader::open(path)?;
        Ok(Self {
            played: reader.sample_rate(),
            rate: reader.sample_rate(),
            heard: Heard::mix(&reader),
            resampler: None,
            reader,
            decoded: Vec::new(),
            block: Vec::new(),
            ended: false,
        })
    }

    /// Sets which channel is read; without it, the mean of all. Call before reading.
    ///
    /// # Errors
    /// If the file has no such channel; for the loudest one, also as [`AudioReader::open`].
    pub fn on_channel(mut self, channel: ChannelChoice) -> Result<Self, AudioError> {
        let found = match channel {
            ChannelChoice::Loudest => channel.of_file(self.path())?,
            known => known,
        };
        self.heard = match found.plane(&self.reader)? {
            Some(plane) => Heard::One(plane),
            None => Heard::mix(&self.reader),
        };
        Ok(self)
    }

    /// Plays the file slower or faster than it was recorded. Call before [`Self::at_rate`]; then one second of samples is
    /// [`Self::slowed_by`] times shorter in the recording.
    ///
    /// # Errors
    /// If [`TimeScale::played`] refuses the file's rate.
    pub fn slowed(mut self, scale: TimeScale) -> Result<Self, AudioError> {
        self.played = scale.played(self.reader.sample_rate())?;
        self.rate = self.played;
        Ok(self)
    }

    /// How many times slower than recorded the file is played, exactly: rates are whole numbers.
    pub fn slowed_by(&self) -> f64 {
        f64::from(self.reader.sample_rate().hz()) / f64::from(self.played.hz())
    }

    /// Sets the rate to read at. Call before reading.
    ///
    /// # Errors
    /// If [`Resampler::new`] refuses the two rates.
    pub fn at_rate(mut self, rate: SampleRate) -> Result<Self, AudioError> {
        self.resampler = match rate == self.played {
            true => None,
            false => Some(borrow_resampler(self.played, rate)?),
        };
        self.rate = rate;
        Ok(self)
    }

    /// The same file from its beginning, read in the same way.
    ///
    /// # Errors
    /// As [`Self::open`], and if the file has changed and no longer has the channel that is heard.
    pub fn again(&self) -> Result<Self, AudioError> {
        let again = Self::open(self.path())?;
        let again = match self.heard {
            Heard::One(plane) => again.on_channel(ChannelChoice::numbered(plane))?,
            Heard::Only | Heard::Mean(_) => again,
        };
        again.at_rate(self.rate)
    }

    /// The rate of the samples handed out.
    pub fn sample_rate(&self) -> SampleRate {
        self.rate
    }

    /// Samples to come by the file's header, at [`Self::sample_rate`]. Headers lie: allocate nothing by this.
    pub fn declared_len(&self) -> Option<u64> {
        let len = self.reader.declared_len()?;
        Some(rescaled_len(len, self.played, self.rate))
    }

    /// Length of the file by its header, in seconds. Headers lie: [`AudioReader::counted_len`] tells the truth.
    pub fn declared_secs(&self) -> Option<f64> {
        let rate = f64::from(self.reader.sample_rate().hz());
        Some(self.reader.declared_len()? as f64 / rate)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.reader.path()
    }

    /// The next samples, some thousands, never none; `None` at the end.
    ///
    /// # Errors
    /// As [`AudioReader::next_block`].
    pub fn next_block(&mut self) -> Result<Option<&[f32]>, AudioError> {
        let mut block = std::mem::take(&mut self.block);
        block.clear();
        let more = self.read_into(&mut block);
        self.block = block;
        Ok(more?.then_some(&self.block))
    }

    /// Appends the next samples to `output`; `false` at the end, when nothing was appended.
    ///
    /// # Errors
    /// As [`AudioReader::next_block`]. What had been decoded before has been handed out, up to the resampler's
    /// block that was not complete.
    pub fn read_into(&mut self, output: &mut Vec<f32>) -> Result<bool, AudioError> {
        let start = output.len();
        while !self.ended && output.len() == start {
            let Some(resampler) = &mut self.resampler else {
                self.ended = !self.heard.decode(&mut self.reader, output)?;
                continue;
            };
            self.decoded.clear();
            if self.heard.decode(&mut self.reader, &mut self.decoded)? {
                resampler.push(&self.decoded, output);
            } else {
                self.ended = true;
                resampler.finish(output);
            }
        }
        Ok(output.len() > start)
    }

    /// Reads all that is left, as [`read_mono`] does.
    ///
    /// # Errors
    /// As [`read_mono`].
    pub fn read_all(&mut self) -> Result<Waveform, AudioError> {
        let too_long = |len| len > MAX_SAMPLES_AT_ONCE as u64;
        if self.declared_len().is_some_and(too_long) {
            return Err(read_error(self.path(), ReadProblem::TooLong));
        }
        let mut samples = Vec::with_capacity(self.trusted_len());
        while self.read_into(&mut samples)? {
            if samples.len() > MAX_SAMPLES_AT_ONCE {
                return Err(read_error(self.path(), ReadProblem::TooLong));
            }
        }
        if samples.is_empty() {
            return Err(read_error(self.path(), ReadProblem::NoSamples));
        }
        Ok(Waveform::mono(samples, self.rate))
    }

    /// Reads a part, as [`read_mono_span`] does.
    ///
    /// # Errors
    /// As [`read_mono_span`].
    pub fn read_span(&mut self, (onset, offset): (f64, f64)) -> Result<Waveform, AudioError> {
        let rate = f64::from(self.rate.hz()) * self.slowed_by();
        let sample_at = |secs: f64| (secs.max(0.0) * rate).round() as u64;
        let (first, end) = (sample_at(onset), sample_at(offset));
        let (mut samples, mut position) = (Vec::new(), 0); // of the first sample in `samples`
        while position + (samples.len() as u64) < end && self.read_into(&mut samples)? {
            let before = first.saturating_sub(position).min(samples.len() as u64);
            samples.drain(..before as usize);
            position += before;
            if samples.len() > MAX_SAMPLES_AT_ONCE {
                return Err(read_error(self.path(), ReadProblem::TooLong));
            }
        }
        samples.truncate(end.saturating_sub(position) as usize);
        if samples.is_empty() {
            let secs = position as f64 / rate;
            let problem = ReadProblem::OutsideFile {
                onset,
                offset,
                secs,
            };
            return Err(read_error(self.path(), problem));
        }
        Ok(Waveform::mono(samples, self.rate))
    }

    /// What was found wrong with the file so far.
    pub fn remarks(&self) -> &[ReadRemark] {
        self.reader.remarks()
    }

    /// How far the channels cancel each other out in what has been read so far, if they are mixed and do.
    pub fn cancelled(&self) -> Option<Cancelled> {
        match &self.heard {
            Heard::Mean(levels) => levels.cancelled(),
            Heard::Only | Heard::One(_) => None,
        }
    }

    /// The declared length as far as the file's size makes it credible: worth reserving.
    fn trusted_len(&self) -> usize {
        let bytes = std::fs::metadata(self.path()).map_or(0, |metadata| metadata.len());
        let most = bytes.saturating_mul(8).min(MAX_SAMPLES_AT_ONCE as u64);
        self.declared_len().unwrap_or(0).min(most) as usize
    }
}

/// What is read of a file.
enum Heard {
    /// The only channel there is.
    Only,
    /// One of several.
    One(usize),
    /// The mean of several.
    Mean(ChannelLevels),
}

impl Heard {
    fn mix(reader: &AudioReader) -> Self {
        match reader.channels() {
            1 => Self::Only,
            channels => Self::Mean(ChannelLevels::new(channels)),
        }
    }

    /// Appends the next samples; `false` at the end.
    fn decode(
        &mut self,
        reader: &mut AudioReader,
        output: &mut Vec<f32>,
    ) -> Result<bool, AudioError> {
        if let Self::Only = self {
            return reader.next_block_mono(output);
        }
        let Some(planes) = reader.next_block()? else {
            return Ok(false);
        };
        match self {
            Self::Only => {}
            Self::One(plane) => output.extend_from_slice(&planes[*plane]),
            Self::Mean(levels) => {
                levels.add(planes);
                append_mean(planes, output);
            }
        }
        Ok(true)
    }
}

impl Drop for MonoReader {
    fn drop(&mut self) {
        if let Some(resampler) = self.resampler.take() {
            give_back_resampler(resampler);
        }
    }
}

//! Which channel of a recording is used, and how loud each is.

use super::{AudioError, AudioReader, ReadProblem, reader::read_error};
use serde::{Deserialize, Serialize};
use std::{fmt, num::NonZeroU16, path::Path, str::FromStr};

/// Which channel of a recording is used. Default: the mean of all.
///
/// ```
/// use chiffchaff::audio::ChannelChoice;
/// assert_eq!("mix".parse(), Ok(ChannelChoice::Mix));
/// assert_eq!("2".parse::<ChannelChoice>().unwrap().to_string(), "2");
/// assert!("left".parse::<ChannelChoice>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "Given", into = "String")]
pub enum ChannelChoice {
    /// The mean of all channels.
    #[default]
    Mix,
    /// One of them, counted from 1: `1` is the left one of two.
    Number(NonZeroU16),
    /// The one with most energy in the whole file, constant offsets aside; the first of equal ones. The file is read once
    /// more to find it.
    Loudest,
}

impl ChannelChoice {
    /// The same choice for one file, without [`Self::Loudest`]: so a file that is read several times is measured once.
    ///
    /// # Errors
    /// As [`AudioReader::open`], and if the file has no such channel. What is damaged further on is left to the reading.
    pub fn of_file(self, path: impl AsRef<Path>) -> Result<Self, AudioError> {
        let path = path.as_ref();
        let mut reader = AudioReader::open(path)?;
        self.check(&reader)?;
        if self != Self::Loudest || reader.channels() == 1 {
            return Ok(self.without_search());
        }
        let mut levels = ChannelLevels::new(reader.channels());
        while let Ok(Some(planes)) = reader.next_block() {
            levels.add(planes);
        }
        Ok(Self::numbered(levels.loudest()))
    }

    /// Whether `reader`'s file has such a channel.
    pub(crate) fn check(self, reader: &AudioReader) -> Result<(), AudioError> {
        self.plane(reader).map(|_| ())
    }

    /// Index of the channel that is used; `None`: the mean of all, or one that must be found first.
    pub(crate) fn plane(self, reader: &AudioReader) -> Result<Option<usize>, AudioError> {
        let channels = reader.channels();
        match self {
            Self::Number(wanted) if usize::from(wanted.get()) > channels => Err(read_error(
                reader.path(),
                ReadProblem::NoSuchChannel {
                    wanted: wanted.get(),
                    channels,
                },
            )),
            Self::Number(wanted) => Ok(Some(usize::from(wanted.get()) - 1)),
            Self::Mix | Self::Loudest => Ok(None),
        }
    }

    /// Whether it is the mean of all channels.
    pub fn is_mix(&self) -> bool {
        *self == Self::Mix
    }

    fn without_search(self) -> Self {
        match self {
            Self::Loudest => Self::Mix,
            other => other,
        }
    }

    pub(super) fn numbered(plane: usize) -> Self {
        let number = u16::try_from(plane + 1).ok().and_then(NonZeroU16::new);
        number.map_or(Self::Mix, Self::Number)
    }
}

impl FromStr for ChannelChoice {
    type Err = NoChannelChoice;

    fn from_str(text: &str) -> Result<Self, NoChannelChoice> {
        match text {
            "mix" => Ok(Self::Mix),
            "loudest" => Ok(Self::Loudest),
            _ => text.parse().map(Self::Number).map_err(|_| NoChannelChoice {
                given: text.to_owned(),
            }),
        }
    }
}

impl fmt::Display for ChannelChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mix => f.write_str("mix"),
            Self::Number(number) => number.fmt(f),
            Self::Loudest => f.write_str("loudest"),
        }
    }
}

/// What is no [`ChannelChoice`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is no channel: must be `mix`, `loudest` or a number from 1")]
pub struct NoChannelChoice {
    /// What was given.
    given: String,
}

/// As it may stand in a file: `channel = 2`, `channel = "2"`, `channel = "loudest"`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Given {
    Number(i64),
    Text(String),
}

impl TryFrom<Given> for ChannelChoice {
    type Error = NoChannelChoice;

    fn try_from(given: Given) -> Result<Self, NoChannelChoice> {
        match given {
            Given::Number(number) => number.to_string().parse(),
            Given::Text(text) => text.parse(),
        }
    }
}

impl From<ChannelChoice> for String {
    fn from(choice: ChannelChoice) -> Self {
        choice.to_string()
    }
}

/// How loud the channels of some sound are, and their mean: found while the sound passes by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChannelLevels {
    channels: Vec<Power>,
    mix: Power,
    samples: u64,
    buffer: Vec<f32>,
}

/// Sums of which energy about the mean follows: a constant offset is no sound.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Power {
    sum: f64,
    squares: f64,
}

impl Power {
    fn add(&mut self, samples: &[f32]) {
        for &sample in samples {
            let sample = f64::from(sample);
            self.sum += sample;
            self.squares += sample * sample;
        }
    }

    fn of_each(self, samples: u64) -> f64 {
        let samples = samples.max(1) as f64;
        (self.squares / samples - (self.sum / samples).powi(2)).max(0.0)
    }
}

impl ChannelLevels {
    /// Below this power (−80 dB of full scale) channels hold nothing that could be lost.
    const SILENT: f64 = 1e-8;
    /// The mean of two unrelated channels is 3 dB below them; that of a channel and a silent one is at most 6 dB below.
    /// A mean that is this many dB below the first case, so 10 dB below the channels, has lost what the channels share:
    /// they cancel each other.
    const LOST_DB: f64 = 7.0;

    /// The levels of sound with this many channels, before its first sample.
    pub(crate) fn new(channels: usize) -> Self {
        Self {
            channels: vec![Power::default(); channels],
            mix: Power::default(),
            samples: 0,
            buffer: Vec::new(),
        }
    }

    /// Takes the next samples, one slice for each channel.
    ///
    /// # Panics
    /// If there are other channels than announced, or of different lengths.
    pub(crate) fn add(&mut self, planes: &[impl AsRef<[f32]>]) {
        assert_eq!(planes.len(), self.channels.len(), "channels");
        for (power, plane) in self.channels.iter_mut().zip(planes) {
            power.add(plane.as_ref());
        }
        self.samples += planes.first().map_or(0, |plane| plane.as_ref().len()) as u64;
        if planes.len() > 1 {
            self.buffer.clear();
            append_mean(planes, &mut self.buffer);
            self.mix.add(&self.buffer);
        }
    }

    /// Index of the channel with most energy, the first of equal ones.
    fn loudest(&self) -> usize {
        let power = |plane: usize| self.channels[plane].of_each(self.samples);
        let louder = |best, plane| {
            if power(plane) > power(best) {
                plane
            } else {
                best
            }
        };
        (0..self.channels.len()).reduce(louder).unwrap_or(0)
    }

    /// Index of the channel that `choice` is; `None`: the mean of all.
    pub(crate) fn heard(&self, choice: ChannelChoice) -> Option<usize> {
        match choice {
            ChannelChoice::Mix => None,
            ChannelChoice::Number(number) => Some(usize::from(number.get()) - 1),
            ChannelChoice::Loudest => Some(self.loudest()),
        }
    }

    /// How many dB the mean of the channels lies below them, if that is because they cancel each other out.
    pub(crate) fn cancelled(&self) -> Option<Cancelled> {
        let count = self.channels.len();
        let powers = self
            .channels
            .iter()
            .map(|power| power.of_each(self.samples));
        let mean = powers.sum::<f64>() / count.max(1) as f64;
        if count < 2 || mean < Self::SILENT {
            return None;
        }
        let below_db = -10.0 * (self.mix.of_each(self.samples) / mean).max(1e-20).log10();
        let unrelated_db = 10.0 * (count as f64).log10();
        (below_db > unrelated_db + Self::LOST_DB).then_some(Cancelled { below_db })
    }
}

/// Channels whose mean has lost what they share, as those of a microphone with one side wired upside down.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Cancelled {
    /// How far the mean of the channels lies below them, in dB.
    pub below_db: f64,
}

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (more, db) = match self.below_db {
            db if db > 120.0 => ("more than ", 120.0),
            db => ("", db),
        };
        write!(
            f,
            "its channels cancel each other out: mixed, they are {more}{db:.0} dB quieter (`--channel 1` or `--channel loudest` hears one of them)"
        )
    }
}

/// Appends the mean of the channels.
pub(super) fn append_mean(planes: &[impl AsRef<[f32]>], output: &mut Vec<f32>) {
    let start = output.len();
    let Some((first, others)) = planes.split_first() else {
        return;
    };
    output.extend_from_slice(first.as_ref());
    for plane in others {
        for (sum, sample) in output[start..].iter_mut().zip(plane.as_ref()) {
            *sum += sample;
        }
    }
    let scale = 1.0 / planes.len() as f32;
    output[start..].iter_mut().for_each(|sum| *sum *= scale);
}

#[cfg(test)]
mod tests {
    use super::super::{MonoReader, SampleRate, WavEncoding, Waveform, write_wav};
    use super::*;

    fn wave(samples: usize, gain: f32) -> Vec<f32> {
        (0..samples)
            .map(|i| gain * (i as f32 * 0.3).sin())
            .collect()
    }

    fn noise(samples: usize, mut state: u32) -> Vec<f32> {
        let mut draw = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        };
        (0..samples).map(|_| draw()).collect()
    }

    fn cancelled(planes: &[Vec<f32>]) -> Option<f64> {
        let mut levels = ChannelLevels::new(planes.len());
        levels.add(planes);
        levels.cancelled().map(|cancelled| cancelled.below_db)
    }

    #[test]
    fn choices_are_read_from_words_and_numbers_and_others_are_refused() {
        #[derive(Deserialize, Serialize)]
        struct File {
            channel: ChannelChoice,
        }
        for (text, choice) in [
            ("1", "1"),
            ("\"2\"", "2"),
            ("\"mix\"", "mix"),
            ("\"loudest\"", "loudest"),
        ] {
            let file: File = toml::from_str(&format!("channel = {text}")).unwrap();
            assert_eq!(file.channel.to_string(), choice);
            let again: File = toml::from_str(&toml::to_string(&file).unwrap()).unwrap();
            assert_eq!(again.channel, file.channel);
        }
        for wrong in ["0", "-1", "left", "", "1.5", "70000"] {
            let message = wrong.parse::<ChannelChoice>().unwrap_err().to_string();
            assert!(
                message.contains("`mix`, `loudest` or a number from 1"),
                "{message}"
            );
            assert!(toml::from_str::<File>(&format!("channel = {wrong:?}")).is_err());
        }
    }

    #[test]
    fn channels_that_cancel_are_told_from_those_that_differ() {
        let (one, other) = (wave(8000, 0.5), noise(8000, 7));
        let opposite = wave(8000, -0.5);
        assert!(cancelled(&[one.clone(), opposite.clone()]).unwrap() > 120.0);
        // Unequally loud, and with noise of their own.
        let nearly: Vec<f32> = opposite
            .iter()
            .zip(&other)
            .map(|(x, n)| 0.9 * x + 0.1 * n)
            .collect();
        assert!(cancelled(&[one.clone(), nearly]).unwrap() > 20.0);
        // A constant offset, the same in both, is no sound that is left.
        let offset = |samples: &[f32]| samples.iter().map(|x| 0.3 + x).collect::<Vec<_>>();
        assert!(cancelled(&[offset(&one), offset(&opposite)]).unwrap() > 60.0);

        assert_eq!(cancelled(&[one.clone(), one.clone()]), None);
        assert_eq!(cancelled(&[one.clone(), other]), None);
        assert_eq!(cancelled(&[one.clone(), vec![0.0; 8000]]), None);
        assert_eq!(cancelled(&[wave(8000, 1e-5), wave(8000, -1e-5)]), None);
        assert_eq!(cancelled(&[one]), None);
        let unrelated: Vec<_> = (0..32).map(|n| noise(8000, n)).collect();
        assert_eq!(cancelled(&unrelated), None);
    }

    #[test]
    fn a_chosen_channel_is_heard_alone_and_one_that_is_not_there_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stereo.wav");
        let rate = SampleRate::new(8000).unwrap();
        let planes = vec![wave(4000, 0.25), wave(4000, -0.5)];
        let sound = Waveform::from_channels(planes.clone(), rate).unwrap();
        write_wav(&path, &sound, WavEncoding::Float32).unwrap();
        let heard = |choice: &str| {
            let choice: ChannelChoice = choice.parse().unwrap();
            let sound = MonoReader::open(&path)?.on_channel(choice)?.read_all()?;
            Ok::<_, AudioError>(sound.channels()[0].clone())
        };
        assert_eq!(heard("1").unwrap(), planes[0]);
        assert_eq!(heard("2").unwrap(), planes[1]);
        assert_eq!(heard("loudest").unwrap(), planes[1]);
        let mean: Vec<f32> = planes[0]
            .iter()
            .zip(&planes[1])
            .map(|(a, b)| (a + b) * 0.5)
            .collect();
        assert_eq!(heard("mix").unwrap(), mean);
        let message = heard("3").unwrap_err().to_string();
        assert!(
            message.ends_with("stereo.wav: has 2 channels, and no channel 3"),
            "{message}"
        );
    }

    #[test]
    fn the_loudest_channel_is_that_of_the_whole_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("later.wav");
        let rate = SampleRate::new(8000).unwrap();
        let first = [wave(20_000, 0.3), vec![0.0; 80_000]].concat();
        let second = [vec![0.0; 20_000], wave(80_000, 0.2)].concat();
        let sound = Waveform::from_channels(vec![first, second], rate).unwrap();
        write_wav(&path, &sound, WavEncoding::Float32).unwrap();
        let found = ChannelChoice::Loudest.of_file(&path).unwrap();
        assert_eq!(found.to_string(), "2");
        write_wav(
            &path,
            &Waveform::mono(wave(800, 0.1), rate),
            WavEncoding::Float32,
        )
        .unwrap();
        assert_eq!(
            ChannelChoice::Loudest.of_file(&path).unwrap(),
            ChannelChoice::Mix
        );
    }
}

//! A few marked events → a fitted detector.

use super::detector::{Detector, Fitted};
use super::learned::LearnedFrom;
use super::shots_heard::{Heard, LookedAt, look_at_shots};
use super::{DetectError, DetectorConfig, Stage};
use crate::audio::{AudioReader, ChannelChoice, TimeScale};
use crate::dataset::{DatasetError, Marked, ShotChoice, Support, read_marks};
#[cfg(feature = "nn")]
use crate::encoder::Model;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A recording, and the events marked in it from which a detector learns.
#[derive(Debug, Clone, PartialEq)]
pub struct MarkedRecording {
    /// The sound file.
    pub path: PathBuf,
    /// The channel that is used. `None`: the one that the network was trained on, or without a network the mean of all.
    pub channel: Option<ChannelChoice>,
    /// How much slower or faster it is played. `None`: so that the network hears the marked events, by their frequencies and
    /// lengths.
    pub time_scale: Option<TimeScale>,
    /// The marked events.
    pub support: Support,
}

impl MarkedRecording {
    /// A recording with the shots that `choice` takes from a table of marks.
    ///
    /// # Errors
    /// If recording or table cannot be read, or the table has no shots of the recording.
    pub fn read(recording: &Path, table: &Path, choice: &ShotChoice) -> Result<Self, DetectError> {
        let (samples, rate) = AudioReader::counted_len(recording)?;
        let secs = samples as f64 / f64::from(rate.hz());
        let support = read_marks(table)?.support(recording, secs, choice);
        Ok(Self {
            path: recording.to_owned(),
            channel: None,
            time_scale: None,
            support: support.map_err(DatasetError::from)?,
        })
    }
}

/// What is heard of a recording, and how fast.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Playback {
    pub(super) channel: ChannelChoice,
    #[cfg_attr(
        not(feature = "nn"),
        expect(
            dead_code,
            reason = "only methods with a network play recordings slower or faster"
        )
    )]
    pub(super) time_scale: TimeScale,
}

/// What a method of detection does with marked events.
pub(super) trait Fit {
    /// Whether recordings can be played slower or faster for it.
    fn scales_time(&self) -> bool {
        false
    }

    /// Whether one detector can learn from several recordings, and search others.
    fn learns_together(&self) -> bool {
        false
    }

    /// Whether it can learn from marks beside which there may be events without.
    fn learns_from_some(&self) -> bool {
        false
    }

    /// Fits a detector to the marks of a recording.
    fn fit(
        &self,
        marked: &MarkedRecording,
        playback: Playback,
        observe: &mut dyn FnMut(Stage),
    ) -> Result<Box<dyn Fitted>, DetectError>;

    /// Fits one detector to the marks of several recordings, if the method can.
    fn fit_together(
        &self,
        marked: &[(&MarkedRecording, Playback)],
        _observe: &mut dyn FnMut(Stage),
    ) -> Result<Box<dyn Fitted>, DetectError> {
        let given = marked.len();
        Err(DetectError::MarkedRecordings { given })
    }
}

/// A method of detection with all that it takes to fit detectors: settings that are checked, and the network to start
/// from.
///
/// ```no_run
/// use chiffchaff::detect::{Fitter, MarkedRecording, template::TemplateConfig};
///
/// let marked = MarkedRecording::read("dawn.wav".as_ref(), "dawn.csv".as_ref(), &Default::default())?;
/// let fitter = Fitter::new(TemplateConfig::default().into())?;
/// let detector = fitter.fit(std::slice::from_ref(&marked), |_| {})?;
/// let found = detector.detect(&marked.path, |_| {})?;
/// println!("{} events", found.events.len());
/// # Ok::<(), chiffchaff::detect::DetectError>(())
/// ```
pub struct Fitter {
    method: Box<dyn Fit>,
    /// The channel that the network was trained on.
    channel: ChannelChoice,
    /// The frequencies that the front end of the network covers, Hz; `None`: all.
    hearing: Option<Range<f64>>,
}

impl fmt::Debug for Fitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fitter = f.debug_struct("Fitter");
        fitter.field("channel", &self.channel);
        fitter.field("hearing", &self.hearing);
        fitter.finish_non_exhaustive()
    }
}

impl Fitter {
    /// A fitter that starts from the network built into the library, on the CPU, where the method needs a network.
    ///
    /// # Errors
    /// If a setting is out of range, or the method needs a network and has none built in.
    pub fn new(config: DetectorConfig) -> Result<Self, DetectError> {
        #[cfg(feature = "nn")]
        {
            let model = config.built_in_model(tch::Device::Cpu)?;
            Self::with_model(config, model)
        }
        #[cfg(not(feature = "nn"))]
        {
            let DetectorConfig::Template(config) = config;
            config.check()?;
            Ok(Self::without_network(config))
        }
    }

    /// A fitter that starts from `model`, which template matching does not use.
    ///
    /// # Errors
    /// If a setting is out of range, if the method needs a network and there is none, or if the network is of a kind that
    /// the method cannot use.
    #[cfg(feature = "nn")]
    pub fn with_model(config: DetectorConfig, model: Option<Model>) -> Result<Self, DetectError> {
        use super::{frames::FrameFitter, prototypical::PrototypeFitter, windows::WindowFitter};
        let of_network = model
            .as_ref()
            .map(|Model { card, .. }| (card.channel, card.front_end.hearing()));
        let model = |preset| model.ok_or(DetectError::NoModel { preset });
        let method: Box<dyn Fit> = match config {
            DetectorConfig::Template(config) => {
                config.check()?;
                return Ok(Self::without_network(config));
            }
            DetectorConfig::Frames(config) => Box::new(FrameFitter::new(model("calls")?, config)?),
            DetectorConfig::Windows(config) => {
                Box::new(WindowFitter::new(model("moummad-supcon")?, config)?)
            }
            DetectorConfig::Prototypical(config) => {
                Box::new(PrototypeFitter::new(model("prototypical")?, config)?)
            }
        };
        let (channel, hearing) = of_network.unzip();
        Ok(Self {
            method,
            channel: channel.unwrap_or_default(),
            hearing,
        })
    }

    fn without_network(method: impl Fit + 'static) -> Self {
        Self {
            method: Box::new(method),
            channel: ChannelChoice::Mix,
            hearing: None,
        }
    }

    /// The channel of a recording that is used where `choice` is made, the loudest one found.
    ///
    /// # Errors
    /// As [`ChannelChoice::of_file`].
    pub fn channel(
        &self,
        recording: &Path,
        choice: Option<ChannelChoice>,
    ) -> Result<ChannelChoice, DetectError> {
        Ok(choice.unwrap_or(self.channel).of_file(recording)?)
    }

    /// Whether one detector can learn from the marks of several recordings, and search recordings without marks.
    pub fn learns_together(&self) -> bool {
        self.method.learns_together()
    }

    /// Whether it can learn from marks beside which there may be events without marks, [`Marked::Some`].
    pub fn learns_from_some(&self) -> bool {
        self.method.learns_from_some()
    }

    /// Reads a recording up to its last shot: how fast it is played so that the method hears the shots, and whether they are
    /// there then, in the channel that is used.
    ///
    /// # Errors
    /// If the recording cannot be read so far, or does not have the channel; [`DetectError::TimeScale`] if it is to be played
    /// at another speed than recorded and the method does not support that.
    pub fn look_at_shots(&self, marked: &MarkedRecording) -> Result<LookedAt, DetectError> {
        let time_scale = self.given_time_scale(marked)?;
        let channel = self.channel(&marked.path, marked.channel)?;
        let heard = Heard {
            channel,
            hearing: self.hearing.clone(),
            band_hz: marked.support.band_hz().cloned(),
            time_scale,
        };
        Ok(look_at_shots(&marked.path, marked.support.shots(), heard)?)
    }

    /// Fits one detector to the marks of recordings. The same marks give the same detector: recordings that were fitted
    /// before make no difference. All are played at one speed, the median of those that they need.
    ///
    /// # Errors
    /// If there is no recording, or more than one and the method learns from one only; [`DetectError::SomeMarked`] if events
    /// may be unmarked and the method must know all; if a recording cannot be read or
    /// has too low a rate; if a shot lies after its end or is shorter than a frame; or if there is no other sound to compare
    /// the shots with.
    pub fn fit(
        &self,
        marked: &[MarkedRecording],
        mut observe: impl FnMut(Stage),
    ) -> Result<Detector, DetectError> {
        let is_partial = |marked: &MarkedRecording| marked.support.marked() == Marked::Some;
        if !self.learns_from_some() && marked.iter().any(is_partial) {
            return Err(DetectError::SomeMarked);
        }
        let time_scale = self.time_scale(marked)?;
        let playback = |marked: &MarkedRecording| {
            let channel = self.channel(&marked.path, marked.channel)?;
            Ok::<_, DetectError>(Playback {
                channel,
                time_scale,
            })
        };
        let fitted = match marked {
            [marked] => self.method.fit(marked, playback(marked)?, &mut observe)?,
            several => {
                let several = several.iter().map(|marked| Ok((marked, playback(marked)?)));
                let several = several.collect::<Result<Vec<_>, DetectError>>()?;
                self.method.fit_together(&several, &mut observe)?
            }
        };
        Ok(Detector {
            fitted,
            fitted_to: marked.iter().map(|marked| marked.path.clone()).collect(),
            searches_others: self.method.learns_together(),
            channel: marked
                .first()
                .and_then(|marked| marked.channel)
                .unwrap_or(self.channel),
            time_scale,
            learned: LearnedFrom::new(marked),
        })
    }

    /// The speed at which all recordings are played.
    fn time_scale(&self, marked: &[MarkedRecording]) -> Result<TimeScale, DetectError> {
        let of_one = |marked| match self.given_time_scale(marked)? {
            Some(given) => Ok(given),
            None => Ok(self.look_at_shots(marked)?.time_scale),
        };
        let scales = marked.iter().map(of_one);
        let mut scales = scales.collect::<Result<Vec<_>, DetectError>>()?;
        scales.sort_by(|a, b| a.slower().total_cmp(&b.slower()));
        Ok(scales.get(scales.len() / 2).copied().unwrap_or_default())
    }

    /// The speed that is decided before the shots are looked at, if it is.
    fn given_time_scale(&self, marked: &MarkedRecording) -> Result<Option<TimeScale>, DetectError> {
        let scales = self.method.scales_time();
        match marked.time_scale {
            None if !scales => Ok(Some(TimeScale::NONE)),
            Some(given) if given != TimeScale::NONE && !scales => {
                Err(DetectError::TimeScale { given })
            }
            given => Ok(given),
        }
    }
}

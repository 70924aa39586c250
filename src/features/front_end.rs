//! The choice of front end.

use super::{
    Background, ClarStack, ClarStackConfig, ClipRules, Compression, ConfigProblem, Features,
    FeaturesError, InputScaling, LogMel, LogMelConfig, Mfcc, MfccConfig, Pcen, PcenConfig,
    SamplesConfig, Silence, StackedLogMel, StackedLogMelConfig, ThreeBand, ThreeBandConfig,
    Wavelet, WaveletConfig,
};
use crate::audio::{SampleRate, SoundChannels, Waveform};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A front end and its settings: all that is needed to repeat it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum FrontEnd {
    /// Log-mel spectrogram, `[1, mels, frames]`.
    LogMel(LogMelConfig),
    /// Cepstral coefficients, `[1, n_mfcc, frames]`.
    Mfcc(MfccConfig),
    /// Mel bands relative to their recent past, `[1, mels, frames]`.
    Pcen(PcenConfig),
    /// Linear power spectrum in three parts, `[3, bins / 3, frames]`; of stereo sound 6 channels.
    ThreeBand(ThreeBandConfig),
    /// Power of Morlet wavelets, `[1, bands, frames]`.
    Wavelet(WaveletConfig),
    /// Log-mel spectrograms of three windows, `[3, mels, frames]`.
    StackedLogMel(StackedLogMelConfig),
    /// Magnitude, phase and log-mel spectrogram, `[3, mels, frames]`.
    ClarStack(ClarStackConfig),
    /// Sound as it is, `[1, 1, samples]`; of stereo sound 2 channels.
    Samples(SamplesConfig),
}

impl FrontEnd {
    /// The names of [`Self::published`].
    pub const PUBLISHED: [&str; 11] = [
        "moummad",
        "protonet",
        "fonseca",
        "cola",
        "mfcc",
        "pcen",
        "esresnet",
        "esresnet-stereo",
        "wavelet",
        "palanisamy",
        "clar",
    ];

    /// The front end of this name, one of [`Self::PUBLISHED`]: of a published system, or with a library's usual settings.
    pub fn published(name: &str) -> Option<Self> {
        Some(match name {
            "mfcc" => Self::Mfcc(MfccConfig::librosa()),
            "pcen" => Self::Pcen(PcenConfig::protonet()),
            "esresnet" => Self::ThreeBand(ThreeBandConfig::esresnet()),
            "esresnet-stereo" => Self::ThreeBand(ThreeBandConfig::esresnet_stereo()),
            "wavelet" => Self::Wavelet(WaveletConfig::default()),
            "palanisamy" => Self::StackedLogMel(StackedLogMelConfig::palanisamy()),
            "clar" => Self::ClarStack(ClarStackConfig::clar()),
            name => Self::LogMel(LogMelConfig::published(name)?),
        })
    }

    /// The rate of the sound it hears.
    pub fn sample_rate(&self) -> SampleRate {
        self.timing().0
    }

    /// Frames per second.
    pub fn frame_rate(&self) -> f64 {
        let (sample_rate, hop_length) = self.timing();
        f64::from(sample_rate.hz()) / hop_length as f64
    }

    /// The frequencies that it hears, Hz.
    pub fn hearing(&self) -> Range<f64> {
        match self {
            Self::LogMel(log_mel)
            | Self::Mfcc(MfccConfig { log_mel, .. })
            | Self::Pcen(PcenConfig { log_mel, .. })
            | Self::StackedLogMel(StackedLogMelConfig { log_mel, .. }) => {
                log_mel.f_min..log_mel.f_max
            }
            Self::Wavelet(config) => config.f_min..config.f_max,
            // CLAR's stack has the whole spectrum beside its mel bands.
            Self::ClarStack(_) | Self::ThreeBand(_) | Self::Samples(_) => {
                0.0..f64::from(self.sample_rate().hz()) / 2.0
            }
        }
    }

    /// Which sides of a recording it hears.
    pub fn sound_channels(&self) -> SoundChannels {
        match self {
            Self::ThreeBand(config) => config.channels,
            Self::Samples(config) => config.channels,
            _ => SoundChannels::Mono,
        }
    }

    /// Every setting that is out of range.
    pub fn problems(&self) -> Vec<ConfigProblem> {
        let found = match self {
            Self::LogMel(config) => config.problems(),
            Self::Mfcc(config) => config.problems(),
            Self::Pcen(config) => config.problems(),
            Self::ThreeBand(config) => config.problems(),
            Self::Wavelet(config) => config.problems(),
            Self::StackedLogMel(config) => config.problems(),
            Self::ClarStack(config) => config.problems(),
            Self::Samples(_) => return Vec::new(),
        };
        found.into_list()
    }

    /// Number of bands of each channel.
    pub fn bands(&self) -> usize {
        match self {
            Self::LogMel(log_mel)
            | Self::Pcen(PcenConfig { log_mel, .. })
            | Self::StackedLogMel(StackedLogMelConfig { log_mel, .. })
            | Self::ClarStack(ClarStackConfig { log_mel }) => log_mel.n_mels,
            Self::Mfcc(config) => config.n_mfcc,
            Self::ThreeBand(config) => config.bands(),
            Self::Wavelet(config) => config.n_bands,
            Self::Samples(_) => 1,
        }
    }

    /// The setting, if any, by which a frame depends on more than the sound around it.
    pub fn needs_whole_clip(&self) -> Option<&'static str> {
        let of = |scaling: InputScaling, compression: Compression| {
            let scaling = scaling.measures_clip().then_some("input_scaling");
            scaling.or(compression.limits_range().then_some("compression.top_db"))
        };
        match self {
            Self::LogMel(log_mel)
            | Self::Mfcc(MfccConfig { log_mel, .. })
            | Self::Pcen(PcenConfig { log_mel, .. })
            | Self::StackedLogMel(StackedLogMelConfig { log_mel, .. })
            | Self::ClarStack(ClarStackConfig { log_mel }) => log_mel.needs_whole_clip(),
            Self::ThreeBand(config) => of(config.input_scaling, config.compression),
            Self::Wavelet(config) => of(config.input_scaling, config.compression),
            Self::Samples(_) => None,
        }
    }

    /// Checks the settings and plans the computation.
    ///
    /// # Errors
    /// [`FeaturesError::Config`] with every setting that is out of range.
    pub fn extractor(&self) -> Result<Extractor, FeaturesError> {
        Ok(match self {
            Self::LogMel(config) => Extractor::LogMel(LogMel::new(config)?),
            Self::Mfcc(config) => Extractor::Mfcc(Mfcc::new(config)?),
            Self::Pcen(config) => Extractor::Pcen(Pcen::new(config)?),
            Self::ThreeBand(config) => Extractor::ThreeBand(ThreeBand::new(config)?),
            Self::Wavelet(config) => Extractor::Wavelet(Wavelet::new(config)?),
            Self::StackedLogMel(config) => Extractor::StackedLogMel(StackedLogMel::new(config)?),
            Self::ClarStack(config) => Extractor::ClarStack(Box::new(ClarStack::new(config)?)),
            Self::Samples(config) => Extractor::Samples(config.channels),
        })
    }

    /// The same with the background kept: what can be computed while a recording is read.
    pub fn keeping_background(&self) -> Self {
        let mut front_end = self.clone();
        match &mut front_end {
            Self::LogMel(log_mel)
            | Self::Mfcc(MfccConfig { log_mel, .. })
            | Self::Pcen(PcenConfig { log_mel, .. })
            | Self::StackedLogMel(StackedLogMelConfig { log_mel, .. })
            | Self::ClarStack(ClarStackConfig { log_mel }) => {
                log_mel.background = Background::Keep;
            }
            Self::ThreeBand(_) | Self::Wavelet(_) | Self::Samples(_) => {}
        }
        front_end
    }

    /// What it does to the sound of a clip as a whole.
    pub fn clip_rules(&self) -> ClipRules {
        let mut same = self.clone();
        let (silence, scaling) = same.clip_rules_mut();
        ClipRules {
            silence: silence.map_or(Silence::Keep {}, |rule| *rule),
            scaling: scaling.map_or(InputScaling::None {}, |rule| *rule),
        }
    }

    /// The same for sound that its [clip rules](Self::clip_rules) were applied to.
    pub fn without_clip_rules(&self) -> Self {
        let mut front_end = self.clone();
        let (silence, scaling) = front_end.clip_rules_mut();
        if let Some(silence) = silence {
            *silence = Silence::Keep {};
        }
        if let Some(scaling) = scaling {
            *scaling = InputScaling::None {};
        }
        front_end
    }

    /// The settings that are its clip rules, as far as it has them.
    pub(super) fn clip_rules_mut(&mut self) -> (Option<&mut Silence>, Option<&mut InputScaling>) {
        match self {
            Self::LogMel(log_mel)
            | Self::Mfcc(MfccConfig { log_mel, .. })
            | Self::Pcen(PcenConfig { log_mel, .. })
            | Self::StackedLogMel(StackedLogMelConfig { log_mel, .. })
            | Self::ClarStack(ClarStackConfig { log_mel }) => {
                (Some(&mut log_mel.silence), Some(&mut log_mel.input_scaling))
            }
            Self::ThreeBand(config) => (None, Some(&mut config.input_scaling)),
            Self::Wavelet(config) => (None, Some(&mut config.input_scaling)),
            Self::Samples(_) => (None, None),
        }
    }

    /// Rate of the sound, and samples from frame to frame.
    fn timing(&self) -> (SampleRate, usize) {
        match self {
            Self::LogMel(log_mel)
            | Self::Mfcc(MfccConfig { log_mel, .. })
            | Self::Pcen(PcenConfig { log_mel, .. })
            | Self::StackedLogMel(StackedLogMelConfig { log_mel, .. })
            | Self::ClarStack(ClarStackConfig { log_mel }) => {
                (log_mel.sample_rate, log_mel.hop_length)
            }
            Self::ThreeBand(config) => (config.sample_rate, config.hop_length),
            Self::Wavelet(config) => (config.sample_rate, config.hop_length),
            Self::Samples(config) => (config.sample_rate, 1),
        }
    }

    /// The one spectrogram whose frames decide how far a frame reaches, where the features can be streamed.
    pub(super) fn streamed(&self) -> Result<&LogMelConfig, FeaturesError> {
        let front_end = match self {
            Self::LogMel(log_mel)
            | Self::Mfcc(MfccConfig { log_mel, .. })
            | Self::Pcen(PcenConfig { log_mel, .. }) => return Ok(log_mel),
            Self::ThreeBand(_) => "three-band",
            Self::Wavelet(_) => "wavelet",
            Self::StackedLogMel(_) => "stacked-log-mel",
            Self::ClarStack(_) => "clar-stack",
            Self::Samples(_) => "samples",
        };
        Err(FeaturesError::NotStreamed { front_end })
    }
}

/// A [`FrontEnd`] ready to compute; one serves any number of threads.
#[derive(Debug, Clone)]
pub enum Extractor {
    /// Of [`FrontEnd::LogMel`].
    LogMel(LogMel),
    /// Of [`FrontEnd::Mfcc`].
    Mfcc(Mfcc),
    /// Of [`FrontEnd::Pcen`].
    Pcen(Pcen),
    /// Of [`FrontEnd::ThreeBand`].
    ThreeBand(ThreeBand),
    /// Of [`FrontEnd::Wavelet`].
    Wavelet(Wavelet),
    /// Of [`FrontEnd::StackedLogMel`].
    StackedLogMel(StackedLogMel),
    /// Of [`FrontEnd::ClarStack`].
    ClarStack(Box<ClarStack>),
    /// Of [`FrontEnd::Samples`].
    Samples(SoundChannels),
}

impl Extractor {
    /// Number of channels of its features.
    pub fn channels(&self) -> usize {
        match self {
            Self::LogMel(_) | Self::Mfcc(_) | Self::Pcen(_) | Self::Wavelet(_) => 1,
            Self::Samples(channels) => channels.count(),
            Self::ThreeBand(three_band) => three_band.channels(),
            Self::StackedLogMel(stack) => stack.channels(),
            Self::ClarStack(_) => ClarStack::CHANNELS,
        }
    }

    /// Number of bands of each channel.
    pub fn bands(&self) -> usize {
        match self {
            Self::LogMel(log_mel) => log_mel.bands(),
            Self::Mfcc(mfcc) => mfcc.bands(),
            Self::Pcen(pcen) => pcen.bands(),
            Self::ThreeBand(three_band) => three_band.bands(),
            Self::Wavelet(wavelet) => wavelet.bands(),
            Self::StackedLogMel(stack) => stack.bands(),
            Self::ClarStack(stack) => stack.bands(),
            Self::Samples(_) => 1,
        }
    }

    /// The features of mono `samples` at the front end's rate, full scale at ±1.
    pub fn compute(&self, samples: &[f32]) -> Features {
        match self {
            Self::LogMel(log_mel) => log_mel.compute(samples),
            Self::Mfcc(mfcc) => mfcc.compute(samples),
            Self::Pcen(pcen) => pcen.compute(samples),
            Self::ThreeBand(three_band) => three_band.compute(&[samples]),
            Self::Wavelet(wavelet) => wavelet.compute(samples),
            Self::StackedLogMel(stack) => stack.compute(samples),
            Self::ClarStack(stack) => stack.compute(samples),
            Self::Samples(channels) => SamplesConfig::compute(*channels, &[samples]),
        }
    }

    /// The features of a sound at the front end's rate; where two sides are heard, a mono recording is taken for both.
    ///
    /// # Panics
    /// If the sound has more channels than the front end hears.
    pub fn compute_sound(&self, sound: &Waveform) -> Features {
        match (self, sound.channels()) {
            (_, [samples]) => self.compute(samples),
            (Self::ThreeBand(three_band), [left, right]) if three_band.hears_stereo() => {
                three_band.compute(&[left, right])
            }
            (Self::Samples(heard), [left, right]) if !heard.is_mono() => {
                SamplesConfig::compute(*heard, &[left, right])
            }
            (_, channels) => panic!("{} channels are more than are heard", channels.len()),
        }
    }
}

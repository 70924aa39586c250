//! Log-mel spectrograms, in every convention that published systems use.

use super::axis::unit;
use super::front_end::{Extract, Extractor, Published, Settings, first_in_force};
use super::{Background, BandAxis, ChannelAxis, InputScaling, LogUnit, Silence, Spectrum};
use super::{Features, FeaturesError, compression::Compression, error::Problems};
use crate::{
    audio::SampleRate,
    signal::{
        AreaNorm, MelBank, MelBankConfig, MelScale, Padding, Stft, StftConfig, TriangleDomain,
        WindowPlacement, WindowShape, WindowSymmetry,
    },
};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Frames that go through the filter bank side by side: four SSE registers.
const BLOCK_FRAMES: usize = 16;

/// Every choice that goes into a log-mel spectrogram; defaults are those of [`Self::small`].
///
/// Front ends of published systems are not interchangeable: two that differ in one of these fields
/// give an encoder trained on the other something it has never heard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogMelConfig {
    /// Samples per second of the sound, Hz; sound of another rate is resampled first. Default 22050.
    pub sample_rate: SampleRate,
    /// What becomes of digital silence. Default keep.
    pub silence: Silence,
    /// What is done to the samples of a clip next. Default none.
    pub input_scaling: InputScaling,
    /// Length of the Fourier transform, samples, 2..=1048576; bins are `sample_rate / n_fft` Hz
    /// apart. More resolves lower pitches and costs time. Default 1024.
    pub n_fft: usize,
    /// Length of the window, samples, 1..=`n_fft`. More blurs in time, less in frequency. Default 1024.
    pub win_length: usize,
    /// Distance of frames, samples, ≥ 1. Less gives more frames, larger caches, slower training.
    /// Default 220: 10 ms.
    pub hop_length: usize,
    /// Shape of the window. Default Hann.
    pub window: WindowShape,
    /// Period of the window. Default periodic.
    pub window_symmetry: WindowSymmetry,
    /// Where a window shorter than `n_fft` stands in it. Default centre.
    pub window_placement: WindowPlacement,
    /// What lies beyond the ends of the clip; anything but none centres the frames. Default reflect.
    pub padding: Padding,
    /// What is summed into bands: power or magnitude. Default power.
    pub spectrum: Spectrum,
    /// Number of mel bands, 1..=4096. Default 64.
    pub n_mels: usize,
    /// Where the lowest band begins, Hz, 0..`f_max`. Default 50: below is wind and hum.
    pub f_min: f64,
    /// Where the highest band ends, Hz, `f_min`..=`sample_rate / 2`. Default 11025.
    pub f_max: f64,
    /// The scale on which bands are equally wide. Default HTK.
    pub mel_scale: MelScale,
    /// The axis along which the sides of a band's triangle are straight. Default Hz.
    pub triangles: TriangleDomain,
    /// The relative heights of the triangles. Default none: all peak at 1.
    pub mel_norm: AreaNorm,
    /// What makes energies into levels. Default decibels.
    pub compression: Compression,
    /// The last step: what becomes of the recording's background. Default keep.
    pub background: Background,
}

impl Default for LogMelConfig {
    fn default() -> Self {
        Self::small()
    }
}

impl LogMelConfig {
    /// The front end of our own recipe `small`: 64 bands of 50 to 11025 Hz every 10 ms, in decibels.
    pub fn small() -> Self {
        Self {
            sample_rate: rate(22_050),
            silence: Silence::Keep {},
            input_scaling: InputScaling::None {},
            n_fft: 1024,
            win_length: 1024,
            hop_length: 220,
            window: WindowShape::Hann,
            window_symmetry: WindowSymmetry::Periodic,
            window_placement: WindowPlacement::Centre,
            padding: Padding::Reflect,
            spectrum: Spectrum::Power,
            n_mels: 64,
            f_min: 50.0,
            f_max: 11_025.0,
            mel_scale: MelScale::Htk,
            triangles: TriangleDomain::Hz,
            mel_norm: AreaNorm::None,
            compression: Compression::decibels(),
            background: Background::Keep,
        }
    }

    /// Moummad et al. 2023, few-shot detection (DCASE task 5): torchaudio's `MelSpectrogram` and
    /// `AmplitudeToDB`, without a limit to the dynamic range.
    pub fn moummad() -> Self {
        Self {
            n_fft: 512,
            win_length: 512,
            hop_length: 128,
            n_mels: 128,
            ..Self::small()
        }
    }

    /// The prototypical baseline of DCASE task 5, up to its PCEN: librosa's `melspectrogram` of
    /// samples × 2³². The baseline's configured 50 Hz lower edge never reaches librosa, so it is 0 here.
    pub fn protonet() -> Self {
        Self {
            input_scaling: InputScaling::Gain {
                factor: 4_294_967_296.0,
            },
            hop_length: 256,
            padding: Padding::Zero,
            n_mels: 128,
            f_min: 0.0,
            mel_scale: MelScale::Slaney,
            mel_norm: AreaNorm::Slaney,
            compression: Compression::None {},
            ..Self::small()
        }
    }

    /// Fonseca et al. 2021, "Unsupervised contrastive learning of sound event representations":
    /// librosa with a Hamming window of 30 ms. The source also adds 1.1e-8 to every sample, which
    /// changes nothing that its floor of the same size would show.
    pub fn fonseca() -> Self {
        Self {
            input_scaling: InputScaling::Peak { offset: 0.005 },
            n_fft: 2048,
            win_length: 660,
            window: WindowShape::Hamming,
            n_mels: 96,
            f_max: 10_500.0,
            mel_scale: MelScale::Slaney,
            compression: Compression::Log10 { offset: 1.1e-8 },
            ..Self::small()
        }
    }

    /// Saeed, Grangier and Zeghidour 2021, COLA: TensorFlow's `signal.stft` and
    /// `linear_to_mel_weight_matrix` on magnitudes.
    ///
    /// The samples given to [`LogMel::compute`] are scaled to unit norm: give it the whole clip, as
    /// COLA's pre-training does, or one window, as its evaluation does.
    pub fn cola() -> Self {
        Self {
            sample_rate: rate(16_000),
            input_scaling: InputScaling::unit_norm(),
            n_fft: 1024,
            win_length: 400,
            hop_length: 160,
            window_placement: WindowPlacement::Start,
            padding: Padding::None,
            spectrum: Spectrum::Magnitude,
            f_min: 60.0,
            f_max: 7800.0,
            triangles: TriangleDomain::Mel,
            compression: Compression::Ln {
                floor: 1e-5,
                ceiling: 1e8,
            },
            ..Self::small()
        }
    }

    /// How far a frame reaches around its place, sample `frame · hop_length`.
    fn frame_extent(&self) -> FrameExtent {
        let length = match self.window_placement {
            WindowPlacement::Centre => self.n_fft,
            WindowPlacement::Start => self.win_length,
        };
        let before = match self.padding {
            Padding::None => 0,
            Padding::Reflect | Padding::Zero => length / 2,
        };
        FrameExtent {
            before,
            after: length - before,
        }
    }

    /// What its values are in.
    pub(super) fn unit(&self) -> &'static str {
        unit(self.compression, self.spectrum)
    }

    /// The middle of each mel band, Hz.
    pub(super) fn centres(&self) -> Vec<f64> {
        self.mel_bank().centres()
    }

    pub(super) fn stft(&self) -> StftConfig {
        StftConfig {
            n_fft: self.n_fft,
            win_length: self.win_length,
            hop_length: self.hop_length,
            window: self.window,
            window_symmetry: self.window_symmetry,
            window_placement: self.window_placement,
            padding: self.padding,
        }
    }

    fn mel_bank(&self) -> MelBankConfig {
        MelBankConfig {
            sample_rate: f64::from(self.sample_rate.hz()),
            n_fft: self.n_fft,
            n_mels: self.n_mels,
            f_min: self.f_min,
            f_max: self.f_max,
            scale: self.mel_scale,
            triangles: self.triangles,
            norm: self.mel_norm,
        }
    }
}

impl Settings for LogMelConfig {
    fn published() -> Published<Self> {
        &[
            ("moummad", Self::moummad),
            ("protonet", Self::protonet),
            ("fonseca", Self::fonseca),
            ("cola", Self::cola),
        ]
    }

    fn problems(&self) -> Problems {
        let mut problems = Problems::default();
        self.silence.check(&mut problems);
        self.input_scaling.check(&mut problems);
        problems.check_frames(2, self.n_fft, self.win_length, self.hop_length);
        problems.check(
            (1..=4096).contains(&self.n_mels),
            "n_mels",
            self.n_mels,
            "1 to 4096",
        );
        problems.check_range(self.sample_rate, self.f_min, self.f_max);
        self.compression.check(&mut problems);
        problems
    }

    fn timing(&self) -> (SampleRate, usize) {
        (self.sample_rate, self.hop_length)
    }

    fn hearing(&self) -> Range<f64> {
        self.f_min..self.f_max
    }

    fn bands(&self) -> usize {
        self.n_mels
    }

    fn axes(&self) -> Vec<ChannelAxis> {
        ChannelAxis::alone(BandAxis::Mel(self.centres()), self.unit())
    }

    fn log_unit(&self) -> Option<LogUnit> {
        self.compression.log_unit()
    }

    fn needs_whole_clip(&self) -> Option<&'static str> {
        first_in_force(&[
            (!matches!(self.silence, Silence::Keep {}), "silence"),
            (self.input_scaling.measures_clip(), "input_scaling"),
            (self.compression.limits_range(), "compression.top_db"),
            (self.background == Background::Subtract, "background"),
        ])
    }

    fn clip_rules_mut(&mut self) -> (Option<&mut Silence>, Option<&mut InputScaling>) {
        (Some(&mut self.silence), Some(&mut self.input_scaling))
    }

    fn keep_background(&mut self) {
        self.background = Background::Keep;
    }

    fn streamed(&self) -> Option<FrameExtent> {
        Some(self.frame_extent())
    }

    fn extractor(&self) -> Result<Extractor, FeaturesError> {
        Ok(Extractor::of(LogMel::new(self)?))
    }
}

/// Samples of a frame before and from its place on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameExtent {
    pub(super) before: usize,
    pub(super) after: usize,
}

fn rate(hz: u32) -> SampleRate {
    SampleRate::new(hz).expect("the rate of a preset is a possible one")
}

/// Computes log-mel spectrograms; one serves any number of threads.
///
/// ```
/// use chiffchaff::features::{LogMel, LogMelConfig};
///
/// let log_mel = LogMel::new(&LogMelConfig::small())?;
/// let features = log_mel.compute(&vec![0.0; 22_050]);
/// assert_eq!((features.bands(), features.frames()), (64, 101));
/// assert!((features.frame(0)[0] + 100.0).abs() < 1e-4); // silence lies at the floor, −100 dB
/// # Ok::<(), chiffchaff::features::FeaturesError>(())
/// ```
#[derive(Debug, Clone)]
pub struct LogMel {
    silence: Silence,
    sample_rate: SampleRate,
    input_scaling: InputScaling,
    stft: Stft,
    spectrum: Spectrum,
    mel_bank: MelBank,
    compression: Compression,
    background: Background,
}

impl LogMel {
    /// Checks the settings and plans the computation.
    ///
    /// # Errors
    /// [`FeaturesError::Config`] with every setting that is out of range.
    pub fn new(config: &LogMelConfig) -> Result<Self, FeaturesError> {
        config.problems().into_result()?;
        Ok(Self {
            silence: config.silence,
            sample_rate: config.sample_rate,
            input_scaling: config.input_scaling,
            stft: Stft::new(&config.stft()),
            spectrum: config.spectrum,
            mel_bank: MelBank::new(&config.mel_bank()),
            compression: config.compression,
            background: config.background,
        })
    }

    /// Number of mel bands.
    pub fn bands(&self) -> usize {
        self.mel_bank.n_mels()
    }

    /// Number of frames of a clip of `samples` samples.
    pub fn frames(&self, samples: usize) -> usize {
        self.stft.frames(samples)
    }

    /// The log-mel spectrogram `[mels, frames]` of mono `samples` at the configured rate, full scale
    /// at ±1.
    ///
    /// The result is finite for all finite samples: energies beyond the range of `f32` saturate.
    /// Sound shorter than a frame that is not padded, or empty, has no frames.
    pub fn compute(&self, samples: &[f32]) -> Features {
        let heard = self.silence.apply(samples, self.sample_rate.hz().into());
        let scaled = self.input_scaling.apply(&heard);
        let mut values = vec![0.0; self.frames(samples.len()) * self.bands()];
        self.fill(&scaled, &mut values);
        self.compression.limit_range(&mut values);
        self.background.apply(&mut values, self.bands());
        Features::from_frames(self.bands(), values)
    }

    /// Computes all frames into `values`.
    fn fill(&self, samples: &[f32], values: &mut [f32]) {
        let mut work = self.stft.workspace();
        let mut powers = vec![[0.0; BLOCK_FRAMES]; self.stft.bins()];
        let mut bands = vec![[0.0; BLOCK_FRAMES]; self.bands()];
        let blocks = values.chunks_mut(BLOCK_FRAMES * self.bands());
        for (block, rows) in blocks.enumerate() {
            let rows = rows.chunks_exact_mut(self.bands());
            for lane in 0..rows.len() {
                let frame = block * BLOCK_FRAMES + lane;
                let bins = self.stft.transform(samples, frame, &mut work);
                for (powers, bin) in powers.iter_mut().zip(bins) {
                    powers[lane] = bin.re * bin.re + bin.im * bin.im;
                }
            }
            self.spectrum.of_powers(powers.as_flattened_mut());
            self.mel_bank.apply(&powers, &mut bands);
            self.compression.apply(bands.as_flattened_mut());
            for (lane, row) in rows.enumerate() {
                for (value, band) in row.iter_mut().zip(&bands) {
                    *value = band[lane];
                }
            }
        }
    }
}

impl Extract for LogMel {
    fn bands(&self) -> usize {
        self.bands()
    }

    fn image(&self, sides: &[&[f32]]) -> Features {
        self.compute(sides[0])
    }
}

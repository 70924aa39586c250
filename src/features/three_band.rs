//! The power spectrum of a sound cut into three bands, ESResNet's stand-in for a colour picture.

use super::axis::unit;
use super::error::Problems;
use super::front_end::{Extract, Extractor, Published, Settings, first_in_force};
use super::{
    BandAxis, ChannelAxis, Compression, Features, FeaturesError, InputScaling, LogUnit, Silence,
    Spectrum,
};
use crate::audio::{SampleRate, SoundChannels};
use crate::signal::{Padding, Stft, StftConfig, WindowPlacement, WindowShape, WindowSymmetry};
use serde::{Deserialize, Serialize};

/// A power spectrogram of linear bins, its lower, middle and upper third as three channels.
///
/// ```text
/// P[t, k] = |X[t, k]|² / n_fft          X: the Fourier transform of frame t
/// channel c, band b of frame t = compression(P[t, c·bands + b]),   bands = ⌊(n_fft/2 + 1) / 3⌋
/// ```
/// The one or two bins beyond three whole bands, the highest, are dropped. Of stereo sound the left side's three
/// channels come first.
///
/// # Source
/// Guzhov et al. 2020, "ESResNet: environmental sound classification based on visual domain models"
/// (arXiv:2004.07301) and its released code, compared with PyTorch's `stft` 2.11. Where the code replaces a power of
/// exactly 0 by 10⁻¹⁸, ours raises whatever is below; at samples × 32768 nothing but silence is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ThreeBandConfig {
    /// Samples per second of the sound, Hz. Default 44100.
    pub sample_rate: SampleRate,
    /// Whether the two sides of a recording are heard apart. Default mono.
    pub channels: SoundChannels,
    /// What is done to the samples of a clip first, to both sides alike. Default ×32768: 16-bit numbers.
    pub input_scaling: InputScaling,
    /// Length of the Fourier transform, samples, 4..=1048576. Default 2048.
    pub n_fft: usize,
    /// Length of the window, samples, 1..=`n_fft`. Default 1654.
    pub win_length: usize,
    /// Distance of frames, samples, ≥ 1. Default 561.
    pub hop_length: usize,
    /// Shape of the window, periodic and in the middle of the transform. Default Blackman–Harris.
    pub window: WindowShape,
    /// What lies beyond the ends of the clip. Default reflect.
    pub padding: Padding,
    /// What makes powers into levels. Default decibels, with silence at 10⁻¹⁸: −180 dB.
    pub compression: Compression,
}

impl Default for ThreeBandConfig {
    fn default() -> Self {
        Self::esresnet()
    }
}

impl ThreeBandConfig {
    /// ESResNet on ESC-50: mono at 44.1 kHz, 3 × 341 bands every 12.7 ms.
    pub fn esresnet() -> Self {
        Self {
            sample_rate: SampleRate::new(44_100).expect("a possible rate"),
            channels: SoundChannels::Mono,
            input_scaling: InputScaling::Gain { factor: 32_768.0 },
            n_fft: 2048,
            win_length: 1654,
            hop_length: 561,
            window: WindowShape::BlackmanHarris,
            padding: Padding::Reflect,
            compression: Compression::Decibels {
                floor: 1e-18,
                top_db: None,
            },
        }
    }

    /// ESResNet on UrbanSound8K: stereo, each file stretched to the range of 16-bit numbers.
    pub fn esresnet_stereo() -> Self {
        Self {
            channels: SoundChannels::Stereo,
            input_scaling: InputScaling::MinMax {
                low: -32_768.0,
                high: 32_767.0,
            },
            ..Self::esresnet()
        }
    }

    /// The middle of each band in Hz, for one part of the spectrum.
    fn centres(&self, part: usize) -> Vec<f64> {
        let bin_hz = f64::from(self.sample_rate.hz()) / self.n_fft as f64;
        let bins = part * self.bands()..(part + 1) * self.bands();
        bins.map(|bin| bin as f64 * bin_hz).collect()
    }
}

impl Settings for ThreeBandConfig {
    fn published() -> Published<Self> {
        &[
            ("esresnet", Self::esresnet),
            ("esresnet-stereo", Self::esresnet_stereo),
        ]
    }

    fn problems(&self) -> Problems {
        let mut problems = Problems::default();
        self.input_scaling.check(&mut problems);
        problems.check_frames(4, self.n_fft, self.win_length, self.hop_length);
        self.compression.check(&mut problems);
        problems
    }

    fn timing(&self) -> (SampleRate, usize) {
        (self.sample_rate, self.hop_length)
    }

    fn sound_channels(&self) -> SoundChannels {
        self.channels
    }

    /// Bins in each part of the spectrum.
    fn bands(&self) -> usize {
        (self.n_fft / 2 + 1) / ThreeBand::PARTS
    }

    fn axes(&self) -> Vec<ChannelAxis> {
        let sides: &[&str] = match self.channels {
            SoundChannels::Mono => &[""],
            SoundChannels::Stereo => &["left, ", "right, "],
        };
        let channel = |side: &str, part: usize| ChannelAxis {
            name: format!("{side}{} third", ["lowest", "middle", "highest"][part]),
            bands: BandAxis::Linear(self.centres(part)),
            unit: unit(self.compression, Spectrum::Power),
        };
        let places = sides
            .iter()
            .flat_map(|&side| (0..ThreeBand::PARTS).map(move |part| (side, part)));
        places.map(|(side, part)| channel(side, part)).collect()
    }

    fn log_unit(&self) -> Option<LogUnit> {
        self.compression.log_unit()
    }

    fn needs_whole_clip(&self) -> Option<&'static str> {
        first_in_force(&[
            (self.input_scaling.measures_clip(), "input_scaling"),
            (self.compression.limits_range(), "compression.top_db"),
        ])
    }

    fn clip_rules_mut(&mut self) -> (Option<&mut Silence>, Option<&mut InputScaling>) {
        (None, Some(&mut self.input_scaling))
    }

    fn extractor(&self) -> Result<Extractor, FeaturesError> {
        Ok(Extractor::of(ThreeBand::new(self)?))
    }
}

/// Computes three-band power spectrograms; one serves any number of threads.
#[derive(Debug, Clone)]
struct ThreeBand {
    config: ThreeBandConfig,
    stft: Stft,
}

impl ThreeBand {
    /// Channels that the spectrum of one side is cut into.
    const PARTS: usize = 3;

    /// Checks the settings and plans the computation.
    ///
    /// # Errors
    /// [`FeaturesError::Config`] with every setting that is out of range.
    fn new(config: &ThreeBandConfig) -> Result<Self, FeaturesError> {
        config.problems().into_result()?;
        Ok(Self {
            stft: Stft::new(&StftConfig {
                n_fft: config.n_fft,
                win_length: config.win_length,
                hop_length: config.hop_length,
                window: config.window,
                window_symmetry: WindowSymmetry::Periodic,
                window_placement: WindowPlacement::Centre,
                padding: config.padding,
            }),
            config: config.clone(),
        })
    }

    /// Number of channels: 3, or 6 of stereo sound.
    fn channels(&self) -> usize {
        Self::PARTS * self.config.channels.count()
    }

    /// Number of bins in each channel.
    fn bands(&self) -> usize {
        self.config.bands()
    }

    /// The spectrogram `[channels, bands, frames]` of the sides of a sound at the configured rate, full scale at ±1; a
    /// single side is taken for both where two are heard.
    fn compute(&self, sides: &[&[f32]]) -> Features {
        let scaled = self.config.input_scaling.apply_to_all(sides);
        let images: Vec<Features> = scaled.iter().map(|side| self.side(side)).collect();
        match (images.as_slice(), self.config.channels) {
            ([image], SoundChannels::Stereo) => Features::stacked(&[image.clone(), image.clone()]),
            _ => Features::stacked(&images),
        }
    }

    fn side(&self, samples: &[f32]) -> Features {
        let used = Self::PARTS * self.bands();
        let scale = 1.0 / self.config.n_fft as f32;
        let mut values = vec![0.0; self.stft.frames(samples.len()) * used];
        let mut work = self.stft.workspace();
        for (frame, row) in values.chunks_exact_mut(used).enumerate() {
            let bins = self.stft.transform(samples, frame, &mut work);
            for (value, bin) in row.iter_mut().zip(bins) {
                *value = scale * (bin.re * bin.re + bin.im * bin.im);
            }
            self.config.compression.apply(row);
        }
        self.config.compression.limit_range(&mut values);
        Features::with_channels(Self::PARTS, self.bands(), values)
    }
}

impl Extract for ThreeBand {
    fn channels(&self) -> usize {
        self.channels()
    }

    fn bands(&self) -> usize {
        self.bands()
    }

    fn sound_channels(&self) -> SoundChannels {
        self.config.channels
    }

    fn image(&self, sides: &[&[f32]]) -> Features {
        self.compute(sides)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    fn tone(hz: f64, amplitude: f64) -> Vec<f32> {
        (0..44_100)
            .map(|n| (amplitude * (TAU * hz * f64::from(n) / 44_100.0).sin()) as f32)
            .collect()
    }

    fn loudest(frame: &[f32]) -> usize {
        (0..frame.len())
            .max_by(|&a, &b| frame[a].total_cmp(&frame[b]))
            .unwrap()
    }

    #[test]
    fn low_tones_are_in_the_first_channel_and_higher_ones_in_the_next() {
        let three_band = ThreeBand::new(&ThreeBandConfig::esresnet()).unwrap();
        assert_eq!((three_band.channels(), three_band.bands()), (3, 341));
        for (hz, channel) in [(1000.0, 0), (10_000.0, 1), (20_000.0, 2)] {
            let image = three_band.compute(&[&tone(hz, 0.5)]);
            assert_eq!(image.frames(), 1 + 44_100 / 561);
            let bin = (hz * 2048.0 / 44_100.0f64).round() as usize;
            let peak = loudest(image.frame(40));
            assert_eq!((peak / 341, peak % 341), (channel, bin - 341 * channel));
            let centre = three_band.config.centres(channel)[peak % 341];
            assert!((centre - hz).abs() < 11.0, "{centre} Hz");
        }
    }

    #[test]
    fn stereo_hears_each_side_and_doubles_a_single_one() {
        let config = ThreeBandConfig {
            input_scaling: InputScaling::None {},
            ..ThreeBandConfig::esresnet_stereo()
        };
        let three_band = ThreeBand::new(&config).unwrap();
        let mono = ThreeBand::new(&ThreeBandConfig {
            channels: SoundChannels::Mono,
            ..config
        })
        .unwrap();
        let (left, right) = (tone(1000.0, 0.5), tone(3000.0, 0.2));
        let both = three_band.compute(&[&left, &right]);
        let sides = [mono.compute(&[&left]), mono.compute(&[&right])];
        assert_eq!(both, Features::stacked(&sides));
        let doubled = three_band.compute(&[&left]);
        assert_eq!(
            doubled,
            Features::stacked(&[sides[0].clone(), sides[0].clone()])
        );
    }

    #[test]
    fn sides_keep_their_balance_when_a_file_is_stretched() {
        let three_band = ThreeBand::new(&ThreeBandConfig::esresnet_stereo()).unwrap();
        let image = three_band.compute(&[&tone(1000.0, 0.1), &tone(1000.0, 0.05)]);
        let frame = image.frame(40);
        assert!((frame[46] - frame[46 + 3 * 341] - 6.0206).abs() < 0.01);
    }

    #[test]
    fn silence_lies_at_the_floor() {
        let three_band = ThreeBand::new(&ThreeBandConfig::esresnet()).unwrap();
        let image = three_band.compute(&[&[0.0; 3000]]);
        assert!(image.values().iter().all(|x| (x + 180.0).abs() < 1e-3));
    }
}

//! Scalograms: the power of Morlet wavelets, short for high tones and long for low ones.

use super::axis::unit;
use super::error::Problems;
use super::front_end::{Extract, Extractor, Published, Settings, first_in_force};
use super::{
    BandAxis, ChannelAxis, Compression, Features, FeaturesError, InputScaling, LogUnit, Silence,
    Spectrum,
};
use crate::audio::SampleRate;
use crate::signal::Morlet;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A continuous wavelet transform with Morlet wavelets, at tones that are equally far apart in octaves.
///
/// Unlike the frames of a Fourier transform, every band hears as many cycles: a click stays sharp in the high bands, a
/// hum stays a line in the low ones. The formula is in `signal/morlet.rs`. Frame `t` stands for the `hop_length` samples
/// around sample `t·hop_length`; there are `1 + samples / hop_length` frames, and silence lies beyond the ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WaveletConfig {
    /// Samples per second of the sound, Hz. Default 22050.
    pub sample_rate: SampleRate,
    /// What is done to the samples of a clip first. Default none.
    pub input_scaling: InputScaling,
    /// Distance of frames, samples, ≥ 1. Default 220: 10 ms.
    pub hop_length: usize,
    /// What a frame keeps of the transform, which has a value at every sample. Default mean.
    pub pooling: Pooling,
    /// Number of bands, 1..=512. Default 96.
    pub n_bands: usize,
    /// The tone of the lowest band, Hz, `sample_rate / 10000` to below `f_max`. Lower ones take longer
    /// wavelets and more time. Default 50.
    pub f_min: f64,
    /// The tone of the highest band, Hz, at most `sample_rate / 2`. Default 9000: its wavelet reaches to 11025.
    pub f_max: f64,
    /// ω₀, the cycles of a wavelet times about 2, 2..=20: more tells pitches apart, less tells times apart. Default 6.
    pub omega0: f64,
    /// Whether power or magnitude is kept. Default power.
    pub spectrum: Spectrum,
    /// What makes energies into levels. Default decibels.
    pub compression: Compression,
}

/// What a frame keeps of a value at every sample.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// The mean power over the frame's `hop_length` samples, taken at points at most half a scale apart: nothing between two
    /// frames is lost.
    #[default]
    Mean,
    /// The value at the frame's place alone, as if the transform were sampled there: wavelets shorter than a hop do not
    /// hear what is between frames.
    Point,
}

impl Default for WaveletConfig {
    fn default() -> Self {
        Self {
            sample_rate: SampleRate::new(22_050).expect("a possible rate"),
            input_scaling: InputScaling::None {},
            hop_length: 220,
            pooling: Pooling::Mean,
            n_bands: 96,
            f_min: 50.0,
            f_max: 9000.0,
            omega0: 6.0,
            spectrum: Spectrum::Power,
            compression: Compression::decibels(),
        }
    }
}

impl WaveletConfig {
    /// The tone of each band, Hz.
    fn centres(&self) -> Vec<f64> {
        let steps = self.n_bands.saturating_sub(1).max(1) as f64;
        let octaves = (self.f_max / self.f_min).log2();
        (0..self.n_bands)
            .map(|band| self.f_min * (octaves * band as f64 / steps).exp2())
            .collect()
    }
}

impl Settings for WaveletConfig {
    fn published() -> Published<Self> {
        &[("wavelet", Self::default)]
    }

    fn problems(&self) -> Problems {
        let mut problems = Problems::default();
        self.input_scaling.check(&mut problems);
        problems.check_hop(self.hop_length);
        let bands = (1..=512).contains(&self.n_bands);
        problems.check(bands, "n_bands", self.n_bands, "1 to 512");
        problems.check_range(self.sample_rate, self.f_min, self.f_max);
        // Wavelets are kept sampled: their length must be bounded.
        let lowest = f64::from(self.sample_rate.hz()) / 10_000.0;
        let allowed = format!("at least {lowest} Hz, a ten-thousandth of `sample_rate`");
        problems.check(self.f_min >= lowest, "f_min", self.f_min, allowed);
        let fine = (2.0..=20.0).contains(&self.omega0);
        problems.check(fine, "omega0", self.omega0, "2 to 20");
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
        self.n_bands
    }

    fn axes(&self) -> Vec<ChannelAxis> {
        let unit = unit(self.compression, self.spectrum);
        ChannelAxis::alone(BandAxis::Wavelet(self.centres()), unit)
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
        Ok(Extractor::of(Wavelet::new(self)?))
    }
}

/// Computes scalograms; one serves any number of threads.
#[derive(Debug, Clone)]
struct Wavelet {
    config: WaveletConfig,
    bands: Vec<Band>,
}

/// A wavelet and where it listens within a frame, in samples from the frame's place.
#[derive(Debug, Clone)]
struct Band {
    wavelet: Morlet,
    points: Vec<isize>,
}

impl Wavelet {
    /// Checks the settings and makes the wavelets.
    ///
    /// # Errors
    /// [`FeaturesError::Config`] with every setting that is out of range.
    fn new(config: &WaveletConfig) -> Result<Self, FeaturesError> {
        config.problems().into_result()?;
        let rate = f64::from(config.sample_rate.hz());
        let bands = config.centres().into_iter().map(|hz| {
            let wavelet = Morlet::new(hz / rate, config.omega0);
            Band {
                points: points(config, wavelet.scale()),
                wavelet,
            }
        });
        Ok(Self {
            bands: bands.collect(),
            config: config.clone(),
        })
    }

    /// Number of bands.
    fn bands(&self) -> usize {
        self.bands.len()
    }

    /// The scalogram `[bands, frames]` of mono `samples` at the configured rate, full scale at ±1.
    fn compute(&self, samples: &[f32]) -> Features {
        let samples = self.config.input_scaling.apply(samples);
        let hop = self.config.hop_length;
        let frames = match samples.len() {
            0 => 0,
            samples => 1 + samples / hop,
        };
        let mut values = vec![0.0; frames * self.bands()];
        for (frame, row) in values.chunks_exact_mut(self.bands()).enumerate() {
            for (value, band) in row.iter_mut().zip(&self.bands) {
                *value = band.power_around(&samples, (frame * hop) as isize);
            }
            self.config.spectrum.of_powers(row);
            self.config.compression.apply(row);
        }
        self.config.compression.limit_range(&mut values);
        Features::from_frames(self.bands(), values)
    }
}

impl Band {
    /// The mean power at the band's points around `place`.
    fn power_around(&self, samples: &[f32], place: isize) -> f32 {
        let powers = self.points.iter().map(|point| {
            let at = place + point;
            self.wavelet.power_at(samples, at)
        });
        powers.sum::<f32>() / self.points.len() as f32
    }
}

/// Where a wavelet listens within a frame: the middles of equal parts of it, each no longer than half a scale, within which
/// the power of a band hardly changes.
fn points(config: &WaveletConfig, scale: f64) -> Vec<isize> {
    let hop = config.hop_length as f64;
    match config.pooling {
        Pooling::Point => vec![0],
        Pooling::Mean => {
            let count = (2.0 * hop / scale.max(2.0)).ceil();
            let part = hop / count;
            (0..count as usize)
                .map(|n| ((n as f64 + 0.5) * part - hop / 2.0).round() as isize)
                .collect()
        }
    }
}

impl Extract for Wavelet {
    fn bands(&self) -> usize {
        self.bands()
    }

    fn image(&self, sides: &[&[f32]]) -> Features {
        self.compute(sides[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    fn loudest(frame: &[f32]) -> usize {
        (0..frame.len())
            .max_by(|&a, &b| frame[a].total_cmp(&frame[b]))
            .unwrap()
    }

    #[test]
    fn a_tone_is_loudest_in_its_band() {
        let wavelet = Wavelet::new(&WaveletConfig::default()).unwrap();
        let centres = wavelet.config.centres();
        assert!((centres[0] - 50.0).abs() < 1e-9 && (centres[95] - 9000.0).abs() < 1e-6);
        for band in [10, 40, 80, 92] {
            let angle = TAU * centres[band] / 22_050.0;
            let tone: Vec<f32> = (0..22_050)
                .map(|n| (angle * f64::from(n)).sin() as f32)
                .collect();
            let image = wavelet.compute(&tone);
            assert_eq!(image.frames(), 1 + 22_050 / 220);
            let peak = loudest(image.frame(50));
            assert!(peak.abs_diff(band) <= 1, "band {peak}, not {band}");
        }
    }

    #[test]
    fn a_click_between_two_frames_is_heard_in_the_mean_only() {
        let mut click = vec![0.0; 4400];
        click[220 * 10 + 110] = 1.0;
        let loudest = |pooling| {
            let config = WaveletConfig {
                pooling,
                f_min: 2000.0,
                ..WaveletConfig::default()
            };
            let image = Wavelet::new(&config).unwrap().compute(&click);
            image.values().iter().copied().fold(f32::MIN, f32::max)
        };
        assert!(loudest(Pooling::Mean) > -40.0);
        assert!(loudest(Pooling::Point) < -80.0);
    }

    #[test]
    fn the_mean_over_few_points_is_that_over_all_samples() {
        let mut state = 1u32;
        let noise: Vec<f32> = (0..4000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state as f32 / u32::MAX as f32 - 0.5
            })
            .collect();
        let config = WaveletConfig {
            n_bands: 12,
            hop_length: 200,
            compression: Compression::None {},
            ..WaveletConfig::default()
        };
        let wavelet = Wavelet::new(&config).unwrap();
        let image = wavelet.compute(&noise);
        for (band, pooled) in wavelet.bands.iter().zip(image.frame(10)) {
            let all = (1900..2100).map(|place| band.wavelet.power_at(&noise, place));
            let mean = all.sum::<f32>() / 200.0;
            let ratio = pooled / mean;
            assert!((ratio - 1.0).abs() < 0.05, "{ratio}");
        }
    }

    #[test]
    fn wrong_settings_are_named_together() {
        let config = WaveletConfig {
            f_min: 0.0,
            omega0: 1.0,
            hop_length: 0,
            ..WaveletConfig::default()
        };
        let message = Wavelet::new(&config).unwrap_err().to_string();
        for key in ["`f_min` is 0", "`omega0` is 1", "`hop_length` is 0"] {
            assert!(message.contains(key), "{message}");
        }
    }
}

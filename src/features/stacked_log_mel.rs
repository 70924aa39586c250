//! Three log-mel spectrograms of one sound, of short, middle and long windows, as the channels of one image.

use super::front_end::{Extract, Extractor, Published, Settings};
use super::{
    BandAxis, ChannelAxis, Compression, Features, FeaturesError, InputScaling, LogMel,
    LogMelConfig, LogUnit, Silence, error::Problems,
};
use crate::audio::SampleRate;
use crate::signal::Padding;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Log-mel spectrograms in three resolutions, brought to common frames.
///
/// ```text
/// F[t, c] = (1 − w)·Lᶜ[⌊p⌋] + w·Lᶜ[⌊p⌋ + 1],   p = t·hop_length / hop_lengthᶜ,   w = p − ⌊p⌋
/// ```
/// `Lᶜ` is the log-mel spectrogram with window and hop of resolution `c`; its last frame goes on to the end. `F` has the
/// frames of `log_mel`, whatever the length of the clip.
///
/// # Source
/// Palanisamy, Singhania and Yao 2020, "Rethinking CNN models for audio classification" (arXiv:2007.11154): windows of
/// 25, 50 and 100 ms every 10, 25 and 50 ms. They resize clips of 5 s to 250 frames, which is ours of 20 ms; their
/// natural logarithm is 2.3 times ours. Compared with torchaudio 2.11 and NumPy's `interp`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StackedLogMelConfig {
    /// Everything the three have in common, and the distance of the frames that result; its `win_length` is not used.
    /// Sound must be padded at its ends, so that frames are centred.
    pub log_mel: LogMelConfig,
    /// Window and hop of the three, in the order of the channels.
    pub resolutions: [Resolution; 3],
}

/// Window and distance of frames, in samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolution {
    /// Length of the window, 1..=`log_mel.n_fft`.
    pub win_length: usize,
    /// Distance of frames, ≥ 1.
    pub hop_length: usize,
}

impl Default for StackedLogMelConfig {
    fn default() -> Self {
        Self::palanisamy()
    }
}

impl StackedLogMelConfig {
    /// Palanisamy et al. 2020: 128 bands of 44.1 kHz, frames of 20 ms.
    pub fn palanisamy() -> Self {
        let resolution = |win_length, hop_length| Resolution {
            win_length,
            hop_length,
        };
        Self {
            log_mel: LogMelConfig {
                sample_rate: SampleRate::new(44_100).expect("a possible rate"),
                n_fft: 4410,
                win_length: 4410,
                hop_length: 882,
                n_mels: 128,
                f_min: 0.0,
                f_max: 22_050.0,
                compression: Compression::Log10 { offset: 1e-6 },
                ..LogMelConfig::small()
            },
            resolutions: [
                resolution(1102, 441),
                resolution(2205, 1102),
                resolution(4410, 2205),
            ],
        }
    }

    fn with(&self, resolution: Resolution) -> LogMelConfig {
        LogMelConfig {
            win_length: resolution.win_length,
            hop_length: resolution.hop_length,
            ..self.log_mel.clone()
        }
    }
}

impl Settings for StackedLogMelConfig {
    fn published() -> Published<Self> {
        &[("palanisamy", Self::palanisamy)]
    }

    fn problems(&self) -> Problems {
        let mut problems = Problems::default();
        problems.append_under("log_mel", self.log_mel.problems());
        problems.check_padded(&self.log_mel);
        for (n, resolution) in self.resolutions.into_iter().enumerate() {
            let mut own = Problems::default();
            let n_fft = self.log_mel.n_fft;
            let allowed = format!("1 to `log_mel.n_fft`, {n_fft} samples");
            let fine = (1..=n_fft).contains(&resolution.win_length);
            own.check(fine, "win_length", resolution.win_length, allowed);
            own.check_hop(resolution.hop_length);
            problems.append_under(&format!("resolutions.{n}"), own);
        }
        problems
    }

    fn timing(&self) -> (SampleRate, usize) {
        self.log_mel.timing()
    }

    fn hearing(&self) -> Range<f64> {
        self.log_mel.hearing()
    }

    fn bands(&self) -> usize {
        self.log_mel.n_mels
    }

    fn axes(&self) -> Vec<ChannelAxis> {
        let rate = f64::from(self.log_mel.sample_rate.hz());
        let channel = |resolution: &Resolution| ChannelAxis {
            name: format!(
                "window of {:.0} ms",
                1e3 * resolution.win_length as f64 / rate
            ),
            bands: BandAxis::Mel(self.log_mel.centres()),
            unit: self.log_mel.unit(),
        };
        self.resolutions.iter().map(channel).collect()
    }

    fn log_unit(&self) -> Option<LogUnit> {
        self.log_mel.log_unit()
    }

    fn needs_whole_clip(&self) -> Option<&'static str> {
        self.log_mel.needs_whole_clip()
    }

    fn clip_rules_mut(&mut self) -> (Option<&mut Silence>, Option<&mut InputScaling>) {
        self.log_mel.clip_rules_mut()
    }

    fn keep_background(&mut self) {
        self.log_mel.keep_background();
    }

    fn extractor(&self) -> Result<Extractor, FeaturesError> {
        Ok(Extractor::of(StackedLogMel::new(self)?))
    }
}

impl Problems {
    /// Notes frames that are not centred on their place, so that images of other windows would be shifted against them.
    pub(super) fn check_padded(&mut self, log_mel: &LogMelConfig) {
        let fine = log_mel.padding != Padding::None;
        let allowed = "`reflect` or `zero`, so that frames of every window are centred alike";
        self.check(fine, "log_mel.padding", "none", allowed);
    }
}

/// Computes stacks of log-mel spectrograms; one serves any number of threads.
#[derive(Debug, Clone)]
struct StackedLogMel {
    images: Vec<(LogMel, Resolution)>,
    /// Distance and number of the resulting frames.
    hop_length: usize,
}

impl StackedLogMel {
    /// Checks the settings and plans the computation.
    ///
    /// # Errors
    /// [`FeaturesError::Config`] with every setting that is out of range.
    fn new(config: &StackedLogMelConfig) -> Result<Self, FeaturesError> {
        config.problems().into_result()?;
        let image = |&resolution: &Resolution| {
            let log_mel = LogMel::new(&config.with(resolution))?;
            Ok((log_mel, resolution))
        };
        Ok(Self {
            images: config
                .resolutions
                .iter()
                .map(image)
                .collect::<Result<_, _>>()?,
            hop_length: config.log_mel.hop_length,
        })
    }

    /// Number of channels: 3.
    fn channels(&self) -> usize {
        self.images.len()
    }

    /// Number of mel bands.
    fn bands(&self) -> usize {
        self.images[0].0.bands()
    }

    /// The stack `[3, mels, frames]` of mono `samples` at the configured rate, full scale at ±1.
    fn compute(&self, samples: &[f32]) -> Features {
        let frames = match samples.len() {
            0 => 0,
            samples => 1 + samples / self.hop_length,
        };
        let images = self.images.iter().map(|(log_mel, resolution)| {
            let image = log_mel.compute(samples);
            let step = self.hop_length as f64 / resolution.hop_length as f64;
            interpolated(&image, step, frames)
        });
        Features::stacked(&images.collect::<Vec<_>>())
    }
}

/// `frames` frames, `step` frames of `image` apart, each between its two neighbours.
fn interpolated(image: &Features, step: f64, frames: usize) -> Features {
    let last = image.frames().saturating_sub(1);
    let mut values = Vec::with_capacity(frames * image.bands());
    for frame in 0..frames {
        let place = frame as f64 * step;
        let before = (place as usize).min(last);
        let weight = (place - before as f64) as f32;
        let (a, b) = (image.frame(before), image.frame((before + 1).min(last)));
        values.extend(a.iter().zip(b).map(|(a, b)| a + weight.min(1.0) * (b - a)));
    }
    Features::from_frames(image.bands(), values)
}

impl Extract for StackedLogMel {
    fn channels(&self) -> usize {
        self.channels()
    }

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

    #[test]
    fn frames_between_two_others_are_between_them_and_the_last_goes_on() {
        let image = Features::from_frames(2, vec![0.0, 10.0, 4.0, 20.0, 8.0, 40.0]);
        let twice = interpolated(&image, 0.5, 6);
        let first: Vec<f32> = (0..6).map(|t| twice.frame(t)[0]).collect();
        assert_eq!(first, [0.0, 2.0, 4.0, 6.0, 8.0, 8.0]);
        assert_eq!(
            interpolated(&image, 2.0, 2).values(),
            [0.0, 10.0, 8.0, 40.0]
        );
    }

    #[test]
    fn a_click_is_narrow_in_the_first_channel_and_wide_in_the_last() {
        let stack = StackedLogMel::new(&StackedLogMelConfig::palanisamy()).unwrap();
        let mut click = vec![0.0; 44_100];
        click[22_050] = 1.0;
        let image = stack.compute(&click);
        assert_eq!((image.channels(), image.frames()), (3, 51));
        let width = |channel| {
            let image = image.channel(channel);
            (0..51).filter(|&t| image.frame(t)[100] > -5.0).count()
        };
        assert!(width(0) < width(1) && width(1) < width(2));
    }

    #[test]
    fn wrong_settings_are_named_with_their_place() {
        let mut config = StackedLogMelConfig::palanisamy();
        config.log_mel.padding = Padding::None;
        config.resolutions[1].hop_length = 0;
        config.resolutions[2].win_length = 5000;
        let message = StackedLogMel::new(&config).unwrap_err().to_string();
        for key in [
            "`log_mel.padding` is none",
            "`resolutions.1.hop_length` is 0",
            "`resolutions.2.win_length` is 5000",
        ] {
            assert!(message.contains(key), "{message}");
        }
    }
}

//! Magnitude, phase and mel spectrogram as the three channels of one image: what CLAR hears.

use super::error::Problems;
use super::front_end::{Extract, Extractor, Published, Settings};
use super::{
    Background, BandAxis, ChannelAxis, Features, FeaturesError, InputScaling, LogMel, LogMelConfig,
    Silence,
};
use crate::audio::SampleRate;
use crate::signal::{Stft, StftConfig};
use serde::{Deserialize, Serialize};

/// Magnitudes, phases and mel bands of the same frames, as many rows each.
///
/// ```text
/// channel 0, band b:  compression(|X[t, b]|^p)         X: transform of 2·n_mels samples, its highest bin dropped
/// channel 1, band b:  arg X[t, b], −π to π              p: 2, or 1 if `log_mel.spectrum` is magnitude
/// channel 2:          the log-mel spectrogram
/// ```
/// Window, hop, padding, scaling and compression are those of `log_mel`. Phases count from the first sample of the
/// transform, whose middle is the frame's place, as in PyTorch and librosa; they are not compressed.
///
/// # Source
/// Al-Tahan and Mohsenzadeh 2021, "CLAR: contrastive learning of auditory representations" (arXiv:2010.09542): three
/// images of 128 bands, windows of 16 ms every 8 ms, at 16 kHz. The paper leaves open how 129 bins become 128, and how
/// 128 mel bands are filled by a transform of 256 samples: here the bin at half the rate is dropped, and the mel bands are
/// summed from a transform padded to 2048 samples, in which every band has a bin. Compared with PyTorch's `stft` 2.11.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClarStackConfig {
    /// The mel spectrogram, with a window no longer than 2·`n_mels` samples, and padding, so that frames are centred.
    pub log_mel: LogMelConfig,
}

impl Default for ClarStackConfig {
    fn default() -> Self {
        Self::clar()
    }
}

impl ClarStackConfig {
    /// Al-Tahan and Mohsenzadeh 2021: 128 bands, 16 ms windows every 8 ms, in decibels.
    pub fn clar() -> Self {
        Self {
            log_mel: LogMelConfig {
                sample_rate: SampleRate::new(16_000).expect("a possible rate"),
                n_fft: 2048,
                win_length: 256,
                hop_length: 128,
                n_mels: 128,
                f_min: 0.0,
                f_max: 8000.0,
                ..LogMelConfig::small()
            },
        }
    }

    /// Length of the transform whose bins are shown.
    fn n_fft(&self) -> usize {
        2 * self.log_mel.n_mels
    }

    /// The middle of each bin in Hz.
    fn bin_centres(&self) -> Vec<f64> {
        let bin_hz = f64::from(self.log_mel.sample_rate.hz()) / self.n_fft() as f64;
        let bins = 0..self.log_mel.n_mels;
        bins.map(|bin| bin as f64 * bin_hz).collect()
    }
}

impl Settings for ClarStackConfig {
    fn published() -> Published<Self> {
        &[("clar", Self::clar)]
    }

    fn problems(&self) -> Problems {
        let mut problems = Problems::default();
        let LogMelConfig {
            win_length, n_fft, ..
        } = self.log_mel;
        problems.append_under("log_mel", self.log_mel.problems());
        problems.check_padded(&self.log_mel);
        let longest = self.n_fft().min(n_fft);
        problems.check(
            win_length <= longest,
            "log_mel.win_length",
            win_length,
            format!("at most {longest}, the lesser of twice `log_mel.n_mels` and `log_mel.n_fft`"),
        );
        problems.check(
            self.log_mel.background == Background::Keep,
            "log_mel.background",
            "subtract",
            "`keep`, as phases have no background",
        );
        problems
    }

    fn timing(&self) -> (SampleRate, usize) {
        self.log_mel.timing()
    }

    fn bands(&self) -> usize {
        self.log_mel.n_mels
    }

    fn axes(&self) -> Vec<ChannelAxis> {
        let channel = |name: &str, bands, unit| ChannelAxis {
            name: name.to_owned(),
            bands,
            unit,
        };
        let (bins, unit) = (self.bin_centres(), self.log_mel.unit());
        vec![
            channel("magnitude", BandAxis::Linear(bins.clone()), unit),
            channel("phase", BandAxis::Linear(bins), "rad"),
            channel("mel", BandAxis::Mel(self.log_mel.centres()), unit),
        ]
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
        Ok(Extractor::of(ClarStack::new(self)?))
    }
}

/// Computes CLAR's stacks; one serves any number of threads.
#[derive(Debug, Clone)]
struct ClarStack {
    config: ClarStackConfig,
    stft: Stft,
    log_mel: LogMel,
}

impl ClarStack {
    /// Number of channels: magnitude, phase, mel.
    const CHANNELS: usize = 3;

    /// Checks the settings and plans the computation.
    ///
    /// # Errors
    /// [`FeaturesError::Config`] with every setting that is out of range.
    fn new(config: &ClarStackConfig) -> Result<Self, FeaturesError> {
        config.problems().into_result()?;
        // Scaled once, for all three images.
        let scaled = LogMelConfig {
            silence: Silence::Keep {},
            input_scaling: InputScaling::None {},
            ..config.log_mel.clone()
        };
        Ok(Self {
            stft: Stft::new(&StftConfig {
                n_fft: config.n_fft(),
                ..config.log_mel.stft()
            }),
            log_mel: LogMel::new(&scaled)?,
            config: config.clone(),
        })
    }

    /// Number of bands of each channel.
    fn bands(&self) -> usize {
        self.log_mel.bands()
    }

    /// The stack `[3, bands, frames]` of mono `samples` at the configured rate, full scale at ±1.
    fn compute(&self, samples: &[f32]) -> Features {
        let LogMelConfig {
            silence,
            input_scaling,
            sample_rate,
            ..
        } = self.config.log_mel;
        let heard = silence.apply(samples, sample_rate.hz().into());
        let scaled = input_scaling.apply(&heard);
        let [magnitudes, phases] = self.spectrum(&scaled);
        Features::stacked(&[magnitudes, phases, self.log_mel.compute(&scaled)])
    }

    /// Compressed magnitudes, and phases.
    fn spectrum(&self, samples: &[f32]) -> [Features; 2] {
        let (bands, compression) = (self.bands(), self.config.log_mel.compression);
        let length = self.stft.frames(samples.len()) * bands;
        let (mut levels, mut phases) = (vec![0.0; length], vec![0.0; length]);
        let mut work = self.stft.workspace();
        let rows = levels
            .chunks_exact_mut(bands)
            .zip(phases.chunks_exact_mut(bands));
        for (frame, (levels, phases)) in rows.enumerate() {
            let bins = self.stft.transform(samples, frame, &mut work);
            for ((level, phase), bin) in levels.iter_mut().zip(phases).zip(bins) {
                *level = bin.re * bin.re + bin.im * bin.im;
                let angle = bin.im.atan2(bin.re);
                *phase = if angle.is_nan() { 0.0 } else { angle }; // of a transform that overflowed
            }
            self.config.log_mel.spectrum.of_powers(levels);
            compression.apply(levels);
        }
        compression.limit_range(&mut levels);
        [levels, phases].map(|values| Features::from_frames(bands, values))
    }
}

impl Extract for ClarStack {
    fn channels(&self) -> usize {
        Self::CHANNELS
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
    use crate::signal::Padding;
    use std::f64::consts::{PI, TAU};

    fn tone(start: f64) -> Vec<f32> {
        // 1 kHz is bin 16 of a transform of 256 samples at 16 kHz.
        (0..16_000)
            .map(|n| (start + TAU * 1000.0 * f64::from(n) / 16_000.0).cos() as f32)
            .collect()
    }

    #[test]
    fn a_tone_has_its_bin_its_phase_and_its_mel_band() {
        let stack = ClarStack::new(&ClarStackConfig::clar()).unwrap();
        let image = stack.compute(&tone(0.7));
        assert_eq!(
            (image.channels(), image.bands(), image.frames()),
            (3, 128, 126)
        );
        let loudest = |channel| {
            let image = image.channel(channel);
            let frame = image.frame(60);
            (0..128).max_by(|&a, &b| frame[a].total_cmp(&frame[b]))
        };
        assert_eq!(loudest(0), Some(16));
        let mel = stack.config.log_mel.centres()[loudest(2).unwrap()];
        assert!((mel - 1000.0).abs() < 40.0, "{mel} Hz");
        // Frame 60 begins at sample 60·128 − 128, a whole number of cycles after the start.
        let phase = f64::from(image.channel(1).frame(60)[16]);
        assert!((phase - 0.7).abs() < 1e-3, "{phase}");
    }

    #[test]
    fn phases_tell_sounds_apart_that_sound_alike() {
        let stack = ClarStack::new(&ClarStackConfig::clar()).unwrap();
        let (a, b) = (stack.compute(&tone(0.3)), stack.compute(&tone(1.3)));
        let at = |image: &Features, channel: usize| image.channel(channel).frame(60)[16];
        assert!((at(&a, 0) - at(&b, 0)).abs() < 0.01);
        assert!((at(&b, 1) - at(&a, 1) - 1.0).abs() < 1e-3);
        let phases = a.channel(1);
        assert!(
            phases
                .values()
                .iter()
                .all(|x| f64::from(x.abs()) <= PI + 1e-6)
        );
    }

    #[test]
    fn no_mel_band_is_empty() {
        let stack = ClarStack::new(&ClarStackConfig::clar()).unwrap();
        let mut click = vec![0.0; 1280];
        click[640] = 1.0;
        let mel = stack.compute(&click).channel(2);
        assert!(mel.frame(5).iter().all(|&level| level > -60.0));
    }

    #[test]
    fn images_that_would_not_fit_are_refused() {
        let mut config = ClarStackConfig::clar();
        config.log_mel.win_length = 400;
        config.log_mel.padding = Padding::None;
        config.log_mel.background = Background::Subtract;
        let message = ClarStack::new(&config).unwrap_err().to_string();
        for key in [
            "win_length` is 400",
            "padding` is none",
            "background` is subtract",
        ] {
            assert!(message.contains(key), "{message}");
        }
    }
}

//! The short-time Fourier transform.

use super::{WindowShape, WindowSymmetry};
use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What lies before the first and after the last sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Padding {
    /// Nothing: frame `t` begins at sample `t·hop_length`, and sound shorter than a frame has no
    /// frame (`center=False`; TensorFlow).
    None,
    /// Half a frame of sound mirrored at the end samples, which are not repeated: frame `t` is
    /// centred on sample `t·hop_length` (torchaudio, older librosa). Sound shorter than half a
    /// frame is mirrored again and again, as NumPy does; PyTorch refuses it.
    Reflect,
    /// Half a frame of silence: frame `t` is centred on sample `t·hop_length` (newer librosa).
    Zero,
}

/// Where a window shorter than the transform stands in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WindowPlacement {
    /// In the middle; a frame spans `n_fft` samples (librosa, PyTorch).
    Centre,
    /// At the start; a frame spans `win_length` samples, and zeros follow (TensorFlow).
    Start,
}

/// The parameters of a short-time Fourier transform; all lengths in samples.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StftConfig {
    /// Length of the Fourier transform.
    pub(crate) n_fft: usize,
    /// Length of the window, at most `n_fft`.
    pub(crate) win_length: usize,
    /// Distance of successive frames.
    pub(crate) hop_length: usize,
    /// Shape of the window.
    pub(crate) window: WindowShape,
    /// Period of the window.
    pub(crate) window_symmetry: WindowSymmetry,
    /// Place of a window shorter than `n_fft`.
    pub(crate) window_placement: WindowPlacement,
    /// What lies beyond the ends of the sound.
    pub(crate) padding: Padding,
}

/// A planned short-time Fourier transform.
///
/// ```text
/// X[t, k] = Σ_{n=0}^{n_fft−1} w[n]·x[t·hop_length + n − pad]·e^{−2πi·k·n / n_fft},   k = 0..=n_fft/2
/// ```
/// with `pad` half a frame, or 0 for [`Padding::None`]. The transform is not scaled.
#[derive(Clone)]
pub(crate) struct Stft {
    window: Vec<f32>,
    hop_length: usize,
    padding: Padding,
    /// Samples that the first frame reaches back beyond the start.
    pad: usize,
    frame_length: usize,
    /// Where the window stands in the frame.
    offset: usize,
    fft: Arc<dyn RealToComplex<f32>>,
}

/// The buffers one thread needs to run a [`Stft`].
#[derive(Debug, Clone)]
pub(crate) struct StftWorkspace {
    frame: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
}

impl std::fmt::Debug for Stft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stft")
            .field("n_fft", &self.fft.len())
            .field("win_length", &self.window.len())
            .field("hop_length", &self.hop_length)
            .field("padding", &self.padding)
            .finish_non_exhaustive()
    }
}

impl Stft {
    /// Plans the transform.
    ///
    /// # Panics
    /// If `hop_length` is 0, or `win_length` is 0 or above `n_fft`.
    pub(crate) fn new(config: &StftConfig) -> Self {
        let &StftConfig {
            n_fft, win_length, ..
        } = config;
        assert!(config.hop_length > 0, "a hop of 0 samples");
        assert!(
            (1..=n_fft).contains(&win_length),
            "a window of {win_length} in a transform of {n_fft} samples"
        );
        let (frame_length, offset) = match config.window_placement {
            WindowPlacement::Centre => (n_fft, (n_fft - win_length) / 2),
            WindowPlacement::Start => (win_length, 0),
        };
        Self {
            window: config.window.samples(config.window_symmetry, win_length),
            hop_length: config.hop_length,
            padding: config.padding,
            pad: match config.padding {
                Padding::None => 0,
                Padding::Reflect | Padding::Zero => frame_length / 2,
            },
            frame_length,
            offset,
            fft: RealFftPlanner::new().plan_fft_forward(n_fft),
        }
    }

    /// Number of frequency bins: `n_fft / 2 + 1`.
    pub(crate) fn bins(&self) -> usize {
        self.fft.complex_len()
    }

    /// Number of frames of sound that is `samples` long.
    pub(crate) fn frames(&self, samples: usize) -> usize {
        let padded = samples + 2 * self.pad;
        if samples == 0 || padded < self.frame_length {
            return 0;
        }
        1 + (padded - self.frame_length) / self.hop_length
    }

    /// Buffers for [`Self::transform`].
    pub(crate) fn workspace(&self) -> StftWorkspace {
        StftWorkspace {
            frame: self.fft.make_input_vec(),
            spectrum: self.fft.make_output_vec(),
            scratch: self.fft.make_scratch_vec(),
        }
    }

    /// The spectrum of one frame of `samples`, [`Self::bins`] numbers.
    ///
    /// # Panics
    /// If there is no such frame, or `work` belongs to another transform.
    #[inline(always)]
    pub(crate) fn transform<'work>(
        &self,
        samples: &[f32],
        frame: usize,
        work: &'work mut StftWorkspace,
    ) -> &'work [Complex<f32>] {
        self.cut_windowed(samples, frame, &mut work.frame);
        self.fft
            .process_with_scratch(&mut work.frame, &mut work.spectrum, &mut work.scratch)
            .expect("the workspace is that of this transform");
        &work.spectrum
    }

    /// Writes the windowed samples of a frame, with zeros around them, to `out`.
    #[inline(always)]
    fn cut_windowed(&self, samples: &[f32], frame: usize, out: &mut [f32]) {
        let end = self.offset + self.window.len();
        out[..self.offset].fill(0.0);
        out[end..].fill(0.0);
        let out = &mut out[self.offset..end];
        // Counted from the first padded sample.
        let first = frame * self.hop_length + self.offset;
        let inside = first
            .checked_sub(self.pad)
            .and_then(|start| samples.get(start..start + self.window.len()));
        match inside {
            Some(inside) => {
                for ((out, &x), &w) in out.iter_mut().zip(inside).zip(&self.window) {
                    *out = x * w;
                }
            }
            None => {
                for (n, (out, &w)) in out.iter_mut().zip(&self.window).enumerate() {
                    *out = w * self.sample_at(samples, (first + n) as isize - self.pad as isize);
                }
            }
        }
    }

    /// The sample at `position`, which may lie beyond either end.
    fn sample_at(&self, samples: &[f32], position: isize) -> f32 {
        match self.padding {
            Padding::Reflect => samples[mirrored(position, samples.len())],
            Padding::None | Padding::Zero => usize::try_from(position)
                .ok()
                .and_then(|n| samples.get(n).copied())
                .unwrap_or(0.0),
        }
    }
}

/// Folds a position into `0..length`, mirrored at the first and last sample without repeating them.
fn mirrored(position: isize, length: usize) -> usize {
    let last = length - 1;
    if last == 0 {
        return 0;
    }
    let folded = position.rem_euclid(2 * last as isize) as usize;
    folded.min(2 * last - folded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::f64::consts::TAU;

    fn config(n_fft: usize) -> StftConfig {
        StftConfig {
            n_fft,
            win_length: n_fft,
            hop_length: n_fft / 4,
            window: WindowShape::Hann,
            window_symmetry: WindowSymmetry::Periodic,
            window_placement: WindowPlacement::Centre,
            padding: Padding::Reflect,
        }
    }

    fn noise(samples: usize) -> Vec<f32> {
        let mut state = 1u32;
        (0..samples)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state as f32 / u32::MAX as f32 - 0.5
            })
            .collect()
    }

    /// The definition, in f64, on a padded copy.
    fn slow_spectrum(config: &StftConfig, samples: &[f32], frame: usize) -> Vec<Complex<f64>> {
        let (span, offset) = match config.window_placement {
            WindowPlacement::Centre => (config.n_fft, (config.n_fft - config.win_length) / 2),
            WindowPlacement::Start => (config.win_length, 0),
        };
        let mut padded = samples.to_vec();
        if config.padding != Padding::None {
            for n in 0..span / 2 {
                let (before, after) = match config.padding {
                    Padding::Reflect => (samples[n + 1], samples[samples.len() - 2 - n]),
                    _ => (0.0, 0.0),
                };
                padded.insert(0, before);
                padded.push(after);
            }
        }
        let window = config
            .window
            .samples(config.window_symmetry, config.win_length);
        (0..=config.n_fft / 2)
            .map(|k| {
                (0..config.win_length)
                    .map(|n| {
                        let x = padded[frame * config.hop_length + offset + n] * window[n];
                        let angle = -TAU * (k * (n + offset)) as f64 / config.n_fft as f64;
                        Complex::from_polar(f64::from(x), angle)
                    })
                    .sum()
            })
            .collect()
    }

    #[test]
    fn agrees_with_the_definition_for_every_way_to_pad_and_place_the_window() {
        let samples = noise(300);
        for n_fft in [64, 63, 90] {
            for win_length in [n_fft, n_fft - 13] {
                for padding in [Padding::None, Padding::Reflect, Padding::Zero] {
                    for window_placement in [WindowPlacement::Centre, WindowPlacement::Start] {
                        let config = StftConfig {
                            win_length,
                            padding,
                            window_placement,
                            hop_length: 17,
                            ..config(n_fft)
                        };
                        let stft = Stft::new(&config);
                        let mut work = stft.workspace();
                        for frame in 0..stft.frames(samples.len()) {
                            let fast = stft.transform(&samples, frame, &mut work);
                            let slow = slow_spectrum(&config, &samples, frame);
                            for (fast, slow) in fast.iter().zip(&slow) {
                                assert!((f64::from(fast.re) - slow.re).abs() < 1e-5);
                                assert!((f64::from(fast.im) - slow.im).abs() < 1e-5);
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn energy_in_frequency_is_energy_in_time() {
        let config = StftConfig {
            window: WindowShape::Rectangular,
            padding: Padding::None,
            ..config(256)
        };
        let samples = noise(256);
        let stft = Stft::new(&config);
        let mut work = stft.workspace();
        let spectrum = stft.transform(&samples, 0, &mut work);
        let twice: f32 = spectrum[1..128].iter().map(|x| 2.0 * x.norm_sqr()).sum();
        let frequency = (twice + spectrum[0].norm_sqr() + spectrum[128].norm_sqr()) / 256.0;
        let time: f32 = samples.iter().map(|x| x * x).sum();
        assert!((frequency / time - 1.0).abs() < 1e-5);
    }

    #[test]
    fn a_sine_peaks_in_its_own_bin() {
        let stft = Stft::new(&config(512));
        let mut work = stft.workspace();
        for bin in [3, 100, 255] {
            let sine: Vec<f32> = (0..2048)
                .map(|n| (TAU * bin as f64 * n as f64 / 512.0).sin() as f32)
                .collect();
            let spectrum = stft.transform(&sine, 8, &mut work);
            let peak = (0..spectrum.len())
                .max_by(|&a, &b| spectrum[a].norm().total_cmp(&spectrum[b].norm()))
                .unwrap();
            assert_eq!(peak, bin);
            // A Hann window sums to n_fft/2, a sine holds half its amplitude at +f.
            assert!((spectrum[bin].norm() / 128.0 - 1.0).abs() < 1e-3);
        }
    }

    #[test]
    fn centred_frames_are_one_more_than_whole_hops() {
        let stft = Stft::new(&config(512));
        assert_eq!(stft.frames(0), 0);
        assert_eq!(stft.frames(1), 1);
        assert_eq!(stft.frames(127), 1);
        assert_eq!(stft.frames(128), 2);
    }

    #[test]
    fn frames_without_padding_lie_inside_the_sound() {
        let short_window = StftConfig {
            n_fft: 1024,
            win_length: 400,
            hop_length: 160,
            padding: Padding::None,
            window_placement: WindowPlacement::Start,
            ..config(1024)
        };
        let stft = Stft::new(&short_window);
        assert_eq!(stft.frames(399), 0);
        assert_eq!(stft.frames(400), 1);
        assert_eq!(stft.frames(16_000), 98); // the count COLA publishes for one second
    }

    #[test]
    fn short_sound_is_mirrored_again_and_again() {
        let order: Vec<usize> = (-5..6).map(|position| mirrored(position, 3)).collect();
        assert_eq!(order, [1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1]);
        assert_eq!(mirrored(-7, 1), 0);
    }

    proptest! {
        #[test]
        fn every_frame_of_any_sound_is_finite(
            samples in prop::collection::vec(-1.0f32..1.0, 0..200),
            n_fft in 1usize..130,
            short in 0usize..130,
            hop_length in 1usize..50,
            padding in prop::sample::select(vec![Padding::None, Padding::Reflect, Padding::Zero]),
        ) {
            let config = StftConfig {
                win_length: n_fft.saturating_sub(short).max(1),
                hop_length,
                padding,
                ..config(n_fft)
            };
            let stft = Stft::new(&config);
            let mut work = stft.workspace();
            for frame in 0..stft.frames(samples.len()) {
                let spectrum = stft.transform(&samples, frame, &mut work);
                prop_assert!(spectrum.iter().all(|x| x.re.is_finite() && x.im.is_finite()));
            }
        }
    }
}

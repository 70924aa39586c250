//! A recording → its spectrogram, frame by frame, in memory that does not grow with its length.

use crate::audio::{AudioError, SampleRate};
use crate::signal::{
    Padding, Stft, StftConfig, StftWorkspace, WindowPlacement, WindowShape, WindowSymmetry,
};

/// Appends the next samples of a recording; `false` at its end.
pub(super) type ReadSamples<'a> = dyn FnMut(&mut Vec<f32>) -> Result<bool, AudioError> + 'a;

/// Frames of the spectrogram: Hann windows that overlap by three quarters, the sound mirrored at its ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Framing {
    pub(super) n_fft: usize,
    pub(super) hop_length: usize,
    pub(super) sample_rate: SampleRate,
}

impl Framing {
    /// Windows of `secs`, rounded down to samples.
    pub(super) fn new(secs: f64, sample_rate: SampleRate) -> Self {
        let n_fft = (secs * f64::from(sample_rate.hz())) as usize;
        Self {
            n_fft,
            hop_length: (n_fft / 4).max(1),
            sample_rate,
        }
    }

    /// Frequency bins of a frame.
    pub(super) fn bins(self) -> usize {
        self.n_fft / 2 + 1
    }

    /// Where a time lies between the centres of frames, in frames.
    pub(super) fn position(self, secs: f64) -> f64 {
        // In this order, as the published code rounds it.
        secs * f64::from(self.sample_rate.hz()) / self.hop_length as f64
    }

    /// How long this many frames last, in seconds.
    pub(super) fn secs(self, frames: usize) -> f64 {
        (frames * self.hop_length) as f64 / f64::from(self.sample_rate.hz())
    }

    fn stft(self) -> Stft {
        Stft::new(&StftConfig {
            n_fft: self.n_fft,
            win_length: self.n_fft,
            hop_length: self.hop_length,
            window: WindowShape::Hann,
            window_symmetry: WindowSymmetry::Periodic,
            window_placement: WindowPlacement::Centre,
            padding: Padding::Reflect,
        })
    }
}

/// When this many used samples have come together, they are dropped.
const SAMPLES_TO_DROP: usize = 1 << 18;

/// The magnitudes of successive frames.
pub(super) struct Frames<'a> {
    framing: Framing,
    read: &'a mut ReadSamples<'a>,
    stft: Stft,
    work: StftWorkspace,
    /// Samples from `first` on, which is a whole number of hops.
    samples: Vec<f32>,
    first: usize,
    has_ended: bool,
    next: usize,
}

impl<'a> Frames<'a> {
    pub(super) fn new(framing: Framing, read: &'a mut ReadSamples<'a>) -> Self {
        let stft = framing.stft();
        Self {
            work: stft.workspace(),
            framing,
            read,
            stft,
            samples: Vec::new(),
            first: 0,
            has_ended: false,
            next: 0,
        }
    }

    /// Writes the magnitudes of the next frame, one per bin; `false` at the end of the recording.
    pub(super) fn next_into(&mut self, magnitudes: &mut [f32]) -> Result<bool, AudioError> {
        let Framing {
            n_fft, hop_length, ..
        } = self.framing;
        let centre = self.next * hop_length;
        while !self.has_ended && self.first + self.samples.len() < centre + n_fft {
            self.has_ended = !(self.read)(&mut self.samples)?;
        }
        self.drop_used(centre.saturating_sub(n_fft));
        let frame = self.next - self.first / hop_length;
        if self.has_ended && frame >= self.stft.frames(self.samples.len()) {
            return Ok(false);
        }
        let spectrum = self.stft.transform(&self.samples, frame, &mut self.work);
        for (magnitude, bin) in magnitudes.iter_mut().zip(spectrum) {
            *magnitude = bin.norm();
        }
        self.next += 1;
        Ok(true)
    }

    /// How much was read so far, in seconds: after the last frame, the length of the recording.
    pub(super) fn secs(&self) -> f64 {
        let samples = self.first + self.samples.len();
        samples as f64 / f64::from(self.framing.sample_rate.hz())
    }

    /// Throws away whole hops before the sample `needed`, when that is worth it.
    fn drop_used(&mut self, needed: usize) {
        let hop = self.framing.hop_length;
        let hops = needed.saturating_sub(self.first) / hop;
        if hops * hop >= SAMPLES_TO_DROP {
            self.samples.drain(..hops * hop);
            self.first += hops * hop;
        }
    }
}

/// Some frames of a spectrogram: `frames` times `bins` values, frame after frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Patch {
    pub(super) bins: usize,
    pub(super) values: Vec<f32>,
}

impl Patch {
    pub(super) fn new(bins: usize) -> Self {
        Self {
            bins,
            values: Vec::new(),
        }
    }

    pub(super) fn frames(&self) -> usize {
        self.values.len() / self.bins.max(1)
    }

    /// The frames in a range.
    pub(super) fn cut(&self, frames: std::ops::Range<usize>) -> Self {
        Self {
            bins: self.bins,
            values: self.values[frames.start * self.bins..frames.end * self.bins].to_vec(),
        }
    }

    /// Without `spare` bins at the top and at the bottom.
    pub(super) fn without_edges(&self, spare: usize) -> Self {
        let frames = self.values.chunks_exact(self.bins);
        Self {
            bins: self.bins - 2 * spare,
            values: frames
                .flat_map(|frame| &frame[spare..self.bins - spare])
                .copied()
                .collect(),
        }
    }
}

/// The background of a recording, which is subtracted from its magnitudes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Background {
    /// The median of each bin over time.
    bins: Vec<f32>,
    /// The median of each frame over its bins.
    frames: Vec<f32>,
}

impl Background {
    /// Magnitudes of frame number `frame` less both medians.
    pub(super) fn subtract(&self, frame: usize, magnitudes: &mut [f32]) {
        let of_frame = self.frames.get(frame).copied().unwrap_or(0.0);
        for (magnitude, of_bin) in magnitudes.iter_mut().zip(&self.bins) {
            *magnitude = *magnitude - of_bin - of_frame;
        }
    }

    /// The number of frames that were measured.
    pub(super) fn frames(&self) -> usize {
        self.frames.len()
    }
}

/// Most frames that medians over time are taken of: all frames of a few minutes, every second, fourth … of more.
const MOST_FRAMES: usize = 1 << 14;

/// Listens to a recording for its [`Background`].
pub(super) struct BackgroundMeter {
    bins: usize,
    frame_medians: Vec<f32>,
    /// Every `stride`th frame.
    kept: Patch,
    stride: usize,
    most: usize,
    sorted: Vec<f32>,
}

impl BackgroundMeter {
    pub(super) fn new(bins: usize) -> Self {
        Self {
            bins,
            frame_medians: Vec::new(),
            kept: Patch::new(bins),
            stride: 1,
            most: MOST_FRAMES,
            sorted: Vec::new(),
        }
    }

    /// Hears the next frame.
    pub(super) fn push(&mut self, magnitudes: &[f32]) {
        let frame = self.frame_medians.len();
        self.sorted.clear();
        self.sorted.extend_from_slice(magnitudes);
        self.frame_medians.push(median(&mut self.sorted));
        if frame.is_multiple_of(self.stride) {
            if self.kept.frames() == self.most {
                self.keep_half();
            }
            if frame.is_multiple_of(self.stride) {
                self.kept.values.extend_from_slice(magnitudes);
            }
        }
    }

    /// Keeps every second of the frames, from the first.
    fn keep_half(&mut self) {
        let bins = self.bins;
        for n in 0..self.kept.frames().div_ceil(2) {
            self.kept
                .values
                .copy_within(2 * n * bins..(2 * n + 1) * bins, n * bins);
        }
        self.kept
            .values
            .truncate(self.kept.frames().div_ceil(2) * bins);
        self.stride *= 2;
    }

    pub(super) fn finish(mut self) -> Background {
        let frames = self.kept.frames();
        let mut bins = Vec::with_capacity(self.bins);
        for bin in 0..self.bins {
            let own = (0..frames).map(|frame| self.kept.values[frame * self.bins + bin]);
            self.sorted.clear();
            self.sorted.extend(own);
            bins.push(median(&mut self.sorted));
        }
        Background {
            bins,
            frames: self.frame_medians,
        }
    }
}

/// The middle value, or the mean of the two middle ones, as numpy; 0 of none.
fn median(values: &mut [f32]) -> f32 {
    let middle = values.len() / 2;
    if values.is_empty() {
        return 0.0;
    }
    let is_odd = values.len() % 2 == 1;
    let (below, &mut upper, _) = values.select_nth_unstable_by(middle, f32::total_cmp);
    if is_odd {
        return upper;
    }
    let lower = below
        .iter()
        .copied()
        .max_by(f32::total_cmp)
        .unwrap_or(upper);
    0.5 * (lower + upper)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn noise(samples: usize) -> Vec<f32> {
        let mut state = 7u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state as f32 / u32::MAX as f32 - 0.5
        };
        (0..samples).map(|_| next()).collect()
    }

    fn all_frames(framing: Framing, samples: &[f32], block: usize) -> Patch {
        let mut blocks = samples.chunks(block);
        let mut read = |output: &mut Vec<f32>| {
            let block = blocks.next();
            output.extend_from_slice(block.unwrap_or_default());
            Ok(block.is_some())
        };
        let mut frames = Frames::new(framing, &mut read);
        let mut patch = Patch::new(framing.bins());
        let mut frame = vec![0.0; framing.bins()];
        while frames.next_into(&mut frame).unwrap() {
            patch.values.extend_from_slice(&frame);
        }
        patch
    }

    #[test]
    fn streamed_frames_are_those_of_the_whole_sound() {
        let rate = SampleRate::new(8000).unwrap();
        for (n_fft, len) in [
            (800, 1),
            (800, 300),
            (801, 12_345),
            (40, SAMPLES_TO_DROP * 3),
        ] {
            let framing = Framing {
                n_fft,
                hop_length: n_fft / 4,
                sample_rate: rate,
            };
            let samples = noise(len);
            let stft = framing.stft();
            let mut work = stft.workspace();
            let mut whole = Patch::new(framing.bins());
            for frame in 0..stft.frames(len) {
                let spectrum = stft.transform(&samples, frame, &mut work);
                whole.values.extend(spectrum.iter().map(|bin| bin.norm()));
            }
            for block in [997, len] {
                assert!(
                    all_frames(framing, &samples, block) == whole,
                    "{n_fft} {len} {block}"
                );
            }
        }
    }

    #[test]
    fn a_framing_is_that_of_the_published_code() {
        let framing = Framing::new(0.1, SampleRate::new(22_050).unwrap());
        assert_eq!(
            (framing.n_fft, framing.hop_length, framing.bins()),
            (2205, 551, 1103)
        );
    }

    #[test]
    fn the_background_is_the_median_of_bins_and_of_frames() {
        let mut meter = BackgroundMeter::new(3);
        for frame in [
            [1.0, 2.0, 9.0],
            [3.0, 4.0, 5.0],
            [0.0, 8.0, 7.0],
            [2.0, 2.0, 2.0],
        ] {
            meter.push(&frame);
        }
        let background = meter.finish();
        assert_eq!(background.bins, [1.5, 3.0, 6.0]);
        assert_eq!(background.frames, [2.0, 4.0, 7.0, 2.0]);
        let mut frame = [1.0, 2.0, 9.0];
        background.subtract(0, &mut frame);
        assert_eq!(frame, [-2.5, -3.0, 1.0]);
    }

    #[test]
    fn of_a_long_recording_evenly_spaced_frames_are_kept() {
        let mut meter = BackgroundMeter {
            most: 4,
            ..BackgroundMeter::new(1)
        };
        (0..37).for_each(|frame| meter.push(&[frame as f32]));
        assert_eq!(meter.kept.values, [0.0, 16.0, 32.0]);
        assert_eq!(meter.finish().bins, [16.0]);
    }

    proptest! {
        #[test]
        fn medians_are_those_of_sorted_values(values in prop::collection::vec(-10.0f32..10.0, 1..40)) {
            let mut sorted = values.clone();
            sorted.sort_by(f32::total_cmp);
            let n = sorted.len();
            let expected = 0.5 * (sorted[(n - 1) / 2] + sorted[n / 2]);
            prop_assert!((median(&mut values.clone()) - expected).abs() < 1e-6);
        }
    }
}

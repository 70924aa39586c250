//! Sound at one rate → the same sound at another.

use super::{AudioError, SampleRate};
use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{Fft, FixedSync, Indexing, Resampler as _, WindowFunction};
use std::cell::RefCell;

/// Length of the anti-aliasing filter in samples of the lower rate, at least. Its transition band ends at the lower
/// Nyquist frequency and starts 1.3 % below (soxr's HQ: 8.7 %); its stop band lies below the resolution of `f32`. A longer filter
/// would be sharper still, and ring longer around clicks.
const FILTER_LEN: usize = 1024;

/// The longest block, in samples of the higher rate: what two unrelated rates of 1 MHz need.
const MAX_BLOCK: usize = 1 << 21;

/// Changes the rate of one channel, piece by piece or all at once, with the same result.
///
/// Linear phase, and nothing is shifted in time: sample `i` of the output is the sound at the time `i / to`. Outside
/// its ends the sound is taken to be silent. `n` samples become `round(n · to / from)`.
///
/// ```
/// use chiffchaff::audio::{Resampler, SampleRate};
/// let mut resampler = Resampler::new(SampleRate::new(48_000)?, SampleRate::new(16_000)?)?;
/// let mut output = Vec::new();
/// for piece in [vec![0.5_f32; 30_000], vec![0.5; 18_000]] {
///     resampler.push(&piece, &mut output);
/// }
/// resampler.finish(&mut output);
/// assert_eq!(output.len(), 16_000);
/// assert!((output[8_000] - 0.5).abs() < 1e-5);
/// # Ok::<(), chiffchaff::audio::AudioError>(())
/// ```
///
/// # Source
/// FFT convolution (overlap-add) by `rubato`, with a Blackman–Harris² window; compared with soxr in the tests.
pub struct Resampler {
    from: SampleRate,
    to: SampleRate,
    /// Absent if the rates are equal.
    fft: Option<Fft<f32>>,
    /// Input that does not yet fill a block.
    waiting: Vec<f32>,
    consumed: u64,
    /// Output so far, and those of its first samples that lie before the start of the sound.
    produced: u64,
    to_skip: usize,
}

impl Resampler {
    /// Designs the filter.
    ///
    /// # Errors
    /// If the rates are so far apart, or have so small a common divisor, that a filter would need a block of more than
    /// two million samples. All common rates, and any two integers up to 1 MHz of similar size, are fine.
    pub fn new(from: SampleRate, to: SampleRate) -> Result<Self, AudioError> {
        let fft = if from == to {
            None
        } else {
            Some(design(from, to)?)
        };
        let mut resampler = Self {
            from,
            to,
            fft,
            waiting: Vec::new(),
            consumed: 0,
            produced: 0,
            to_skip: 0,
        };
        resampler.reset();
        Ok(resampler)
    }

    /// How many samples come out for so many put in.
    pub fn output_len(&self, input_len: u64) -> u64 {
        rescaled_len(input_len, self.from, self.to)
    }

    /// Takes in samples and appends to `output` what they complete.
    pub fn push(&mut self, samples: &[f32], output: &mut Vec<f32>) {
        self.consumed += samples.len() as u64;
        let Some(fft) = &mut self.fft else {
            output.extend_from_slice(samples);
            return;
        };
        let block = fft.input_frames_next();
        let mut rest = samples;
        if !self.waiting.is_empty() {
            let (head, tail) = rest.split_at(rest.len().min(block - self.waiting.len()));
            self.waiting.extend_from_slice(head);
            rest = tail;
            if self.waiting.len() < block {
                return;
            }
            let filled = std::mem::take(&mut self.waiting);
            self.convert(&filled, output);
            self.waiting = filled;
            self.waiting.clear();
        }
        let blocks = rest.chunks_exact(block);
        let remainder = blocks.remainder();
        for whole in blocks {
            self.convert(whole, output);
        }
        self.waiting.extend_from_slice(remainder);
    }

    /// Ends the sound: appends what is left of it to `output`, and starts anew.
    pub fn finish(&mut self, output: &mut Vec<f32>) {
        if self.fft.is_some() {
            let total = self.output_len(self.consumed);
            let last = std::mem::take(&mut self.waiting);
            if !last.is_empty() {
                self.convert(&last, output);
            }
            while self.produced < total {
                self.convert(&[], output);
            }
            output.truncate(output.len() - (self.produced - total) as usize);
        }
        self.reset();
    }

    /// Forgets all sound taken in, and keeps the filter.
    pub fn reset(&mut self) {
        if let Some(fft) = &mut self.fft {
            fft.reset();
            self.to_skip = fft.output_delay();
        }
        self.waiting.clear();
        self.consumed = 0;
        self.produced = 0;
    }

    /// Appends the output for one block; a shorter one is filled with silence.
    fn convert(&mut self, block: &[f32], output: &mut Vec<f32>) {
        let Some(fft) = &mut self.fft else { return };
        let start = output.len();
        let block_out = fft.output_frames_next();
        output.resize(start + block_out, 0.0);
        let indexing = Indexing::new().partial_len(block.len());
        let input = SequentialSlice::new(block, 1, block.len()).expect("its own length");
        let mut target = SequentialSlice::new_mut(&mut output[start..], 1, block_out)
            .expect("resized to this length above");
        fft.process_into_buffer(&input, &mut target, Some(&indexing))
            .expect("buffers have the block's length");
        let skipped = self.to_skip.min(block_out);
        output.drain(start..start + skipped);
        self.to_skip -= skipped;
        self.produced += (block_out - skipped) as u64;
    }
}

/// `round(len · to / from)`.
pub(super) fn rescaled_len(len: u64, from: SampleRate, to: SampleRate) -> u64 {
    let (from, to) = (u128::from(from.hz()), u128::from(to.hz()));
    let rounded = (u128::from(len) * to + from / 2) / from;
    u64::try_from(rounded).unwrap_or(u64::MAX)
}

/// Blocks are multiples of the reduced ratio, and even on both sides: so the filter's delay, half a block, is a whole
/// number of samples of either rate.
fn design(from: SampleRate, to: SampleRate) -> Result<Fft<f32>, AudioError> {
    let divisor = gcd(from.hz() as usize, to.hz() as usize);
    let (unit_in, unit_out) = (from.hz() as usize / divisor, to.hz() as usize / divisor);
    let units = FILTER_LEN
        .div_ceil(unit_in.min(unit_out))
        .next_multiple_of(2);
    let refused = AudioError::Resample { from, to };
    if units * unit_in.max(unit_out) > MAX_BLOCK {
        return Err(refused);
    }
    Fft::new_custom(
        from.hz() as usize,
        to.hz() as usize,
        units * unit_in,
        1,
        1,
        WindowFunction::BlackmanHarris2,
        FixedSync::Both,
    )
    .map_err(|_| refused)
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

thread_local! {
    /// Filters of this thread that wait for the next file: designing one costs as much as a second of sound.
    static IDLE: RefCell<Vec<Resampler>> = const { RefCell::new(Vec::new()) };
}

/// How many idle filters a thread keeps; real datasets mix a few rates.
const MAX_IDLE: usize = 4;

/// A resampler that has served on this thread before, or a new one.
pub(super) fn borrow_resampler(from: SampleRate, to: SampleRate) -> Result<Resampler, AudioError> {
    let idle = IDLE.with_borrow_mut(|idle| {
        let found = idle.iter().position(|r| (r.from, r.to) == (from, to))?;
        Some(idle.swap_remove(found))
    });
    idle.map_or_else(|| Resampler::new(from, to), Ok)
}

/// Keeps a resampler for the next file on this thread.
pub(super) fn give_back_resampler(mut resampler: Resampler) {
    if resampler.fft.is_none() {
        return;
    }
    resampler.reset();
    // A thread may be past the destruction of its locals, where a filter has no future anyway.
    let _ = IDLE.try_with(|idle| {
        let mut idle = idle.borrow_mut();
        if idle.len() == MAX_IDLE {
            idle.remove(0);
        }
        idle.push(resampler);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::f64::consts::TAU;

    const PAIRS: [(u32, u32); 9] = [
        (44_100, 22_050),
        (48_000, 16_000),
        (22_050, 16_000),
        (8_000, 22_050),
        (48_000, 44_100),
        (11_025, 48_000),
        (44_101, 16_000),
        (96_000, 22_050),
        (12_347, 8_191),
    ];

    fn resample(input: &[f32], from: u32, to: u32) -> Vec<f32> {
        let rates = (SampleRate::new(from).unwrap(), SampleRate::new(to).unwrap());
        let mut resampler = Resampler::new(rates.0, rates.1).unwrap();
        let mut output = Vec::new();
        resampler.push(input, &mut output);
        resampler.finish(&mut output);
        output
    }

    fn sine(hz: f64, rate: u32, len: usize) -> Vec<f32> {
        let sample = |i| (TAU * hz * f64::from(i) / f64::from(rate)).sin() as f32;
        (0..len as u32).map(sample).collect()
    }

    /// The largest difference away from the two ends, where the sound starts and stops abruptly.
    fn worst_inside(a: &[f32], b: &[f32], margin: usize) -> f32 {
        let inside = margin..a.len().min(b.len()) - margin;
        let pairs = a[inside.clone()].iter().zip(&b[inside]);
        pairs.map(|(x, y)| (x - y).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn a_sine_keeps_frequency_amplitude_and_phase() {
        for (from, to) in PAIRS {
            let seconds = 4;
            for hz in [
                100.0,
                0.21 * f64::from(from.min(to)),
                0.47 * f64::from(from.min(to)),
            ] {
                let output = resample(&sine(hz, from, (from * seconds) as usize), from, to);
                let expected = sine(hz, to, (to * seconds) as usize);
                assert_eq!(output.len(), expected.len());
                // The filter reaches over up to two blocks (prime rates: a second each).
                let worst = worst_inside(&output, &expected, (to * 5 / 4) as usize);
                assert!(worst < 1e-4, "{from} → {to} at {hz} Hz: {worst}");
            }
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_rejected_by_100_db() {
        for (from, to) in PAIRS.into_iter().filter(|(from, to)| from > to) {
            for share in [1.005, 1.2] {
                let hz = share * f64::from(to) / 2.0;
                if hz > f64::from(from) / 2.0 {
                    continue;
                }
                let output = resample(&sine(hz, from, (from * 4) as usize), from, to);
                let silence = vec![0.0; output.len()];
                let left = worst_inside(&output, &silence, (to * 5 / 4) as usize);
                assert!(left < 1e-5, "{from} → {to} at {hz} Hz leaves {left}");
            }
        }
    }

    #[test]
    fn a_click_stays_where_it_was() {
        for (from, to) in PAIRS {
            let mut input = vec![0.0; from as usize * 2];
            input[from as usize] = 1.0; // at exactly 1 s
            let output = resample(&input, from, to);
            let loudest = output
                .iter()
                .enumerate()
                .max_by(|a, b| a.1.total_cmp(b.1))
                .unwrap();
            assert_eq!(loudest.0, to as usize, "{from} → {to}");
        }
    }

    #[test]
    fn there_and_back_returns_the_sound() {
        let input = sine(440.0, 16_000, 32_000);
        let back = resample(&resample(&input, 16_000, 44_100), 44_100, 16_000);
        assert_eq!(back.len(), input.len());
        assert!(worst_inside(&back, &input, 4096) < 1e-4);
    }

    #[test]
    fn equal_rates_change_nothing() {
        let input = sine(440.0, 16_000, 1000);
        assert_eq!(resample(&input, 16_000, 16_000), input);
    }

    #[test]
    fn absurd_ratios_are_refused_and_not_attempted() {
        for (from, to) in [(9_999_991, 44_100), (1, 10_000_000), (10, 22_050)] {
            let rates = (SampleRate::new(from).unwrap(), SampleRate::new(to).unwrap());
            assert!(Resampler::new(rates.0, rates.1).is_err(), "{from} → {to}");
        }
    }

    #[test]
    fn a_returned_resampler_carries_no_sound_over() {
        let rates = (
            SampleRate::new(48_000).unwrap(),
            SampleRate::new(16_000).unwrap(),
        );
        let mut first = borrow_resampler(rates.0, rates.1).unwrap();
        first.push(&[1.0; 10_000], &mut Vec::new());
        give_back_resampler(first);
        let mut second = borrow_resampler(rates.0, rates.1).unwrap();
        let mut output = Vec::new();
        second.push(&[0.0; 10_000], &mut output);
        second.finish(&mut output);
        assert_eq!(output, vec![0.0; 3333]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn pieces_give_the_same_as_the_whole(
            cuts in prop::collection::vec(0_usize..5000, 0..12),
            pair in 0..PAIRS.len() - 3,
        ) {
            let (from, to) = PAIRS[pair];
            let len = cuts.iter().sum::<usize>();
            let input: Vec<f32> = (0..len).map(|i| ((i * i) % 97) as f32 / 97.0 - 0.5).collect();
            let rates = (SampleRate::new(from).unwrap(), SampleRate::new(to).unwrap());
            let mut resampler = Resampler::new(rates.0, rates.1).unwrap();
            let (mut output, mut start) = (Vec::new(), 0);
            for cut in cuts {
                resampler.push(&input[start..start + cut], &mut output);
                start += cut;
            }
            resampler.finish(&mut output);
            prop_assert_eq!(&output, &resample(&input, from, to));
            let exact = len as f64 * f64::from(to) / f64::from(from);
            prop_assert!((output.len() as f64 - exact).abs() <= 0.5);
        }
    }
}

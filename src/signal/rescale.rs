//! The same sound in another number of samples.

use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{
    Async, FixedAsync, Resampler as _, SincInterpolationParameters, SincInterpolationType,
    WindowFunction,
};

/// Length of the interpolating filter in samples of the input: flat to 91 % of the lower Nyquist frequency.
const FILTER_LEN: usize = 64;
/// Places between two samples at which the filter is known; between these it is interpolated.
const FILTER_STEPS: usize = 128;
/// Samples worked on at a time.
const CHUNK_LEN: usize = 4096;

/// Squeezes or stretches a sound to `len` samples as a tape does: speed and pitch change together, by any ratio.
/// What the new rate cannot hold is filtered out. Sound comes at most a little over one sample of the output early. The
/// same length gives the same samples, bit for bit.
///
/// For ratios that change from sound to sound; [`crate::audio::Resampler`] is sharper, for rates that stay.
///
/// # Panics
/// If the ratio is beyond 1000.
pub fn rescale(samples: &[f32], len: usize) -> Vec<f32> {
    if len == samples.len() {
        return samples.to_vec();
    }
    if samples.is_empty() || len == 0 {
        return vec![0.0; len];
    }
    let ratio = len as f64 / samples.len() as f64;
    assert!(
        (1e-3..=1e3).contains(&ratio),
        "a sound of {} samples cannot be rescaled to {len}",
        samples.len()
    );
    let filter = SincInterpolationParameters::new(FILTER_LEN, WindowFunction::BlackmanHarris2)
        .oversampling_factor(FILTER_STEPS)
        .interpolation(SincInterpolationType::Linear);
    let mut resampler = Async::new_sinc(ratio, 1.0, &filter, CHUNK_LEN, 1, FixedAsync::Input)
        .expect("the ratio is finite and positive");
    let needed = resampler.process_all_needed_output_len(samples.len());
    let mut output = vec![0.0; needed.max(len)];
    let buffer_len = output.len();
    let input = SequentialSlice::new(samples, 1, samples.len()).expect("its own length");
    let mut target = SequentialSlice::new_mut(&mut output, 1, buffer_len).expect("its own length");
    resampler
        .process_all_into_buffer(&input, &mut target, samples.len(), None)
        .expect("the buffer has the length that was asked for");
    output.truncate(len);
    output
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    fn sine(cycles_per_sample: f64, len: usize) -> Vec<f32> {
        let sample = |n| (TAU * cycles_per_sample * n as f64).sin() as f32;
        (0..len).map(sample).collect()
    }

    #[test]
    fn a_sine_is_the_same_sine_at_the_new_rate() {
        for len in [9_000, 12_345, 7_071, 20_000] {
            let output = rescale(&sine(0.05, 10_000), len);
            let expected = sine(0.05 * 10_000.0 / len as f64, len);
            let inside = 200..len - 200;
            let worst = output[inside.clone()].iter().zip(&expected[inside]);
            let worst = worst.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            // The filter's delay is rounded to a whole sample of the output, its places to a step.
            let turn = 1.05 * std::f64::consts::PI * 0.05 * 10_000.0 / len as f64;
            assert!(worst <= (2.0 * turn.sin()) as f32, "{len}: {worst}");
        }
    }

    #[test]
    fn what_fewer_samples_cannot_hold_is_gone() {
        let output = rescale(&sine(0.45, 10_000), 8_000);
        let loudest = output[200..7_800]
            .iter()
            .fold(0.0, |m: f32, x| m.max(x.abs()));
        assert!(loudest < 1e-3, "{loudest}");
    }

    #[test]
    fn any_length_becomes_any_length() {
        for (from, to) in [(1, 2), (3, 1), (0, 5), (5, 0), (4097, 4096), (100, 399)] {
            assert_eq!(rescale(&vec![0.1; from], to).len(), to);
        }
        assert_eq!(rescale(&[0.1, 0.2], 2), [0.1, 0.2]);
    }
}

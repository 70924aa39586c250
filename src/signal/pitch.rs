//! The frequency of a tone, for tests.

use super::plans;
use std::f64::consts::TAU;

const LEN: usize = 16_384;

/// Frequency of the strongest tone in the middle of a sound, in cycles per sample: the top of the parabola through the
/// logarithms of the three bins around the peak of a spectrum, under a Hann window. Within a twentieth of a bin, or
/// 0.07 Hz at 22.05 kHz.
pub(crate) fn frequency(samples: &[f32]) -> f64 {
    let start = samples.len().saturating_sub(LEN) / 2;
    let middle = &samples[start..samples.len().min(start + LEN)];
    let forward = plans::forward(LEN);
    let mut frame = forward.make_input_vec();
    for (n, (out, sample)) in frame.iter_mut().zip(middle).enumerate() {
        let window = 1.0 - (TAU * n as f64 / middle.len() as f64).cos();
        *out = (window * f64::from(*sample)) as f32;
    }
    let mut spectrum = forward.make_output_vec();
    forward.process(&mut frame, &mut spectrum).unwrap();
    let level = |bin: usize| f64::from(spectrum[bin].norm()).ln();
    let peak = (1..LEN / 2)
        .max_by(|&a, &b| level(a).total_cmp(&level(b)))
        .unwrap();
    let (before, at, after) = (level(peak - 1), level(peak), level(peak + 1));
    let top = 0.5 * (before - after) / (before - 2.0 * at + after);
    (peak as f64 + top) / LEN as f64
}

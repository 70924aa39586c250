//! Filters by multiplication of the whole spectrum.

use realfft::RealFftPlanner;
use realfft::num_complex::Complex;

/// `sound` with every frequency's amplitude multiplied by `gain(hz)`.
pub(super) fn shape_spectrum(sound: &[f64], rate: f64, gain: impl Fn(f64) -> f64) -> Vec<f64> {
    let length = sound.len();
    let mut bins = spectrum(sound, length);
    for (bin, value) in bins.iter_mut().enumerate() {
        *value *= gain(bin as f64 * rate / length as f64);
    }
    signal(bins, length)
}

/// The first `sound.len()` samples of the convolution.
pub(super) fn convolve(sound: &[f64], response: &[f64]) -> Vec<f64> {
    let length = (sound.len() + response.len()).next_power_of_two();
    let (mut bins, response) = (spectrum(sound, length), spectrum(response, length));
    bins.iter_mut().zip(response).for_each(|(a, b)| *a *= b);
    let mut convolved = signal(bins, length);
    convolved.truncate(sound.len());
    convolved
}

fn spectrum(sound: &[f64], length: usize) -> Vec<Complex<f64>> {
    let transform = RealFftPlanner::new().plan_fft_forward(length);
    let mut padded = transform.make_input_vec();
    padded[..sound.len()].copy_from_slice(sound);
    let mut bins = transform.make_output_vec();
    transform
        .process(&mut padded, &mut bins)
        .expect("buffers of the plan's own lengths");
    bins
}

fn signal(mut bins: Vec<Complex<f64>>, length: usize) -> Vec<f64> {
    let transform = RealFftPlanner::new().plan_fft_inverse(length);
    let mut samples = transform.make_output_vec();
    // Rounding leaves them a trace, which the transform refuses.
    bins[0].im = 0.0;
    if length.is_multiple_of(2) {
        bins[length / 2].im = 0.0;
    }
    transform
        .process(&mut bins, &mut samples)
        .expect("buffers of the plan's own lengths");
    samples.iter_mut().for_each(|v| *v /= length as f64);
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn convolution_with_a_delayed_pulse_delays() {
        let sound: Vec<f64> = (0..37).map(f64::from).collect();
        let delayed = convolve(&sound, &[0.0, 0.0, 2.0]);
        for n in 2..37 {
            assert!((delayed[n] - 2.0 * sound[n - 2]).abs() < 1e-9);
        }
    }

    #[test]
    fn a_gain_of_one_changes_nothing() {
        let sound: Vec<f64> = (0..101).map(|n| f64::from(n * n % 17)).collect();
        let same = shape_spectrum(&sound, 8000.0, |_| 1.0);
        assert!(same.iter().zip(&sound).all(|(a, b)| (a - b).abs() < 1e-9));
    }
}

//! Convolution by Fourier transforms.

use super::plans;

/// The convolution of two sounds, `samples.len() + response.len() − 1` samples; nothing if either is empty.
///
/// ```text
/// y[n] = Σₘ h[m]·x[n − m]
/// ```
///
/// In blocks that are added where they overlap: time and memory grow with the length of `samples` only linearly.
///
/// ```
/// use chiffchaff::signal::convolve;
/// let echo = convolve(&[1.0, 2.0], &[1.0, 0.0, 0.5]);
/// for (sample, expected) in echo.iter().zip([1.0, 2.0, 0.5, 1.0]) {
///     assert!((sample - expected).abs() < 1e-6);
/// }
/// ```
pub fn convolve(samples: &[f32], response: &[f32]) -> Vec<f32> {
    if samples.is_empty() || response.is_empty() {
        return Vec::new();
    }
    let full_len = samples.len() + response.len() - 1;
    let fft_len = transform_len(samples.len(), response.len());
    let block_len = fft_len - response.len() + 1;
    let (forward, inverse) = (plans::forward(fft_len), plans::inverse(fft_len));
    let mut block = forward.make_input_vec();
    let mut spectrum = forward.make_output_vec();
    let mut scratch = forward.make_scratch_vec();
    let mut back_scratch = inverse.make_scratch_vec();

    let mut response_spectrum = forward.make_output_vec();
    let scale = 1.0 / fft_len as f32;
    for (padded, sample) in block.iter_mut().zip(response) {
        *padded = sample * scale;
    }
    forward
        .process_with_scratch(&mut block, &mut response_spectrum, &mut scratch)
        .expect("buffers are those of the plan");

    let mut output = vec![0.0; full_len];
    for (number, piece) in samples.chunks(block_len).enumerate() {
        block[..piece.len()].copy_from_slice(piece);
        block[piece.len()..].fill(0.0);
        forward
            .process_with_scratch(&mut block, &mut spectrum, &mut scratch)
            .expect("buffers are those of the plan");
        for (bin, factor) in spectrum.iter_mut().zip(&response_spectrum) {
            *bin *= factor;
        }
        inverse
            .process_with_scratch(&mut spectrum, &mut block, &mut back_scratch)
            .expect("products of real spectra are real at both ends");
        for (sum, sample) in output[number * block_len..].iter_mut().zip(&block) {
            *sum += sample;
        }
    }
    output
}

/// One transform where it need not be much longer than four responses; else four responses, where the work per
/// sample is near its least.
fn transform_len(samples: usize, response: usize) -> usize {
    let at_once = (samples + response - 1).next_power_of_two().max(2);
    at_once.min((4 * response).next_power_of_two().max(1024))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slow(x: &[f32], h: &[f32]) -> Vec<f64> {
        let mut y = vec![0.0; (x.len() + h.len()).saturating_sub(1)];
        for (n, x) in x.iter().enumerate() {
            for (m, h) in h.iter().enumerate() {
                y[n + m] += f64::from(*x) * f64::from(*h);
            }
        }
        y
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn agrees_with_the_definition(
            samples in prop::collection::vec(-1.0_f32..1.0, 1..3000),
            response in prop::collection::vec(-1.0_f32..1.0, 1..400),
        ) {
            let fast = convolve(&samples, &response);
            prop_assert_eq!(fast.len(), samples.len() + response.len() - 1);
            for (fast, slow) in fast.iter().zip(slow(&samples, &response)) {
                prop_assert!((f64::from(*fast) - slow).abs() < 1e-4);
            }
        }
    }

    #[test]
    fn nothing_convolved_is_nothing() {
        assert!(convolve(&[], &[1.0]).is_empty());
        assert!(convolve(&[1.0], &[]).is_empty());
    }
}

//! Morlet wavelets: short pieces of tone, each as many cycles long as the others.

use std::f64::consts::{PI, TAU};

/// Half the length of a wavelet in units of its scale: its envelope is e⁻¹⁶ = 10⁻⁷ of its middle there.
const REACH: f64 = 5.7;
/// Sums that run side by side, so that the compiler can use vector registers.
const LANES: usize = 8;

/// A complex Morlet wavelet of one scale, sampled.
///
/// ```text
/// W(u, s) = s^(−1/2) · Σₙ x[n]·ψ*((n − u)/s)
/// ψ(t) = π^(−1/4)·(e^{iω₀t} − e^{−ω₀²/2})·e^{−t²/2}
/// ```
/// `u` and the scale `s` are in samples. The wavelet answers most to the frequency ω₀/(2πs) per sample, with a relative
/// width (standard deviation) of 1/ω₀, and covers about ±2s samples. The constant term makes its response to 0 Hz zero.
/// White noise has the same mean power |W|² at every scale; a tone of amplitude A has A²·√π·s/2 at its own.
///
/// # Source
/// Torrence and Compo 1998, "A practical guide to wavelet analysis", eqs. 1 and 2 with δt = 1 sample.
#[derive(Debug, Clone)]
pub(crate) struct Morlet {
    scale: f64,
    /// Samples before and after the middle one.
    reach: usize,
    /// s^(−1/2)·ψ*(n/s) for n from −reach to reach.
    real: Vec<f32>,
    imaginary: Vec<f32>,
}

impl Morlet {
    /// The wavelet for `frequency` in cycles per sample, above 0 to 0.5, with the angle `omega0` per unit of scale.
    pub(crate) fn new(frequency: f64, omega0: f64) -> Self {
        let scale = omega0 / (TAU * frequency);
        let reach = (REACH * scale).ceil() as usize;
        let mean = (-0.5 * omega0 * omega0).exp();
        let factor = PI.powf(-0.25) / scale.sqrt();
        let at = |n: usize| (n as f64 - reach as f64) / scale;
        let envelope = |t: f64| factor * (-0.5 * t * t).exp();
        let times = (0..=2 * reach).map(at);
        Self {
            scale,
            reach,
            real: times
                .clone()
                .map(|t| (envelope(t) * ((omega0 * t).cos() - mean)) as f32)
                .collect(),
            imaginary: times
                .map(|t| (-envelope(t) * (omega0 * t).sin()) as f32)
                .collect(),
        }
    }

    /// The scale `s`, in samples.
    pub(crate) fn scale(&self) -> f64 {
        self.scale
    }

    /// |W|² at sample `place` of `samples`, with silence around them.
    pub(crate) fn power_at(&self, samples: &[f32], place: isize) -> f32 {
        let first = place - self.reach as isize;
        let skipped = (-first).max(0) as usize;
        let start = first.max(0) as usize;
        if start >= samples.len() || skipped >= self.real.len() {
            return 0.0;
        }
        let heard = &samples[start..];
        let real = dot(heard, &self.real[skipped..]);
        let imaginary = dot(heard, &self.imaginary[skipped..]);
        real * real + imaginary * imaginary
    }
}

/// Σ a·b over as many numbers as both have.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let length = a.len().min(b.len());
    let (a, a_rest) = a[..length].as_chunks::<LANES>();
    let (b, b_rest) = b[..length].as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    rest + sums.iter().sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OMEGA0: f64 = 6.0;

    fn tone(frequency: f64) -> Vec<f32> {
        (0..4000)
            .map(|n| (TAU * frequency * f64::from(n)).cos() as f32)
            .collect()
    }

    /// The formula in f64, over the whole sound.
    fn slow_power(samples: &[f32], place: f64, scale: f64) -> f64 {
        let (mut re, mut im) = (0.0, 0.0);
        for (n, &x) in samples.iter().enumerate() {
            let t = (n as f64 - place) / scale;
            let envelope = PI.powf(-0.25) * (-0.5 * t * t).exp() / scale.sqrt();
            let mean = (-0.5 * OMEGA0 * OMEGA0).exp();
            re += f64::from(x) * envelope * ((OMEGA0 * t).cos() - mean);
            im -= f64::from(x) * envelope * (OMEGA0 * t).sin();
        }
        re * re + im * im
    }

    #[test]
    fn agrees_with_the_formula_inside_and_beyond_the_ends() {
        let mut state = 1u32;
        let noise: Vec<f32> = (0..3000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state as f32 / u32::MAX as f32 - 0.5
            })
            .collect();
        for frequency in [0.003, 0.02, 0.11, 0.4] {
            let wavelet = Morlet::new(frequency, OMEGA0);
            for place in [-20isize, 0, 7, 1500, 2999, 3100, 100_000] {
                let fast = f64::from(wavelet.power_at(&noise, place));
                let slow = slow_power(&noise, place as f64, wavelet.scale());
                assert!(
                    (fast - slow).abs() < 1e-5 * slow + 1e-6,
                    "{frequency} at {place}: {fast} is not {slow}"
                );
            }
        }
        assert_eq!(Morlet::new(0.1, OMEGA0).power_at(&[], 0), 0.0);
    }

    #[test]
    fn a_tone_is_heard_by_its_own_wavelet_as_the_formula_says() {
        for frequency in [0.01, 0.1, 0.3] {
            let tone = tone(frequency);
            let power = |f: f64| f64::from(Morlet::new(f, OMEGA0).power_at(&tone, 2000));
            let scale = Morlet::new(frequency, OMEGA0).scale();
            assert!((power(frequency) / (PI.sqrt() * scale / 2.0) - 1.0).abs() < 1e-4);
            // One standard deviation of |ψ̂| off: e^(−½) of the amplitude, but for the scale's own factor.
            let off = frequency / (1.0 + 1.0 / OMEGA0);
            let ratio = power(off) / power(frequency) / (1.0 + 1.0 / OMEGA0);
            assert!((ratio - (-1.0f64).exp()).abs() < 0.01, "{ratio}");
        }
    }

    #[test]
    fn a_constant_is_not_heard() {
        let wavelet = Morlet::new(0.05, 2.0);
        assert!(wavelet.power_at(&[1.0; 2000], 1000) < 1e-9);
    }
}

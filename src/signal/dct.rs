//! The cosine transform behind cepstra.

use std::f64::consts::PI;

/// The first coefficients of an orthonormal DCT-II.
///
/// ```text
/// y[k] = c[k]·Σ_{n=0}^{N−1} x[n]·cos(π·k·(2n + 1) / 2N),   c[0] = √(1/N), else √(2/N)
/// ```
///
/// # Source
/// Ahmed, Natarajan and Rao 1974; the scaling is SciPy's `dct(type=2, norm="ortho")`.
#[derive(Debug, Clone)]
pub(crate) struct Dct {
    inputs: usize,
    /// One basis vector of `inputs` numbers after another.
    basis: Vec<f32>,
}

impl Dct {
    /// A transform of `inputs` numbers to the first `outputs` coefficients.
    ///
    /// # Panics
    /// If `outputs` is 0 or above `inputs`.
    pub(crate) fn new(inputs: usize, outputs: usize) -> Self {
        assert!(
            (1..=inputs).contains(&outputs),
            "{outputs} coefficients of {inputs} numbers"
        );
        let basis = (0..outputs)
            .flat_map(|k| {
                (0..inputs).map(move |n| {
                    let scale = if k == 0 { 1.0 } else { 2.0f64 };
                    let angle = PI * (k * (2 * n + 1)) as f64 / (2 * inputs) as f64;
                    ((scale / inputs as f64).sqrt() * angle.cos()) as f32
                })
            })
            .collect();
        Self { inputs, basis }
    }

    /// Number of coefficients.
    pub(crate) fn outputs(&self) -> usize {
        self.basis.len() / self.inputs
    }

    /// Transforms `input` into `output`.
    ///
    /// # Panics
    /// If the lengths are not those of the transform.
    pub(crate) fn apply(&self, input: &[f32], output: &mut [f32]) {
        assert_eq!(input.len(), self.inputs, "inputs of the transform");
        assert_eq!(output.len(), self.outputs(), "outputs of the transform");
        for (y, basis) in output.iter_mut().zip(self.basis.chunks_exact(self.inputs)) {
            *y = basis.iter().zip(input).map(|(b, x)| b * x).sum();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transform(input: &[f32], outputs: usize) -> Vec<f32> {
        let mut output = vec![0.0; outputs];
        Dct::new(input.len(), outputs).apply(input, &mut output);
        output
    }

    #[test]
    fn a_constant_has_only_the_zeroth_coefficient() {
        let y = transform(&[3.0; 16], 16);
        assert!((y[0] - 3.0 * 4.0).abs() < 1e-5);
        assert!(y[1..].iter().all(|y| y.abs() < 1e-5));
    }

    #[test]
    fn the_whole_transform_keeps_the_energy() {
        let x: Vec<f32> = (0..40).map(|n| ((n * n) % 17) as f32 - 8.0).collect();
        let energy = |v: &[f32]| v.iter().map(|v| v * v).sum::<f32>();
        let y = transform(&x, 40);
        assert!((energy(&x) / energy(&y) - 1.0).abs() < 1e-5);
    }

    #[test]
    fn fewer_coefficients_are_the_first_of_all() {
        let x: Vec<f32> = (0..24).map(|n| (n as f32 * 0.7).sin()).collect();
        assert_eq!(transform(&x, 5), transform(&x, 24)[..5]);
    }
}

//! Normalised cross-correlation of templates with a spectrogram.

use super::spectrogram::Patch;
use rayon::prelude::*;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex, num_complex::Complex};
use std::sync::Arc;

/// Shortest block of frames that is transformed at once.
const SHORTEST_BLOCK: usize = 256;

/// Templates, ready to be looked for.
///
/// ```text
/// NCC(x) = Σ I·(t − t̄) / √( (Σ I² − (Σ I)² / n) · Σ (t − t̄)² )
/// ```
/// over the `n` values of the template `t` and those of the picture `I` that lie under it at place `x`; 0 where nothing
/// varies. The template is as much lower than the picture as there are spare bins, and takes every place in between:
/// the score of a frame is the best of these. (J. P. Lewis, Fast normalized cross-correlation, 1995.)
pub(super) struct Correlator {
    /// Bins of the picture.
    bins: usize,
    /// Bins of the templates.
    height: usize,
    templates: Vec<Template>,
    block: usize,
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
}

struct Template {
    frames: usize,
    /// `Σ (t − t̄)²`.
    energy: f64,
    /// Conjugate transforms over time of each bin of `t − t̄`, one after another.
    spectra: Vec<Complex<f32>>,
}

impl Correlator {
    /// Prepares to look for `templates` in pictures of `bins` bins.
    ///
    /// # Panics
    /// If a template is empty, or if they are not all of the same height, at most that of the pictures.
    pub(super) fn new(templates: &[Patch], bins: usize) -> Self {
        let height = templates.first().map_or(bins, |template| template.bins);
        assert!(
            (1..=bins).contains(&height),
            "{height} bins in a picture of {bins}"
        );
        let longest = templates.iter().map(Patch::frames).max().unwrap_or(1);
        let block = (2 * longest).next_power_of_two().max(SHORTEST_BLOCK);
        let mut planner = RealFftPlanner::new();
        let forward = planner.plan_fft_forward(block);
        let prepared = templates.par_iter().map(|template| {
            assert!(template.frames() > 0, "a template without frames");
            assert_eq!(template.bins, height, "bins of a template");
            Template::new(template, forward.as_ref())
        });
        Self {
            bins,
            height,
            templates: prepared.collect(),
            block,
            inverse: planner.plan_fft_inverse(block),
            forward,
        }
    }

    /// Frames that [`Self::scores`] takes at once, at most.
    pub(super) fn block(&self) -> usize {
        self.block
    }

    /// For each template, its score at every frame where it fits into the picture.
    ///
    /// # Panics
    /// If the picture is longer than a block or has other bins.
    pub(super) fn scores(&self, picture: &Patch) -> Vec<Vec<f32>> {
        assert_eq!(picture.bins, self.bins, "bins of the picture");
        assert!(
            picture.frames() <= self.block,
            "{} frames",
            picture.frames()
        );
        let spectra = row_spectra(picture, self.forward.as_ref());
        let sums = RunningSums::new(picture, self.height);
        self.templates
            .par_iter()
            .map(|template| self.scores_of(template, picture.frames(), &spectra, &sums))
            .collect()
    }

    fn scores_of(
        &self,
        template: &Template,
        frames: usize,
        spectra: &[Complex<f32>],
        sums: &RunningSums,
    ) -> Vec<f32> {
        let Some(places) = (frames + 1).checked_sub(template.frames) else {
            return Vec::new();
        };
        let mut best = vec![f32::NEG_INFINITY; places];
        let mut product = self.inverse.make_input_vec();
        let mut correlation = self.inverse.make_output_vec();
        let mut scratch = self.inverse.make_scratch_vec();
        let bins = product.len();
        for offset in 0..=self.bins - self.height {
            product.fill(Complex::default());
            let rows = spectra[offset * bins..].chunks_exact(bins);
            for (row, template) in rows.zip(template.spectra.chunks_exact(bins)) {
                multiply_add(&mut product, row, template);
            }
            // These two are real but for rounding, and the inverse transform insists.
            product[0].im = 0.0;
            product[bins - 1].im = 0.0;
            self.inverse
                .process_with_scratch(&mut product, &mut correlation, &mut scratch)
                .expect("the buffers are made for it");
            let n = template.frames * self.height;
            let spreads = sums.spreads(offset, template.frames, n);
            for ((best, &sum), spread) in best.iter_mut().zip(&correlation).zip(spreads) {
                let energy = spread * template.energy;
                let score = f64::from(sum) / self.block as f64 / energy.sqrt();
                // NaN and infinity stand for nothing that varies.
                *best = best.max(if score.is_finite() { score as f32 } else { 0.0 });
            }
        }
        best
    }
}

impl Template {
    fn new(patch: &Patch, forward: &dyn RealToComplex<f32>) -> Self {
        let n = patch.values.len() as f64;
        let mean = patch.values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let centred = Patch {
            bins: patch.bins,
            values: patch
                .values
                .iter()
                .map(|&v| (f64::from(v) - mean) as f32)
                .collect(),
        };
        let energy = centred.values.iter().map(|&v| f64::from(v).powi(2)).sum();
        let mut spectra = row_spectra(&centred, forward);
        spectra.iter_mut().for_each(|value| *value = value.conj());
        Self {
            frames: patch.frames(),
            energy,
            spectra,
        }
    }
}

/// The transforms over time of every bin, one after another; zeros after the last frame.
fn row_spectra(picture: &Patch, forward: &dyn RealToComplex<f32>) -> Vec<Complex<f32>> {
    let mut spectra = vec![Complex::default(); picture.bins * forward.complex_len()];
    let rows = spectra
        .par_chunks_exact_mut(forward.complex_len())
        .enumerate();
    rows.for_each_init(
        || (forward.make_input_vec(), forward.make_scratch_vec()),
        |(input, scratch), (bin, spectrum)| {
            input.fill(0.0);
            for (value, frame) in input
                .iter_mut()
                .zip(picture.values.chunks_exact(picture.bins))
            {
                *value = frame[bin];
            }
            forward
                .process_with_scratch(input, spectrum, scratch)
                .expect("the buffers are made for it");
        },
    );
    spectra
}

fn multiply_add(sum: &mut [Complex<f32>], a: &[Complex<f32>], b: &[Complex<f32>]) {
    for ((sum, a), b) in sum.iter_mut().zip(a).zip(b) {
        sum.re += a.re * b.re - a.im * b.im;
        sum.im += a.re * b.im + a.im * b.re;
    }
}

/// Sums over the bins under a template, and of their squares, up to each frame; one list per place of the template in
/// the picture's height.
struct RunningSums(Vec<Vec<[f64; 2]>>);

impl RunningSums {
    /// For templates that are `height` bins high.
    fn new(picture: &Patch, height: usize) -> Self {
        let offsets = picture.bins - height + 1;
        let mut sums = vec![vec![[0.0; 2]]; offsets];
        let mut up_to_bin = vec![[0.0; 2]; picture.bins + 1];
        for frame in picture.values.chunks_exact(picture.bins) {
            for (bin, &value) in frame.iter().enumerate() {
                let value = f64::from(value);
                let [sum, squares] = up_to_bin[bin];
                up_to_bin[bin + 1] = [sum + value, squares + value * value];
            }
            for (offset, sums) in sums.iter_mut().enumerate() {
                let (last, above, below) = (
                    sums[sums.len() - 1],
                    up_to_bin[offset + height],
                    up_to_bin[offset],
                );
                sums.push([0, 1].map(|i| last[i] + above[i] - below[i]));
            }
        }
        Self(sums)
    }

    /// `Σ I² − (Σ I)² / n` under a window of `width` frames and `n` values, at every place; 0 where that is no more than
    /// rounding.
    fn spreads(&self, offset: usize, width: usize, n: usize) -> impl Iterator<Item = f64> {
        let sums = &self.0[offset];
        let rounding = 1e-12 * sums[sums.len() - 1][1];
        (width..sums.len()).map(move |end| {
            let [sum, squares] = [0, 1].map(|i| sums[end][i] - sums[end - width][i]);
            let spread = squares - sum * sum / n as f64;
            if spread > rounding { spread } else { 0.0 }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The formula, in f64.
    fn slow_ncc(template: &Patch, picture: &Patch) -> Vec<f64> {
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let under = |place: usize, offset: usize| -> Vec<f64> {
            let frames = picture
                .values
                .chunks_exact(picture.bins)
                .skip(place)
                .take(template.frames());
            frames
                .flat_map(|frame| &frame[offset..offset + template.bins])
                .map(|&v| f64::from(v))
                .collect()
        };
        let t: Vec<f64> = template.values.iter().map(|&v| f64::from(v)).collect();
        let t: Vec<f64> = t.iter().map(|v| v - mean(&t)).collect();
        let ncc = |place: usize, offset: usize| {
            let i = under(place, offset);
            let i_mean = mean(&i);
            let cross: f64 = i.iter().zip(&t).map(|(i, t)| i * t).sum();
            let spread: f64 = i.iter().map(|v| (v - i_mean).powi(2)).sum();
            let energy: f64 = t.iter().map(|v| v * v).sum();
            if spread * energy < 1e-12 {
                0.0
            } else {
                cross / (spread * energy).sqrt()
            }
        };
        (0..(picture.frames() + 1).saturating_sub(template.frames()))
            .map(|place| {
                let offsets = 0..=picture.bins - template.bins;
                offsets
                    .map(|offset| ncc(place, offset))
                    .fold(f64::NEG_INFINITY, f64::max)
            })
            .collect()
    }

    fn patch(bins: usize, frames: std::ops::Range<usize>) -> impl Strategy<Value = Patch> {
        prop::collection::vec(prop::collection::vec(-3.0f32..5.0, bins), frames).prop_map(
            move |frames| Patch {
                bins,
                values: frames.concat(),
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn scores_are_those_of_the_formula(
            picture in patch(9, 1..60),
            first in patch(5, 1..12),
            second in patch(5, 1..40),
        ) {
            let correlator = Correlator::new(&[first.clone(), second.clone()], 9);
            let scores = correlator.scores(&picture);
            for (scores, template) in scores.iter().zip([&first, &second]) {
                let slow = slow_ncc(template, &picture);
                prop_assert_eq!(scores.len(), slow.len());
                for (fast, slow) in scores.iter().zip(slow) {
                    // f32 transforms of some hundred values.
                    prop_assert!((f64::from(*fast) - slow).abs() < 1e-4, "{} {}", fast, slow);
                }
            }
        }
    }

    #[test]
    fn a_template_finds_itself_wherever_it_stands() {
        let values: Vec<f32> = (0..300).map(|i| ((i * i * 7 + i) % 31) as f32).collect();
        let picture = Patch { bins: 6, values };
        let template = picture.cut(20..27).without_edges(2);
        let scores = &Correlator::new(&[template], 6).scores(&picture)[0];
        assert!((scores[20] - 1.0).abs() < 1e-5);
        assert!(scores.iter().all(|score| *score < 1.0 + 1e-5));
    }

    #[test]
    fn where_nothing_varies_the_score_is_zero() {
        let template = Patch {
            bins: 2,
            values: vec![1.0, 2.0, 0.0, 1.0],
        };
        let flat = Patch {
            bins: 4,
            values: vec![2.5; 40],
        };
        assert_eq!(Correlator::new(&[template], 4).scores(&flat)[0], [0.0; 9]);
        let flat_template = Patch {
            bins: 4,
            values: vec![1.0; 8],
        };
        let picture = Patch {
            bins: 4,
            values: (0..40).map(|i| i as f32).collect(),
        };
        assert_eq!(
            Correlator::new(&[flat_template], 4).scores(&picture)[0],
            [0.0; 9]
        );
    }
}

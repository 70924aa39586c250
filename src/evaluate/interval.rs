//! How far a score may be off because these clips and no others were tested.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::Confusion;

/// Resamples; at 2000 the ends of a 95 % interval repeat to about a twentieth of its width.
pub(crate) const RESAMPLES: u64 = 2000;
/// Fixed, so that the same predictions always give the same interval.
const SEED: u64 = 95;

/// True and predicted classes of one fold's clips.
#[derive(Debug, Clone)]
pub(super) struct FoldPairs {
    /// Clip after clip, each as often as there are seeds.
    pub(super) of_clips: Vec<(usize, usize)>,
    pub(super) seeds: usize,
}

/// 95 % percentile bootstrap interval of the mean over folds of each metric.
///
/// Clips are drawn with replacement within their fold, so folds keep their size. The interval covers
/// the choice of test clips, not that of training clips or of the encoder's seed.
pub(super) fn bootstrap<const METRICS: usize>(
    folds: &[FoldPairs],
    classes: usize,
    metrics: [fn(&Confusion) -> f64; METRICS],
) -> [[f64; 2]; METRICS] {
    let resampled: Vec<[f64; METRICS]> = (0..RESAMPLES)
        .into_par_iter()
        .map(|resample| {
            let mut rng = resample_rng(resample);
            let mut means = [0.0; METRICS];
            for fold in folds {
                let clips = fold.of_clips.len() / fold.seeds.max(1);
                let draw = (0..clips).flat_map(|_| {
                    let first = rng.random_range(0..clips) * fold.seeds;
                    fold.of_clips[first..first + fold.seeds].iter().copied()
                });
                let confusion = Confusion::new(classes, draw);
                for (mean, metric) in means.iter_mut().zip(metrics) {
                    *mean += metric(&confusion) / folds.len() as f64;
                }
            }
            means
        })
        .collect();
    std::array::from_fn(|metric| {
        percentile_interval(resampled.iter().map(|means| means[metric]).collect())
    })
}

/// The draws of one of the [`RESAMPLES`], independent of all others.
pub(crate) fn resample_rng(resample: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    rng.set_stream(resample);
    rng
}

/// The middle 95 % of resampled values, of which there is at least one.
pub(crate) fn percentile_interval(mut values: Vec<f64>) -> [f64; 2] {
    values.sort_unstable_by(f64::total_cmp);
    [quantile(&values, 0.025), quantile(&values, 0.975)]
}

/// Quantile of sorted values with linear interpolation, as numpy's default.
fn quantile(sorted: &[f64], part: f64) -> f64 {
    let position = part * (sorted.len() - 1) as f64;
    let (below, above) = (position.floor() as usize, position.ceil() as usize);
    sorted[below] + (sorted[above] - sorted[below]) * position.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fold(right: usize, wrong: usize) -> FoldPairs {
        FoldPairs {
            of_clips: [vec![(0, 0); right], vec![(0, 1); wrong]].concat(),
            seeds: 1,
        }
    }

    #[test]
    fn the_interval_of_an_accuracy_has_the_width_of_the_binomial() {
        let [[low, high]] = bootstrap(&[fold(360, 40)], 2, [Confusion::accuracy]);
        // ± 1.96 √(0.9 · 0.1 / 400) = ± 0.0294; a tenth of that for 2000 resamples and whole clips.
        assert!((low - (0.9 - 0.0294)).abs() < 0.003, "{low}");
        assert!((high - (0.9 + 0.0294)).abs() < 0.003, "{high}");
    }

    #[test]
    fn folds_keep_their_own_size_and_count_alike() {
        // All right in the small fold, all wrong in the large one: no resample differs.
        let [interval] = bootstrap(&[fold(4, 0), fold(0, 40)], 2, [Confusion::accuracy]);
        assert_eq!(interval, [0.5, 0.5]);
    }

    #[test]
    fn the_same_predictions_give_the_same_interval() {
        let folds = [fold(30, 10), fold(33, 7)];
        let run = || bootstrap(&folds, 2, [Confusion::accuracy, Confusion::macro_f1]);
        assert_eq!(run(), run());
    }

    #[test]
    fn seeds_that_agree_make_no_interval_narrower() {
        let once = fold(30, 10);
        let of_clips = once.of_clips.iter().flat_map(|&pair| [pair; 3]);
        let thrice = FoldPairs {
            of_clips: of_clips.collect(),
            seeds: 3,
        };
        let run = |fold| bootstrap(&[fold], 2, [Confusion::accuracy]);
        assert_eq!(run(once), run(thrice));
    }

    #[test]
    fn quantiles_interpolate() {
        assert_eq!(quantile(&[0.0, 1.0, 2.0, 3.0], 0.5), 1.5);
        assert_eq!(quantile(&[7.0], 0.975), 7.0);
    }
}

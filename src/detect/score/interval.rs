//! How far a score may be off because these recordings and no others were tested.

use super::{Counts, Measures, overall};
use crate::evaluate::{RESAMPLES, percentile_interval, resample_rng};
use rand::RngExt;
use rayon::prelude::*;
use serde::Serialize;

/// Low and high end of the 95 % interval of each measure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// Of the precision.
    pub precision: [f64; 2],
    /// Of the recall.
    pub recall: [f64; 2],
    /// Of the F-measure.
    pub f_measure: [f64; 2],
}

/// The 0.975 quantile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// 95 % interval of a share that was seen in `count` draws, above 0, which need not be a whole number.
///
/// ```text
/// (p + z²/2n ± z √(p (1 − p)/n + z²/4n²)) / (1 + z²/n)
/// ```
/// # Source
/// Wilson 1927. Unlike the normal interval it does not shrink to nothing where all or none are right.
pub(super) fn wilson(share: f64, count: f64) -> [f64; 2] {
    let square = Z * Z / count;
    let centre = share + square / 2.0;
    let half = Z * (share * (1.0 - share) / count + square / (4.0 * count)).sqrt();
    [centre - half, centre + half].map(|end| (end / (1.0 + square)).clamp(0.0, 1.0))
}

/// 95 % percentile bootstrap interval of the overall measures.
///
/// Files are drawn with replacement within their subset, so subsets keep their size. A subset of one file does not vary:
/// the interval then says nothing about it.
pub(super) fn bootstrap(subsets: &[Vec<Counts>]) -> Interval {
    let resampled: Vec<Measures> = (0..RESAMPLES)
        .into_par_iter()
        .map(|resample| {
            let mut rng = resample_rng(resample);
            let drawn: Vec<Vec<Counts>> = subsets
                .iter()
                .map(|files| {
                    let draw = |_| files[rng.random_range(0..files.len())];
                    (0..files.len()).map(draw).collect()
                })
                .collect();
            overall(&drawn)
        })
        .collect();
    let interval = |measure: fn(&Measures) -> f64| {
        percentile_interval(resampled.iter().map(measure).collect())
    };
    Interval {
        precision: interval(|m| m.precision),
        recall: interval(|m| m.recall),
        f_measure: interval(|m| m.f_measure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values worked out apart from this code, to seven digits.
    #[test]
    fn the_interval_of_a_share_is_that_of_wilson() {
        for (share, count, expected) in [
            (0.8, 10.0, [0.490_162_5, 0.943_317_8]),
            (1.0, 10.0, [0.722_467_2, 1.0]),
            (0.0, 3.0, [0.0, 0.561_497_0]),
        ] {
            let interval = wilson(share, count);
            for (end, expected) in interval.into_iter().zip(expected) {
                assert!((end - expected).abs() < 1e-6, "{interval:?}");
            }
        }
    }
}

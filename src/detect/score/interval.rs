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

//! Whether one encoder is better than another, or was merely lucky with these clips.

use std::collections::HashMap;

use rand::RngExt;
use rayon::prelude::*;
use serde::Serialize;

use super::{
    Evaluation, Score,
    interval::{RESAMPLES, percentile_interval, resample_rng},
};

/// How two scores differ on the clips that both have predicted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// Number of clips that both have predicted.
    pub clips: usize,
    /// Part of these that each predicted rightly, every clip alike, 0..=1.
    pub accuracy: [f64; 2],
    /// The second less the first.
    pub difference: f64,
    /// 95 % bootstrap interval of the difference over clips, each drawn with its pair.
    pub interval: [f64; 2],
    /// Clips that the first predicts rightly more often than the second, and the other way round.
    pub better: [usize; 2],
    /// How often chance alone makes the two differ at least so much, 0..=1.
    ///
    /// Exact paired permutation test, two-sided: for every clip either of its two results may be either encoder's. With
    /// one seed each this is McNemar's exact test.
    pub p_value: f64,
}

/// Compares two scores clip by clip; `None` if no clip was predicted by both.
///
/// Clips are found again by their names. Where a score has several seeds, a clip counts by the part of them that
/// predicted it rightly.
///
/// # Source
/// McNemar 1947; for several seeds Fisher's permutation test of paired differences.
pub fn compare(
    (first, first_score): (&Evaluation, &Score),
    (second, second_score): (&Evaluation, &Score),
) -> Option<Difference> {
    let of_first = hits(first, first_score);
    let of_second: HashMap<_, _> = hits(second, second_score).into_iter().collect();
    let pairs: Vec<[Hits; 2]> = of_first
        .into_iter()
        .filter_map(|(clip, hits)| Some([hits, *of_second.get(&clip)?]))
        .collect();
    if pairs.is_empty() {
        return None;
    }
    let clips = pairs.len() as f64;
    let accuracy = [0, 1].map(|of: usize| {
        let parts = pairs.iter().map(|pair| pair[of].part());
        parts.sum::<f64>() / clips
    });
    // In units of one seed of the first times one of the second.
    let gains: Vec<i64> = pairs.iter().map(|[a, b]| b.of(a) - a.of(b)).collect();
    let units = (pairs[0][0].seeds * pairs[0][1].seeds) as f64;
    let better = |sign: i64| gains.iter().filter(|gain| gain.signum() == sign).count();
    Some(Difference {
        clips: pairs.len(),
        accuracy,
        difference: gains.iter().sum::<i64>() as f64 / units / clips,
        interval: interval(&gains).map(|sum| sum / units / clips),
        better: [better(-1), better(1)],
        p_value: p_value(&gains),
    })
}

/// By how many seeds a clip was predicted rightly.
#[derive(Debug, Clone, Copy)]
struct Hits {
    right: i64,
    seeds: i64,
}

impl Hits {
    fn part(self) -> f64 {
        self.right as f64 / self.seeds as f64
    }

    /// In units of one seed of each.
    fn of(self, other: &Self) -> i64 {
        self.right * other.seeds
    }
}

/// Of every predicted clip.
fn hits<'a>(evaluation: &'a Evaluation, score: &Score) -> Vec<(&'a str, Hits)> {
    let clips = evaluation.clips.iter().enumerate();
    clips
        .filter_map(|(index, clip)| {
            let predicted = score.predictions.iter().map(|seed| seed.of(index));
            let predicted = predicted.collect::<Option<Vec<_>>>()?;
            let right = predicted.iter().filter(|p| p.class == clip.class).count();
            let seeds = predicted.len() as i64;
            (seeds > 0).then_some((
                clip.name.as_str(),
                Hits {
                    right: right as i64,
                    seeds,
                },
            ))
        })
        .collect()
}

/// 95 % percentile bootstrap interval of the sum of gains.
fn interval(gains: &[i64]) -> [f64; 2] {
    let resampled = (0..RESAMPLES).into_par_iter().map(|resample| {
        let mut rng = resample_rng(resample);
        let draw = |_| gains[rng.random_range(0..gains.len())];
        gains.iter().map(draw).sum::<i64>() as f64
    });
    percentile_interval(resampled.collect())
}

/// `P(|Σ ±gᵢ| ≥ |Σ gᵢ|)` with every sign as likely as the other.
fn p_value(gains: &[i64]) -> f64 {
    let moved: Vec<usize> = gains
        .iter()
        .filter(|gain| **gain != 0)
        .map(|gain| gain.unsigned_abs() as usize)
        .collect();
    let divisor = moved
        .iter()
        .copied()
        .fold(0, greatest_common_divisor)
        .max(1);
    let observed = gains.iter().sum::<i64>().unsigned_abs() as usize / divisor;
    // The probability of each sum, from −total to total; every gain moves half of it up and half of it down.
    let total: usize = moved.iter().map(|gain| gain / divisor).sum();
    let mut probabilities = vec![0.0; 2 * total + 1];
    probabilities[total] = 1.0;
    let mut reached = 0;
    for gain in moved.iter().map(|gain| gain / divisor) {
        let before = probabilities[total - reached..=total + reached].to_vec();
        probabilities[total - reached..=total + reached].fill(0.0);
        for (index, probability) in before.into_iter().enumerate() {
            let sum = total - reached + index;
            probabilities[sum - gain] += 0.5 * probability;
            probabilities[sum + gain] += 0.5 * probability;
        }
        reached += gain;
    }
    let extreme = probabilities.iter().enumerate();
    let extreme = extreme.filter(|(sum, _)| sum.abs_diff(total) >= observed);
    extreme
        .map(|(_, probability)| probability)
        .sum::<f64>()
        .min(1.0)
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    match b {
        0 => a,
        _ => greatest_common_divisor(b, a % b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::{Prediction, Predictions, ProtocolName, Scores, Task};

    #[derive(serde::Deserialize)]
    struct Golden {
        versions: String,
        mcnemar: Vec<McNemar>,
        permutation: Vec<Permutation>,
    }

    /// Clips that only the first, and only the second, predicts rightly.
    #[derive(serde::Deserialize)]
    struct McNemar {
        only: [usize; 2],
        p_value: f64,
    }

    #[derive(serde::Deserialize)]
    struct Permutation {
        gains: Vec<i64>,
        p_value: f64,
    }

    fn golden() -> Golden {
        serde_json::from_str(include_str!("../../tests/golden/metrics.json")).unwrap()
    }

    #[test]
    fn the_test_is_mcnemars_exact_one() {
        let golden = golden();
        for case in &golden.mcnemar {
            let [first, second] = case.only;
            let gains = [vec![-1; first], vec![1; second], vec![0; 5]].concat();
            let ours = p_value(&gains);
            assert!(
                (ours - case.p_value).abs() < 1e-9,
                "{:?}: {ours}, by {} {}",
                case.only,
                golden.versions,
                case.p_value
            );
        }
    }

    #[test]
    fn with_several_seeds_it_is_the_exact_permutation_test() {
        let golden = golden();
        for case in &golden.permutation {
            let ours = p_value(&case.gains);
            assert!(
                (ours - case.p_value).abs() < 1e-9,
                "{:?}: {ours}, by {} {}",
                case.gains,
                golden.versions,
                case.p_value
            );
        }
    }

    fn evaluation(names: &[&str], predicted: &[[usize; 4]]) -> Evaluation {
        let classes = vec!["a".to_owned(), "b".to_owned()];
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let task = Task::new("t", classes, vec![0, 0, 1, 1], vec![1, 2, 1, 2])
            .and_then(|task| task.with_names(names))
            .unwrap();
        let of_seed = |classes: &[usize; 4]| {
            let mut predictions = Predictions::none(4);
            for (clip, &class) in classes.iter().enumerate() {
                let confidence = 1.0;
                predictions.set(clip, Prediction { class, confidence });
            }
            predictions
        };
        let score = Score::new(&task, Vec::new(), predicted.iter().map(of_seed).collect());
        Evaluation::new(&task, "run", Scores::from([(ProtocolName::Knn, score)]))
    }

    fn compared(first: &Evaluation, second: &Evaluation) -> Option<Difference> {
        let score = |e: &'_ Evaluation| e.protocols[&ProtocolName::Knn].clone();
        compare((first, &score(first)), (second, &score(second)))
    }

    #[test]
    fn clips_are_found_again_by_name_in_any_order() {
        let first = evaluation(&["w", "x", "y", "z"], &[[0, 0, 0, 0]]);
        let second = evaluation(&["x", "w", "z", "other"], &[[0, 1, 1, 1]]);
        // Both: w is right and wrong, x right and right, z wrong and right.
        let difference = compared(&first, &second).unwrap();
        assert_eq!((difference.clips, difference.better), (3, [1, 1]));
        assert_eq!((difference.difference, difference.p_value), (0.0, 1.0));
        assert_eq!(difference.accuracy, [2.0 / 3.0; 2]);
    }

    #[test]
    fn seeds_count_by_their_part() {
        let first = evaluation(&["w", "x", "y", "z"], &[[0, 0, 0, 0], [0, 0, 1, 0]]);
        let second = evaluation(&["w", "x", "y", "z"], &[[0, 0, 1, 1]]);
        let difference = compared(&first, &second).unwrap();
        assert_eq!(difference.accuracy, [0.625, 1.0]);
        assert_eq!(difference.difference, 0.375);
        // Gains of one and two halves: of four sums of signs two are as large.
        assert_eq!((difference.better, difference.p_value), ([0, 2], 0.5));
        assert!(difference.interval[0] <= 0.375 && difference.interval[1] >= 0.375);
    }

    #[test]
    fn nothing_in_common_is_no_comparison() {
        let first = evaluation(&["a", "b", "c", "d"], &[[0; 4]]);
        let second = evaluation(&["e", "f", "g", "h"], &[[0; 4]]);
        assert_eq!(compared(&first, &second), None);
    }
}

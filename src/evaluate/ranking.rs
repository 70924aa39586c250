//! How well the scores of one class rank its clips before all others: metrics of clips with any number of classes.

use statrs::function::erf::erf_inv;

/// Average precision: the area below the curve of precision over recall, in steps; 0..=1.
///
/// ```text
/// AP = Σₙ (Rₙ − Rₙ₋₁) Pₙ
/// ```
/// over thresholds n at every distinct score, highest first; clips of equal score pass a threshold together.
/// `scores`: one a clip; `truth`: whether the class is heard in it. `None` where it is heard in none.
///
/// # Source
/// scikit-learn's `average_precision_score`; its mean over classes is the mAP of AudioSet and FSD50K.
///
/// # Panics
/// If there is not one `truth` a score.
pub fn average_precision(scores: &[f64], truth: &[bool]) -> Option<f64> {
    let steps = steps(scores, truth);
    let positives = steps.last().map_or(0, |step| step.hits);
    if positives == 0 {
        return None;
    }
    let (mut area, mut recalled) = (0.0, 0);
    for step in steps {
        let gain = (step.hits - recalled) as f64 / positives as f64;
        area += gain * step.hits as f64 / step.passed as f64;
        recalled = step.hits;
    }
    Some(area)
}

/// Area below the receiver operating characteristic: how likely a clip of the class scores above one that is not of it,
/// a tie counting half; 0..=1. `None` where there are no clips of one of both kinds.
///
/// # Source
/// scikit-learn's `roc_auc_score`.
///
/// # Panics
/// As [`average_precision`].
pub fn roc_auc(scores: &[f64], truth: &[bool]) -> Option<f64> {
    let steps = steps(scores, truth);
    let last = steps.last()?;
    let (positives, negatives) = (last.hits as f64, (last.passed - last.hits) as f64);
    if positives == 0.0 || negatives == 0.0 {
        return None;
    }
    let (mut area, mut before) = (0.0, (0.0, 0.0));
    for step in steps {
        let (hits, alarms) = (step.hits as f64, (step.passed - step.hits) as f64);
        area += (alarms - before.1) * (hits + before.0) / 2.0;
        before = (hits, alarms);
    }
    Some(area / positives / negatives)
}

/// How many standard deviations two normal distributions lie apart whose scores have this area below the curve.
///
/// ```text
/// d′ = √2 Φ⁻¹(AUC)
/// ```
/// Infinite at 0 and 1.
///
/// # Source
/// Hershey et al. 2017, §4, for AudioSet.
pub fn d_prime(auc: f64) -> f64 {
    // Φ⁻¹(p) = √2 erf⁻¹(2p − 1)
    2.0 * erf_inv(2.0 * auc - 1.0)
}

/// Clips that pass a threshold, and those of the class among them.
struct Step {
    passed: usize,
    hits: usize,
}

/// At every distinct score, highest first.
fn steps(scores: &[f64], truth: &[bool]) -> Vec<Step> {
    assert_eq!(scores.len(), truth.len(), "one truth a score");
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let mut steps = Vec::new();
    let (mut passed, mut hits) = (0, 0);
    for tied in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        passed += tied.len();
        hits += tied.iter().filter(|&&clip| truth[clip]).count();
        steps.push(Step { passed, hits });
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Golden {
        versions: String,
        tags: Vec<Case>,
    }

    #[derive(serde::Deserialize)]
    struct Case {
        name: String,
        truth: Vec<bool>,
        scores: Vec<f64>,
        average_precision: Option<f64>,
        roc_auc: Option<f64>,
        d_prime: Option<f64>,
    }

    #[test]
    fn ranking_equals_scikit_learn_with_ties_and_empty_classes() {
        let golden: Golden =
            serde_json::from_str(include_str!("../../tests/golden/metrics.json")).unwrap();
        for case in golden.tags {
            let auc = roc_auc(&case.scores, &case.truth);
            let finite = auc.map(d_prime).filter(|d| d.is_finite());
            let ours = [average_precision(&case.scores, &case.truth), auc, finite];
            let theirs = [case.average_precision, case.roc_auc, case.d_prime];
            for (ours, theirs) in ours.into_iter().zip(theirs) {
                let what = format!("{}: {ours:?}, by {} {theirs:?}", case.name, golden.versions);
                assert_eq!(ours.is_some(), theirs.is_some(), "{what}");
                let apart = ours.zip(theirs).map_or(0.0, |(a, b)| (a - b).abs());
                assert!(apart < 1e-9, "{what}");
            }
        }
    }

    #[test]
    fn perfect_ranking_is_one_and_infinitely_far_apart() {
        let (scores, truth) = ([0.9, 0.8, 0.1], [true, true, false]);
        assert_eq!(average_precision(&scores, &truth), Some(1.0));
        assert_eq!(roc_auc(&scores, &truth), Some(1.0));
        assert_eq!(d_prime(1.0), f64::INFINITY);
        assert_eq!(d_prime(0.5), 0.0);
    }
}

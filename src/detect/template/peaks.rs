//! Peaks of a curve.

/// Whether a curve's first and last value can be peaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// No: a peak has lower values on both sides (scipy).
    Excluded,
    /// Yes: what lies outside is low.
    Included,
}

/// Places where the curve is at least `height` and higher than on both sides, at least `distance` apart: of two that are
/// closer, the higher stays. Of a flat top, the middle counts (rounded down). In order.
///
/// # Source
/// `scipy.signal.find_peaks(curve, height, distance=distance)`.
pub(super) fn find_peaks(curve: &[f32], height: f32, distance: usize, ends: Ends) -> Vec<usize> {
    let mut peaks = local_maxima(curve, ends);
    peaks.retain(|&peak| curve[peak] >= height);
    keep_apart(&peaks, curve, distance)
}

fn local_maxima(curve: &[f32], ends: Ends) -> Vec<usize> {
    let is_low = |neighbour: Option<&f32>, top: f32| match neighbour {
        Some(&value) => value < top,
        None => ends == Ends::Included,
    };
    let mut peaks = Vec::new();
    let mut left = 0;
    while left < curve.len() {
        let top = curve[left];
        let flat = curve[left..]
            .iter()
            .take_while(|&&value| value == top)
            .count();
        let right = left + flat.max(1); // one behind the flat top
        let before = left.checked_sub(1).and_then(|i| curve.get(i));
        if is_low(before, top) && is_low(curve.get(right), top) {
            peaks.push((left + right - 1) / 2);
        }
        left = right;
    }
    peaks
}

fn keep_apart(peaks: &[usize], curve: &[f32], distance: usize) -> Vec<usize> {
    let mut by_height: Vec<usize> = (0..peaks.len()).collect();
    by_height.sort_by(|&a, &b| curve[peaks[a]].total_cmp(&curve[peaks[b]]));
    let mut is_kept = vec![true; peaks.len()];
    for peak in by_height.into_iter().rev() {
        if !is_kept[peak] {
            continue;
        }
        let near = |other: &usize| peaks[*other].abs_diff(peaks[peak]) < distance;
        (0..peak)
            .rev()
            .take_while(near)
            .for_each(|other| is_kept[other] = false);
        (peak + 1..peaks.len())
            .take_while(near)
            .for_each(|other| is_kept[other] = false);
    }
    let kept = peaks.iter().zip(is_kept);
    kept.filter_map(|(&peak, is_kept)| is_kept.then_some(peak))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LOW: f32 = f32::NEG_INFINITY;

    #[test]
    fn peaks_are_higher_than_both_sides() {
        let curve = [3.0, 1.0, 2.0, 0.0, 5.0, 5.0, 5.0, 5.0, 1.0, 4.0];
        assert_eq!(find_peaks(&curve, LOW, 1, Ends::Excluded), [2, 5]);
        assert_eq!(find_peaks(&curve, LOW, 1, Ends::Included), [0, 2, 5, 9]);
        assert_eq!(find_peaks(&curve, 4.0, 1, Ends::Included), [5, 9]);
        assert_eq!(find_peaks(&[], LOW, 1, Ends::Included), [] as [usize; 0]);
    }

    #[test]
    fn of_close_peaks_the_higher_stays() {
        let curve = [0.0, 1.0, 0.0, 3.0, 0.0, 2.0, 0.0, 0.0, 1.0, 0.0];
        assert_eq!(find_peaks(&curve, LOW, 2, Ends::Excluded), [1, 3, 5, 8]);
        assert_eq!(find_peaks(&curve, LOW, 3, Ends::Excluded), [3, 8]);
        assert_eq!(find_peaks(&curve, LOW, 6, Ends::Excluded), [3]);
    }

    proptest! {
        #[test]
        fn kept_peaks_are_apart_and_every_other_is_near_a_higher_one(
            curve in prop::collection::vec(-3i8..4, 0..60),
            distance in 1usize..9,
        ) {
            let curve: Vec<f32> = curve.into_iter().map(f32::from).collect();
            let all = find_peaks(&curve, LOW, 1, Ends::Excluded);
            let kept = find_peaks(&curve, LOW, distance, Ends::Excluded);
            prop_assert!(kept.windows(2).all(|pair| pair[1] - pair[0] >= distance));
            for peak in all {
                let near = |k: &usize| k.abs_diff(peak) < distance && curve[*k] >= curve[peak];
                prop_assert!(kept.iter().any(near));
            }
        }
    }
}

//! What a recording sounds like while nothing calls.

use serde::{Deserialize, Serialize};

/// What becomes of a recording's background, after the last step of a front end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Background {
    /// It stays. The default.
    #[default]
    Keep,
    /// Each band loses its median over the recording, and all that is left is divided by its standard deviation:
    /// microphone, wind and distance matter less, and 1 is as loud in every recording.
    Subtract,
}

impl Background {
    /// Changes `[frames, bands]`.
    pub(super) fn apply(self, values: &mut [f32], bands: usize) {
        if self == Self::Subtract && !values.is_empty() {
            subtract_medians(values, bands);
            let std = std(values);
            let scale = if std > 0.0 { 1.0 / std } else { 1.0 };
            values.iter_mut().for_each(|value| *value *= scale);
        }
    }
}

/// Takes each band's median off it. `values`: `[frames, bands]`, not empty.
pub(crate) fn subtract_medians(values: &mut [f32], bands: usize) {
    for band in 0..bands {
        let mut column: Vec<f32> = values.iter().skip(band).step_by(bands).copied().collect();
        let middle = (column.len() - 1) / 2;
        let (_, &mut median, _) = column.select_nth_unstable_by(middle, f32::total_cmp);
        let column = values[band..].iter_mut().step_by(bands);
        column.for_each(|value| *value -= median);
    }
}

/// Standard deviation of all values around their mean.
pub(crate) fn std(values: &[f32]) -> f32 {
    let count = values.len() as f64;
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
    let squares = values.iter().map(|&v| (f64::from(v) - mean).powi(2));
    (squares.sum::<f64>() / count).sqrt() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_band_has_median_zero_and_all_together_deviation_one() {
        let mut values: Vec<f32> = (0..303)
            .map(|n| ((n * 37) % 101) as f32 + 50.0 * (n % 3) as f32)
            .collect();
        Background::Subtract.apply(&mut values, 3);
        for band in 0..3 {
            let below = values
                .iter()
                .skip(band)
                .step_by(3)
                .filter(|&&v| v < 0.0)
                .count();
            assert_eq!(below, 50); // of 101
        }
        assert!((std(&values) - 1.0).abs() < 1e-5);
    }

    #[test]
    fn silence_stays_finite() {
        let mut values = [-100.0; 8];
        Background::Subtract.apply(&mut values, 4);
        assert_eq!(values, [0.0; 8]);
    }
}

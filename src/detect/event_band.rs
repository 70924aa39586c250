//! Between which frequencies events lie, as marks say it.

use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Between which frequencies the events of a detector lie, as they were recorded.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventBand {
    /// The lower limit, Hz.
    pub low_hz: f64,
    /// The upper limit, Hz.
    pub high_hz: f64,
    /// Whether it is what the marks span together. If not, it holds nine tenths of what the shots have above their
    /// surroundings.
    pub is_marked: bool,
}

/// A mark whose limits begin and end at these shares of what a recording holds says nothing of frequencies: programs write
/// such limits where nobody drew any.
const WHOLE: [f64; 2] = [0.01, 0.95];

/// The limits of a mark in a recording that holds sound up to `held_hz`, cut there; none if they say nothing, or lie above.
pub(super) fn telling_limits(band_hz: Option<(f64, f64)>, held_hz: f64) -> Option<Range<f64>> {
    let (low, high) = band_hz?;
    let is_whole = low <= WHOLE[0] * held_hz && high >= WHOLE[1] * held_hz;
    let tells = low < high && low < held_hz && !is_whole;
    tells.then(|| low..high.min(held_hz))
}

/// What the marks with limits span together, if each of them lies above what the recording holds.
pub(super) fn limits_above(bands_hz: &[Option<(f64, f64)>], held_hz: f64) -> Option<Range<f64>> {
    let given = || bands_hz.iter().flatten();
    let low = given().map(|&(low, _)| low).reduce(f64::min)?;
    let high = given().map(|&(_, high)| high).fold(low, f64::max);
    (low >= held_hz).then_some(low..high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_count_where_they_leave_out_something_that_was_recorded() {
        let limits = |low, high| telling_limits(Some((low, high)), 10_000.0);
        assert_eq!(limits(2000.0, 5000.0), Some(2000.0..5000.0));
        assert_eq!(limits(0.0, 5000.0), Some(0.0..5000.0));
        assert_eq!(limits(2000.0, 12_000.0), Some(2000.0..10_000.0));
        for (low, high) in [
            (0.0, 10_000.0),
            (50.0, 9600.0),
            (0.0, 24_000.0),
            (10_000.0, 12_000.0),
            (3000.0, 3000.0),
        ] {
            assert_eq!(limits(low, high), None, "{low} to {high}");
        }
        assert_eq!(telling_limits(None, 10_000.0), None);
    }

    #[test]
    fn marks_lie_above_a_recording_if_all_that_have_limits_do() {
        let above = |bands: &[Option<(f64, f64)>]| limits_above(bands, 10_000.0);
        let (bat, bird) = (Some((40e3, 80e3)), Some((2e3, 5e3)));
        assert_eq!(above(&[bat, None, Some((30e3, 50e3))]), Some(30e3..80e3));
        assert_eq!(above(&[bat, bird]), None);
        assert_eq!(above(&[None]), None);
        assert_eq!(above(&[]), None);
    }
}

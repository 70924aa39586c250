//! The bands that a detector listens to: those between the limits of the marks, or in which the shots stand out, and a few
//! beside them.

use super::fit::SupportFrames;
use crate::audio::TimeScale;
use crate::detect::shots_band::place_of_share;
use crate::detect::{DetectError, EventBand};
use crate::features::{BandAxis, FrontEnd};
use std::ops::Range;

/// Bands outside of which all is background to a detector, however loud: insects above an owl decide nothing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Focus {
    heard: Range<usize>,
    band: Option<EventBand>,
}

/// What is heard on either side of the marks' limits: a fifth of an octave, and so many bands where those are wider.
const BESIDE_OCTAVES: f64 = 0.2;
const BESIDE_BANDS: usize = 2;
/// Nine tenths of what the shots have above their surroundings lie between the lower and the upper band.
const LOWER: f64 = 0.05;
const UPPER: f64 = 0.95;

impl Focus {
    /// `heard` and nothing else; the events lie within `band`, if that is known.
    pub(super) fn on(heard: Range<usize>, band: Option<EventBand>) -> Self {
        Self { heard, band }
    }

    /// What the limits of the shots span together, and a little beside that; `hz` is the middle of each band. Nothing if no
    /// more than half of the shots have limits, or if those leave out no band or every one.
    pub(super) fn between(limits: &[Option<Range<f64>>], hz: &[f64]) -> Option<Self> {
        let given = || limits.iter().flatten();
        if 2 * given().count() <= limits.len() {
            return None;
        }
        let low = given().map(|limits| limits.start).reduce(f64::min)?;
        let high = given().map(|limits| limits.end).reduce(f64::max)?;
        let bands = |low: f64, high: f64| {
            let below = |limit: f64| hz.partition_point(|&middle| middle < limit);
            below(low)..below(high)
        };
        let factor = BESIDE_OCTAVES.exp2();
        let (near, wide) = (bands(low, high), bands(low / factor, high * factor));
        let start = near.start.saturating_sub(BESIDE_BANDS).min(wide.start);
        let end = (near.end + BESIDE_BANDS).min(hz.len()).max(wide.end);
        let is_part = start > 0 || end < hz.len();
        let is_heard = wide.start < hz.len() && wide.end > 0;
        (is_part && is_heard).then_some(Self {
            heard: start..end,
            band: Some(EventBand {
                low_hz: low,
                high_hz: high,
                is_marked: true,
            }),
        })
    }

    /// The bands in which the shots are louder on average than what is known to be none of them, widened by `margin` on
    /// either side; `hz` is the middle of each. All bands, where the shots are nowhere louder.
    pub(super) fn of(frames: &SupportFrames, margin: usize, hz: &[f64]) -> Self {
        let bands = frames.bands;
        let (mut inside, mut beside) = (Mean::new(bands), Mean::new(bands));
        let rows = frames.values.chunks_exact(bands);
        for (row, (&target, &weight)) in rows.zip(frames.targets.iter().zip(&frames.weights)) {
            if target > 0.0 {
                inside.add(row);
            } else if weight > 0.0 {
                beside.add(row);
            }
        }
        let pairs = inside.values().zip(beside.values());
        let above = standing_out(pairs.map(|(inside, beside)| inside - beside));
        let bounds = above.map(|above| [LOWER, UPPER].map(|share| place_of_share(&above, share)));
        match bounds {
            Some([Some(low), Some(high)]) => Self {
                heard: low.saturating_sub(margin)..(high + 1 + margin).min(bands),
                band: between_neighbours(low, high, hz),
            },
            _ => Self::on(0..bands, None),
        }
    }

    /// Between which frequencies the events lie, if that is known.
    pub(super) fn band(&self) -> Option<EventBand> {
        self.band
    }

    /// The bands that are heard.
    pub(super) fn heard(&self) -> Range<usize> {
        self.heard.clone()
    }

    /// Makes background of all other bands of `[frames, bands]`.
    pub(super) fn mask(&self, values: &mut [f32], bands: usize) {
        for row in values.chunks_exact_mut(bands) {
            row[..self.heard.start].fill(0.0);
            row[self.heard.end..].fill(0.0);
        }
    }
}

/// The frequencies of some bands, up to the middles of their neighbours, as far as triangles reach.
fn between_neighbours(low: usize, high: usize, hz: &[f64]) -> Option<EventBand> {
    let last = hz.len().checked_sub(1)?;
    Some(EventBand {
        low_hz: *hz.get(low.saturating_sub(1))?,
        high_hz: hz[(high + 1).min(last)],
        is_marked: false,
    })
}

/// The middle of each band in hertz as they were recorded, lowest first; empty if bands are something else.
pub(super) fn bands_hz(
    front_end: &FrontEnd,
    time_scale: TimeScale,
) -> Result<Vec<f64>, DetectError> {
    let axes = front_end.axes()?;
    let hz = match axes.first().map(|axis| &axis.bands) {
        Some(BandAxis::Mel(hz) | BandAxis::Linear(hz) | BandAxis::Wavelet(hz)) => hz.as_slice(),
        Some(BandAxis::Cepstral(_) | BandAxis::Amplitude) | None => &[],
    };
    Ok(hz.iter().map(|hz| hz * time_scale.slower()).collect())
}

/// The band above which three quarters of what the shots are lie; none if they are background.
pub(super) fn lower_band(frames: &SupportFrames) -> Option<usize> {
    let mut shots = Mean::new(frames.bands);
    for frame in frames.shots.iter().cloned().flatten() {
        shots.add(&frames.values[frame * frames.bands..][..frames.bands]);
    }
    place_of_share(&standing_out(shots.values())?, 0.25)
}

/// How much each band counts by its level above the background; none if no band is above it. Squared, so that many bands
/// of mere background do not add up to more than the few of a call.
fn standing_out(levels: impl Iterator<Item = f64>) -> Option<Vec<f64>> {
    let above: Vec<f64> = levels.map(|level| level.max(0.0).powi(2)).collect();
    above.iter().any(|&level| level > 0.0).then_some(above)
}

/// The mean of each band.
struct Mean {
    sums: Vec<f64>,
    rows: usize,
}

impl Mean {
    fn new(bands: usize) -> Self {
        Self {
            sums: vec![0.0; bands],
            rows: 0,
        }
    }

    fn add(&mut self, row: &[f32]) {
        self.rows += 1;
        for (sum, &value) in self.sums.iter_mut().zip(row) {
            *sum += f64::from(value);
        }
    }

    fn values(&self) -> impl Iterator<Item = f64> + '_ {
        let rows = self.rows.max(1) as f64;
        self.sums.iter().map(move |sum| sum / rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twenty bands and thirty frames: a call of bands 5 and 6 in the first ten, a louder hiss above band 12 everywhere.
    fn frames(call: f32) -> SupportFrames {
        let mut values = vec![0.0; 30 * 20];
        for (frame, row) in values.chunks_exact_mut(20).enumerate() {
            row[12..].fill(5.0);
            if frame < 10 {
                row[5..7].fill(call);
            }
        }
        let mut targets = vec![0.0; 30];
        targets[..10].fill(1.0);
        SupportFrames {
            bands: 20,
            values,
            targets,
            weights: vec![1.0; 30],
            shots: vec![Range { start: 0, end: 10 }],
            partial: Vec::new(),
            negatives: Vec::new(),
        }
    }

    #[test]
    fn what_is_always_there_is_not_what_the_shots_are() {
        let frames = frames(2.0);
        let focus = Focus::of(&frames, 2, &hz());
        assert_eq!(focus.heard(), 3..9);
        let band = EventBand {
            low_hz: 500.0,
            high_hz: 800.0,
            is_marked: false,
        };
        assert_eq!(focus.band(), Some(band));
        assert_eq!(Focus::of(&frames, 2, &[]).band(), None);
        assert_eq!(Focus::of(&frames, 100, &hz()).heard(), 0..20);
        let mut values = frames.values.clone();
        focus.mask(&mut values, 20);
        assert!(
            values
                .chunks_exact(20)
                .all(|row| row[12..].iter().all(|&x| x == 0.0))
        );
        assert_eq!(values[5], 2.0);
    }

    #[test]
    fn shots_that_stand_out_nowhere_are_heard_everywhere() {
        let focus = Focus::of(&frames(0.0), 2, &hz());
        assert_eq!((focus.heard(), focus.band()), (0..20, None));
        let mut only_shots = frames(2.0);
        only_shots.targets.fill(1.0);
        assert!(!Focus::of(&only_shots, 2, &hz()).heard().is_empty());
    }

    /// The middles of the twenty bands: 100 to 2000 Hz.
    fn hz() -> Vec<f64> {
        (1..=20).map(|n| 100.0 * f64::from(n)).collect()
    }

    #[test]
    fn most_marks_together_say_what_is_heard() {
        let (low, high) = (Some(450.0..600.0), Some(500.0..750.0));
        let focus = Focus::between(&[low.clone(), None, high.clone()], &hz()).unwrap();
        // The bands of 500 to 700 Hz, and two on either side.
        assert_eq!(focus.heard(), 2..9);
        let band = EventBand {
            low_hz: 450.0,
            high_hz: 750.0,
            is_marked: true,
        };
        assert_eq!(focus.band(), Some(band));
        assert_eq!(Focus::between(&[low, None], &hz()), None, "half");
        assert_eq!(Focus::between(&[], &hz()), None);
        assert_eq!(Focus::between(&[high], &[]), None, "no frequencies");
        // A fifth of an octave above 1700 Hz are 1953 Hz, more than two bands.
        let wide = Focus::between(&[Some(1200.0..1700.0)], &hz()).unwrap();
        assert_eq!(wide.heard(), 9..19);
        let narrow = Focus::between(&[Some(620.0..630.0)], &hz()).unwrap();
        assert_eq!(narrow.heard(), 4..8, "between two middles");
    }

    #[test]
    fn limits_around_everything_and_around_nothing_say_nothing() {
        for limits in [0.0..2000.0, 150.0..1900.0, 4000.0..8000.0, 5.0..20.0] {
            assert_eq!(Focus::between(&[Some(limits)], &hz()), None);
        }
    }
}

//! The bands that a detector listens to: those in which the shots stand out, and a few beside them.

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
}

/// Nine tenths of what the shots have above their surroundings lie between the lower and the upper band.
const LOWER: f64 = 0.05;
const UPPER: f64 = 0.95;
/// Limits are drawn by hand: so many bands beside them are heard as well.
const MARGIN: usize = 2;

impl Focus {
    /// `heard` and nothing else.
    pub(super) fn on(heard: Range<usize>) -> Self {
        Self { heard }
    }

    /// The bands between two frequencies, Hz, and [`MARGIN`] on either side. `bands_hz` are the middles of the bands as they
    /// were before they were played slower or faster. All of them, if none lies there.
    pub(super) fn between(limits: &Range<f64>, bands_hz: &[f64]) -> Self {
        let low = bands_hz.partition_point(|&hz| hz < limits.start);
        let high = bands_hz.partition_point(|&hz| hz <= limits.end);
        match low < high {
            true => Self::on(low.saturating_sub(MARGIN)..(high + MARGIN).min(bands_hz.len())),
            false => Self::on(0..bands_hz.len()),
        }
    }

    /// The bands that both hear.
    pub(super) fn and(&self, other: &Self) -> Self {
        let start = self.heard.start.max(other.heard.start);
        Self::on(start..self.heard.end.min(other.heard.end).max(start))
    }

    /// The bands that either hears, and those between them.
    pub(super) fn or(&self, other: &Self) -> Self {
        let start = self.heard.start.min(other.heard.start);
        Self::on(start..self.heard.end.max(other.heard.end))
    }

    /// The bands in which the shots of a kind are louder on average than what is known to be none of any, widened by `margin`
    /// on either side; from the lowest of any kind to the highest. All bands, where the shots of a kind are nowhere louder.
    pub(super) fn of(frames: &SupportFrames, margin: usize) -> Self {
        let of_kind = |kind| match bands_above(frames, kind) {
            Some(above) => {
                let end = (above.end + margin).min(frames.bands);
                Self::on(above.start.saturating_sub(margin)..end)
            }
            None => Self::on(0..frames.bands),
        };
        let of_kinds = (0..frames.kinds).map(of_kind);
        let all = of_kinds.reduce(|a, b| a.or(&b));
        all.unwrap_or_else(|| Self::on(0..frames.bands))
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

/// The middle of each band in hertz as they were recorded, lowest first; empty if bands are something else.
pub(super) fn bands_hz(
    front_end: &FrontEnd,
    time_scale: TimeScale,
) -> Result<Vec<f64>, DetectError> {
    let axes = front_end.axes()?;
    let hz = match axes.first().map(|axis| &axis.bands) {
        Some(BandAxis::Mel(hz)) => hz.as_slice(),
        _ => &[],
    };
    Ok(hz.iter().map(|hz| hz * time_scale.slower()).collect())
}

/// Between which frequencies the shots lie, by where they are louder than what is known to be none of any kind: up to the middles
/// of the bands beside those, as far as triangles reach; of several kinds, from the lowest to the highest. `bands_hz` are the
/// middles of all.
pub(super) fn band_above(frames: &SupportFrames, bands_hz: &[f64]) -> Option<EventBand> {
    let of_kinds = (0..frames.kinds).map(|kind| bands_above(frames, kind));
    let of_kinds = of_kinds.collect::<Option<Vec<_>>>()?;
    let widened = |a: Range<usize>, b: Range<usize>| a.start.min(b.start)..a.end.max(b.end);
    let above = of_kinds.into_iter().reduce(widened)?;
    let last = bands_hz.len().checked_sub(1)?;
    Some(EventBand {
        low_hz: *bands_hz.get(above.start.saturating_sub(1))?,
        high_hz: bands_hz[above.end.min(last)],
        is_marked: false,
    })
}

/// The bands with nine tenths of what the shots of a kind have above what is known to be none of any; none, where they are
/// nowhere louder.
fn bands_above(frames: &SupportFrames, kind: usize) -> Option<Range<usize>> {
    let (bands, kinds) = (frames.bands, frames.kinds);
    let (mut inside, mut beside) = (Mean::new(bands), Mean::new(bands));
    let rows = frames.values.chunks_exact(bands);
    let targets = frames.targets.chunks_exact(kinds);
    let weights = frames.weights.chunks_exact(kinds);
    for (row, (targets, weights)) in rows.zip(targets.zip(weights)) {
        if targets[kind] > 0.0 {
            inside.add(row);
        } else if weights[kind] > 0.0 && targets.iter().all(|&target| target == 0.0) {
            beside.add(row);
        }
    }
    let pairs = inside.values().zip(beside.values());
    let above = standing_out(pairs.map(|(inside, beside)| inside - beside))?;
    Some(place_of_share(&above, LOWER)?..place_of_share(&above, UPPER)? + 1)
}

/// The band above which three quarters of what the shots are lie, of the lowest kind; none if they are background.
pub(super) fn lower_band(frames: &SupportFrames) -> Option<usize> {
    let of_kind = |kind| {
        let mut shots = Mean::new(frames.bands);
        for frame in frames.shots_of(kind).cloned().flatten() {
            shots.add(&frames.values[frame * frames.bands..][..frames.bands]);
        }
        place_of_share(&standing_out(shots.values())?, 0.25)
    };
    (0..frames.kinds).filter_map(of_kind).min()
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
        let mut frames = SupportFrames::unmarked(values, 20, 1);
        frames.weigh(0..30, 0, 1.0);
        frames.mark(0..10, 0);
        frames
    }

    #[test]
    fn what_is_always_there_is_not_what_the_shots_are() {
        let frames = frames(2.0);
        let focus = Focus::of(&frames, 2);
        assert_eq!(focus.heard(), 3..9);
        assert_eq!(Focus::of(&frames, 100).heard(), 0..20);
        let mut values = frames.values.clone();
        focus.mask(&mut values, 20);
        assert!(
            values
                .chunks_exact(20)
                .all(|row| row[12..].iter().all(|&x| x == 0.0))
        );
        assert_eq!(values[5], 2.0);
    }

    /// A second call, one frame of band 16 only: among all shots together it would be lost.
    #[test]
    fn a_rare_kind_is_heard_beside_a_common_one() {
        let mut values = frames(9.0).values;
        values[20 * 20 + 16] = 9.0;
        let mut both = SupportFrames::unmarked(values, 20, 2);
        both.weigh(0..30, 0, 1.0);
        both.weigh(0..30, 1, 1.0);
        both.mark(0..10, 0);
        both.mark(20..21, 1);
        assert_eq!(Focus::of(&both, 1).heard(), 4..18);
        assert_eq!(lower_band(&both), Some(6));
    }

    #[test]
    fn where_shots_stand_out_is_told_in_hertz() {
        let hz: Vec<f64> = (1..=20).map(|band| 100.0 * f64::from(band)).collect();
        let band = EventBand {
            low_hz: 500.0,
            high_hz: 800.0,
            is_marked: false,
        };
        assert_eq!(band_above(&frames(2.0), &hz), Some(band));
        assert_eq!(band_above(&frames(2.0), &[]), None, "no frequencies");
        assert_eq!(band_above(&frames(0.0), &hz), None);
    }

    #[test]
    fn limits_that_were_drawn_are_heard_with_a_little_beside_them() {
        let hz: Vec<f64> = (1..=20).map(|band| 100.0 * f64::from(band)).collect();
        assert_eq!(Focus::between(&(550.0..900.0), &hz).heard(), 3..11);
        assert_eq!(Focus::between(&(0.0..9000.0), &hz).heard(), 0..20);
        assert_eq!(Focus::between(&(5000.0..9000.0), &hz).heard(), 0..20);
        let (low, high) = (Focus::on(3..9), Focus::on(6..20));
        assert_eq!(
            (low.and(&high).heard(), low.or(&high).heard()),
            (6..9, 3..20)
        );
    }

    #[test]
    fn shots_that_stand_out_nowhere_are_heard_everywhere() {
        assert_eq!(Focus::of(&frames(0.0), 2).heard(), 0..20);
        let mut only_shots = frames(2.0);
        only_shots.targets.fill(1.0);
        assert!(!Focus::of(&only_shots, 2).heard().is_empty());
    }
}

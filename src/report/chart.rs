//! Line charts and strips of folds, drawn from numbers.
//!
//! Every position is a percentage of the plot, so that charts follow the width of the page while
//! text and line width stay as they are; the words are HTML beside the SVG.

use serde::{Deserialize, Serialize};

/// More points than a plot has pixels only make the page large.
const MAX_POINTS: usize = 400;
/// Labels along an axis, about.
const TICKS: f64 = 4.0;

/// A line chart, ready for the template.
#[derive(Debug, Serialize)]
pub(super) struct LineChart {
    pub(super) title: &'static str,
    /// Unit of the vertical axis, empty if it has none.
    pub(super) unit: &'static str,
    /// What the chart shows, in one sentence, for those who do not see it.
    pub(super) description: String,
    /// SVG path in a 100 × 100 box, y downwards.
    pub(super) path: String,
    pub(super) x_ticks: Vec<Tick>,
    pub(super) y_ticks: Vec<Tick>,
    /// Last value, as text.
    pub(super) last: String,
}

/// A labelled position on an axis.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
pub(super) struct Tick {
    /// Per cent of the axis, from left or from the bottom.
    pub(super) at: f64,
    pub(super) label: String,
}

/// A range of an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Span {
    low: f64,
    high: f64,
}

impl LineChart {
    /// Of (epoch, value) pairs; `None` with fewer than two different epochs.
    pub(super) fn new(
        title: &'static str,
        unit: &'static str,
        points: &[(f64, f64)],
    ) -> Option<Self> {
        let finite: Vec<_> = points
            .iter()
            .copied()
            .filter(|(x, y)| x.is_finite() && y.is_finite())
            .collect();
        let x = Span::of(finite.iter().map(|p| p.0)).filter(|span| span.high > span.low)?;
        let y = Span::of(finite.iter().map(|p| p.1))?.with_margin();
        let (&(_, first), &(_, last)) = (finite.first()?, finite.last()?);
        let description = format!(
            "{title} over {} epochs: from {} to {}, between {} and {}",
            short(x.high),
            short(first),
            short(last),
            short(finite.iter().map(|p| p.1).fold(f64::INFINITY, f64::min)),
            short(finite.iter().map(|p| p.1).fold(f64::NEG_INFINITY, f64::max)),
        );
        Some(Self {
            title,
            unit,
            description,
            path: path(&thinned(&finite), x, y),
            x_ticks: x.ticks(),
            y_ticks: y.ticks(),
            last: short(last),
        })
    }
}

impl Span {
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let span = values.fold(None, |span: Option<Self>, v| match span {
            None => Some(Self { low: v, high: v }),
            Some(Self { low, high }) => Some(Self {
                low: low.min(v),
                high: high.max(v),
            }),
        })?;
        // Beyond this, differences overflow and no chart makes sense.
        (span.low.abs().max(span.high.abs()) < 1e300).then_some(span)
    }

    /// A little air above and below; a constant gets air of its own size.
    fn with_margin(self) -> Self {
        let height = self.high - self.low;
        let smallest = self.low.abs().max(self.high.abs()).max(1e-12) * 1e-6;
        let air = if height > smallest {
            0.06 * height
        } else {
            0.5 * self.high.abs().max(1e-3)
        };
        let touches_zero = self.low >= 0.0 && self.low < 0.35 * self.high;
        Self {
            low: if touches_zero { 0.0 } else { self.low - air },
            high: self.high + air,
        }
    }

    /// Per cent of the way from low to high.
    fn percent(self, value: f64) -> f64 {
        100.0 * (value - self.low) / (self.high - self.low)
    }

    fn ticks(self) -> Vec<Tick> {
        let ticks = self.valued_ticks().into_iter();
        ticks.map(|(_, tick)| tick).collect()
    }

    /// Multiples of 1, 2 or 5 times a power of ten.
    fn valued_ticks(self) -> Vec<(f64, Tick)> {
        let rough = (self.high - self.low) / TICKS;
        let decade = 10f64.powf(rough.log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * decade);
        let step = steps
            .into_iter()
            .find(|&step| step >= rough * 0.999)
            .unwrap_or(rough);
        let decimals = (-step.log10().floor()).max(0.0) as usize;
        let first = (self.low / step - 1e-9).ceil();
        let tick = |index: u32| (first + f64::from(index)) * step;
        let label = |value: f64| {
            let large = step >= 1e5 || decimals > 4;
            if large && value != 0.0 {
                format!("{:.0e}", value)
            } else {
                format!("{:.decimals$}", if value == 0.0 { 0.0 } else { value })
            }
        };
        (0..20)
            .map(tick)
            .take_while(|&value| value <= self.high + 1e-9 * step)
            .map(|value| {
                let tick = Tick {
                    at: hundredths(self.percent(value)),
                    label: label(value),
                };
                (value, tick)
            })
            .collect()
    }
}

/// Labels of an axis that runs from `low` to `high`.
pub(super) fn ticks(low: f64, high: f64) -> Vec<Tick> {
    Span { low, high }.ticks()
}

/// The same with the value at each.
pub(super) fn valued_ticks(low: f64, high: f64) -> Vec<(f64, Tick)> {
    Span { low, high }.valued_ticks()
}

/// Means of neighbours, so that at most [`MAX_POINTS`] remain.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mean = |chunk: &[(f64, f64)]| {
        let count = chunk.len() as f64;
        let (x, y) = chunk
            .iter()
            .fold((0.0, 0.0), |sum, p| (sum.0 + p.0, sum.1 + p.1));
        (x / count, y / count)
    };
    let size = points.len().div_ceil(MAX_POINTS).max(1);
    let mut thinned: Vec<_> = points.chunks(size).map(mean).collect();
    // The ends are what a reader looks up.
    if let ([first, .., last], [new_first, .., new_last]) = (points, thinned.as_mut_slice()) {
        (*new_first, *new_last) = (*first, *last);
    }
    thinned
}

fn path(points: &[(f64, f64)], x: Span, y: Span) -> String {
    let position =
        |&(px, py): &(f64, f64)| format!("{:.2} {:.2}", x.percent(px), 100.0 - y.percent(py));
    let positions: Vec<_> = points.iter().map(position).collect();
    format!("M{}", positions.join("L"))
}

/// Three or four significant digits.
pub(super) fn short(value: f64) -> String {
    let size = value.abs();
    match size {
        0.0 => "0".to_owned(),
        _ if !(1e-3..1e6).contains(&size) => format!("{value:.2e}"),
        _ if size >= 100.0 => format!("{value:.0}"),
        _ if size >= 10.0 => format!("{value:.1}"),
        _ if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

pub(super) fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(low: f64, high: f64) -> Vec<String> {
        ticks(low, high)
            .into_iter()
            .map(|tick| tick.label)
            .collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(labels(0.0, 100.0), ["0", "50", "100"]);
        assert_eq!(labels(0.0, 80.0), ["0", "20", "40", "60", "80"]);
        assert_eq!(labels(-0.13, 0.31), ["0.0", "0.2"]);
        assert_eq!(labels(0.0, 0.06), ["0.00", "0.02", "0.04", "0.06"]);
    }

    #[test]
    fn values_that_are_not_finite_leave_a_chart_of_the_others() {
        let points = [
            (0.0, f64::NAN),
            (1.0, 2.0),
            (2.0, f64::INFINITY),
            (3.0, 1.0),
        ];
        let chart = LineChart::new("loss", "", &points).unwrap();
        assert_eq!(chart.path.matches('L').count(), 1);
        assert!(!chart.path.contains("NaN"));
    }

    #[test]
    fn a_single_epoch_is_no_chart() {
        assert!(LineChart::new("loss", "", &[(1.0, 2.0), (1.0, 3.0)]).is_none());
        assert!(LineChart::new("loss", "", &[]).is_none());
    }

    #[test]
    fn a_hundred_thousand_steps_stay_small_and_keep_their_ends() {
        let points: Vec<_> = (0..100_000)
            .map(|i| (f64::from(i), f64::from(i % 7)))
            .collect();
        let thin = thinned(&points);
        assert!(thin.len() <= MAX_POINTS);
        assert_eq!((thin.first(), thin.last()), (points.first(), points.last()));
    }

    proptest! {
        #[test]
        fn every_point_and_tick_lies_inside_the_plot(
            values in prop::collection::vec(prop_oneof![-1e9..1e9, -1e-9..1e-9, Just(5.0)], 2..50)
        ) {
            let points: Vec<_> = values.iter().enumerate().map(|(i, &v)| (i as f64, v)).collect();
            let chart = LineChart::new("loss", "", &points).unwrap();
            let numbers = chart.path[1..].split(['L', ' ']).map(|n| n.parse::<f64>().unwrap());
            for number in numbers.chain(chart.y_ticks.iter().chain(&chart.x_ticks).map(|t| t.at)) {
                prop_assert!((-0.01..=100.01).contains(&number), "{number} of {chart:?}");
            }
            prop_assert!(!chart.y_ticks.is_empty() && chart.y_ticks.len() < 12, "{chart:?}");
        }
    }
}

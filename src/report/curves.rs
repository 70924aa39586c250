//! Accuracy over the epochs of fitting, with bands over folds.

use serde::Serialize;

use super::{
    chart::{Tick, hundredths, ticks},
    text::percent,
};
use crate::evaluate::{Evaluation, ProtocolName, Score};

/// Curves of one encoder's protocols in one plot, ready for the template.
#[derive(Debug, Serialize)]
pub(super) struct CurveChart<'a> {
    /// Whose curves these are.
    pub(super) title: &'a str,
    /// What the chart shows, for those who do not see it.
    pub(super) description: String,
    pub(super) curves: Vec<Curve>,
    pub(super) x_ticks: Vec<Tick>,
    pub(super) y_ticks: Vec<Tick>,
}

/// One curve, or a level where nothing is fitted by epochs.
#[derive(Debug, Serialize)]
pub(super) struct Curve {
    pub(super) name: &'static str,
    /// Its style sheet class.
    pub(super) class: &'static str,
    /// SVG path of the mean over folds, in a 100 × 100 box, y downwards.
    pub(super) line: String,
    /// SVG path of mean ± standard deviation.
    pub(super) band: String,
    /// The last mean, in per cent.
    pub(super) last: String,
}

impl<'a> CurveChart<'a> {
    /// `None` where nothing was fitted by epochs.
    pub(super) fn of(title: &'a str, evaluation: &Evaluation) -> Option<Self> {
        let measured = |protocol| evaluation.protocols.get(&protocol);
        let fitted: Vec<_> = [
            ("fine-tuning", "finetune", measured(ProtocolName::Finetune)),
            ("frozen encoder", "frozen", measured(ProtocolName::Frozen)),
            ("from scratch", "scratch", evaluation.scratch()),
        ]
        .into_iter()
        .filter_map(|(name, class, score)| Some((name, class, spread_by_epoch(score?)?)))
        .collect();
        let epochs = fitted.iter().map(|(.., spread)| spread.len()).max()?;
        let mut curves: Vec<_> = fitted
            .iter()
            .map(|(name, class, spread)| Curve::new(name, class, spread, epochs))
            .collect();
        if let Some(knn) = measured(ProtocolName::Knn) {
            let level = vec![(knn.accuracy.mean, 0.0); epochs];
            curves.push(Curve::new("k-NN", "knn", &level, epochs));
        }
        let ends = curves.iter().map(|c| format!("{} {} %", c.name, c.last));
        Some(Self {
            title,
            description: format!(
                "Accuracy over {epochs} epochs, in the end: {}",
                ends.collect::<Vec<_>>().join(", ")
            ),
            curves,
            x_ticks: ticks(1.0, epochs.max(2) as f64),
            y_ticks: ticks(0.0, 100.0),
        })
    }
}

impl Curve {
    /// Of mean and standard deviation after each epoch, on an axis of `epochs`.
    fn new(name: &'static str, class: &'static str, spread: &[(f64, f64)], epochs: usize) -> Self {
        let x = |epoch: usize| hundredths(100.0 * epoch as f64 / (epochs.max(2) - 1) as f64);
        let y = |accuracy: f64| hundredths(100.0 - 100.0 * accuracy.clamp(0.0, 1.0));
        let points = |value: &dyn Fn((f64, f64)) -> f64| -> Vec<String> {
            let epochs = spread.iter().enumerate();
            epochs
                .map(|(epoch, &at)| format!("{} {}", x(epoch), y(value(at))))
                .collect()
        };
        let upper = points(&|(mean, std)| mean + std);
        let mut lower = points(&|(mean, std)| mean - std);
        lower.reverse();
        Self {
            name,
            class,
            line: format!("M{}", points(&|(mean, _)| mean).join("L")),
            band: match spread.iter().any(|(_, std)| *std > 0.0) {
                true => format!("M{}L{}Z", upper.join("L"), lower.join("L")),
                false => String::new(),
            },
            last: spread
                .last()
                .map_or(String::new(), |(mean, _)| percent(*mean)),
        }
    }
}

/// Mean and standard deviation over folds after each epoch that all folds have.
pub(super) fn spread_by_epoch(score: &Score) -> Option<Vec<(f64, f64)>> {
    let folds = &score.accuracy_by_epoch;
    let epochs = folds
        .iter()
        .map(Vec::len)
        .min()
        .filter(|&epochs| epochs > 0)?;
    let of_epoch = |epoch: usize| {
        let values = folds.iter().map(|fold| fold[epoch]);
        let mean = values.clone().sum::<f64>() / folds.len() as f64;
        let variance = values.map(|v| (v - mean).powi(2)).sum::<f64>() / folds.len() as f64;
        (mean, variance.sqrt())
    };
    Some((0..epochs).map(of_epoch).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::evaluation;

    fn fitted(folds: &[&[f64]]) -> Evaluation {
        let mut evaluation = evaluation(2, 3);
        let mut score = evaluation.protocols[&ProtocolName::Linear].clone();
        score.accuracy_by_epoch = folds.iter().map(|fold| fold.to_vec()).collect();
        evaluation.protocols.insert(ProtocolName::Finetune, score);
        evaluation
    }

    #[test]
    fn the_band_lies_a_standard_deviation_around_the_mean() {
        let evaluation = fitted(&[&[0.2, 0.6], &[0.4, 1.0]]);
        let chart = CurveChart::of("run", &evaluation).unwrap();
        let curve = &chart.curves[0];
        assert_eq!((curve.name, curve.last.as_str()), ("fine-tuning", "80.0"));
        assert_eq!(curve.line, "M0 70L100 20");
        assert_eq!(curve.band, "M0 60L100 0L100 40L0 80Z");
    }

    #[test]
    fn what_is_fitted_at_once_is_no_curve() {
        assert!(CurveChart::of("run", &evaluation(2, 3)).is_none());
        assert!(CurveChart::of("run", &fitted(&[&[], &[]])).is_none());
    }
}

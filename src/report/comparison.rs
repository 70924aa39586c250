//! Several runs side by side: accuracy by protocol, and after how many epochs of fitting.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{
    Run,
    curves::spread_by_epoch,
    grid::{Grid, GridRow},
    text::{mean_and_spread, percent},
};
use crate::evaluate::{Baseline, Evaluation, ProtocolName};

/// After how many epochs of fitting accuracies are compared, besides the last.
const EPOCHS: [usize; 5] = [1, 3, 5, 10, 20];

/// Runs and protocols, ready for text and template.
#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    /// By protocol: mean and standard deviation over folds.
    pub(super) scores: Grid,
    /// Of fine-tuning: mean after some epochs.
    pub(super) by_epoch: Option<Grid>,
}

impl Comparison {
    /// Of the runs that were measured; `None` if there is none.
    pub(super) fn of(runs: &[Run]) -> Option<Self> {
        let measured: Vec<(&str, &Evaluation)> = runs
            .iter()
            .filter_map(|run| Some((run.name.as_str(), run.evaluation.as_ref()?)))
            .collect();
        if measured.is_empty() {
            return None;
        }
        Some(Self {
            scores: scores(&measured),
            by_epoch: by_epoch(&measured),
        })
    }

    fn grids(&self) -> impl Iterator<Item = (&'static str, &Grid)> {
        let by_epoch = self.by_epoch.as_ref();
        let by_epoch = by_epoch.map(|grid| ("Accuracy in % while fine-tuning, after epochs", grid));
        [("Accuracy in %, mean ± std over folds", &self.scores)]
            .into_iter()
            .chain(by_epoch)
    }
}

/// The runs' accuracies as text, one table under the other; empty if none was measured.
pub fn comparison(runs: &[Run]) -> String {
    let tables = Comparison::of(runs);
    let tables = tables.iter().flat_map(Comparison::grids);
    tables
        .map(|(title, grid)| format!("{title}\n\n{}\n", grid.text()))
        .collect()
}

/// The same as Markdown.
pub fn comparison_markdown(runs: &[Run]) -> String {
    let tables = Comparison::of(runs);
    let tables = tables.iter().flat_map(Comparison::grids);
    tables
        .map(|(title, grid)| format!("{title}:\n\n{}\n", grid.markdown()))
        .collect()
}

fn scores(measured: &[(&str, &Evaluation)]) -> Grid {
    let protocols: BTreeSet<ProtocolName> = measured
        .iter()
        .flat_map(|(_, evaluation)| evaluation.protocols.keys().copied())
        .filter(|&protocol| protocol != ProtocolName::Scratch)
        .collect();
    let row = |name: &str, is_baseline, score: &dyn Fn(ProtocolName) -> Option<String>| GridRow {
        name: name.to_owned(),
        cells: protocols
            .iter()
            .map(|&protocol| score(protocol).unwrap_or_else(|| "–".to_owned()))
            .collect(),
        is_baseline,
    };
    let mut rows: Vec<_> = measured
        .iter()
        .map(|(name, evaluation)| {
            row(name, false, &|protocol| {
                let score = evaluation.protocols.get(&protocol)?;
                Some(mean_and_spread(&score.accuracy))
            })
        })
        .collect();
    let baselines: BTreeSet<Baseline> = measured
        .iter()
        .flat_map(|(_, evaluation)| evaluation.baselines.keys().copied())
        .collect();
    for baseline in baselines {
        let of_baseline =
            |(_, evaluation): &(&str, &Evaluation)| evaluation.baselines.get(&baseline).cloned();
        if let Some(scores) = measured.iter().find_map(of_baseline) {
            rows.push(row(baseline.title(), true, &|protocol| {
                Some(mean_and_spread(&scores.get(&protocol)?.accuracy))
            }));
        }
    }
    Grid {
        columns: protocols.iter().map(|p| p.title().to_owned()).collect(),
        rows,
    }
}

fn by_epoch(measured: &[(&str, &Evaluation)]) -> Option<Grid> {
    let tuned = measured.iter().filter_map(|(name, evaluation)| {
        let score = evaluation.protocols.get(&ProtocolName::Finetune)?;
        Some((*name, false, spread_by_epoch(score)?))
    });
    let mut spreads: Vec<_> = tuned.collect();
    let longest = spreads.iter().map(|(.., spread)| spread.len()).max()?;
    let scratch = measured
        .iter()
        .find_map(|(_, evaluation)| spread_by_epoch(evaluation.scratch()?));
    spreads.extend(scratch.map(|spread| (ProtocolName::Scratch.title(), true, spread)));
    let mut epochs: Vec<usize> = EPOCHS.into_iter().filter(|&e| e < longest).collect();
    epochs.push(longest);
    let cell = |spread: &[(f64, f64)], epoch: usize| match spread.get(epoch - 1) {
        Some((mean, _)) => percent(*mean),
        None => "–".to_owned(),
    };
    Some(Grid {
        columns: epochs.iter().map(usize::to_string).collect(),
        rows: spreads
            .iter()
            .map(|(name, is_baseline, spread)| GridRow {
                name: (*name).to_owned(),
                cells: epochs.iter().map(|&epoch| cell(spread, epoch)).collect(),
                is_baseline: *is_baseline,
            })
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::evaluation;

    fn run(name: &str, curve: &[f64]) -> Run {
        let mut evaluation = evaluation(2, 3);
        let mut score = evaluation.protocols[&ProtocolName::Linear].clone();
        score.accuracy_by_epoch = vec![curve.to_vec(); 2];
        evaluation
            .protocols
            .insert(ProtocolName::Finetune, score.clone());
        score.accuracy_by_epoch = vec![vec![0.1; curve.len()]; 2];
        let untrained = evaluation.baselines.get_mut(&Baseline::Untrained).unwrap();
        untrained.insert(ProtocolName::Finetune, score);
        Run {
            name: name.to_owned(),
            evaluation: Some(evaluation),
            ..Run::default()
        }
    }

    #[test]
    fn runs_stand_side_by_side_with_what_they_have_to_beat() {
        let runs = [
            run("moco", &[0.5, 0.6, 0.7, 0.8]),
            run("npid", &[0.4, 0.5, 0.6, 0.9]),
        ];
        let text = comparison(&runs);
        let row = |name: &str| {
            text.lines()
                .rev()
                .find(|l| l.trim_start().starts_with(name))
                .unwrap()
        };
        let cells = |name: &str| {
            row(name)
                .split_whitespace()
                .skip(1)
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(cells("moco"), "50.0 70.0 80.0");
        assert_eq!(cells("npid"), "40.0 60.0 90.0");
        assert_eq!(cells("from"), "scratch 10.0 10.0 10.0");
        assert!(text.contains("untrained encoder"), "{text}");
        assert!(comparison_markdown(&runs).contains("| npid | 40.0 | 60.0 | 90.0 |"));
    }

    #[test]
    fn one_run_stands_beside_its_baselines_and_none_is_nothing() {
        let text = comparison(&[run("moco", &[0.5])]);
        assert!(
            text.contains("moco") && text.contains("untrained"),
            "{text}"
        );
        assert_eq!(comparison(&[Run::default()]), "");
    }
}

//! Whether measured runs differ, clip by clip.

use serde::Serialize;

use super::{
    Run,
    grid::{Grid, GridRow},
    text::percent,
};
use crate::evaluate::{Difference, Evaluation, ProtocolName, compare};

/// Two runs by one protocol.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pair {
    /// How both were measured.
    pub protocol: ProtocolName,
    /// The first run's name.
    pub first: String,
    /// The second run's name.
    pub second: String,
    /// The second against the first.
    #[serde(flatten)]
    pub difference: Difference,
}

/// The first of the measured `runs` against every other, by each protocol that both have, on the clips that both have
/// predicted. Empty where there is nothing to compare.
pub fn paired(runs: &[Run]) -> Vec<Pair> {
    let measured = runs
        .iter()
        .filter_map(|run| Some((run, run.evaluation.as_ref()?)));
    let mut measured: Vec<(&Run, &Evaluation)> = measured.collect();
    if measured.is_empty() {
        return Vec::new();
    }
    let (first_run, first) = measured.remove(0);
    let by_protocol = first.protocols.iter().flat_map(|(&protocol, score)| {
        let others = measured.iter();
        others.filter_map(move |(run, second)| {
            let other = second.protocols.get(&protocol)?;
            Some(Pair {
                protocol,
                first: first_run.name.clone(),
                second: run.name.clone(),
                difference: compare((first, score), (second, other))?,
            })
        })
    });
    by_protocol.collect()
}

/// The pairs as text, one row each.
pub fn paired_text(pairs: &[Pair]) -> String {
    titled(pairs, &grid(pairs).text())
}

/// The same as Markdown.
pub fn paired_markdown(pairs: &[Pair]) -> String {
    titled(pairs, &grid(pairs).markdown())
}

fn titled(pairs: &[Pair], table: &str) -> String {
    match pairs.first() {
        None => String::new(),
        Some(pair) => format!(
            "Accuracy in % over the clips that both have predicted, against `{}`\n\n{table}",
            pair.first
        ),
    }
}

/// A row for every pair.
pub(super) fn grid(pairs: &[Pair]) -> Grid {
    let columns = [
        "protocol",
        "clips",
        "first",
        "second",
        "difference",
        "95 % interval",
        "p",
    ];
    let row = |pair: &Pair| {
        let difference = &pair.difference;
        let [first, second] = difference.accuracy.map(percent);
        let [low, high] = difference.interval.map(signed);
        GridRow {
            name: pair.second.clone(),
            cells: vec![
                pair.protocol.title().to_owned(),
                difference.clips.to_string(),
                first,
                second,
                signed(difference.difference),
                format!("{low} – {high}"),
                p_value(difference.p_value),
            ],
            is_baseline: false,
        }
    };
    Grid {
        columns: columns.map(str::to_owned).to_vec(),
        rows: pairs.iter().map(row).collect(),
    }
}

/// `+1.2` points.
fn signed(part: f64) -> String {
    format!("{:+.1}", 100.0 * part)
}

fn p_value(p: f64) -> String {
    match p {
        p if p < 0.001 => "< 0.001".to_owned(),
        p => format!("{p:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{evaluation, run_with_gallery};

    #[test]
    fn the_first_run_stands_against_every_other_by_every_protocol() {
        let mut baseline = run_with_gallery("untrained");
        let measured = evaluation(2, 5);
        let untrained = measured.baselines.values().next().unwrap().clone();
        baseline.evaluation.as_mut().unwrap().protocols = untrained;
        let runs = [baseline, run_with_gallery("a"), run_with_gallery("b")];
        let pairs = paired(&runs);
        assert_eq!(pairs.len(), 4, "two protocols, two other runs");
        assert_eq!(pairs[0].difference.clips, 20);
        assert_eq!(pairs[0].difference, pairs[1].difference);
        let text = paired_text(&pairs);
        assert!(
            text.contains("untrained") && text.contains("linear probe"),
            "{text}"
        );
        let lines = paired_markdown(&pairs);
        let cells = lines
            .lines()
            .filter(|l| l.starts_with('|'))
            .map(|l| l.matches('|').count());
        assert_eq!(cells.collect::<Vec<_>>(), [9; 6]);
    }

    #[test]
    fn one_run_is_no_pair() {
        assert!(paired(&[run_with_gallery("a"), Run::default()]).is_empty());
        assert_eq!(paired_text(&[]), "");
    }

    #[test]
    fn small_chances_are_not_called_none() {
        assert_eq!([p_value(0.0), p_value(0.0123)], ["< 0.001", "0.012"]);
        assert_eq!([signed(0.0), signed(-0.0216)], ["+0.0", "-2.2"]);
    }
}

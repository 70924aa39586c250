//! Scores as plain text, Markdown and CSV.

use super::{
    exploration::few_labels_grid,
    text::{interval, markdown_text, percent, record, shorten, spread, wrap},
};
use crate::evaluate::{Baseline, Evaluation, ProtocolName, Score};

/// One row of every table: a protocol on one set of embeddings.
pub(super) struct Row<'a> {
    pub(super) protocol: ProtocolName,
    /// `None`: the model itself.
    pub(super) baseline: Option<Baseline>,
    pub(super) score: &'a Score,
}

impl Row<'_> {
    pub(super) fn embeddings(&self) -> &'static str {
        Baseline::title_of(self.baseline)
    }
}

/// The rows of an evaluation: by protocol, the model before its baselines.
pub(super) fn rows(evaluation: &Evaluation) -> Vec<Row<'_>> {
    let baselines = evaluation
        .baselines
        .iter()
        .map(|(&b, scores)| (Some(b), scores));
    let sources: Vec<_> = [(None, &evaluation.protocols)]
        .into_iter()
        .chain(baselines)
        .collect();
    let mut rows: Vec<_> = sources
        .iter()
        .flat_map(|&(baseline, scores)| {
            scores.iter().map(move |(&protocol, score)| Row {
                protocol,
                baseline,
                score,
            })
        })
        .collect();
    rows.sort_by_key(|row| (row.protocol, row.baseline));
    rows
}

/// The accuracies as text of at most `width` columns (at least 60), without colour. Single folds
/// are shown where they fit.
pub fn table(evaluation: &Evaluation, width: usize) -> String {
    let width = width.max(60);
    let mut lines = vec![shorten(
        &format!(
            "{} on {}: accuracy in %, mean ± std over folds",
            evaluation.model, evaluation.dataset
        ),
        width,
    )];
    let mut protocol = None;
    for row in rows(evaluation) {
        if protocol.replace(row.protocol) != Some(row.protocol) {
            lines.push(String::new());
            lines.push(heading(&row, width));
        }
        let folds = row
            .score
            .accuracy
            .per_fold
            .iter()
            .map(|&v| format!("{:>6}", percent(v)));
        let summary = format!(
            "  {:<18} {:>5}{:<7}   {:<14}",
            row.embeddings(),
            percent(row.score.accuracy.mean),
            spread(&row.score.accuracy),
            interval(&row.score.accuracy),
        );
        let whole = folds.fold(summary.clone(), |line, fold| line + &fold);
        let fits = whole.chars().count() <= width;
        lines.push(if fits { whole } else { summary }.trim_end().to_owned());
        let remark = remark(row.score);
        if !remark.is_empty() {
            let indented = wrap(&remark, width - 2).replace('\n', "\n  ");
            lines.push(format!("  {indented}"));
        }
    }
    if let Some(grid) = few_labels_grid(evaluation) {
        lines.push("\nwith so few labelled clips of each class\n".to_owned());
        lines.push(grid.text().trim_end().to_owned());
    }
    for (mark, text) in remarks(evaluation) {
        lines.push(String::new());
        lines.push(wrap(&format!("{mark}: {text}"), width));
    }
    lines.join("\n") + "\n"
}

/// The accuracies as a Markdown table, a column a fold.
pub fn markdown(evaluation: &Evaluation) -> String {
    let rows = rows(evaluation);
    let folds = rows.first().map_or(&[][..], |row| &row.score.folds);
    let names: String = folds.iter().map(|fold| format!(" fold {fold} |")).collect();
    let mut text = format!(
        "Accuracy in % of `{}` on {}, mean ± standard deviation over folds, 95 % interval over clips.\n\n\
         | protocol | embeddings | accuracy | interval |{names}\n|---|---|---:|---:|{}\n",
        evaluation.model.replace('`', "'"),
        markdown_text(&evaluation.dataset),
        "---:|".repeat(folds.len()),
    );
    for row in &rows {
        let accuracy = &row.score.accuracy;
        let folds: String = accuracy
            .per_fold
            .iter()
            .map(|&v| format!(" {} |", percent(v)))
            .collect();
        text += &format!(
            "| {} | {} | {}{} | {} |{folds}\n",
            row.protocol.title(),
            row.embeddings(),
            percent(accuracy.mean),
            spread(accuracy),
            interval(accuracy),
        );
    }
    if let Some(grid) = few_labels_grid(evaluation) {
        text += "\nWith so few labelled clips of each class:\n\n";
        text += &grid.markdown();
    }
    for (mark, remark) in remarks(evaluation) {
        text += &format!("\n**{mark}:** {}\n", markdown_text(remark));
    }
    text
}

/// Every metric in full digits, fractions of 1: one row a protocol, set of embeddings, metric and
/// fold; the fold is empty in the row that holds mean, std and interval over all folds.
pub fn csv(evaluation: &Evaluation) -> String {
    let mut lines = vec![record(
        [
            "dataset",
            "model",
            "protocol",
            "embeddings",
            "metric",
            "fold",
            "value",
            "std",
            "low",
            "high",
        ]
        .map(str::to_owned),
    )];
    for row in rows(evaluation) {
        let metrics = [
            ("accuracy", &row.score.accuracy),
            ("balanced_accuracy", &row.score.balanced_accuracy),
            ("macro_f1", &row.score.macro_f1),
            ("weighted_precision", &row.score.weighted_precision),
        ];
        for (metric, estimate) in metrics {
            let line = |fold: String, value: f64, spread: [String; 3]| {
                let [std, low, high] = spread;
                let key = [&evaluation.dataset, &evaluation.model].map(String::clone);
                let [dataset, model] = key;
                record([
                    dataset,
                    model,
                    row.protocol.title().to_owned(),
                    row.embeddings().to_owned(),
                    metric.to_owned(),
                    fold,
                    value.to_string(),
                    std,
                    low,
                    high,
                ])
            };
            let [low, high] = estimate.interval;
            let spread = [estimate.std, low, high].map(|v| v.to_string());
            lines.push(line(String::new(), estimate.mean, spread));
            for (fold, &value) in row.score.folds.iter().zip(&estimate.per_fold) {
                lines.push(line(fold.to_string(), value, Default::default()));
            }
        }
    }
    lines.concat()
}

/// What is to be said beside an accuracy: that of each seed, and of epochs chosen on the scored folds.
pub(super) fn remark(score: &Score) -> String {
    let list = |values: &[f64]| {
        let values: Vec<String> = values.iter().copied().map(percent).collect();
        values.join(", ")
    };
    let by_seed = match score.accuracy_by_seed.as_slice() {
        [] => None,
        seeds => Some(format!("by seed: {}", list(seeds))),
    };
    let best = match score.optimistic_best_epoch.as_slice() {
        [] => None,
        folds => {
            let mean = folds.iter().sum::<f64>() / folds.len() as f64;
            Some(format!(
                "best epoch, chosen on the scored fold (optimistic): {}",
                percent(mean)
            ))
        }
    };
    let said: Vec<String> = [by_seed, best].into_iter().flatten().collect();
    said.join("; ")
}

/// Warnings, then notes.
fn remarks(evaluation: &Evaluation) -> impl Iterator<Item = (&'static str, &str)> {
    let warnings = evaluation
        .warnings
        .iter()
        .map(|text| ("warning", text.as_str()));
    warnings.chain(evaluation.notes.iter().map(|text| ("note", text.as_str())))
}

fn heading(row: &Row<'_>, width: usize) -> String {
    let heading = format!("{:<36}{:<14}", row.protocol.title(), "95 % interval");
    let folds = row
        .score
        .folds
        .iter()
        .map(|fold| format!("{:>6}", format!("#{fold}")));
    let whole = folds.fold(heading.clone(), |line, fold| line + &fold);
    let fits = whole.chars().count() <= width;
    if fits { whole } else { heading }.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::evaluation;

    #[test]
    fn the_text_table_keeps_to_its_width_and_drops_folds_before_numbers() {
        for width in [60, 80, 120] {
            let text = table(&evaluation(5, 10), width);
            let longest = text.lines().map(|line| line.chars().count()).max();
            assert!(longest <= Some(width), "{width}:\n{text}");
            assert_eq!(text.contains("#5"), width >= 80, "{width}:\n{text}");
            assert!(text.contains("untrained encoder"), "{text}");
        }
    }

    #[test]
    fn markdown_has_the_same_number_of_cells_in_every_row() {
        let text = markdown(&evaluation(3, 4));
        let cells: Vec<usize> = text
            .lines()
            .filter(|l| l.starts_with('|'))
            .map(|l| l.matches('|').count())
            .collect();
        assert_eq!(cells, [8; 8]);
    }

    #[test]
    fn csv_reads_back_with_every_fold_and_hostile_names() {
        let mut evaluation = evaluation(2, 3);
        evaluation.model = "a,\"b\"\nc".to_owned();
        let text = csv(&evaluation);
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        let records: Vec<_> = reader.records().collect::<Result<_, _>>().unwrap();
        // 2 protocols × 3 embeddings × 4 metrics × (mean + 2 folds)
        assert_eq!(records.len(), 72);
        assert!(records.iter().all(|record| &record[1] == "a,\"b\"\nc"));
        let mean: f64 = records[0][6].parse().unwrap();
        assert_eq!(
            mean,
            evaluation.protocols[&ProtocolName::Linear].accuracy.mean
        );
    }
}

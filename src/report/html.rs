//! One self-contained page.

use std::{collections::HashSet, path::Path};

use minijinja::{Environment, value::Serde};
use serde::Serialize;

use super::{
    Finding, Provenance, ReportError, Run,
    chart::LineChart,
    comparison::Comparison,
    confusion::{Detail, details},
    curves::CurveChart,
    exploration::{Exploration, few_labels_grid},
    grid::Grid,
    paired::{grid, paired},
    run::Measurement,
    strips::{Group, groups},
    tags::TagTables,
    text::percent,
};
use crate::corpus::Skipped;
use crate::evaluate::{Evaluation, Predictions};
use crate::write_whole;

/// Files listed by name; a run over an archive may have skipped thousands.
const LISTED_FILES: usize = 500;

/// Writes [`html()`] to `path`: first under a temporary name, so that no half page is ever there.
///
/// # Errors
/// If the file cannot be written.
pub fn write_html(path: &Path, runs: &[Run]) -> Result<(), ReportError> {
    let page = html(runs)?;
    write_whole(path, page.as_bytes()).map_err(|source| ReportError::Io {
        path: path.to_owned(),
        action: "writing",
        source,
    })
}

/// The page: everything in it, nothing fetched; the one script shows and plays clips of the map. Text from outside is escaped.
///
/// # Errors
/// Only on a bug in the template.
pub fn html(runs: &[Run]) -> Result<String, ReportError> {
    let mut environment = Environment::new();
    environment.add_template("report.html", include_str!("report.html"))?;
    environment.add_template("report.css", include_str!("report.css"))?;
    environment.add_template("report.js", include_str!("report.js"))?;
    environment.add_template("sound.js", include_str!("sound.js"))?;
    let page = Page {
        title: title(runs),
        version: env!("CARGO_PKG_VERSION"),
        comparison: Comparison::of(runs).filter(|_| runs.len() > 1),
        differences: Some(paired(runs))
            .filter(|pairs| !pairs.is_empty())
            .map(|pairs| grid(&pairs)),
        is_explored: runs.iter().any(|run| run.gallery.is_some()),
        runs: (0..runs.len())
            .map(|index| Section::of(runs, index))
            .collect(),
    };
    let template = environment.get_template("report.html")?;
    // The engine drops the last line's end.
    Ok(template.render(Serde(page))? + "\n")
}

fn title(runs: &[Run]) -> String {
    let mut datasets: Vec<&str> = runs
        .iter()
        .filter_map(|run| Some(run.evaluation.as_ref()?.dataset.as_str()))
        .collect();
    datasets.dedup();
    match (datasets.as_slice(), runs) {
        ([dataset], [_]) => format!("An encoder measured on {dataset}"),
        ([dataset], _) => format!("{} runs measured on {dataset}", runs.len()),
        (_, [run]) => format!("Run {}", run.name),
        _ => format!("{} runs", runs.len()),
    }
}

/// All the template sees.
#[derive(Serialize)]
struct Page<'a> {
    title: String,
    version: &'static str,
    comparison: Option<Comparison>,
    /// The first run against every other.
    differences: Option<Grid>,
    /// Whether there is anything to see and hear.
    is_explored: bool,
    runs: Vec<Section<'a>>,
}

/// One run as the template sees it.
#[derive(Serialize)]
struct Section<'a> {
    name: &'a str,
    headline: Option<Headline>,
    warnings: Vec<String>,
    notes: &'a [String],
    groups: Vec<Group>,
    curves: Option<CurveChart<'a>>,
    charts: Vec<LineChart>,
    details: Vec<Detail<'a>>,
    exploration: Option<Exploration<'a>>,
    few_labels: Option<Grid>,
    tags: Option<TagTables<'a>>,
    makings: Vec<Making<'a>>,
    configuration: Option<&'a str>,
    data: Option<Data<'a>>,
    skipped: Listed<&'a Skipped>,
}

/// How something was made.
#[derive(Serialize)]
struct Making<'a> {
    title: &'static str,
    command: &'a str,
    facts: Vec<(&'a str, String)>,
    encoder: Option<&'a str>,
}

/// What was found in the data.
#[derive(Serialize)]
struct Data<'a> {
    clips: &'a str,
    facts: &'a [(String, String)],
    findings: Listed<&'a Finding>,
}

/// As many as a page has room for.
#[derive(Serialize)]
struct Listed<T> {
    listed: Vec<T>,
    count: usize,
    unlisted: usize,
}

impl<T> Listed<T> {
    fn of(mut all: Vec<T>) -> Self {
        let count = all.len();
        all.truncate(LISTED_FILES);
        Self {
            count,
            unlisted: count - all.len(),
            listed: all,
        }
    }
}

/// The page's first number.
#[derive(Serialize)]
struct Headline {
    accuracy: String,
    std: String,
    folds: usize,
    what: String,
    /// 0 if the evaluation is of a version that did not keep predictions.
    clips: usize,
    classes: usize,
    gain: Option<String>,
}

impl<'a> Section<'a> {
    fn of(runs: &'a [Run], index: usize) -> Self {
        let run = &runs[index];
        let evaluation = run.evaluation.as_ref();
        let skipped = skipped(run);
        Self {
            name: &run.name,
            headline: evaluation.and_then(Headline::of),
            warnings: warnings(run),
            notes: evaluation.map_or(&[], |evaluation| &evaluation.notes),
            groups: evaluation.map(groups).unwrap_or_default(),
            curves: evaluation.and_then(|evaluation| CurveChart::of(&run.name, evaluation)),
            charts: charts(&run.metrics),
            details: evaluation.map(details).unwrap_or_default(),
            exploration: Exploration::of(runs, index),
            few_labels: evaluation.and_then(few_labels_grid),
            tags: run.tags.as_ref().map(TagTables::of),
            makings: makings(run),
            configuration: run.configuration.as_deref(),
            data: data(run, &skipped),
            skipped: Listed::of(skipped),
        }
    }
}

impl Headline {
    fn of(evaluation: &Evaluation) -> Option<Self> {
        let (protocol, score) = evaluation.protocols.first_key_value()?;
        let accuracy = score.accuracy.mean;
        let baseline = evaluation
            .baselines
            .iter()
            .filter_map(|(baseline, scores)| Some((baseline, scores.get(protocol)?.accuracy.mean)))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        let gain = baseline.map(|(baseline, other)| {
            let points = 100.0 * (accuracy - other);
            let side = if points >= 0.0 { "above" } else { "below" };
            format!(
                "{:.1} points {side} the best baseline ({})",
                points.abs(),
                baseline.title()
            )
        });
        Some(Self {
            accuracy: percent(accuracy),
            std: percent(score.accuracy.std),
            folds: score.folds.len(),
            what: format!("{} accuracy on {}", protocol.title(), evaluation.dataset),
            clips: score.predictions.first().map_or(0, Predictions::scored),
            classes: score.classes.len(),
            gain,
        })
    }
}

fn warnings(run: &Run) -> Vec<String> {
    let mut warnings = run
        .evaluation
        .as_ref()
        .map_or(Vec::new(), |e| e.warnings.clone());
    if let Some(first) = run.unread_lines.first() {
        let count = run.unread_lines.len();
        let noun = if count == 1 { "line" } else { "lines" };
        warnings.push(format!(
            "{count} {noun} of metrics.jsonl could not be read, the first is {first}"
        ));
    }
    let lost = run
        .metrics
        .iter()
        .find(|measurement| measurement.loss.is_none() && has_no_diagnostics(measurement));
    if let Some(measurement) = lost {
        warnings.push(format!(
            "no finite loss was recorded at step {}",
            measurement.step
        ));
    }
    warnings
}

/// Lines that carry diagnostics may lack a loss rightly.
fn has_no_diagnostics(measurement: &Measurement) -> bool {
    measurement.embedding_std.is_none() && measurement.effective_rank.is_none()
}

fn charts(metrics: &[Measurement]) -> Vec<LineChart> {
    type Value = fn(&Measurement) -> Option<f64>;
    let series: [(&'static str, &'static str, Value); 7] = [
        ("Loss", "", |m| m.loss),
        ("Learning rate", "", |m| m.learning_rate),
        ("Speed", "clips/s", |m| m.clips_per_sec),
        ("Embedding std", "0 is collapse", |m| m.embedding_std),
        ("Effective rank", "1 is collapse", |m| m.effective_rank),
        ("Alignment", "lower is more alike", |m| m.alignment),
        ("Uniformity", "lower is more even", |m| m.uniformity),
    ];
    let chart = |(title, unit, value): (_, _, Value)| {
        let points: Vec<_> = metrics
            .iter()
            .filter_map(|m| Some((m.epoch?, value(m)?)))
            .collect();
        LineChart::new(title, unit, &points)
    };
    series.into_iter().filter_map(chart).collect()
}

/// How the run was trained and how it was measured.
fn makings(run: &Run) -> Vec<Making<'_>> {
    let training = run.provenance.as_ref();
    let training = training.map(|record| Making::of("Training", record));
    let measuring = run.measured.as_ref();
    let mut measuring = measuring.map(|record| Making::of("Measuring", record));
    if let Some(evaluation) = &run.evaluation {
        let of_evaluation = [
            ("model", evaluation.model.clone()),
            ("dataset", evaluation.dataset.clone()),
        ];
        let measuring = measuring.get_or_insert_with(|| Making {
            title: "Measuring",
            command: "",
            facts: Vec::new(),
            encoder: None,
        });
        measuring.facts.splice(0..0, of_evaluation);
    }
    [training, measuring].into_iter().flatten().collect()
}

impl<'a> Making<'a> {
    fn of(title: &'static str, record: &'a Provenance) -> Self {
        let used = record.used_files.map(|files| files.to_string());
        let mut facts = vec![
            ("device", record.device.clone()),
            ("started", record.started.clone()),
            (
                "duration",
                record.elapsed_secs.map(duration).unwrap_or_default(),
            ),
            ("files used", used.unwrap_or_default()),
        ];
        let versions = record.versions.iter();
        facts.extend(versions.map(|(name, version)| (name.as_str(), version.clone())));
        facts.retain(|(_, value)| !value.is_empty());
        Self {
            title,
            command: &record.command,
            facts,
            encoder: record.encoder.as_deref(),
        }
    }
}

/// The files that were not used, each once.
fn skipped(run: &Run) -> Vec<&Skipped> {
    let mut all: Vec<&Skipped> = Vec::new();
    for record in [&run.provenance, &run.measured].into_iter().flatten() {
        let known: HashSet<&Path> = all.iter().map(|file| file.path.as_path()).collect();
        let new = record.skipped.iter();
        all.extend(new.filter(|file| !known.contains(file.path.as_path())));
    }
    all
}

/// What was found in the data, but for files that are listed as not used anyway.
fn data<'a>(run: &'a Run, skipped: &[&Skipped]) -> Option<Data<'a>> {
    let audit = run.measured.as_ref()?.audit.as_ref()?;
    let skipped: HashSet<String> = skipped
        .iter()
        .map(|file| file.path.display().to_string())
        .collect();
    let findings = audit.findings.iter();
    let findings = findings.filter(|finding| !skipped.contains(&finding.about));
    Some(Data {
        clips: &audit.clips,
        facts: &audit.facts,
        findings: Listed::of(findings.collect()),
    })
}

fn duration(secs: f64) -> String {
    if !secs.is_finite() || secs < 0.0 {
        return String::new();
    }
    let whole = secs.round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, _) => format!("{secs:.1} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Audit, sample::evaluation, table::rows, text::interval};

    fn run(folds: u32, classes: usize) -> Run {
        let metrics = (0..50).map(|step| Measurement {
            step,
            epoch: Some(step as f64 / 10.0),
            loss: Some(4.0 - step as f64 / 20.0),
            ..Measurement::default()
        });
        Run {
            name: "runs/small".to_owned(),
            metrics: metrics.collect(),
            evaluation: Some(evaluation(folds, classes)),
            provenance: Some(Provenance {
                command: "chiffchaff pretrain --preset small".to_owned(),
                device: "cpu".to_owned(),
                ..Provenance::default()
            }),
            ..Run::default()
        }
    }

    #[test]
    fn names_from_outside_cannot_become_markup() {
        let hostile = "</td><script>alert(\"1\")</script>";
        let mut run = run(3, 3);
        run.name = hostile.to_owned();
        run.configuration = Some(hostile.to_owned());
        let evaluation = run.evaluation.as_mut().unwrap();
        evaluation.model = hostile.to_owned();
        evaluation.dataset = hostile.to_owned();
        evaluation.notes = vec![hostile.to_owned()];
        evaluation.warnings = vec![hostile.to_owned()];
        for score in evaluation.protocols.values_mut() {
            score.classes[0] = hostile.to_owned();
            score.per_class[0].class = hostile.to_owned();
        }
        let provenance = run.provenance.as_mut().unwrap();
        provenance.command = hostile.to_owned();
        provenance
            .versions
            .insert(hostile.to_owned(), hostile.to_owned());
        provenance.skipped = vec![Skipped {
            path: hostile.into(),
            reason: hostile.to_owned(),
        }];
        run.measured = Some(Provenance {
            command: hostile.to_owned(),
            encoder: Some(hostile.to_owned()),
            audit: Some(Audit {
                clips: hostile.to_owned(),
                facts: vec![(hostile.to_owned(), hostile.to_owned())],
                findings: vec![Finding {
                    about: "a.wav".to_owned(),
                    what: hostile.to_owned(),
                }],
                warnings: Vec::new(),
            }),
            ..Provenance::default()
        });
        let page = html(&[run]).unwrap();
        assert!(!page.contains("<script"), "unescaped");
        assert!(page.matches("&lt;script").count() >= 18);
    }

    #[test]
    fn the_page_fetches_nothing() {
        let page = html(&[run(5, 10)]).unwrap();
        for outside in ["http://", "https://", "src=", "@import", "url(", "<link"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn baselines_and_model_stand_side_by_side_with_every_fold() {
        let run = run(5, 10);
        let page = html(std::slice::from_ref(&run)).unwrap();
        let evaluation = run.evaluation.as_ref().unwrap();
        for row in rows(evaluation) {
            assert!(page.contains(row.embeddings()));
            assert!(page.contains(&interval(&row.score.accuracy)));
        }
        assert!(page.contains("pre-training heard all clips"));
        assert!(page.contains("chiffchaff pretrain --preset small"));
    }

    #[test]
    fn fifty_classes_and_ten_thousand_steps_stay_below_a_megabyte() {
        let mut run = run(2, 50);
        run.metrics = (0..10_000)
            .map(|step| Measurement {
                step,
                epoch: Some(step as f64 / 100.0),
                loss: Some((step as f64).sin()),
                learning_rate: Some(0.1),
                ..Measurement::default()
            })
            .collect();
        let bytes = html(&[run]).unwrap().len();
        assert!(bytes < 1_000_000, "{bytes}");
    }

    #[test]
    fn a_run_that_was_only_trained_has_curves_and_no_scores() {
        let mut run = run(2, 2);
        run.evaluation = None;
        let page = html(&[run]).unwrap();
        assert!(page.contains("Loss") && !page.contains("Confusion"));
    }

    #[test]
    fn a_lost_loss_is_a_warning() {
        let mut run = run(2, 2);
        run.metrics[7].loss = None;
        assert!(
            html(&[run])
                .unwrap()
                .contains("no finite loss was recorded at step 7")
        );
    }

    #[test]
    fn the_page_is_written_whole_and_leaves_nothing_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("report.html");
        write_html(&path, &[run(2, 2)]).unwrap();
        assert!(
            std::fs::read_to_string(&path)
                .unwrap()
                .ends_with("</html>\n")
        );
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = write_html(Path::new("/no/such/folder/report.html"), &[]).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("/no/such/folder/report.html: writing failed")
        );
    }

    #[test]
    fn durations_read_as_people_say_them() {
        let said = [3.04, 61.0, 7325.0].map(duration);
        assert_eq!(said, ["3.0 s", "1 min 1 s", "2 h 2 min"]);
    }
}

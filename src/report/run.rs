//! What a run or evaluation directory holds.

use std::{collections::BTreeMap, io, path::Path};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Audit, Gallery, ReportError};
use crate::corpus::Skipped;
use crate::evaluate::{Evaluation, TagEvaluation};

/// One directory's results, each part optional.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Run {
    /// What the run is called in the report: its directory.
    pub name: String,
    /// The resolved configuration, the text of `experiment.toml`.
    pub configuration: Option<String>,
    /// How training went, from `metrics.jsonl`.
    pub metrics: Vec<Measurement>,
    /// Lines of `metrics.jsonl` that could not be read, counted from 1.
    pub unread_lines: Vec<usize>,
    /// What was measured, from `evaluation.json`.
    pub evaluation: Option<Evaluation>,
    /// What was measured on clips of several classes, from `tags.json`.
    pub tags: Option<TagEvaluation>,
    /// How the measured clips look and sound, from `gallery.json`.
    pub gallery: Option<Gallery>,
    /// How it was trained, from `run.json`.
    pub provenance: Option<Provenance>,
    /// How it was measured, from `measured.json`.
    pub measured: Option<Provenance>,
}

/// What is needed to repeat a training or a measurement and to judge it; written by whoever runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provenance {
    /// The command as it would be typed.
    pub command: String,
    /// What it ran on, such as `cpu (2 threads)` or `cuda:0 (NVIDIA H200)`.
    pub device: String,
    /// When it began, as text.
    pub started: String,
    /// How long it took, in seconds.
    pub elapsed_secs: Option<f64>,
    /// Versions by name: the program, its engine.
    pub versions: BTreeMap<String, String>,
    /// Number of files that were used.
    pub used_files: Option<usize>,
    /// Files that were not used.
    pub skipped: Vec<Skipped>,
    /// What was measured: front end, network and embedding, as TOML.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoder: Option<String>,
    /// What the data are, where every file was examined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audit: Option<Audit>,
}

/// One line of `metrics.jsonl`. A value that was not measured, or is not finite, is absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Measurement {
    /// Optimiser steps so far.
    pub step: u64,
    /// Progress in epochs, with fraction.
    pub epoch: Option<f64>,
    /// Training loss.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
    /// Learning rate of this step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// Speed, clips per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clips_per_sec: Option<f64>,
    /// Time since training began, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elapsed_secs: Option<f64>,
    /// Mean standard deviation of the unit embeddings' dimensions; 0 is collapse.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedding_std: Option<f64>,
    /// Effective number of dimensions the embeddings use; 1 is collapse.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective_rank: Option<f64>,
    /// Mean squared distance of two views of one clip; smaller is more alike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alignment: Option<f64>,
    /// Logarithm of the mean Gaussian potential between clips; smaller is more evenly spread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uniformity: Option<f64>,
}

impl Run {
    /// Reads what `directory` holds.
    ///
    /// # Errors
    /// If it holds nothing to report, or a file cannot be read or is malformed. Broken lines of
    /// `metrics.jsonl` (the last may be, after a power cut) are only counted.
    pub fn read(directory: &Path) -> Result<Self, ReportError> {
        let (metrics, unread_lines) = match text(&directory.join("metrics.jsonl"))? {
            Some(lines) => measurements(&lines),
            None => Default::default(),
        };
        let run = Self {
            name: directory.display().to_string(),
            configuration: text(&directory.join("experiment.toml"))?,
            metrics,
            unread_lines,
            evaluation: json(&directory.join("evaluation.json"))?,
            tags: json(&directory.join("tags.json"))?,
            gallery: json(&directory.join("gallery.json"))?,
            provenance: json(&directory.join("run.json"))?,
            measured: json(&directory.join("measured.json"))?,
        };
        if run.is_empty() {
            let path = directory.to_owned();
            return Err(ReportError::Empty { path });
        }
        Ok(run)
    }

    fn is_empty(&self) -> bool {
        self.configuration.is_none()
            && self.metrics.is_empty()
            && self.unread_lines.is_empty()
            && self.evaluation.is_none()
            && self.tags.is_none()
            && self.provenance.is_none()
            && self.measured.is_none()
    }
}

/// The readable lines, and the numbers of the others.
fn measurements(lines: &str) -> (Vec<Measurement>, Vec<usize>) {
    let (mut read, mut unread) = (Vec::new(), Vec::new());
    for (index, line) in lines
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        // Several JSON writers print what JSON lacks; a diverged run must still be shown.
        let finite = line
            .replace("-Infinity", "null")
            .replace("Infinity", "null")
            .replace("NaN", "null");
        match serde_json::from_str(&finite) {
            Ok(measurement) => read.push(measurement),
            Err(_) => unread.push(index + 1),
        }
    }
    (read, unread)
}

/// The file's text, `None` if there is no such file. Bytes that are no text are replaced.
fn text(path: &Path) -> Result<Option<String>, ReportError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ReportError::Io {
            path: path.to_owned(),
            action: "reading",
            source,
        }),
    }
}

fn json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, ReportError> {
    let parse = |text: String| serde_json::from_str(&text);
    text(path)?
        .map(parse)
        .transpose()
        .map_err(|source| ReportError::Json {
            path: path.to_owned(),
            source,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn not_finite_and_broken_lines_of_metrics_are_survived() {
        let lines = "{\"step\":1,\"epoch\":0.5,\"loss\":NaN}\n\n{\"step\":2,\"loss\":-Infinity}\n\
                     {\"step\":3,\"loss\":1.5,\"new\":[]}\n{\"step\":4,\"lo";
        let (read, unread) = measurements(lines);
        let losses: Vec<_> = read.iter().map(|m| (m.step, m.loss)).collect();
        assert_eq!(losses, [(1, None), (2, None), (3, Some(1.5))]);
        assert_eq!(unread, [5]);
    }

    #[test]
    fn an_empty_directory_is_an_error_that_says_what_was_expected() {
        let directory = tempfile::tempdir().unwrap();
        let error = Run::read(directory.path()).unwrap_err();
        assert!(error.to_string().contains("`evaluation.json`"), "{error}");
    }

    #[test]
    fn each_file_is_optional() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(
            directory.path().join("experiment.toml"),
            "[train]\nepochs = 3\n",
        )
        .unwrap();
        let run = Run::read(directory.path()).unwrap();
        assert_eq!(run.configuration.as_deref(), Some("[train]\nepochs = 3\n"));
        assert_eq!(run.evaluation, None);
    }

    #[test]
    fn an_evaluation_of_another_shape_is_named() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("evaluation.json"), "{}").unwrap();
        let error = Run::read(directory.path()).unwrap_err().to_string();
        assert!(
            error.contains("evaluation.json") && error.contains("dataset"),
            "{error}"
        );
    }
}

//! What a run writes down after every step.

use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::error::file_error;
use super::{Diagnostics, TrainError};

/// One line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Steps done since the beginning.
    pub step: u64,
    /// Epochs done, with the fraction of the current one.
    pub epoch: f64,
    /// The loss of this step.
    pub loss: f64,
    /// The learning rate of this step.
    pub learning_rate: f64,
    /// Patches per second (two views each), over the last steps.
    pub clips_per_sec: f64,
    /// Seconds of training since the beginning.
    pub elapsed_secs: f64,
    /// Threads that computed this step; 0 where an earlier version of the program did not write it down.
    #[serde(default)]
    pub threads: usize,
    /// The state of the embeddings, at the end of an epoch.
    #[serde(flatten)]
    pub diagnostics: Option<Diagnostics>,
}

/// Patches per second, smoothed over about ten steps.
pub(super) struct Speedometer {
    last: Instant,
    smoothed: Option<f64>,
}

impl Speedometer {
    pub(super) fn start() -> Self {
        Self {
            last: Instant::now(),
            smoothed: None,
        }
    }

    pub(super) fn per_sec(&mut self, patches: usize) -> f64 {
        let now = Instant::now();
        let rate = patches as f64 / (now - self.last).as_secs_f64().max(1e-9);
        self.last = now;
        let smoothed = self.smoothed.map_or(rate, |old| old + 0.1 * (rate - old));
        self.smoothed = Some(smoothed);
        smoothed
    }
}

/// `metrics.jsonl` while it grows.
pub(super) struct MetricsLog {
    path: PathBuf,
    file: std::io::BufWriter<std::fs::File>,
}

impl MetricsLog {
    pub(super) fn append(path: &Path) -> Result<Self, TrainError> {
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path);
        Ok(Self {
            path: path.to_owned(),
            file: std::io::BufWriter::new(file.map_err(file_error(path))?),
        })
    }

    pub(super) fn write(&mut self, metrics: &Metrics) -> Result<(), TrainError> {
        let written = serde_json::to_writer(&mut self.file, metrics)
            .map_err(std::io::Error::from)
            .and_then(|()| self.file.write_all(b"\n"));
        written.map_err(file_error(&self.path))
    }

    /// Hands what was written to the system, before the checkpoint that counts on it.
    pub(super) fn sync(&mut self) -> Result<(), TrainError> {
        self.file.flush().map_err(file_error(&self.path))
    }
}

/// Drops the lines of steps after `step`, and one cut short.
pub(super) fn keep_metrics_until(path: &Path, step: u64) -> std::io::Result<()> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        text => text?,
    };
    let within = |line: &&str| {
        serde_json::from_str::<Metrics>(line).is_ok_and(|metrics| metrics.step <= step)
    };
    let mut kept: String = text.lines().filter(within).collect::<Vec<_>>().join("\n");
    if !kept.is_empty() {
        kept.push('\n');
    }
    crate::write_whole(path, kept.as_bytes())
}

/// The last line.
pub(super) fn last_metrics(path: &Path) -> Option<Metrics> {
    let text = std::fs::read_to_string(path).ok()?;
    serde_json::from_str(text.lines().last()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(step: u64) -> String {
        let metrics = Metrics {
            step,
            epoch: step as f64,
            loss: 1.0,
            learning_rate: 0.1,
            clips_per_sec: 1.0,
            elapsed_secs: 1.0,
            threads: 2,
            diagnostics: None,
        };
        serde_json::to_string(&metrics).unwrap() + "\n"
    }

    #[test]
    fn metrics_after_the_checkpoint_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let text: String = (1..=5).map(line).collect();
        std::fs::write(&path, &text[..text.len() - 9]).unwrap();
        keep_metrics_until(&path, 3).unwrap();
        let kept = std::fs::read_to_string(&path).unwrap();
        assert_eq!(kept, (1..=3).map(line).collect::<String>());
        assert_eq!(last_metrics(&path).unwrap().step, 3);
    }

    #[test]
    fn a_run_without_metrics_keeps_none() {
        let folder = tempfile::tempdir().unwrap();
        assert!(keep_metrics_until(&folder.path().join("metrics.jsonl"), 3).is_ok());
    }
}

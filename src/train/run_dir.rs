//! The files of a run.

use std::path::{Path, PathBuf};

/// The files of a run.
#[derive(Debug, Clone)]
pub struct RunDir(PathBuf);

impl RunDir {
    /// The run in this directory, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Whether there is something to go on from or to lose: a checkpoint or a model. A run that ended before its first
    /// checkpoint has a configuration at most.
    pub fn is_begun(&self) -> bool {
        self.checkpoint().exists() || self.model().exists()
    }

    /// The resolved configuration.
    pub fn experiment(&self) -> PathBuf {
        self.0.join("experiment.toml")
    }

    /// One JSON object a line.
    pub fn metrics(&self) -> PathBuf {
        self.0.join("metrics.jsonl")
    }

    /// What resume needs.
    pub fn checkpoint(&self) -> PathBuf {
        self.0.join("checkpoint.safetensors")
    }

    /// The trained encoder with its front end.
    pub fn model(&self) -> PathBuf {
        self.0.join("encoder.safetensors")
    }
}

//! What a measurement keeps: scores as they come, and those of an earlier one of the same encoder and clips.

use serde::{Serialize, de::DeserializeOwned};
use std::cell::Cell;
use std::path::{Path, PathBuf};

use super::error::file_error;
use super::{MeasureError, Observer, Progress};
use crate::evaluate::{Extends, Unlike};
use crate::output::{Journal, OutputFolder};

/// The folder that results go into, with what is there of them.
#[derive(Debug)]
pub struct Kept {
    out: PathBuf,
    force: bool,
    journal: Journal,
    done: Cell<usize>,
}

impl Kept {
    /// Tries the folder, and takes up what an interrupted measurement has left in it. `force`: an earlier measurement of
    /// something else is replaced. `who` is told to another process that wants to measure into the same folder.
    ///
    /// # Errors
    /// If the folder cannot be written, or another process measures into it.
    pub fn open(out: &Path, force: bool, who: &str) -> Result<Self, MeasureError> {
        OutputFolder {
            path: out,
            option: "--out",
        }
        .check()?;
        let journal = Journal::open(&out.join(".measuring"), who)?;
        Ok(Self {
            out: out.to_owned(),
            force,
            done: Cell::new(journal.len()),
            journal,
        })
    }

    /// How many scores are done and kept.
    pub fn done(&self) -> usize {
        self.done.get()
    }

    /// What is known by `key`, or else measured now and kept.
    pub(super) fn or_measure<T: Serialize + DeserializeOwned>(
        &self,
        key: &str,
        observe: &Observer<'_>,
        measure: impl FnOnce() -> Result<T, MeasureError>,
    ) -> Result<T, MeasureError> {
        if let Some(known) = self.journal.get(key) {
            let what = key.lines().next().unwrap_or_default();
            observe(Progress::Known { what });
            return Ok(known);
        }
        let measured = measure()?;
        self.journal.put(key, &measured)?;
        self.done.set(self.done.get() + 1);
        observe(Progress::Kept(self.done.get()));
        Ok(measured)
    }

    /// The earlier measurement in `file`, to which `planned` can be added; none where there is none, or by `force`.
    pub(super) fn earlier<T: Extends + DeserializeOwned>(
        &self,
        file: &str,
        planned: &T,
    ) -> Result<Option<T>, MeasureError> {
        let path = self.out.join(file);
        let bytes = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.map_err(file_error(&path))?,
        };
        let earlier: T = match serde_json::from_slice(&bytes) {
            Ok(earlier) => earlier,
            Err(_) if self.force => return Ok(None),
            Err(error) => {
                let reason = error.to_string();
                return Err(MeasureError::NotAddable { path, reason });
            }
        };
        match planned.is_like(&earlier) {
            Ok(()) => Ok(Some(earlier)),
            Err(Unlike::Settings(_)) if self.force => Ok(Some(earlier)),
            Err(_) if self.force => Ok(None),
            Err(unlike) => Err(MeasureError::Unlike { path, unlike }),
        }
    }

    /// All is written: what was kept on the way goes.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn finish(self) -> Result<(), MeasureError> {
        Ok(self.journal.remove()?)
    }
}

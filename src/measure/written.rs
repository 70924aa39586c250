//! What a measurement gave, and how it is written.

use std::path::{Path, PathBuf};

use super::error::file_error;
use super::{Measurable, MeasureError};
use crate::corpus::Corpus;
use crate::evaluate::Extends;
use crate::report::{Gallery, Provenance, Run, write_html};

/// What a measurement gave.
pub struct Measured<L: Measurable> {
    /// The scores, with what a reader must know to judge them.
    pub results: L::Results,
    /// What was measured of the same encoder and clips before.
    pub(super) earlier: Option<L::Results>,
    /// The clips.
    pub corpus: Corpus,
    /// What the reader of the numbers must know before all else; among the warnings, too.
    pub remarks: Vec<String>,
    pub(super) gallery: Option<Gallery>,
    pub(super) record: Provenance,
}

impl<L: Measurable> Measured<L> {
    /// Writes the results, added to those of an earlier measurement, into the folder `out`, with `gallery.json`,
    /// `measured.json` and `report.html`. Gives the path of the report.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(&self, out: &Path) -> Result<PathBuf, MeasureError> {
        std::fs::create_dir_all(out).map_err(file_error(out))?;
        let gallery = out.join("gallery.json");
        let is_shown = L::shown(&self.results).is_some();
        if is_shown && self.gallery.is_none() && gallery.exists() {
            // One of another measurement would be of other clips.
            std::fs::remove_file(&gallery).map_err(file_error(&gallery))?;
        }
        let mut results = self.results.clone();
        if let Some(earlier) = self.earlier.clone() {
            results.extend(earlier);
        }
        write(
            &out.join("measured.json"),
            serde_json::to_vec_pretty(&self.record),
        )?;
        if let Some(shown) = &self.gallery {
            write(&gallery, serde_json::to_vec(shown))?;
        }
        // The numbers come last: where they are, nothing but the page can be missing.
        write(&out.join(L::FILE), serde_json::to_vec_pretty(&results))?;
        let page = out.join("report.html");
        write_html(&page, &[Run::read(out)?])?;
        Ok(page)
    }
}

fn write(path: &Path, json: Result<Vec<u8>, serde_json::Error>) -> Result<(), MeasureError> {
    let bytes = json.map_err(std::io::Error::from);
    let written = bytes.and_then(|bytes| crate::write_whole(path, &bytes));
    written.map_err(file_error(path))
}

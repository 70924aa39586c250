//! Selection tables of Raven.

use super::{OwnColumns, Rules};

/// `Begin Time (s)`, `End Time (s)`; a selection has a row for each picture that it was drawn in.
pub(super) struct Raven;

impl Rules for Raven {
    fn has_header(&self, _: &str, simplified: &str) -> bool {
        simplified == "begintimes"
    }

    fn own_columns(&self, find: &dyn Fn(&str) -> Option<usize>) -> OwnColumns {
        OwnColumns {
            onset_in_file: find("fileoffsets"),
            selection: find("selection"),
            view: find("view"),
        }
    }

    fn counts_through_files(&self) -> bool {
        true
    }

    fn example(&self) -> Option<&'static str> {
        Some("Raven: `Begin Time (s)` and `End Time (s)`")
    }

    fn word(&self) -> Option<&'static str> {
        Some("raven")
    }
}

//! Long work that keeps its finished parts beside its result, for the commands that have `--resume`.

use crate::printer::Printer;
use anyhow::bail;
pub(crate) use chiffchaff::output::{FileState, parts_of_file};
use chiffchaff::output::{Journal, OutputError};
use std::path::Path;

/// Opens the parts of `result`.
pub(crate) fn open(parts: &Path, result: &Path, who: &str) -> Result<Journal, OutputError> {
    Journal::of_result(parts, result, who)
}

/// What the user asked for where there may be parts already.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begin<'a> {
    pub(crate) resume: bool,
    pub(crate) force: bool,
    /// What the work is called, such as `search`.
    pub(crate) work: &'a str,
    pub(crate) result: &'a Path,
}

impl Begin<'_> {
    /// Goes on, begins anew, or refuses, by what is there and what was asked for.
    pub(crate) fn check(&self, journal: &Journal, printer: &Printer) -> anyhow::Result<()> {
        match (journal.len(), self.resume, self.force) {
            (0, true, _) => printer.say(&format_args!(
                "nothing to resume: the {} starts from the beginning",
                self.work
            )),
            (0, false, _) | (_, true, _) => {}
            (_, false, true) => journal.clear()?,
            (done, false, false) => bail!(
                "{}: a {} was interrupted here, with {done} recordings done\n\nhint: `--resume` goes on, `--force` begins anew",
                self.result.display(),
                self.work
            ),
        }
        Ok(())
    }
}

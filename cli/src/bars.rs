//! Bars that show how far a measurement has come: one after the other.

use crate::printer::Printer;
use chiffchaff::measure::Progress;
use indicatif::ProgressBar;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The bar of what is being done; it goes when something else is, and at the end.
pub(crate) struct Bars {
    printer: Printer,
    current: Mutex<Option<Bar>>,
}

struct Bar {
    /// What it is of, such as `embedding, this model`.
    of: String,
    bar: ProgressBar,
}

impl Bars {
    pub(crate) fn new(printer: &Printer) -> Self {
        Self {
            printer: *printer,
            current: Mutex::new(None),
        }
    }

    /// Shows it, in place of what was shown before.
    pub(crate) fn show(&self, progress: Progress<'_>) {
        match progress {
            Progress::Reading { done, of } => self.count("reading", "clips", done, of),
            Progress::Examining { done, of } => self.count("examining", "files", done, of),
            Progress::Embedding { what, done, of } => self.count(what, "clips", done, of),
            Progress::Drawing { done, of } => self.count("drawing", "clips", done, of),
            Progress::Mapping => {
                if let Some(shown) = self.current().as_ref() {
                    shown.bar.set_message("mapping");
                }
            }
            Progress::Fitting {
                what,
                done,
                of,
                accuracy,
                folds,
            } => {
                let said = format!("{what}, {:.0} %", 100.0 * accuracy);
                let bar = self.bar(what, "epochs", of);
                bar.set_position(done);
                bar.set_message(said.clone());
                if let (true, Some((done, of))) = (bar.is_hidden(), folds) {
                    self.printer
                        .say(&format_args!("{said}, {done} of {of} folds"));
                }
            }
            Progress::Known { what } => {
                self.close();
                self.printer.say(&format_args!("{what}: measured before"));
            }
            _ => {}
        }
    }

    /// So many of what is counted are done.
    fn count(&self, what: &str, unit: &str, done: usize, of: usize) {
        self.bar(what, unit, of as u64).set_position(done as u64);
    }

    /// The bar of `what`, begun if another is shown.
    fn bar(&self, what: &str, unit: &str, total: u64) -> ProgressBar {
        let mut current = self.current();
        if let Some(shown) = current.as_ref().filter(|shown| shown.of == what) {
            shown.bar.set_length(total); // of several datasets, each has its own
            return shown.bar.clone();
        }
        clear(current.take());
        let template = format!("{{msg}} {{bar:30}} {{pos}}/{{len}} {unit}, {{eta}} left");
        let bar = self.printer.bar(total, &template);
        bar.set_message(what.to_owned());
        *current = Some(Bar {
            of: what.to_owned(),
            bar: bar.clone(),
        });
        bar
    }

    /// Takes away what is shown.
    pub(crate) fn close(&self) {
        clear(self.current().take());
    }

    fn current(&self) -> MutexGuard<'_, Option<Bar>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn clear(shown: Option<Bar>) {
    if let Some(shown) = shown {
        shown.bar.finish_and_clear();
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.close();
    }
}

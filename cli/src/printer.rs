//! The one place that prints: data to stdout, everything else to stderr.

use crate::shown;
use anyhow::Context;
use console::style;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

/// Prints, or keeps quiet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer {
    quiet: bool,
}

impl Printer {
    pub(crate) fn new(quiet: bool) -> Self {
        Self { quiet }
    }

    /// Data, to stdout: as it is for programs, harmless for a terminal.
    pub(crate) fn data(&self, text: &dyn Display) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        let written = match out.is_terminal() {
            true => writeln!(out, "{}", shown::plain(&text.to_string())),
            false => writeln!(out, "{text}"),
        };
        written.context("cannot write to standard output")
    }

    /// What is going on, a line to stderr.
    pub(crate) fn say(&self, text: &dyn Display) {
        if !self.quiet {
            to_stderr("", text);
        }
    }

    /// Something the user should know, to stderr.
    pub(crate) fn warn(&self, text: &dyn Display) {
        let head = style("warning:").yellow().for_stderr();
        to_stderr(&format!("{head} "), text);
    }

    /// A further line of a warning.
    pub(crate) fn warn_more(&self, text: &dyn Display) {
        to_stderr("  ", text);
    }

    /// Why the command gave up, the whole chain once.
    pub(crate) fn error(&self, error: &anyhow::Error) {
        let head = style("error:").red().bold().for_stderr();
        to_stderr(&format!("{head} "), &format_args!("{error:#}"));
    }

    /// Columns for text on stdout: the terminal's, or 80 elsewhere.
    pub(crate) fn width(&self) -> usize {
        console::Term::stdout()
            .size_checked()
            .map_or(80, |(_, columns)| columns.into())
    }

    /// A bar for `total` of something; drawn only on a terminal.
    pub(crate) fn bar(&self, total: u64, template: &str) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(Some(total), self.target());
        let style = ProgressStyle::with_template(template);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar
    }

    fn target(&self) -> ProgressDrawTarget {
        if self.quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr_with_hz(5)
        }
    }
}

/// Whether `error` only says that nobody reads our output any more.
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let cause = error.root_cause().downcast_ref::<io::Error>();
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

/// `text` behind a `head` of our own: what names of files hold is shown, not obeyed.
fn to_stderr(head: &str, text: &dyn Display) {
    // Nothing can be said about a stderr that cannot be written to.
    let _ = writeln!(
        io::stderr().lock(),
        "{head}{}",
        shown::message(&text.to_string())
    );
}

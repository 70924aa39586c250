//! What can be wrong with a dataset.

use std::{fmt, io, path::PathBuf};

/// Why a dataset could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// Not `KIND:PATH` with a kind that exists.
    #[error(
        "`{given}` is not a dataset: {problem}\n\nhint: write `KIND:PATH`, where KIND is {}",
        super::DatasetKind::list()
    )]
    Source {
        /// What was given.
        given: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A file or folder that the dataset needs cannot be read.
    #[error("{}: cannot be read", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file or folder of a dataset that cannot be written.
    #[error("{}: cannot be written", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Neither of the files that would say which clips there are.
    #[error("{}: is not {name}, which has {expected}", path.display())]
    Layout {
        /// The dataset's folder.
        path: PathBuf,
        /// Name of the dataset that was asked for.
        name: &'static str,
        /// The files it should have.
        expected: &'static str,
    },
    /// A table that is not text in rows and columns.
    #[error("{}: is not a readable table", path.display())]
    Table {
        /// The table.
        path: PathBuf,
        /// What the parser said.
        source: csv::Error,
    },
    /// A table without columns that it must have.
    #[error("{}: has no column {}, only {}", path.display(), quoted(missing), quoted(present))]
    Columns {
        /// The table.
        path: PathBuf,
        /// Columns that must be there.
        missing: Vec<String>,
        /// Columns that are.
        present: Vec<String>,
    },
    /// A table with bad values, all of them.
    #[error("{}: {} bad value{}:{}", path.display(), problems.len(), if problems.len() == 1 { "" } else { "s" }, listed(problems))]
    Rows {
        /// The table.
        path: PathBuf,
        /// Every bad value, in order.
        problems: Vec<RowProblem>,
    },
    /// A table of something else than marked events.
    #[error(
        "{}: line {line}: is `{found}`, but must be the header of a table of marks ({}), \
         or an onset and an offset in seconds",
        path.display(),
        super::MarkFormat::examples()
    )]
    NotMarks {
        /// The table.
        path: PathBuf,
        /// Its first line that is not empty.
        line: u64,
        /// The start of that line.
        found: String,
    },
    /// No clip at all.
    #[error("{}: has no clips: {reason}", path.display())]
    Empty {
        /// The dataset.
        path: PathBuf,
        /// What was looked for.
        reason: &'static str,
    },
    /// Marks that give no shots to learn from.
    #[error(transparent)]
    Support(#[from] super::SupportError),
    /// A number of folds that the dataset cannot be split into.
    #[error(
        "cannot make {folds} folds: there must be at least 2, and at most one per source ({sources} here)"
    )]
    Folds {
        /// Folds that were asked for.
        folds: u32,
        /// Groups of clips that must stay together.
        sources: usize,
    },
}

/// A bad value in a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowProblem {
    /// Line of the file, counted from 1 (the header).
    pub line: u64,
    /// The column, or empty if it is about the whole row.
    pub column: String,
    /// The value found.
    pub value: String,
    /// What is allowed there.
    pub required: String,
}

impl fmt::Display for RowProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            value,
            required,
        } = self;
        if column.is_empty() {
            write!(f, "line {line}: is `{value}`, but must be {required}")
        } else {
            write!(
                f,
                "line {line}: `{column}` is `{value}`, but must be {required}"
            )
        }
    }
}

/// Enough to see what went wrong; a table with the wrong separator is wrong in every row.
const MAX_LISTED: usize = 20;

fn listed(problems: &[RowProblem]) -> String {
    let mut text = String::new();
    for problem in problems.iter().take(MAX_LISTED) {
        text += &format!("\n  {problem}");
    }
    if problems.len() > MAX_LISTED {
        text += &format!("\n  and {} more", problems.len() - MAX_LISTED);
    }
    text
}

fn quoted(names: &[String]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

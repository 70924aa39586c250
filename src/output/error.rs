//! Why a result cannot go where it should.

use std::{io, path::PathBuf};

/// Why a result cannot be written where it was to go.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// The place is that of a file that is read.
    #[error(
        "{}: is read by this very command{}, and would be written over\n\nhint: choose another `{option}`",
        path.display(),
        other_name(path, input)
    )]
    IsInput {
        /// The file that was to be written.
        path: PathBuf,
        /// The input, as it was given.
        input: PathBuf,
        /// The option that names the output.
        option: &'static str,
    },
    /// There is a result already.
    #[error(
        "{}: is there already\n\nhint: `--force` replaces it; or choose another `{option}`", path.display()
    )]
    Exists {
        /// The file.
        path: PathBuf,
        /// The option that names it.
        option: &'static str,
    },
    /// A file name whose ending says something else than what would be in it.
    #[error(
        "{}: `{option}` must end in {}, which is what is written", path.display(), listed(endings)
    )]
    Ending {
        /// The file that was to be written.
        path: PathBuf,
        /// The option that names it.
        option: &'static str,
        /// The endings it may have, without dot.
        endings: &'static [&'static str],
    },
    /// A device, a pipe, or a folder in place of a file; a file in place of a folder.
    #[error("{}: is no {wanted}\n\nhint: choose another `{option}`", path.display())]
    OtherKind {
        /// What is there.
        path: PathBuf,
        /// The option that names it.
        option: &'static str,
        /// `file` or `folder`.
        wanted: &'static str,
    },
    /// The system refuses to write there.
    #[error("{}: cannot be written: {source}\n\nhint: choose another `{option}`", path.display())]
    NotWritable {
        /// The file or folder.
        path: PathBuf,
        /// The option that names it.
        option: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Another process writes into the folder.
    #[error(
        "{}: another run is writing here{}\n\nhint: wait for it, or choose another `--out`",
        path.display(),
        holder.as_ref().map_or_else(String::new, |holder| format!(": {holder}"))
    )]
    Claimed {
        /// The folder.
        path: PathBuf,
        /// What the other run says of itself: its process and its command.
        holder: Option<String>,
    },
    /// The system refused to read or write.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn other_name(path: &std::path::Path, input: &std::path::Path) -> String {
    match path == input {
        true => String::new(),
        false => format!(", as {}", input.display()),
    }
}

fn listed(endings: &[&str]) -> String {
    let dotted: Vec<_> = endings.iter().map(|ending| format!(".{ending}")).collect();
    match dotted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => dotted.concat(),
    }
}

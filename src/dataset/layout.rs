//! What is not as a dataset's layout says, and is told rather than fatal.

use super::{Clip, annotation::listed};
use serde::Serialize;
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// Something about a dataset that is not as its authors laid it out. The rest of it can be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LayoutFault {
    /// The sound file or table that it is about.
    pub path: PathBuf,
    /// What is wrong with it.
    #[serde(flatten)]
    pub problem: LayoutProblem,
}

/// What is wrong with a dataset's layout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum LayoutProblem {
    /// A table lists sound files that are not there; their clips are left out.
    Missing {
        /// Files that it lists.
        listed: usize,
        /// Those that are missing, as the table names them.
        files: Vec<String>,
    },
    /// A file's name or folder says otherwise than what the clip was taken for.
    Mislabelled {
        /// What they disagree about: `fold`, `target`.
        what: &'static str,
        /// What the clip was taken for, as the dataset's table says or, without one, its folder.
        used: String,
        /// What is said instead.
        other: String,
        /// By what: `name` or `folder`.
        by: &'static str,
    },
    /// A file's name is not made as the dataset's names are. Where the name is all that tells the class, the file is
    /// left out.
    Misnamed {
        /// How names are made.
        expected: &'static str,
    },
    /// Columns of a table of clips that say nothing about them that is used.
    UnusedColumns {
        /// Their names.
        columns: Vec<String>,
    },
    /// A sub-folder that the system would not list; what is in it is left out.
    UnreadableFolder {
        /// What the system said.
        reason: String,
    },
}

/// As many missing files are named in a message.
const MAX_NAMED: usize = 3;

impl fmt::Display for LayoutProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { listed, files } => {
                let named: Vec<_> = files.iter().take(MAX_NAMED).map(String::as_str).collect();
                let dots = if files.len() > MAX_NAMED { ", …" } else { "" };
                write!(
                    f,
                    "{} of {listed} listed sound files are missing: {}{dots}",
                    files.len(),
                    named.join(", ")
                )
            }
            Self::Mislabelled {
                what,
                used,
                other,
                by,
            } => write!(f, "`{what}` is `{used}`, but its {by} says `{other}`"),
            Self::Misnamed { expected } => write!(f, "is not named `{expected}`"),
            Self::UnusedColumns { columns } => write!(f, "not used: {}", listed(columns)),
            Self::UnreadableFolder { reason } => write!(
                f,
                "is a folder that cannot be read, and nothing in it is used: {reason}"
            ),
        }
    }
}

impl LayoutProblem {
    /// The sound files that it is about; 0 where all are used all the same.
    pub fn files(&self) -> usize {
        match self {
            Self::Missing { files, .. } => files.len(),
            Self::UnusedColumns { .. } => 0,
            Self::Mislabelled { .. } | Self::Misnamed { .. } | Self::UnreadableFolder { .. } => 1,
        }
    }
}

impl LayoutFault {
    /// A file whose name is not made as it should be.
    pub(super) fn misnamed(path: &Path, expected: &'static str) -> Self {
        Self {
            path: path.to_owned(),
            problem: LayoutProblem::Misnamed { expected },
        }
    }
}

/// Holds a name of four parts between hyphens against what the table says of each, where it does: pairs of column
/// and value.
pub(super) fn check_name(
    path: &Path,
    expected: &'static str,
    table: [(&'static str, Option<&str>); 4],
) -> Vec<LayoutFault> {
    let stem = stem(path);
    let parts: Vec<_> = stem.split('-').collect();
    if parts.len() != table.len() {
        return vec![LayoutFault::misnamed(path, expected)];
    }
    let differing = table.iter().zip(parts).filter_map(|((what, used), part)| {
        used.filter(|used| *used != part)
            .map(|used| (what, used, part))
    });
    let fault = |(what, used, part): (&&'static str, &str, &str)| LayoutFault {
        path: path.to_owned(),
        problem: LayoutProblem::Mislabelled {
            what,
            used: used.to_owned(),
            other: part.to_owned(),
            by: "name",
        },
    };
    differing.map(fault).collect()
}

/// The clips of a table whose files are there; the others become one fault.
pub(super) fn without_missing(
    table: &Path,
    clips: Vec<Clip>,
    faults: &mut Vec<LayoutFault>,
) -> Vec<Clip> {
    let listed = clips.len();
    let (present, missing): (Vec<_>, Vec<_>) =
        clips.into_iter().partition(|clip| clip.path.is_file());
    let name = |clip: &Clip| {
        let name = clip.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    };
    faults.extend(missing_files(
        table,
        listed,
        missing.iter().map(name).collect(),
    ));
    present
}

/// The fault of a table that lists missing files, if there are any.
pub(super) fn missing_files(
    table: &Path,
    listed: usize,
    files: Vec<String>,
) -> Option<LayoutFault> {
    (!files.is_empty()).then(|| LayoutFault {
        path: table.to_owned(),
        problem: LayoutProblem::Missing { listed, files },
    })
}

/// A file's name without its extension, as text.
pub(super) fn stem(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::fs;

    /// A folder with these files; what they hold does not matter.
    pub(in crate::dataset) fn tree(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"x").unwrap();
        }
        root
    }

    /// Writes a text file, with the folders on the way.
    pub(in crate::dataset) fn write(root: &Path, file: &str, text: &str) {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn missing_files_are_one_fault_with_all_names_and_a_short_message() {
        let root = tree(&["a.wav"]);
        let clips = ["a", "b", "c", "d", "e"]
            .map(|name| Clip::unlabelled(root.path().join(name).with_extension("wav")));
        let mut faults = Vec::new();
        let present = without_missing(Path::new("list.csv"), clips.to_vec(), &mut faults);
        assert_eq!(present, clips[..1]);
        let [fault] = &faults[..] else {
            panic!("{faults:?}")
        };
        let message = "4 of 5 listed sound files are missing: b.wav, c.wav, d.wav, …";
        assert_eq!(fault.problem.to_string(), message);
        let json = serde_json::to_value(fault).unwrap();
        assert_eq!(json["type"], "missing");
        assert_eq!(json["files"].as_array().unwrap().len(), 4);
    }
}

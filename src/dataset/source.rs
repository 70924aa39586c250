//! `KIND:PATH`, the way a dataset is named on a command line.

use super::{Dataset, DatasetError, esc, few_shot, folder, table};
use std::{fmt, path::PathBuf, str::FromStr};

/// The kinds of dataset that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DatasetKind {
    /// ESC-50: 2000 environmental clips of 50 classes, five official folds.
    Esc50,
    /// ESC-10: the 400 clips of 10 classes in it, as part of ESC-50 or alone.
    Esc10,
    /// Any tree of sound files; the sub-folder is the label.
    Folder,
    /// A table with the columns `path,label[,fold][,source][,onset,offset]`.
    Csv,
    /// A tree of recordings with their tables of marked events (DCASE task 5); every positive event is a clip.
    FewShot,
}

impl DatasetKind {
    /// Every kind, in the order in which they are listed to users.
    pub const ALL: [Self; 5] = [
        Self::Esc50,
        Self::Esc10,
        Self::Folder,
        Self::Csv,
        Self::FewShot,
    ];

    /// What the kind is called on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Esc50 => "esc50",
            Self::Esc10 => "esc10",
            Self::Folder => "folder",
            Self::Csv => "csv",
            Self::FewShot => "fewshot",
        }
    }

    /// Every name, for people: `a`, `b` or `c`.
    pub(super) fn list() -> String {
        let names: Vec<_> = Self::ALL
            .iter()
            .map(|kind| format!("`{}`", kind.name()))
            .collect();
        let (last, others) = names.split_last().expect("there are kinds");
        format!("{} or {last}", others.join(", "))
    }
}

/// Where a dataset lies, and how it is laid out there.
///
/// ```
/// use chiffchaff::dataset::{DatasetKind, DatasetSource};
/// let source: DatasetSource = "folder:/recordings/2025".parse()?;
/// assert_eq!(source.kind, DatasetKind::Folder);
/// assert!("mp3:/recordings".parse::<DatasetSource>().is_err());
/// # Ok::<(), chiffchaff::dataset::DatasetError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetSource {
    /// How the dataset is laid out.
    pub kind: DatasetKind,
    /// Its folder, or its table for [`DatasetKind::Csv`].
    pub path: PathBuf,
}

impl DatasetSource {
    /// Finds the clips. No sound is read: a clip whose file is missing or broken is still listed, and found by
    /// [`scan`](super::scan()) or when it is used.
    ///
    /// # Errors
    /// If the path is not laid out as its kind says; for a table, with every bad value at once.
    pub fn load(&self) -> Result<Dataset, DatasetError> {
        match self.kind {
            DatasetKind::Esc50 => esc::load_esc50(&self.path),
            DatasetKind::Esc10 => esc::load_esc10(&self.path),
            DatasetKind::Folder => folder::load(&self.path),
            DatasetKind::Csv => table::load(&self.path),
            DatasetKind::FewShot => few_shot::load(&self.path),
        }
    }
}

impl FromStr for DatasetSource {
    type Err = DatasetError;

    fn from_str(given: &str) -> Result<Self, DatasetError> {
        let refused = |problem: String| DatasetError::Source {
            given: given.to_owned(),
            problem,
        };
        let Some((kind, path)) = given.split_once(':') else {
            return Err(refused("it has no `:`".to_owned()));
        };
        let known = DatasetKind::ALL
            .into_iter()
            .find(|known| known.name() == kind);
        let kind = known.ok_or_else(|| refused(format!("there is no kind `{kind}`")))?;
        if path.is_empty() {
            return Err(refused("it has no path".to_owned()));
        }
        Ok(Self {
            kind,
            path: path.into(),
        })
    }
}

impl fmt::Display for DatasetSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.name(), self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_parsed_and_printed_back() {
        for kind in DatasetKind::ALL {
            let text = format!("{}:some/path:with colon", kind.name());
            let source: DatasetSource = text.parse().unwrap();
            assert_eq!(source.kind, kind);
            assert_eq!(source.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_source_is_refused_with_the_kinds_that_exist() {
        for (given, problem) in [
            ("/recordings", "it has no `:`"),
            ("esc11:x", "there is no kind `esc11`"),
            ("folder:", "it has no path"),
        ] {
            let message = given.parse::<DatasetSource>().unwrap_err().to_string();
            assert!(
                message.starts_with(&format!("`{given}` is not a dataset: {problem}")),
                "{message}"
            );
            assert!(
                message.ends_with("where KIND is `esc50`, `esc10`, `folder`, `csv` or `fewshot`"),
                "{message}"
            );
        }
    }
}

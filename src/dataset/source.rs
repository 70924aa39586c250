//! `KIND:PATH`, the way a dataset is named on a command line.

use super::{Dataset, DatasetError, DatasetKind};
use std::{fmt, path::PathBuf, str::FromStr};

/// Makes of a table of kinds of dataset, one line each, the enum [`DatasetKind`] and the way from it to what loads it.
///
/// A line is `"name on a command line" => Kind(file::load)`, after `or` also the name in full; its comment is that of the
/// enum's variant.
macro_rules! dataset_kinds {
    (
        $(#[$about:meta])*
        enum DatasetKind {
            $( $(#[$what:meta])* $name:literal $(or $full:literal)? => $kind:ident($load:path), )+
        }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum DatasetKind {
            $( $(#[$what])* $kind, )+
        }

        impl DatasetKind {
            /// Every kind, in the order in which they are listed to users.
            pub const ALL: [Self; [$( $name ),+].len()] = [$( Self::$kind ),+];

            /// What the kind is called on a command line.
            pub fn name(self) -> &'static str {
                match self {
                    $( Self::$kind => $name, )+
                }
            }

            /// The kind of this name, or of the name in full where [`Self::name`] is short for it.
            fn named(name: &str) -> Option<Self> {
                match name {
                    $( $name $( | $full )? => Some(Self::$kind), )+
                    _ => None,
                }
            }

            /// Finds the clips of the dataset there.
            fn load(self, path: &std::path::Path) -> Result<Dataset, DatasetError> {
                match self {
                    $( Self::$kind => $load(path), )+
                }
            }
        }
    };
}

pub(super) use dataset_kinds;

impl DatasetKind {
    /// Every name, for people: `a`, `b` or `c`.
    pub fn list() -> String {
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
        self.kind.load(&self.path)
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
        let kind = DatasetKind::named(kind)
            .ok_or_else(|| refused(format!("there is no kind `{kind}`")))?;
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
    fn names_in_full_are_understood() {
        let kind = |name: &str| format!("{name}:x").parse::<DatasetSource>().unwrap().kind;
        assert_eq!(kind("urbansound8k"), DatasetKind::UrbanSound8k);
        assert_eq!(kind("dcase2013"), DatasetKind::Dcase2013);
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
                message.ends_with(
                    "where KIND is `esc50`, `esc10`, `us8k`, `dcase13`, `gtzan`, `fsd50k`, \
                     `fsdnoisy18k`, `audioset`, `desed`, `fsdd`, `folder`, `csv` or `fewshot`"
                ),
                "{message}"
            );
        }
    }
}

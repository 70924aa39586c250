//! `KIND:PATH`, the way a dataset is named on a command line.

use super::{
    Dataset, DatasetError, audioset, dcase2013, desed, esc, few_shot, folder, fsd50k, fsdd,
    fsdnoisy18k, gtzan, table, urbansound8k,
};
use std::{fmt, path::PathBuf, str::FromStr};

/// The kinds of dataset that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DatasetKind {
    /// ESC-50: 2000 environmental clips of 50 classes, five official folds.
    Esc50,
    /// ESC-10: the 400 clips of 10 classes in it, as part of ESC-50 or alone.
    Esc10,
    /// UrbanSound8K: 8732 slices of 10 classes, ten official folds.
    UrbanSound8k,
    /// DCASE 2013 scenes: 10 classes, development and test archive side by side as two folds.
    Dcase2013,
    /// GTZAN: 1000 pieces of music of 10 genres; the fault-filtered split, or a random one.
    Gtzan,
    /// FSD50K: Freesound clips with several of 200 classes each, official split.
    Fsd50k,
    /// FSDnoisy18k: Freesound clips of 20 classes, most labels unchecked, official split.
    FsdNoisy18k,
    /// AudioSet: segments of videos with several of 527 classes each, as far as their sound is here.
    AudioSet,
    /// DESED: domestic sounds with weak, strong or no labels.
    Desed,
    /// Free Spoken Digit Dataset: one fold per speaker, and the official split.
    Fsdd,
    /// Any tree of sound files; the sub-folder is the label.
    Folder,
    /// A table with the columns `path,label[,fold][,source][,onset,offset]`.
    Csv,
    /// A tree of recordings with their tables of marked events (DCASE task 5); every positive event is a clip.
    FewShot,
}

impl DatasetKind {
    /// Every kind, in the order in which they are listed to users.
    pub const ALL: [Self; 13] = [
        Self::Esc50,
        Self::Esc10,
        Self::UrbanSound8k,
        Self::Dcase2013,
        Self::Gtzan,
        Self::Fsd50k,
        Self::FsdNoisy18k,
        Self::AudioSet,
        Self::Desed,
        Self::Fsdd,
        Self::Folder,
        Self::Csv,
        Self::FewShot,
    ];

    /// What the kind is called on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Esc50 => "esc50",
            Self::Esc10 => "esc10",
            Self::UrbanSound8k => "us8k",
            Self::Dcase2013 => "dcase13",
            Self::Gtzan => "gtzan",
            Self::Fsd50k => "fsd50k",
            Self::FsdNoisy18k => "fsdnoisy18k",
            Self::AudioSet => "audioset",
            Self::Desed => "desed",
            Self::Fsdd => "fsdd",
            Self::Folder => "folder",
            Self::Csv => "csv",
            Self::FewShot => "fewshot",
        }
    }

    /// The kind of this name, or of the name in full where [`Self::name`] is short for it.
    fn named(name: &str) -> Option<Self> {
        match name {
            "urbansound8k" => Some(Self::UrbanSound8k),
            "dcase2013" => Some(Self::Dcase2013),
            _ => Self::ALL.into_iter().find(|kind| kind.name() == name),
        }
    }

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
        match self.kind {
            DatasetKind::Esc50 => esc::load_esc50(&self.path),
            DatasetKind::Esc10 => esc::load_esc10(&self.path),
            DatasetKind::UrbanSound8k => urbansound8k::load(&self.path),
            DatasetKind::Dcase2013 => dcase2013::load(&self.path),
            DatasetKind::Gtzan => gtzan::load(&self.path),
            DatasetKind::Fsd50k => fsd50k::load(&self.path),
            DatasetKind::FsdNoisy18k => fsdnoisy18k::load(&self.path),
            DatasetKind::AudioSet => audioset::load(&self.path),
            DatasetKind::Desed => desed::load(&self.path),
            DatasetKind::Fsdd => fsdd::load(&self.path),
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

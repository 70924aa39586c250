//! The files below a folder, to see that they change and how they end.

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Results by their path below the folder.
pub(super) struct Tree(BTreeMap<PathBuf, Vec<u8>>);

impl Tree {
    /// Those files that are results.
    pub(super) fn results(folder: &Path, is_result: fn(&str) -> bool) -> Result<Self> {
        let mut results = BTreeMap::new();
        for path in files(folder) {
            let below = path.strip_prefix(folder)?.to_owned();
            if is_result(&below.to_string_lossy()) {
                let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
                results.insert(below, bytes);
            }
        }
        Ok(Self(results))
    }

    /// What tells one moment from another; files may come and go while it is taken.
    pub(super) fn times(folder: &Path) -> Vec<(PathBuf, u64, Option<SystemTime>)> {
        let about = |path: PathBuf| {
            let about = path.metadata().ok()?;
            Some((path, about.len(), about.modified().ok()))
        };
        files(folder).into_iter().filter_map(about).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The first file that is not as in `other`.
    pub(super) fn difference(&self, other: &Self) -> Option<String> {
        let all = self.0.keys().chain(other.0.keys());
        let differs = |path: &&PathBuf| self.0.get(*path) != other.0.get(*path);
        all.into_iter().find(differs).map(|path| {
            let length = |tree: &Self| tree.0.get(path).map(Vec::len);
            format!(
                "{} has {:?} bytes instead of {:?}, or others",
                path.display(),
                length(self),
                length(other)
            )
        })
    }
}

/// Something that only a running program may have there.
pub(super) fn left_over(folder: &Path) -> Result<Option<PathBuf>> {
    let is_left = |path: &PathBuf| {
        let below = path.strip_prefix(folder).unwrap_or(path);
        let mut names = below
            .components()
            .map(|part| part.as_os_str().to_string_lossy());
        names.any(|name| name.starts_with('.') || name.ends_with(".tmp"))
    };
    Ok(files(folder).into_iter().find(is_left))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(_) => files.push(entry.path()),
                Err(_) => {} // gone meanwhile
            }
        }
    }
    files.sort();
    files
}

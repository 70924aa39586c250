//! Finished parts of long work, kept as they come.

use super::{Claim, OutputError};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::fs;
use std::path::{Path, PathBuf};

/// A folder with the finished parts of a piece of work, each in a file of its own, known by what it is of.
///
/// Killed at any time, it holds whole parts. It is claimed: of two processes, one gets it.
///
/// ```
/// use chiffchaff::output::Journal;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join(".parts");
/// Journal::open(&path, "an example")?.put("dawn.wav", &vec![1.5, 2.25])?;
/// let journal = Journal::open(&path, "an example")?;
/// assert_eq!(journal.get::<Vec<f64>>("dawn.wav"), Some(vec![1.5, 2.25]));
/// assert_eq!(journal.get::<Vec<f64>>("dusk.wav"), None);
/// journal.remove()?;
/// assert!(!path.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    claim: Option<Claim>,
}

#[derive(Serialize, Deserialize)]
struct Part<T> {
    key: String,
    value: T,
}

impl Journal {
    /// Opens the journal in `folder`, made if it is not there; `who` as for [`Claim::of`].
    ///
    /// # Errors
    /// If another process has it open, and what the system refuses.
    pub fn open(folder: &Path, who: &str) -> Result<Self, OutputError> {
        Ok(Self {
            claim: Some(Claim::of(folder, who)?),
            folder: folder.to_owned(),
        })
    }

    /// How many parts there are.
    pub fn len(&self) -> usize {
        self.parts().count()
    }

    /// Whether there is no part.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The part of this key; nothing if there is none, or none that can be read.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let bytes = fs::read(self.path(key)).ok()?;
        let part: Part<T> = serde_json::from_slice(&bytes).ok()?;
        (part.key == key).then_some(part.value)
    }

    /// Keeps a part, whole or not at all.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn put<T: Serialize>(&self, key: &str, value: &T) -> Result<(), OutputError> {
        let key = key.to_owned();
        let path = self.path(&key);
        let bytes = serde_json::to_vec(&Part { key, value }).map_err(std::io::Error::from);
        let written = bytes.and_then(|bytes| crate::write_whole(&path, &bytes));
        written.map_err(|source| OutputError::Io { path, source })
    }

    /// Forgets all parts.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn clear(&self) -> Result<(), OutputError> {
        for path in self.parts() {
            fs::remove_file(&path).map_err(|source| OutputError::Io { path, source })?;
        }
        Ok(())
    }

    /// Removes the journal: the work is done.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn remove(self) -> Result<(), OutputError> {
        self.clear()
    }

    fn parts(&self) -> impl Iterator<Item = PathBuf> + use<> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let paths = entries.map(|entry| entry.path());
        paths.filter(|path| path.extension().is_some_and(|ending| ending == "part"))
    }

    fn path(&self, key: &str) -> PathBuf {
        let name = super::fingerprint(key.as_bytes());
        self.folder.join(name).with_extension("part")
    }
}

impl Drop for Journal {
    /// A journal without parts leaves no folder.
    fn drop(&mut self) {
        drop(self.claim.take());
        let _ = fs::remove_dir(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_whole_part_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path(), "a test").unwrap();
        journal.put("a", &1).unwrap();
        let path = journal.path("a");
        fs::rename(&path, journal.path("b")).unwrap();
        assert_eq!(journal.get::<i32>("b"), None, "another key");
        fs::write(&path, "{\"key\":\"a\",\"val").unwrap();
        assert_eq!(journal.get::<i32>("a"), None);
        assert_eq!(journal.len(), 2);
        journal.clear().unwrap();
        assert!(journal.is_empty());
    }
}

//! Who else shares the cores as this program does: one locked file a program.
//!
//! The system releases the lock of a file when its program ends, however it ends.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

/// This program's entry among those that share cores.
#[derive(Debug)]
pub(super) struct Register {
    folder: PathBuf,
    own: PathBuf,
    _lock: File,
}

impl Register {
    /// Enters this program, in a folder of its user's.
    pub(super) fn enter() -> io::Result<Self> {
        let user = std::env::var("USER").unwrap_or_default();
        let user = user.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        Self::enter_in(
            &std::env::temp_dir().join(format!("chiffchaff-runs-{user}")),
            &std::process::id().to_string(),
        )
    }

    fn enter_in(folder: &Path, name: &str) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let own = folder.join(name);
        let lock = open(&own)?;
        lock.try_lock()?;
        Ok(Self {
            folder: folder.to_owned(),
            own,
            _lock: lock,
        })
    }

    /// How many other programs are entered. Files of those that ended without leaving are removed.
    pub(super) fn neighbours(&self) -> usize {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten();
        let others = entries.flatten().map(|entry| entry.path());
        others
            .filter(|path| *path != self.own && is_running(path))
            .count()
    }
}

impl Drop for Register {
    fn drop(&mut self) {
        let _swept_by_another = std::fs::remove_file(&self.own);
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).open(path)
}

/// Whether the program of an entry holds its lock.
fn is_running(path: &Path) -> bool {
    let Ok(file) = open(path) else { return false };
    let running = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
    if !running {
        let _swept_by_another = std::fs::remove_file(path);
    }
    running
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_the_others_that_still_run() {
        let folder = tempfile::tempdir().unwrap();
        let first = Register::enter_in(folder.path(), "1").unwrap();
        assert_eq!(first.neighbours(), 0);
        let second = Register::enter_in(folder.path(), "2").unwrap();
        assert_eq!((first.neighbours(), second.neighbours()), (1, 1));
        drop(second);
        std::fs::write(folder.path().join("3"), "").unwrap(); // killed
        assert_eq!(first.neighbours(), 0);
        assert!(!folder.path().join("3").exists());
    }
}

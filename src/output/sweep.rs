//! What killed writers left behind.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Removes the temporary files of writers that were killed from `folder`, not from folders in it. Files of writers that are
/// alive are locked, and stay.
pub fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return; // nothing to sweep where nothing can be read
    };
    for entry in entries.flatten() {
        if is_temporary(&entry.file_name().to_string_lossy()) {
            remove_if_left(&entry.path());
        }
    }
}

/// [`sweep()`], for the first of many files that are written into `folder`; an empty name is the working folder.
pub(crate) fn sweep_once(folder: &Path) {
    static SWEPT: Mutex<Option<HashSet<PathBuf>>> = Mutex::new(None);
    let folder = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    let Ok(name) = folder.canonicalize() else {
        return; // not there yet: nothing is in it
    };
    let mut swept = SWEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if swept.get_or_insert_default().insert(name) {
        sweep(folder);
    }
}

/// A writer holds the lock on its file, and looks again for the file once it has it.
fn remove_if_left(path: &Path) {
    let is_file = path.symlink_metadata().is_ok_and(|about| about.is_file());
    let Ok(file) = File::open(path) else {
        return;
    };
    if is_file && file.try_lock().is_ok() {
        let _ = fs::remove_file(path);
    }
}

/// `.NAME.PROCESS-COUNT.tmp`, as [`crate::write_whole`] calls them.
fn is_temporary(name: &str) -> bool {
    let inner = name.strip_prefix('.').and_then(|n| n.strip_suffix(".tmp"));
    let writer = inner.and_then(|inner| inner.rsplit_once('.'));
    let numbers = writer.and_then(|(_, writer)| writer.split_once('-'));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    numbers.is_some_and(|(process, count)| is_number(process) && is_number(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_killed_writer_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let kept = [
            "a.csv",
            ".a.csv.tmp",
            ".hidden.12-x.tmp",
            "a.12-0.tmp",
            ".a.7-0.tmp",
        ];
        for name in kept.iter().chain(&[".model.safetensors.12-0.tmp"]) {
            fs::write(path(name), "x").unwrap();
        }
        let alive = File::open(path(".a.7-0.tmp")).unwrap();
        alive.lock().unwrap();
        sweep(folder.path());
        for name in kept {
            assert!(path(name).exists(), "{name}");
        }
        assert!(!path(".model.safetensors.12-0.tmp").exists());
    }

    #[test]
    fn the_first_file_that_is_written_into_a_folder_sweeps_it() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join(".page.html.12-0.tmp");
        let write = |name| crate::write_whole(&folder.path().join(name), b"x").unwrap();
        fs::write(&left, "x").unwrap();
        write("page.html");
        assert!(!left.exists());
        // Looked at once, not for every one of a thousand clips.
        fs::write(&left, "x").unwrap();
        write("other.html");
        assert!(left.exists());
    }
}

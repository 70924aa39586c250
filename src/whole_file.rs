//! Files that are whole or absent: written under another name, brought to the disk, renamed.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

/// Writes `bytes` as the whole of a file. What killed writers left in its folder goes, the first time that this process
/// writes there.
///
/// # Errors
/// The system's; a file that stood at `path` before is untouched then, and nothing is left behind.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_whole_with(path, |file| file.write_all(bytes))
}

/// As [`write_whole`], for what is written piece by piece.
pub(crate) fn write_whole_with(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let (temporary, file) = temporary_beside(path)?;
    let mut file = BufWriter::new(file);
    let written = write(&mut file)
        .and_then(|()| file.flush())
        .and_then(|()| file.get_ref().sync_all())
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Whether a file could be written as `path`, tried by one beside it that is removed at once.
pub(crate) fn try_beside(path: &Path) -> io::Result<()> {
    let (temporary, _) = temporary_beside(path)?;
    fs::remove_file(temporary)
}

/// A new file that is locked, so that nobody sweeps it away (`output::sweep`).
fn temporary_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    crate::output::sweep_once(path.parent().unwrap_or(Path::new("")));
    loop {
        let temporary = temporary_name(path)?;
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&temporary)?;
        // Where the file system knows no locks, nothing is swept.
        let locked = file.lock();
        // It may have been swept before it was locked.
        if locked.is_err() || temporary.exists() {
            return Ok((temporary, file));
        }
    }
}

/// In the same folder, so that renaming cannot cross file systems; hidden, and unlike any other of this moment.
fn temporary_name(path: &Path) -> io::Result<PathBuf> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::other("is not the name of a file"))?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(
        ".{}-{}.tmp",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    ));
    Ok(path.with_file_name(hidden))
}

//! One run at a time in a folder.

use super::{OutputError, sweep};
use same_file::Handle;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// The right to write into a folder, until it is dropped or the process ends.
///
/// It is a lock on the hidden file `.claim` in it, which the system gives up with the process: a killed run leaves at most
/// the file, which claims nothing. Where a file system knows no locks, every claim succeeds.
///
/// ```
/// use chiffchaff::output::Claim;
///
/// let folder = tempfile::tempdir()?;
/// let first = Claim::of(folder.path(), "the first")?;
/// let refused = Claim::of(folder.path(), "the second").unwrap_err();
/// assert!(refused.to_string().contains("the first"));
/// drop(first);
/// Claim::of(folder.path(), "the second")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    file: Option<File>,
}

impl Claim {
    /// Claims `folder`, made if it is not there, and sweeps what killed writers left in it. `who` is what another run is
    /// told, besides the number of this process.
    ///
    /// # Errors
    /// [`OutputError::Claimed`] while another run holds it, and what the system refuses.
    pub fn of(folder: &Path, who: &str) -> Result<Self, OutputError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| OutputError::Io { path, source }
        };
        fs::create_dir_all(folder).map_err(failed(folder))?;
        let path = folder.join(NAME);
        let file = loop {
            match locked(&path).map_err(failed(&path))? {
                Locked::Ours(mut file) => {
                    // What cannot be told to others costs them a word, not us the run.
                    let _ = file.set_len(0);
                    let _ = write!(file, "process {}, {who}", std::process::id());
                    break Some(file);
                }
                Locked::Theirs(holder) => {
                    return Err(OutputError::Claimed {
                        path: folder.to_owned(),
                        holder,
                    });
                }
                Locked::Unknown => break None,
                Locked::Gone => {}
            }
        };
        sweep(folder);
        Ok(Self { path, file })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Removed before it is unlocked: whoever opened it in between sees that its name is gone.
        if self.file.is_some() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The file that is locked.
const NAME: &str = ".claim";

enum Locked {
    Ours(File),
    /// What the file says of its holder.
    Theirs(Option<String>),
    /// The last holder removed the file after we opened it.
    Gone,
    /// The file system knows no locks.
    Unknown,
}

fn locked(path: &Path) -> io::Result<Locked> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    match file.try_lock() {
        Ok(()) if is_still(&file, path) => Ok(Locked::Ours(file)),
        Ok(()) => Ok(Locked::Gone),
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let read = file.read_to_string(&mut holder);
            let holder = read.ok().map(|_| holder).filter(|text| !text.is_empty());
            Ok(Locked::Theirs(holder))
        }
        Err(TryLockError::Error(_)) => Ok(Locked::Unknown),
    }
}

/// Whether the open file is the one of this name.
pub(super) fn is_still(file: &File, path: &Path) -> bool {
    let open = file.try_clone().and_then(Handle::from_file);
    let named = Handle::from_path(path);
    matches!((open, named), (Ok(open), Ok(named)) if open == named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_at_once_one_gets_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..20 {
            let claims: Vec<_> = std::thread::scope(|scope| {
                let claim = || Claim::of(folder.path(), "a test");
                let all: Vec<_> = (0..8).map(|_| scope.spawn(claim)).collect();
                all.into_iter().map(|one| one.join().unwrap()).collect()
            });
            assert_eq!(claims.iter().filter(|claim| claim.is_ok()).count(), 1);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_file_of_a_killed_run_claims_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(NAME), "process 1, long gone").unwrap();
        assert!(Claim::of(folder.path(), "a test").is_ok());
    }
}

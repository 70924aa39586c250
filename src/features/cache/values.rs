//! The values of a clip on their way into the cache.

use super::log::WORD;
use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// Bytes of one clip that stay in memory: the features of most recordings, some minutes of sound.
const MOST_IN_MEMORY: usize = 32 << 20;
/// Bytes that are read back together, whole words.
const PIECE_BYTES: usize = 1 << 20;

/// The stored form of a clip's features, in memory that does not grow with the length of the clip.
///
/// Clips are computed side by side and written in the order of the dataset. What is too long to wait in memory waits in a
/// file that has lost its name already: it goes when this is dropped, or when the process is killed.
pub(super) struct Values {
    /// Where the file is made.
    path: PathBuf,
    most_in_memory: usize,
    /// What came first, as whole words.
    file: Option<File>,
    in_file: u64,
    /// What follows.
    memory: Vec<u8>,
}

impl Values {
    /// None yet. `path`, a name that nobody else uses, is where they wait if they become many.
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            most_in_memory: MOST_IN_MEMORY,
            file: None,
            in_file: 0,
            memory: Vec::new(),
        }
    }

    /// Number of bytes.
    pub(super) fn len(&self) -> u64 {
        self.in_file + self.memory.len() as u64
    }

    /// Where further bytes are appended; behind it comes [`Self::settle`].
    pub(super) fn end(&mut self) -> &mut Vec<u8> {
        &mut self.memory
    }

    /// Moves bytes out of the memory if there are many.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        if self.memory.len() <= self.most_in_memory {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(nameless(&self.path)?),
        };
        let words = self.memory.len() / WORD * WORD;
        file.write_all(&self.memory[..words])?;
        self.in_file += words as u64;
        self.memory.drain(..words);
        Ok(())
    }

    /// Calls `take` with all bytes, in pieces of whole words but for the last.
    pub(super) fn read(&self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        if let Some(mut file) = self.file.as_ref() {
            file.seek(SeekFrom::Start(0))?;
            let mut piece = vec![0; PIECE_BYTES];
            let mut left = self.in_file;
            while left > 0 {
                let next = left.min(PIECE_BYTES as u64) as usize;
                file.read_exact(&mut piece[..next])?;
                take(&piece[..next])?;
                left -= next as u64;
            }
        }
        take(&self.memory)
    }
}

/// A file to write and read that nobody can open by its name.
fn nameless(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(true);
    let file = options.open(path)?;
    fs::remove_file(path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_bytes_wait_in_a_file_and_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.part");
        let bytes: Vec<u8> = (0..3 * PIECE_BYTES + 13)
            .map(|n| (n * 7919) as u8)
            .collect();
        for most_in_memory in [0, 100, PIECE_BYTES, 2 * bytes.len()] {
            for step in [1001, PIECE_BYTES + 3] {
                let mut values = Values {
                    most_in_memory,
                    ..Values::new(path.clone())
                };
                for piece in bytes.chunks(step) {
                    values.end().extend_from_slice(piece);
                    values.settle().unwrap();
                    assert!(values.memory.len() <= most_in_memory.max(WORD));
                }
                assert_eq!(values.len(), bytes.len() as u64);
                assert!(!path.exists());
                // Twice: once to add them up, once to write them.
                for _ in 0..2 {
                    let (mut read, mut pieces) = (Vec::new(), Vec::new());
                    let take = |piece: &[u8]| {
                        read.extend_from_slice(piece);
                        pieces.push(piece.len());
                        Ok(())
                    };
                    values.read(take).unwrap();
                    assert!(read == bytes, "{most_in_memory} in memory");
                    let before_last = &pieces[..pieces.len() - 1];
                    assert!(before_last.iter().all(|piece| piece % WORD == 0));
                }
            }
        }
    }

    #[test]
    fn a_folder_that_is_gone_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let mut values = Values {
            most_in_memory: 0,
            ..Values::new(folder.path().join("gone").join("clip.part"))
        };
        values.end().extend([0; 16]);
        assert!(values.settle().is_err());
    }
}

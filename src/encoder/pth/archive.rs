//! The container since PyTorch 1.6: a ZIP archive of one folder, with `data.pkl` and `data/KEY` for each storage.

use std::io::{Cursor, Read};
use zip::read::ZipReadOptions;
use zip::{CompressionMethod, ZipArchive, result::ZipError};

use super::PthError;
use super::storage::Numbers;

/// An open archive.
pub(super) struct Archive<'b> {
    zip: ZipArchive<Cursor<&'b [u8]>>,
    /// Its one folder, with a slash.
    folder: String,
    /// Bytes that entries may still hold, since all of them lie in the file.
    left: u64,
}

impl<'b> Archive<'b> {
    /// # Errors
    /// If it is no archive, or one of something else.
    pub(super) fn open(bytes: &'b [u8]) -> Result<Self, PthError> {
        if !bytes.starts_with(b"PK") {
            return Err(PthError::NotTorch);
        }
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
        let names = || zip.file_names().flatten();
        let folder = names().find_map(|name| Some(name.strip_suffix("data.pkl")?.to_owned()));
        let folder = folder.ok_or(PthError::NoPickle)?;
        if names().any(|name| name.strip_prefix(&folder) == Some("constants.pkl")) {
            return Err(PthError::TorchScript);
        }
        Ok(Self {
            left: bytes.len() as u64,
            zip,
            folder,
        })
    }

    /// The pickle.
    ///
    /// # Errors
    /// If it cannot be read, or numbers have their highest byte first.
    pub(super) fn pickle(&mut self) -> Result<Vec<u8>, PthError> {
        if self
            .entry("byteorder", None)?
            .is_some_and(|order| order == b"big")
        {
            return Err(PthError::BigEndian);
        }
        self.entry("data.pkl", None)?.ok_or(PthError::NoPickle)
    }

    /// The content of an entry, if there is one. Of stored ones alone: their size is within the file's.
    fn entry(&mut self, name: &str, wanted: Option<u64>) -> Result<Option<Vec<u8>>, PthError> {
        let name = format!("{}{name}", self.folder);
        let unchecked = match self.zip.by_name(&name) {
            // Left out on demand, by `torch.serialization.set_crc32_options(False)`.
            Ok(entry) => entry.crc32() == 0,
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(error) => return Err(damaged(error)),
        };
        let options = ZipReadOptions::new().ignore_crc32(unchecked);
        let entry = self.zip.by_name_with_options(&name, options);
        let entry = entry.map_err(damaged)?;
        if entry.compression() != CompressionMethod::Stored {
            return Err(PthError::Compressed { entry: name });
        }
        let size = entry.size();
        if let Some(wanted) = wanted.filter(|&wanted| wanted != size) {
            return Err(PthError::StorageSize {
                key: name,
                wanted,
                given: size,
            });
        }
        self.left = self.left.checked_sub(size).ok_or(PthError::Overlap)?;
        let mut content = Vec::with_capacity(size as usize);
        let read = entry.take(size + 1).read_to_end(&mut content);
        read.map_err(|error| PthError::Archive(error.to_string()))?;
        match content.len() as u64 == size {
            true => Ok(Some(content)),
            false => Err(PthError::Archive(format!("`{name}` has not its size"))),
        }
    }
}

impl Numbers for Archive<'_> {
    fn read(&mut self, key: &str, bytes: u64) -> Result<Vec<u8>, PthError> {
        let read = self.entry(&format!("data/{key}"), Some(bytes))?;
        read.ok_or_else(|| PthError::NoStorage {
            key: key.to_owned(),
        })
    }
}

fn damaged(error: ZipError) -> PthError {
    PthError::Archive(error.to_string())
}

//! What a set-up left behind: the list by which a later one sees that nothing is missing.

use super::{Flavour, installed};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fs, io, path::Path};

const NAME: &str = "receipt.json";

/// All files of an installation with their sizes.
#[derive(Serialize, Deserialize)]
pub(super) struct Receipt {
    version: String,
    flavour: String,
    /// Bytes by path relative to the libtorch folder.
    files: BTreeMap<String, u64>,
}

impl Receipt {
    pub(super) fn new(flavour: Flavour, files: BTreeMap<String, u64>) -> Self {
        Self {
            version: installed::VERSION.to_owned(),
            flavour: flavour.name().to_owned(),
            files,
        }
    }

    /// `None` where there is no receipt; an error where it cannot be read.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>> {
        match fs::read(folder.join(NAME)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Written last and under a temporary name first, so that a receipt means a finished set-up.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let temporary = folder.join("receipt.json.tmp");
        fs::write(&temporary, serde_json::to_vec(self)?).context("cannot write the receipt")?;
        fs::rename(temporary, folder.join(NAME)).context("cannot write the receipt")
    }

    /// Taken away before anything in the folder changes.
    pub(super) fn remove(folder: &Path) -> Result<()> {
        match fs::remove_file(folder.join(NAME)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// CUDA serves both, as it computes on the CPU too.
    pub(super) fn serves(&self, flavour: Flavour) -> bool {
        let has_cuda = self.flavour == Flavour::Cuda.name();
        self.version == installed::VERSION && (flavour == Flavour::Cpu || has_cuda)
    }

    /// Every file is there and as long as it was.
    pub(super) fn matches(&self, folder: &Path) -> bool {
        self.files.iter().all(|(path, bytes)| {
            fs::metadata(folder.join(path)).is_ok_and(|metadata| metadata.len() == *bytes)
        })
    }

    /// Size of the whole installation.
    pub(super) fn bytes(&self) -> u64 {
        self.files.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt_of_one_file(folder: &Path, flavour: Flavour) -> Receipt {
        fs::write(folder.join("a"), b"four").unwrap();
        Receipt::new(flavour, BTreeMap::from([("a".to_owned(), 4)]))
    }

    #[test]
    fn a_shortened_or_missing_file_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        receipt_of_one_file(folder.path(), Flavour::Cpu)
            .write(folder.path())
            .unwrap();
        let receipt = Receipt::read(folder.path()).unwrap().unwrap();
        assert!(receipt.matches(folder.path()));
        fs::write(folder.path().join("a"), b"fou").unwrap();
        assert!(!receipt.matches(folder.path()));
        fs::remove_file(folder.path().join("a")).unwrap();
        assert!(!receipt.matches(folder.path()));
    }

    #[test]
    fn cuda_serves_both_and_cpu_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        let cuda = receipt_of_one_file(folder.path(), Flavour::Cuda);
        let cpu = receipt_of_one_file(folder.path(), Flavour::Cpu);
        assert!(cuda.serves(Flavour::Cpu) && cuda.serves(Flavour::Cuda));
        assert!(cpu.serves(Flavour::Cpu) && !cpu.serves(Flavour::Cuda));
    }

    #[test]
    fn a_garbled_receipt_is_an_error_and_a_missing_one_is_none() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Receipt::read(folder.path()).unwrap().is_none());
        fs::write(folder.path().join(NAME), b"{").unwrap();
        assert!(Receipt::read(folder.path()).is_err());
    }
}

//! The container before PyTorch 1.6: five pickles in a row (a magic number, a version, the machine, the object, the keys of
//! its storages), then of each storage its length and its numbers. Many published weights still come in it.

use std::collections::HashMap;

use super::PthError;
use super::pickle::Pickle;
use super::storage::Numbers;
use super::value::{Id, Value};

/// The first pickle: PyTorch's magic number.
const MAGIC: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

/// Where each storage's numbers lie in the file.
pub(super) struct Legacy<'b> {
    storages: HashMap<&'b str, &'b [u8]>,
}

impl<'b> Legacy<'b> {
    /// Whether a file is in this container, by its first bytes.
    pub(super) fn matches(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC)
    }

    /// The object, and the numbers of its storages.
    ///
    /// # Errors
    /// If a part is damaged or missing.
    pub(super) fn open(bytes: &'b [u8]) -> Result<(Pickle<'b>, Self), PthError> {
        let (_version, bytes) = next(&bytes[MAGIC.len()..])?;
        let (machine, bytes) = next(bytes)?;
        if says_big_endian(&machine) {
            return Err(PthError::BigEndian);
        }
        let (object, bytes) = next(bytes)?;
        let (keys, bytes) = next(bytes)?;
        let widths = widths(&object);
        let mut storages = HashMap::new();
        let mut rest = bytes;
        for key in keys.items(keys.root()).unwrap_or_default() {
            let key = keys.text(*key).ok_or(CUT)?;
            let width = *widths.get(key).ok_or(CUT)?;
            let (length, numbers) = rest.split_first_chunk().ok_or(CUT)?;
            let bytes = u64::from_le_bytes(*length).checked_mul(width);
            let bytes = bytes.and_then(|bytes| usize::try_from(bytes).ok());
            let (numbers, after) = bytes
                .and_then(|bytes| numbers.split_at_checked(bytes))
                .ok_or(CUT)?;
            storages.insert(key, numbers);
            rest = after;
        }
        Ok((object, Self { storages }))
    }
}

const CUT: PthError = PthError::Pickle {
    at: 0,
    what: "its storages are not as long as it says",
};

fn next(bytes: &[u8]) -> Result<(Pickle<'_>, &[u8]), PthError> {
    let (pickle, length) = Pickle::read(bytes)?;
    Ok((pickle, &bytes[length..]))
}

fn says_big_endian(machine: &Pickle<'_>) -> bool {
    let Value::Dict(facts) = machine.value(machine.root()) else {
        return false;
    };
    let is_little = |&&(key, _): &&(Id, Id)| machine.text(key) == Some("little_endian");
    let little = facts.iter().find(is_little);
    little.is_some_and(|&(_, says)| *machine.value(says) == Value::Bool(false))
}

/// Bytes of a number in each storage.
fn widths<'b>(object: &Pickle<'b>) -> HashMap<&'b str, u64> {
    let storages = object.values().iter().filter_map(|value| match value {
        Value::Storage(storage) => Some(storage),
        _ => None,
    });
    storages
        .map(|storage| (storage.key, storage.kind.elt_size_in_bytes() as u64))
        .collect()
}

impl Numbers for Legacy<'_> {
    fn read(&mut self, key: &str, bytes: u64) -> Result<Vec<u8>, PthError> {
        let numbers = self.storages.get(key);
        let numbers = numbers.ok_or_else(|| PthError::NoStorage {
            key: key.to_owned(),
        })?;
        match numbers.len() as u64 == bytes {
            true => Ok(numbers.to_vec()),
            false => Err(PthError::StorageSize {
                key: key.to_owned(),
                wanted: bytes,
                given: numbers.len() as u64,
            }),
        }
    }
}

//! Views of storages → tensors.

use std::collections::HashMap;
use tch::{Device, Tensor};

use super::PthError;
use super::value::{Storage, View};

/// A container: the numbers of a storage by its key.
pub(super) trait Numbers {
    /// Exactly `bytes` bytes.
    ///
    /// # Errors
    /// If there are not as many.
    fn read(&mut self, key: &str, bytes: u64) -> Result<Vec<u8>, PthError>;
}

/// The storages that were read, each once however many tensors share it.
pub(super) struct Storages<'p, N> {
    numbers: N,
    read: HashMap<(&'p str, i64, usize), Tensor>,
}

impl<'p, N: Numbers> Storages<'p, N> {
    pub(super) fn new(numbers: N) -> Self {
        Self {
            numbers,
            read: HashMap::new(),
        }
    }

    /// A tensor that shares its storage's memory: one that repeats its numbers (a stride of 0) needs no more.
    ///
    /// # Errors
    /// If the view reaches out of its storage, or the storage out of the file.
    pub(super) fn tensor(&mut self, view: &View<'p>) -> Result<Tensor, PthError> {
        if !lies_within(view) {
            return Err(PthError::Outside {
                shape: view.shape.clone(),
                strides: view.strides.clone(),
                offset: view.offset,
                held: view.storage.length,
            });
        }
        if view.shape.contains(&0) {
            return Ok(Tensor::f_zeros(
                &view.shape,
                (view.storage.kind, Device::Cpu),
            )?);
        }
        let storage = self.storage(view.storage)?;
        Ok(storage.f_as_strided(&view.shape, &view.strides, view.offset)?)
    }

    fn storage(&mut self, storage: Storage<'p>) -> Result<&Tensor, PthError> {
        let Storage { key, kind, length } = storage;
        let width = kind.elt_size_in_bytes();
        let known = (key, length, kind as usize);
        if !self.read.contains_key(&known) {
            let bytes = (length as u64).saturating_mul(width as u64);
            let bytes = self.numbers.read(key, bytes)?;
            let tensor = Tensor::f_from_data_size(&bytes, &[length], kind)?;
            self.read.insert(known, tensor);
        }
        Ok(&self.read[&known])
    }
}

/// Whether every number of the view is one of its storage's, and its count can be counted.
fn lies_within(view: &View<'_>) -> bool {
    let View {
        storage,
        offset,
        shape,
        strides,
    } = view;
    let bounds = [*offset, storage.length];
    let mut numbers = bounds.iter().chain(shape).chain(strides);
    if shape.len() != strides.len() || numbers.any(|&n| n < 0) {
        return false;
    }
    let count = shape.iter().filter(|&&size| size > 0);
    let countable = count.copied().try_fold(8i64, i64::checked_mul).is_some();
    let empty = shape.contains(&0);
    let mut axes = shape.iter().zip(strides);
    let last = axes.try_fold(*offset, |last, (size, stride)| {
        last.checked_add(size.saturating_sub(1).max(0).checked_mul(*stride)?)
    });
    countable && last.is_some_and(|last| empty || last < storage.length)
}

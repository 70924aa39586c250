//! Weights out of `.pth` files, as `torch.save` writes them, without PyTorch and without trusting them.
//!
//! A file is a container (`archive.rs`, before PyTorch 1.6 `legacy.rs`) with a pickle and the numbers of every tensor. A
//! pickle is a program; what runs here (`pickle.rs`) knows data alone. It builds lists, dictionaries and views of
//! numbers, keeps whatever else a checkpoint holds as a name, and calls nothing. Every count is compared with the bytes
//! that are there before memory is taken for it, so that a file never needs more than a few times its own size.
//!
//! # Source
//! The opcodes are those of Python's `pickletools`; what `torch.save` writes with them is described in PyTorch's notes on
//! serialization semantics. `tests/golden/pth.py` makes what tests compare with.

mod archive;
mod error;
mod legacy;
mod pickle;
mod rebuild;
mod state_dict;
mod storage;
#[cfg(test)]
mod tests;
mod value;

use std::collections::BTreeMap;
use tch::Tensor;

use archive::Archive;
pub(super) use error::PthError;
use legacy::Legacy;
use pickle::Pickle;
use storage::{Numbers, Storages};

/// The tensors of the state dict in a file, by name, on the CPU; wherever they were when they were saved.
///
/// # Errors
/// If the bytes are no such file, or any of its tensors is not as it says.
pub(super) fn tensors_of(bytes: &[u8]) -> Result<BTreeMap<String, Tensor>, PthError> {
    if Legacy::matches(bytes) {
        let (pickle, legacy) = Legacy::open(bytes)?;
        return tensors(&pickle, legacy);
    }
    let mut archive = Archive::open(bytes)?;
    let program = archive.pickle()?;
    let (pickle, _) = Pickle::read(&program)?;
    tensors(&pickle, archive)
}

fn tensors(
    pickle: &Pickle<'_>,
    numbers: impl Numbers,
) -> Result<BTreeMap<String, Tensor>, PthError> {
    let mut storages = Storages::new(numbers);
    let views = state_dict::views(pickle)?;
    let read = views.into_iter().map(|(name, view)| {
        let tensor = storages.tensor(view);
        let tensor = tensor.map_err(|error| error.of_tensor(name))?;
        Ok((name.to_owned(), tensor))
    });
    let mut tensors: BTreeMap<_, _> = read.collect::<Result<_, PthError>>()?;
    for wrapper in state_dict::WRAPPERS {
        tensors = state_dict::unwrapped(tensors, wrapper);
    }
    Ok(tensors)
}

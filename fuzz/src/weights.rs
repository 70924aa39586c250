//! Weights that others published, in `.pth` files.

use chiffchaff::encoder::StartingWeights;
use std::path::Path;

/// A whole `.pth` file, in either container.
///
/// # Panics
/// At a finding.
pub fn weights(bytes: &[u8]) {
    if let Err(error) = StartingWeights::parse(Path::new("weights.pth"), bytes) {
        assert!(!error.to_string().is_empty());
    }
}

/// A pickle alone, within the container that no sums protect: the fuzzer starts behind the checks of the archive.
///
/// # Panics
/// At a finding.
pub fn pickle(bytes: &[u8]) {
    // PyTorch's magic number, its version, nothing about the machine.
    let before =
        b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.";
    // The key of one storage, and its length: sixteen numbers, all 0.
    let after = b"\x80\x02]X\x01\x00\x00\x000a.\x10\x00\x00\x00\x00\x00\x00\x00";
    weights(&[&before[..], bytes, after, &[0; 64]].concat());
}

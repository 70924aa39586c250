//! The bytes of a table → text.

use std::{
    borrow::Cow,
    fs::File,
    io::{self, Read},
    path::Path,
};

/// A table of two million events is a tenth of this.
const MAX_BYTES: u64 = 1 << 28;

/// Reads a file whole, unless it is too large to be a table of marks (or has no end).
pub(super) fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::other(format!(
            "is larger than {MAX_BYTES} bytes, too large for a table of marks"
        )));
    }
    Ok(bytes)
}

/// Decodes UTF-8 and UTF-16 without their byte-order marks; anything else as Latin-1, and says `false`.
pub(super) fn decode(bytes: &[u8]) -> (Cow<'_, str>, bool) {
    match bytes {
        [0xff, 0xfe, rest @ ..] => (utf_16(rest, u16::from_le_bytes).into(), true),
        [0xfe, 0xff, rest @ ..] => (utf_16(rest, u16::from_be_bytes).into(), true),
        _ => {
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            match std::str::from_utf8(bytes) {
                Ok(text) => (text.into(), true),
                Err(_) => {
                    let text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
                    (text.into(), false)
                }
            }
        }
    }
}

fn utf_16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let (pairs, _) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|&pair| unit(pair));
    char::decode_utf16(units)
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

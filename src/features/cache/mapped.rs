//! The one place that maps a file into memory.

use memmap2::Mmap;
use std::{fs::File, io};

/// The content of `file` as it is now, read when it is touched.
#[expect(
    unsafe_code,
    reason = "mapping a file is unsafe because someone else may cut it short under the map; see below"
)]
pub(super) fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: cache files are written only under their lock, and only by appending: bytes inside a
    // record are never changed, and a file is cut short only at the end of its last whole record,
    // which is where the users of a map stop reading. Rewritten files are new files under the same
    // name; a map keeps the old one. A stranger who truncates the file can still end the process.
    unsafe { Mmap::map(file) }
}

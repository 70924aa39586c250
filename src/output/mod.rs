//! Where results go: checked before the work begins, never over an input, kept as they come.
//!
//! | what | for what |
//! |---|---|
//! | [`OutputFile`], [`OutputFolder`] | is it free, can it be written, is it no input |
//! | [`Claim`] | one run at a time in a folder |
//! | [`Journal`] | finished parts of long work, to go on from after a kill |
//! | [`parts_of_file`], [`FileState`] | where those parts lie, and which files they were made of |
//! | [`sweep()`] | what killed writers left behind |

mod claim;
mod destination;
mod error;
mod fingerprint;
mod journal;
mod parts;
mod sweep;

pub use claim::Claim;
pub use destination::{Existing, OutputFile, OutputFolder, refuse_input};
pub use error::OutputError;
pub use fingerprint::fingerprint;
pub use journal::Journal;
pub use parts::{FileState, parts_of_file};
pub use sweep::sweep;
pub(crate) use sweep::sweep_once;

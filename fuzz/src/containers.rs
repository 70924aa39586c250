//! Damaged copies of whole sound files, one of every container and codec that is bundled.

use crate::{audio, damage::damaged};
use std::{fs, path::Path, sync::LazyLock};

/// A sound file: the first byte says of which kind, the others how it is damaged.
///
/// # Panics
/// At a finding.
pub fn containers(bytes: &[u8]) {
    let Some((&kind, edits)) = bytes.split_first() else {
        return;
    };
    let whole = &WHOLE[usize::from(kind) % WHOLE.len()];
    audio(&damaged(whole, edits));
}

/// In the order of their names.
static WHOLE: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/audio");
    let entries = fs::read_dir(folder).expect("the bundled sound files");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("a sound file").path())
        .filter(|path| path.extension().is_some_and(|kind| kind != "sh"))
        .collect();
    paths.sort();
    let read = |path| fs::read(path).expect("a sound file");
    paths.into_iter().map(read).collect()
});

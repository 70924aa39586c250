//! Damaged copies of whole sound files: of every container and codec that is bundled, and of every way to write one that a
//! reader must tell apart (`sounds/`).

use crate::{audio, damage::damaged, ogg::right_checksums};
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
    let mut file = damaged(whole, edits);
    right_checksums(&mut file);
    audio(&file);
}

/// In the order of their names, those of `sounds/` behind, so that they move none of the others.
static WHOLE: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["../tests/audio", "sounds"].map(|folder| sounds(&root.join(folder)));
    folders.concat()
});

fn sounds(folder: &Path) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder).expect("whole sound files");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("a sound file").path())
        .filter(|path| path.extension().is_some_and(|kind| kind != "sh"))
        .collect();
    paths.sort();
    let read = |path| fs::read(path).expect("a sound file");
    paths.into_iter().map(read).collect()
}

//! A small folder of files from one text, so that seeds can be read and the fuzzer can move files about.
//!
//! ```text
//! first line
//! === metadata/table.csv
//! content
//! === audio/1.wav
//! ```

use std::{
    fs,
    path::{Component, Path, PathBuf},
};
use tempfile::TempDir;

const MARK: &str = "\n=== ";

/// The first line of `bytes`, and the folder that the rest describes. Files whose name would lie outside are left out.
pub(crate) fn plant(bytes: &[u8]) -> (String, TempDir) {
    let text = String::from_utf8_lossy(bytes);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut sections = text.split(MARK);
    let first = sections.next().unwrap_or_default().trim().to_owned();
    for section in sections {
        let (name, content) = section.split_once('\n').unwrap_or((section, ""));
        if let Some(path) = inside(folder.path(), name) {
            let parent = path.parent().expect("the folder at least");
            // A file may be where a folder should be: the tree is then a smaller one.
            if fs::create_dir_all(parent).is_ok() {
                let _ = fs::write(path, content);
            }
        }
    }
    (first, folder)
}

fn inside(folder: &Path, name: &str) -> Option<PathBuf> {
    let name = Path::new(name);
    let normal = |part| matches!(part, Component::Normal(_));
    let usable = name.components().count() > 0 && name.components().all(normal);
    (usable && name.as_os_str().len() < 200).then(|| folder.join(name))
}

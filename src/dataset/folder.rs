//! Clips from any tree of sound files.

use super::{Clip, Dataset, DatasetError, table::sorted_classes};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Extensions of sound files, in lower case. Also those that cannot be decoded: such a file is told about when it is
/// read, and not passed over in silence.
pub(super) const EXTENSIONS: [&str; 26] = [
    "aac", "aif", "aifc", "aiff", "amr", "ape", "au", "caf", "flac", "m4a", "m4b", "mka", "mp1",
    "mp2", "mp3", "mp4", "oga", "ogg", "opus", "snd", "w64", "wav", "wave", "weba", "wma", "wv",
];

/// Every file below `root` with the extension of a sound file, sorted by path. The first sub-folder on the way is the
/// label, if there is one. Hidden files and folders are left out; links are followed, each folder once.
pub(super) fn load(root: &Path) -> Result<Dataset, DatasetError> {
    let paths = sounds_below(root)?;
    if paths.is_empty() {
        return Err(DatasetError::Empty {
            path: root.to_owned(),
            reason: "no file in this folder has the extension of a sound file",
        });
    }
    let labels: Vec<_> = paths.iter().map(|path| label(root, path)).collect();
    let classes = sorted_classes(labels.iter().flatten().map(String::as_str));
    let clip = |(path, label): (&PathBuf, &Option<String>)| Clip {
        label: label
            .as_ref()
            .and_then(|label| classes.iter().position(|class| class == label)),
        ..Clip::unlabelled(path)
    };
    let clips = paths.iter().zip(&labels).map(clip).collect();
    Ok(Dataset::new(folder_name(root), clips, classes))
}

/// Every file below `root` with the extension of a sound file, as [`load`] finds them.
pub(super) fn sounds_below(root: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let mut paths = Vec::new();
    let mut visited = BTreeSet::new();
    let mut to_visit = vec![root.to_owned()];
    while let Some(folder) = to_visit.pop() {
        // By its true name: a link back up the tree leads to where we have been.
        let true_name = fs::canonicalize(&folder).map_err(|e| cannot_read(&folder, e))?;
        if visited.insert(true_name) {
            list(&folder, &mut to_visit, &mut paths)?;
        }
    }
    paths.sort();
    Ok(paths)
}

/// Adds a folder's sub-folders and sound files.
fn list(
    folder: &Path,
    folders: &mut Vec<PathBuf>,
    files: &mut Vec<PathBuf>,
) -> Result<(), DatasetError> {
    let entries: Result<Vec<_>, _> = fs::read_dir(folder).and_then(Iterator::collect);
    let mut entries = entries.map_err(|e| cannot_read(folder, e))?;
    // Of two links to one folder, the same is followed on every machine.
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.file_name()));
    for entry in entries {
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let path = entry.path();
        // Follows links; one that leads nowhere is a file here, and is reported when it is read.
        if fs::metadata(&path).is_ok_and(|metadata| metadata.is_dir()) {
            folders.push(path);
        } else if is_sound(&path) {
            files.push(path);
        }
    }
    Ok(())
}

fn is_sound(path: &Path) -> bool {
    let extension = path
        .extension()
        .map(|e| e.to_string_lossy().to_ascii_lowercase());
    extension.is_some_and(|extension| EXTENSIONS.contains(&extension.as_str()))
}

fn label(root: &Path, path: &Path) -> Option<String> {
    let below = path.strip_prefix(root).ok()?;
    let first = below.parent()?.components().next()?;
    Some(first.as_os_str().to_string_lossy().into_owned())
}

fn folder_name(root: &Path) -> String {
    let true_name = fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
    true_name
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn cannot_read(path: &Path, source: std::io::Error) -> DatasetError {
    DatasetError::Read {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"x").unwrap();
        }
        root
    }

    fn found(root: &Path, dataset: &Dataset) -> Vec<(String, Option<String>)> {
        let name = |clip: &Clip| {
            clip.path
                .strip_prefix(root)
                .unwrap()
                .to_string_lossy()
                .into_owned()
        };
        let label = |clip: &Clip| clip.label.map(|label| dataset.classes[label].clone());
        dataset
            .clips
            .iter()
            .map(|clip| (name(clip), label(clip)))
            .collect()
    }

    #[test]
    fn the_first_sub_folder_is_the_label_and_order_is_by_path() {
        let root = tree(&[
            "wren/b.WAV",
            "wren/a.flac",
            "robin/2024/may/c.mp3",
            "loose.ogg",
            "wren/notes.txt",
            ".hidden/d.wav",
            "robin/.e.wav",
            "README",
        ]);
        let dataset = load(root.path()).unwrap();
        assert_eq!(dataset.classes, ["robin", "wren"]);
        let expected = [
            ("loose.ogg", None),
            ("robin/2024/may/c.mp3", Some("robin")),
            ("wren/a.flac", Some("wren")),
            ("wren/b.WAV", Some("wren")),
        ];
        let expected = expected.map(|(path, label)| (path.to_owned(), label.map(str::to_owned)));
        assert_eq!(found(root.path(), &dataset), expected);
    }

    #[cfg(unix)]
    #[test]
    fn links_in_a_circle_end() {
        use std::os::unix::fs::symlink;
        let root = tree(&["a/x.wav"]);
        symlink(root.path(), root.path().join("a/up")).unwrap();
        symlink("nowhere.wav", root.path().join("a/dangling.wav")).unwrap();
        let dataset = load(root.path()).unwrap();
        let names: Vec<_> = found(root.path(), &dataset)
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["a/dangling.wav", "a/x.wav"]);
    }

    #[test]
    fn a_folder_without_sound_or_a_missing_one_is_refused() {
        let root = tree(&["a/notes.txt"]);
        let message = load(root.path()).unwrap_err().to_string();
        assert!(
            message.contains("has no clips: no file in this folder"),
            "{message}"
        );
        let missing = root.path().join("missing");
        assert!(
            load(&missing)
                .unwrap_err()
                .to_string()
                .contains("missing: cannot be read")
        );
    }
}

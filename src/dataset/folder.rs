//! Clips from any tree of sound files.

use super::{
    Clip, Dataset, DatasetError, LayoutFault, first_bytes, table::sorted_classes, walk::files_below,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Extensions of sound files and of videos, which may hold sound, in lower case. Also those that cannot be decoded: such
/// a file is told about when it is read, and not passed over in silence.
pub(super) const EXTENSIONS: [&str; 67] = [
    "3g2", "3ga", "3gp", "aa3", "aac", "ac3", "adts", "aif", "aifc", "aiff", "amr", "ape", "asf",
    "au", "avi", "awb", "bw64", "bwav", "bwf", "caf", "dff", "dsf", "dts", "eac3", "flac", "flv",
    "gsm", "kar", "m4a", "m4b", "m4p", "m4r", "m4v", "mka", "mkv", "mogg", "mov", "mp1", "mp2",
    "mp3", "mp4", "mpa", "mpc", "mpga", "oga", "ogg", "ogv", "opus", "qt", "ra", "rf64", "rm",
    "sds", "snd", "spx", "tak", "tta", "voc", "w4v", "w64", "wac", "wav", "wave", "weba", "webm",
    "wma", "wv",
];

/// Extensions of what lies beside recordings and is no sound: not opened to see.
const OTHERS: [&str; 30] = [
    "bmp", "csv", "doc", "docx", "gif", "gpx", "heic", "html", "jpeg", "jpg", "json", "kml", "log",
    "md", "npy", "npz", "pdf", "png", "py", "r", "svg", "tif", "tiff", "toml", "tsv", "txt", "xls",
    "xlsx", "xml", "yaml",
];

/// Every sound file below `root`, sorted by path. The first sub-folder on the way is the label, if there is one. Hidden
/// files and folders are left out; links are followed, each folder once. A sub-folder that cannot be read is a fault.
pub(super) fn load(root: &Path) -> Result<Dataset, DatasetError> {
    let mut faults = Vec::new();
    let paths = sounds_below(root, &mut faults)?;
    if paths.is_empty() {
        return Err(DatasetError::Empty {
            path: root.to_owned(),
            reason: "no file in this folder has the extension of a sound file, or begins as one",
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
    Ok(Dataset {
        faults,
        ..Dataset::new(folder_name(root), clips, classes)
    })
}

/// Every sound file below `root`, as [`load`] finds them; sub-folders that cannot be read are added to `faults`.
///
/// # Errors
/// If `root` itself cannot be read.
pub(super) fn sounds_below(
    root: &Path,
    faults: &mut Vec<LayoutFault>,
) -> Result<Vec<PathBuf>, DatasetError> {
    let mut files = files_below(root, faults)?;
    files.retain(|file| is_sound(file));
    Ok(files)
}

/// By its extension or, where that tells nothing, by its first bytes.
fn is_sound(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    let extension = extension.to_string_lossy().to_ascii_lowercase();
    let known = |list: &[&str]| list.contains(&extension.as_str());
    known(&EXTENSIONS) || (!known(&OTHERS) && first_bytes::sounds(path))
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

    #[test]
    fn what_sounds_is_found_under_any_ending_and_without_one() {
        let root = tree(&["notes.txt", "notes", "photo.JPG", "SM4.W4V", "night.wac"]);
        for (name, head) in [
            ("rec", &b"RIFF\x24\0\0\0WAVE"[..]),
            ("rec.bin", b"fLaC"),
            ("clip.csv", b"OggS"),
            ("photo.old", b"\0\0\0\x20ftypheic"),
        ] {
            fs::write(root.path().join(name), head).unwrap();
        }
        let dataset = load(root.path()).unwrap();
        let names: Vec<_> = found(root.path(), &dataset)
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["SM4.W4V", "night.wac", "rec", "rec.bin"]);
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

//! Every file of a tree of folders.

use super::{DatasetError, LayoutFault, LayoutProblem};
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

/// Every file below `root`, sorted by path; hidden files and folders are left out, and links are followed, each folder
/// once. A sub-folder that cannot be read is added to `faults`, and the others are walked through.
///
/// # Errors
/// If `root` itself cannot be read.
pub(super) fn files_below(
    root: &Path,
    faults: &mut Vec<LayoutFault>,
) -> Result<Vec<PathBuf>, DatasetError> {
    let list = |folder: &Path| {
        fs::read_dir(folder)?
            .map(|entry| Ok(entry?.path()))
            .collect()
    };
    walk(root, faults, &list)
}

/// `list` gives what is in a folder.
fn walk(
    root: &Path,
    faults: &mut Vec<LayoutFault>,
    list: &dyn Fn(&Path) -> io::Result<Vec<PathBuf>>,
) -> Result<Vec<PathBuf>, DatasetError> {
    let (mut files, mut visited) = (Vec::new(), BTreeSet::new());
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        // By its true name: a link back up the tree leads to where we have been.
        let entries = fs::canonicalize(&folder).and_then(|name| match visited.insert(name) {
            true => list(&folder),
            false => Ok(Vec::new()),
        });
        match entries {
            Ok(entries) => sort_in(entries, &mut folders, &mut files),
            Err(source) if folder == root => {
                return Err(DatasetError::Read {
                    path: folder,
                    source,
                });
            }
            Err(error) => faults.push(LayoutFault {
                path: folder,
                problem: LayoutProblem::UnreadableFolder {
                    reason: error.to_string(),
                },
            }),
        }
    }
    files.sort();
    Ok(files)
}

fn sort_in(mut entries: Vec<PathBuf>, folders: &mut Vec<PathBuf>, files: &mut Vec<PathBuf>) {
    // Of two links to one folder, the same is followed on every machine.
    entries.sort_by(|a, b| b.cmp(a));
    for path in entries.into_iter().filter(|path| !is_hidden(path)) {
        // Follows links; one that leads nowhere is a file here, and is reported when it is read.
        match fs::metadata(&path).is_ok_and(|metadata| metadata.is_dir()) {
            true => folders.push(path),
            false => files.push(path),
        }
    }
}

fn is_hidden(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::super::layout::tests::tree;
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_read_is_a_fault_and_the_others_are_walked() {
        let root = tree(&["a/x.wav", "b/y.wav", "b/deep/z.wav", ".hidden/h.wav"]);
        let closed = root.path().join("b/deep");
        let list = |folder: &Path| match folder == closed {
            true => Err(io::Error::from(io::ErrorKind::PermissionDenied)),
            false => fs::read_dir(folder)?
                .map(|entry| Ok(entry?.path()))
                .collect(),
        };
        let mut faults = Vec::new();
        let files = walk(root.path(), &mut faults, &list).unwrap();
        assert_eq!(
            files,
            ["a/x.wav", "b/y.wav"].map(|file| root.path().join(file))
        );
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert_eq!(faults[0].path, closed);
        let said = faults[0].problem.to_string();
        assert_eq!(
            said,
            "is a folder that cannot be read, and nothing in it is used: permission denied"
        );

        let all_closed = |_: &Path| Err(io::Error::from(io::ErrorKind::PermissionDenied));
        let refused = walk(root.path(), &mut faults, &all_closed).unwrap_err();
        assert!(refused.to_string().contains("cannot be read"), "{refused}");
    }

    #[cfg(unix)]
    #[test]
    fn links_in_a_circle_end() {
        use std::os::unix::fs::symlink;
        let root = tree(&["a/x.wav"]);
        symlink(root.path(), root.path().join("a/up")).unwrap();
        symlink("nowhere.wav", root.path().join("a/dangling.wav")).unwrap();
        symlink(root.path().join("a/loop"), root.path().join("a/loop")).unwrap();
        let mut faults = Vec::new();
        let files = files_below(root.path(), &mut faults).unwrap();
        let expected = ["a/dangling.wav", "a/loop", "a/x.wav"].map(|file| root.path().join(file));
        assert_eq!(files, expected);
        assert_eq!(faults, []);
    }
}

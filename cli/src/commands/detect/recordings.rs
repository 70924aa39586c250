//! Which recordings are searched: files, and what is in folders.

use super::Arguments;
use crate::clips::usable;
use crate::printer::Printer;
use anyhow::bail;
use chiffchaff::dataset::{DatasetKind, DatasetSource};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Every recording once, in the order given, those of a folder by name; and whether files of a folder had to be left out.
pub(super) fn listed(
    arguments: &Arguments,
    printer: &Printer,
) -> anyhow::Result<(Vec<PathBuf>, bool)> {
    let (mut recordings, mut remarked) = (Vec::new(), false);
    for given in &arguments.recordings {
        if !given.is_dir() {
            recordings.push(given.clone());
            continue;
        }
        let source = DatasetSource {
            kind: DatasetKind::Folder,
            path: given.clone(),
        };
        let (clips, is_short) = usable(&source, printer)?;
        remarked |= is_short;
        // The clips of an earlier search are no recordings.
        let is_clip = |path: &Path| {
            let clips = arguments.clips.as_deref();
            clips.is_some_and(|folder| path.starts_with(folder))
        };
        let found = clips.into_iter().map(|clip| clip.path);
        recordings.extend(found.filter(|path| !is_clip(path)));
    }
    let mut seen = HashSet::new();
    recordings.retain(|path| seen.insert(path.clone()));
    if recordings.is_empty() {
        bail!("there are no recordings in the folders given");
    }
    Ok((recordings, remarked))
}

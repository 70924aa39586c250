//! What was odd about clips whose features are kept: beside the features, in a text file of its own.

use super::identity::Identity;
use super::log::checksum;
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// The remarks of a cache: a line of JSON for each clip that has any. A line that was torn is passed over.
pub(super) struct Remarks {
    path: PathBuf,
    of: HashMap<u64, Vec<String>>,
    unwritten: Vec<Line>,
}

/// The remarks of one clip.
#[derive(Serialize, Deserialize)]
struct Line {
    /// Checksum of the clip's identity.
    of: u64,
    remarks: Vec<String>,
}

impl Remarks {
    /// Reads those that belong to the cache file `cache`.
    pub(super) fn open(cache: &Path) -> io::Result<Self> {
        let path = cache.with_extension("remarks");
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read?,
        };
        let lines = text.split(|&byte| byte == b'\n');
        let lines = lines.filter_map(|line| serde_json::from_slice::<Line>(line).ok());
        Ok(Self {
            of: lines.map(|line| (line.of, line.remarks)).collect(),
            path,
            unwritten: Vec::new(),
        })
    }

    /// Those of a clip.
    pub(super) fn of(&self, identity: &Identity) -> &[String] {
        let found = self.of.get(&checksum(identity.as_bytes()));
        found.map_or(&[], Vec::as_slice)
    }

    /// Replaces those of a clip.
    pub(super) fn set(&mut self, identity: &Identity, remarks: &[String]) {
        if self.of(identity) == remarks {
            return;
        }
        let of = checksum(identity.as_bytes());
        self.of.insert(of, remarks.to_vec());
        self.unwritten.push(Line {
            of,
            remarks: remarks.to_vec(),
        });
    }

    /// Brings what was set to the disk.
    pub(super) fn write(&mut self) -> io::Result<()> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        // Begins a line of its own, as the last one may be torn.
        let mut text = b"\n".to_vec();
        for line in self.unwritten.drain(..) {
            serde_json::to_writer(&mut text, &line)?;
            text.push(b'\n');
        }
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&self.path)?;
        file.write_all(&text)?;
        file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Clip;

    #[test]
    fn remarks_are_kept_and_a_torn_line_costs_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("birds.features");
        let identity = |name: &str| {
            let path = folder.path().join(name);
            fs::write(&path, name).unwrap();
            Identity::of(&Clip::unlabelled(path)).unwrap()
        };
        let (one, other) = (identity("one.wav"), identity("other.wav"));
        let mut remarks = Remarks::open(&cache).unwrap();
        remarks.set(&one, &["is short".to_owned()]);
        remarks.set(&other, &[]);
        remarks.write().unwrap();
        let file = cache.with_extension("remarks");
        let whole = fs::read(&file).unwrap();
        fs::write(&file, [&whole[..], b"{\"of\": 12"].concat()).unwrap();

        let mut remarks = Remarks::open(&cache).unwrap();
        assert_eq!(
            (remarks.of(&one), remarks.of(&other)),
            (&["is short".to_owned()][..], &[][..])
        );
        remarks.set(&other, &["is long".to_owned()]);
        remarks.set(&one, &[]);
        remarks.write().unwrap();
        let remarks = Remarks::open(&cache).unwrap();
        assert_eq!(
            (remarks.of(&one), remarks.of(&other)),
            (&[][..], &["is long".to_owned()][..])
        );
    }
}

//! Every seed, and the bundled sound files, through its target: what the fuzzer found once stays mended.

use chiffchaff_fuzz::{TARGETS, Target};
use std::{
    fs,
    path::{Path, PathBuf},
};

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn read_all(target: Target, folder: &Path) {
    let files = files(folder);
    assert!(!files.is_empty(), "{} has no seed", folder.display());
    for file in files {
        target(&fs::read(&file).unwrap());
    }
}

#[test]
fn every_seed_is_read_or_refused() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, target) in TARGETS {
        read_all(target, &root.join("seeds").join(name));
    }
    let (_, audio) = TARGETS[0];
    read_all(audio, &root.join("../tests/audio"));
}

#[test]
fn every_target_has_its_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut programs: Vec<_> = files(&root.join("fuzz_targets"))
        .iter()
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let mut names = TARGETS.map(|(name, _)| name.to_owned());
    programs.sort();
    names.sort();
    assert_eq!(programs, names);
}

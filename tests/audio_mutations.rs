//! Sound files that are broken in a thousand ways: read as far as they go, or refused by an error that names the file.

use chiffchaff::dataset::{ShotChoice, parse_marks};
use chiffchaff::detect::template::{TemplateConfig, match_templates};
use rand::{RngExt, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};

const FILES: u64 = 1000;

fn whole_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/audio");
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|e| e != "sh"))
        .collect();
    files.sort();
    files
}

/// Bytes changed, cut out, doubled, or cut off; headers above all.
fn broken(bytes: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..rng.random_range(1..=6) {
        let near_start = rng.random_bool(0.6);
        let end = if near_start {
            bytes.len().min(200)
        } else {
            bytes.len()
        };
        if end < 2 {
            break;
        }
        let at = rng.random_range(0..end);
        match rng.random_range(0..5) {
            0 => bytes[at] = rng.random(),
            1 => bytes[at] = *[0, 0x7f, 0x80, 0xff].choose(rng).unwrap(),
            2 => bytes.truncate(at),
            3 => {
                let upto = (at + rng.random_range(1..64)).min(bytes.len());
                bytes.drain(at..upto);
            }
            _ => {
                let upto = (at + rng.random_range(1..64)).min(bytes.len());
                let copy = bytes[at..upto].to_vec();
                bytes.splice(at..at, copy);
            }
        }
    }
    bytes
}

#[test]
fn a_thousand_broken_recordings_are_searched_or_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let whole: Vec<_> = whole_files()
        .iter()
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    assert!(whole.len() > 10);
    let table = b"onset,offset\n0.0,0.05\n0.1,0.14\n";
    let marks = parse_marks("marks.csv".as_ref(), table).unwrap();
    let refused: usize = (0..FILES)
        .into_par_iter()
        .map(|seed| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let (source, bytes) = whole.choose(&mut rng).unwrap();
            let ending = source.extension().unwrap().to_str().unwrap();
            let path = folder.path().join(format!("broken{seed}.{ending}"));
            fs::write(&path, broken(bytes, &mut rng)).unwrap();
            let support = marks
                .support(&path, f64::INFINITY, &ShotChoice::default())
                .unwrap();
            let searched = match_templates(&path, &support, &TemplateConfig::default());
            fs::remove_file(&path).unwrap();
            match searched {
                Ok(_) => 0,
                Err(error) => {
                    let error = error.to_string();
                    assert!(error.contains(&format!("broken{seed}")), "{error}");
                    1
                }
            }
        })
        .sum();
    assert!(
        refused > 100,
        "only {refused} were broken enough to be refused"
    );
}

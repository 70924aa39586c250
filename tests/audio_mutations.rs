//! Sound files that are broken in a thousand ways: read as far as they go, or refused by an error that names the file.

use chiffchaff::audio::{AudioError, AudioReader, ReadProblem};
use chiffchaff::dataset::{ShotChoice, parse_marks};
use chiffchaff::detect::template::TemplateConfig;
use chiffchaff::detect::{Fitter, MarkedRecording};
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
            let marked = MarkedRecording {
                path: path.clone(),
                channel: None,
                time_scale: None,
                support: marks
                    .support(&path, f64::INFINITY, &ShotChoice::default())
                    .unwrap(),
            };
            let fitter = Fitter::new(TemplateConfig::default().into()).unwrap();
            let fitted = fitter.fit(&[marked], |_| {});
            let searched = fitted.and_then(|detector| detector.detect(&path, |_| {}));
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

/// All blocks' lengths, and what ended the file.
fn read(bytes: &[u8]) -> (Vec<usize>, Option<ReadProblem>) {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(&file, bytes).unwrap();
    let mut blocks = Vec::new();
    let mut read = || -> Result<(), AudioError> {
        let mut reader = AudioReader::open(file.path())?;
        while let Some(block) = reader.next_block()? {
            blocks.push(block[0].len());
        }
        Ok(())
    };
    let problem = match read() {
        Err(AudioError::Read { problem, .. }) => Some(problem),
        Err(other) => panic!("{other}"),
        Ok(()) => None,
    };
    (blocks, problem)
}

#[test]
fn a_damaged_packet_is_as_much_silence_as_a_packet_can_hold_whatever_the_container_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/audio/lossless.m4a");
    let mut bytes = fs::read(path).unwrap();
    let place = |bytes: &[u8], name: &[u8]| bytes.windows(4).position(|four| four == name).unwrap();
    let durations = place(&bytes, b"stts") + 12;
    for entry in bytes[durations..][..16].chunks_exact_mut(8) {
        entry[4..].copy_from_slice(&0x7fff_ffff_u32.to_be_bytes());
    }
    let second_packet = place(&bytes, b"mdat") + 4 + 8000;
    bytes[second_packet..][..8000].fill(0xff);
    let (blocks, _) = read(&bytes);
    assert!(!blocks.is_empty());
    assert!(blocks.iter().all(|&len| len <= 1 << 16), "{blocks:?}");
}

#[test]
fn a_chunk_larger_than_any_file_is_a_file_cut_off() {
    let mut bytes = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0".to_vec();
    bytes.extend([0; 24]);
    bytes.extend(b"junk\xf3\xac\xd3\x11\x8c\xd1\0\xc0\x4f\x8e\xdb\x8a");
    bytes.extend([0xff; 8]);
    bytes.extend([0; 1000]);
    let (_, problem) = read(&bytes);
    assert!(
        matches!(problem, Some(ReadProblem::Truncated { .. })),
        "{problem:?}"
    );
}

#[test]
fn length_tags_by_the_thousand_are_stepped_over() {
    // MPEG-2, layer 3, 8 kbit/s at 24 kHz, one channel: frames of 24 bytes.
    let mut tag = vec![0xff, 0xf3, 0x14, 0xc0];
    tag.extend([0; 9]);
    tag.extend(b"Info\0\0\0\0");
    tag.resize(24, 0);
    let mut bytes = tag.repeat(3);
    for _ in 0..100_000 {
        bytes.extend(b"ID3\x04\0\0\0\0\0\0");
        bytes.extend(&tag);
    }
    let (blocks, _) = read(&bytes);
    assert!(blocks.len() <= 3, "{}", blocks.len());
}

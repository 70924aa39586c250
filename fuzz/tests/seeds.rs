//! Every seed, and the bundled sound files, through its target: what the fuzzer found once stays mended.

use chiffchaff_fuzz::{TARGETS, Target, is_ours};
use std::{
    cell::Cell,
    env, fs, panic,
    path::{Path, PathBuf},
    sync::Once,
    time::{Duration, Instant},
};

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.is_file()).collect()
}

fn read_all(target: Target, folder: &Path) {
    let files = files(folder);
    assert!(!files.is_empty(), "{} has no seed", folder.display());
    note_our_panics();
    for file in files {
        target(&fs::read(&file).unwrap());
        assert!(!OURS.take(), "{}", file.display());
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
    read_all(audio, &root.join("sounds"));
}

/// What the fuzzer does for hours with an eye on the code it reaches, here blindly and for a moment: the same on every
/// machine.
#[test]
fn damaged_seeds_are_read_or_refused() {
    for name in CHEAP {
        damage_seeds(name, |rounds| rounds < 5);
    }
}

#[test]
#[ignore = "a minute for each reader"]
fn damaged_seeds_are_read_or_refused_for_long() {
    for name in CHEAP {
        let started = Instant::now();
        damage_seeds(name, |_| started.elapsed() < Duration::from_secs(60));
    }
}

/// Readers that take a moment for a file.
const CHEAP: [&str; 8] = [
    "audio",
    "containers",
    "marks",
    "delimited",
    "datasets",
    "scores",
    "weights",
    "pickle",
];

fn damage_seeds(name: &str, go_on: impl Fn(usize) -> bool) {
    let (_, target) = TARGETS
        .into_iter()
        .find(|(known, _)| *known == name)
        .unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(name);
    let mut paths = files(&folder);
    paths.sort();
    let seeds: Vec<_> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    note_our_panics();
    let mut draw = Draw(0x9e37_79b9_7f4a_7c15);
    let mut rounds = 0;
    while go_on(rounds) {
        for seed in &seeds {
            let file = damaged(seed, &seeds, &mut draw);
            let caught = panic::catch_unwind(|| target(&file)).is_err();
            if OURS.take() || caught {
                let kept = env::temp_dir().join(format!("finding-{name}"));
                fs::write(&kept, &file).unwrap();
                panic!(
                    "{name}: round {rounds}; the file is kept as {}",
                    kept.display()
                );
            }
        }
        rounds += 1;
    }
}

thread_local! {
    /// Whether our own code has panicked in this thread, though the reader made an error of it.
    static OURS: Cell<bool> = const { Cell::new(false) };
}

fn note_our_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if is_ours(panic) {
                OURS.set(true);
                print(panic);
            }
        }));
    });
}

/// A few changes, each of a byte, a stretch, the end, or with a piece of another seed.
fn damaged(seed: &[u8], seeds: &[Vec<u8>], draw: &mut Draw) -> Vec<u8> {
    let mut file = seed.to_vec();
    for _ in 0..=draw.below(3) {
        let at = draw.below(file.len() + 1);
        let end = (at + draw.below(16)).min(file.len());
        let other = &seeds[draw.below(seeds.len())];
        match draw.below(5) {
            0 => file.truncate(at),
            1 => drop(file.drain(at..end)),
            2 => {
                let from = draw.below(other.len() + 1);
                let piece = &other[from..(from + draw.below(64)).min(other.len())];
                drop(file.splice(at..at, piece.iter().copied()));
            }
            3 => {
                let extreme = [0, 1, 0x7f, 0x80, 0xff][draw.below(5)];
                file[at..end].fill(extreme);
            }
            _ => file[at..end]
                .iter_mut()
                .for_each(|byte| *byte ^= draw.below(256) as u8),
        }
    }
    file
}

/// Xorshift (Marsaglia 2003).
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
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

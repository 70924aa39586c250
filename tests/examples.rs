//! The examples, run as their first lines say.

#![cfg(feature = "nn")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// What an example prints, given these files of the repository.
fn run(name: &str, files: &[&str]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Cargo builds the examples beside the folder of the tests.
    let own = std::env::current_exe().unwrap();
    let profile: PathBuf = own.ancestors().nth(2).unwrap().to_owned();
    let example = profile.join("examples").join(name);
    assert!(example.is_file(), "build it first: cargo build --examples");
    let mut command = Command::new(example);
    command.args(files.iter().map(|file| root.join(file)));
    let output = command.env("OMP_NUM_THREADS", "1").output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

const SONG: &str = "data/finch/bengalese_gy6or6_0324.flac";

#[test]
fn a_file_is_embedded_window_by_window() {
    let text = run("embed_file", &["models/calls.safetensors", SONG]);
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("0.0 to 3.0 s: ["), "{text}");
    assert!(lines.len() > 5, "{text}");
}

#[test]
fn calls_are_found() {
    let text = run(
        "find_calls",
        &[SONG, "data/finch/bengalese_gy6or6_0324.csv"],
    );
    assert!((30..=36).contains(&text.lines().count()), "{text}");
}

//! The examples, run as their first lines say.

#![cfg(feature = "nn")]

use chiffchaff::audio::{SampleRate, WavEncoding, Waveform, write_wav};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What an example prints, given these files of the repository.
fn run(name: &str, files: &[&str]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files: Vec<String> = files
        .iter()
        .map(|file| root.join(file).display().to_string())
        .collect();
    run_with(name, &files.iter().map(String::as_str).collect::<Vec<_>>())
}

/// What an example prints, given these arguments.
fn run_with(name: &str, arguments: &[&str]) -> String {
    // Cargo builds the examples beside the folder of the tests.
    let own = std::env::current_exe().unwrap();
    let profile: PathBuf = own.ancestors().nth(2).unwrap().to_owned();
    let example = profile.join("examples").join(name);
    assert!(example.is_file(), "build it first: cargo build --examples");
    let mut command = Command::new(example);
    command.args(arguments);
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
fn an_encoder_is_trained_on_a_folder_and_measured() {
    let desk = tempfile::tempdir().unwrap();
    for clip in 0..20u16 {
        let class = ["low", "high"][usize::from(clip % 2)];
        let pitch = 0.05 * (1.0 + 9.0 * f32::from(clip % 2) + 0.1 * f32::from(clip));
        let samples = (0..11_025u16).map(|n| 0.4 * (f32::from(n) * pitch).sin());
        let sound = Waveform::mono(samples.collect(), SampleRate::new(22_050).unwrap());
        let folder = desk.path().join("clips").join(class);
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{clip}.wav"));
        write_wav(path, &sound, WavEncoding::Int16).unwrap();
    }
    let (clips, out) = (desk.path().join("clips"), desk.path().join("run"));
    let settings = [
        "encoder.width=4",
        "views.frames=32",
        "features.n_mels=32",
        "train.batch_size=8",
        "train.max_steps=2",
    ];
    let folders = [clips.to_str().unwrap(), out.to_str().unwrap()];
    let text = run_with("train_folder", &[&folders[..], &settings].concat());
    for told in ["linear probe", "untrained encoder", "MFCC statistics"] {
        assert!(text.contains(told), "{text}");
    }
    assert!(out.join("encoder.safetensors").is_file());
}

#[test]
fn calls_are_found() {
    let text = run(
        "find_calls",
        &[SONG, "data/finch/bengalese_gy6or6_0324.csv"],
    );
    assert!((30..=36).contains(&text.lines().count()), "{text}");
}

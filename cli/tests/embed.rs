//! `chiffchaff embed` as a user meets it, with the encoder that is bundled.

mod desk;

use chiffchaff::audio::{SampleRate, WavEncoding, Waveform, read_mono_span, write_wav};
use chiffchaff::encoder::{DeviceName, Model};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/calls.safetensors")
}

fn embed(desk: &Path, arguments: &[&str]) -> (i32, String, String) {
    let model = model();
    let model = ["--model", model.to_str().unwrap()];
    desk::run(desk, "embed", &[&model[..], arguments].concat())
}

/// Recordings of 5.3 and 0.7 s, and one that is none.
fn desk() -> tempfile::TempDir {
    let desk = tempfile::tempdir().unwrap();
    fs::create_dir(desk.path().join("night")).unwrap();
    for (name, samples) in [("night/long.wav", 116_865), ("night/short.wav", 15_435)] {
        let sound = (0..samples).map(|n| (n as f32 * (0.1 + n as f32 * 1e-6)).sin() * 0.3);
        let sound = Waveform::mono(sound.collect(), SampleRate::new(22_050).unwrap());
        write_wav(desk.path().join(name), &sound, WavEncoding::Float32).unwrap();
    }
    desk
}

/// Name, onset and offset of each row, and its numbers.
fn rows(table: &Path) -> Vec<(String, f64, f64, Vec<f32>)> {
    let text = fs::read_to_string(table).unwrap();
    let row = |line: &str| {
        let values: Vec<&str> = line.split(',').collect();
        let numbers = values[3..].iter().map(|x| x.parse().unwrap());
        let secs = |n: usize| values[n].parse().unwrap();
        (values[0].to_owned(), secs(1), secs(2), numbers.collect())
    };
    text.lines().skip(1).map(row).collect()
}

#[test]
fn every_window_has_the_embedding_of_its_sound() {
    let desk = desk();
    let (code, stdout, errors) = embed(
        desk.path(),
        &["night", "--window", "2", "--hop", "1", "--out", "all.csv"],
    );
    assert_eq!((code, stdout.as_str()), (0, ""), "{errors}");
    let rows = rows(&desk.path().join("all.csv"));
    let places: Vec<_> = rows
        .iter()
        .map(|row| (row.0.as_str(), row.1, row.2))
        .collect();
    assert_eq!(
        places,
        [
            ("long.wav", 0.0, 2.0),
            ("long.wav", 1.0, 3.0),
            ("long.wav", 2.0, 4.0),
            ("long.wav", 3.0, 5.0),
            ("long.wav", 3.3, 5.3),
            ("short.wav", 0.0, 0.7),
        ]
    );
    let model = Model::load(&model(), DeviceName::Cpu.open().unwrap()).unwrap();
    for (name, onset, offset, numbers) in &rows {
        let path = desk.path().join("night").join(name);
        let rate = model.card.front_end.sample_rate();
        let sound = read_mono_span(path, rate, (*onset, *offset)).unwrap();
        let expected = model.embed(&sound).unwrap();
        assert_eq!(numbers.len(), expected.len());
        let largest = numbers.iter().zip(&expected).map(|(a, b)| (a - b).abs());
        assert!(largest.fold(0.0, f32::max) < 1e-4, "{name} {onset}");
    }
    // The windows differ.
    assert_ne!(rows[0].3, rows[3].3);
}

#[test]
fn the_formats_hold_the_same_and_a_bad_file_is_skipped() {
    let desk = desk();
    fs::write(desk.path().join("night/bad.wav"), b"RIFF\0\0").unwrap();
    fs::write(
        desk.path().join("clips.csv"),
        "path,label,onset,offset,note\nnight/long.wav,a,1,2.5,x\nnight/short.wav,b,,,\n",
    )
    .unwrap();
    for out in ["all.csv", "all.npy", "all.parquet"] {
        let (code, _, errors) = embed(desk.path(), &["night", "--whole", "--out", out]);
        assert_eq!(code, 2 - i32::from(out != "all.npy"), "{errors}");
        if out == "all.npy" {
            assert!(
                errors.contains("all.csv"),
                "its table of rows is there: {errors}"
            );
            continue;
        }
        assert!(errors.contains("bad.wav"), "{errors}");
    }
    let (code, _, errors) = embed(
        desk.path(),
        &["csv:clips.csv", "--whole", "--out", "some.npy"],
    );
    assert_eq!(code, 0, "{errors}");
    assert!(errors.contains("clips.csv: not used: `note`"), "{errors}");
    let table = fs::read_to_string(desk.path().join("some.csv")).unwrap();
    assert_eq!(
        table,
        "recording,onset,offset\nlong.wav,1.000000,2.500000\nshort.wav,0.000000,0.700000\n"
    );
    let dim = rows(&desk.path().join("all.csv"))[0].3.len();
    let bytes = fs::read(desk.path().join("some.npy")).unwrap();
    assert_eq!(bytes.len() % 64, (2 * 4 * dim) % 64);
    assert!(bytes.len() - 2 * 4 * dim <= 128);
}

#[test]
fn a_killed_run_goes_on_and_ends_in_the_same_bytes() {
    let desk = desk();
    for n in 0..6 {
        let path = desk.path().join(format!("night/more{n}.wav"));
        fs::copy(desk.path().join("night/long.wav"), path).unwrap();
    }
    let model = model();
    let into = |out: &'static str| {
        let model = model.to_str().unwrap();
        ["night", "--layer", "output", "--model", model, "--out", out]
    };
    let run = |arguments: &[&str]| desk::run(desk.path(), "embed", arguments);
    let (code, _, errors) = run(&into("whole.csv"));
    assert_eq!(code, 0, "{errors}");
    let mut program = Command::new(assert_cmd::cargo::cargo_bin!("chiffchaff"));
    program
        .current_dir(desk.path())
        .arg("embed")
        .args(into("killed.csv"));
    let mut child = program.stderr(Stdio::null()).spawn().unwrap();
    let journal = desk.path().join(".killed.csv.parts");
    let parts = || {
        let entries = fs::read_dir(&journal).into_iter().flatten().flatten();
        let paths = entries.map(|entry| entry.path());
        paths
            .filter(|path| path.extension() == Some("part".as_ref()))
            .count()
    };
    let patience = Instant::now();
    while parts() == 0 {
        assert!(
            patience.elapsed() < Duration::from_secs(60),
            "nothing in a minute"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let done = parts();
    assert!((1..8).contains(&done), "{done} done");
    let (code, _, errors) = run(&into("killed.csv"));
    assert!(
        code == 2 && errors.contains("`--resume` goes on"),
        "{errors}"
    );
    let (code, _, errors) = run(&[&into("killed.csv")[..], &["--resume"]].concat());
    assert_eq!(code, 0, "{errors}");
    assert!(
        errors.contains(&format!("{done} of 8 recordings were done before")),
        "{errors}"
    );
    let read = |name: &str| fs::read(desk.path().join(name)).unwrap();
    assert_eq!(read("whole.csv"), read("killed.csv"));
    assert!(!journal.exists());
    let (code, _, errors) = run(&[&into("killed.csv")[..], &["--resume"]].concat());
    assert!(code == 0 && errors.contains("is finished"), "{errors}");
}

#[test]
fn what_users_get_wrong_is_said_in_a_sentence() {
    let desk = desk();
    for (arguments, said) in [
        (&["nowhere.wav", "--out", "a.csv"][..], "no file, no folder"),
        (&["night", "--out", "a.txt"], ".npy"),
        (&["night", "--out", "a.csv", "--window", "0"], "0.001"),
        (&["night", "--out", "a.csv", "--layer", "9"], "no stage 9"),
        (&["night", "--out", "night/long.wav"], ".npy"),
        (&["csv:night/a.csv", "--out", "night/a.csv"], "a.csv"),
    ] {
        let (code, stdout, errors) = embed(desk.path(), arguments);
        assert_eq!((code, stdout.as_str()), (2, ""), "{errors}");
        assert!(errors.contains(said), "`{said}` is not in: {errors}");
        assert!(!errors.contains("panicked"), "{errors}");
    }
}

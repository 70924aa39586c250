//! `chiffchaff detect --label all` as a user meets it: whistles and hums in one recording.

mod desk;

use chiffchaff::audio::{SampleRate, WavEncoding, Waveform, write_wav};
use std::fs;
use std::path::Path;

const RATE: u32 = 22_050;
/// Seconds of a call.
const SECS: f64 = 0.15;

/// When the `n`th whistle and the `n`th hum begin, seconds.
fn whistle(n: u32) -> f64 {
    0.4 + 0.9 * f64::from(n)
}

fn hum(n: u32) -> f64 {
    0.85 + 0.9 * f64::from(n) + 0.03 * f64::from(n % 3)
}

/// The first so many of each, marked.
fn table(count: u32) -> String {
    let row = |onset: f64, label: &str| format!("{onset:.3},{:.3},{label}\n", onset + SECS);
    let rows = (0..count).map(|n| row(whistle(n), "whistle") + &row(hum(n), "hum"));
    format!("onset,offset,label\n{}", rows.collect::<String>())
}

/// A recording of twelve of each, and a table of five marks of each.
fn desk() -> tempfile::TempDir {
    let desk = tempfile::tempdir().unwrap();
    let mut noise = 1_u32;
    let hiss = |_| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        0.004 * (f64::from(noise) / f64::from(u32::MAX) - 0.5)
    };
    let mut samples: Vec<f64> = (0..12 * RATE).map(hiss).collect();
    let mut add = |onset: f64, hz: f64, rise: f64| {
        let first = (onset * f64::from(RATE)) as usize;
        let length = (SECS * f64::from(RATE)) as usize;
        for n in 0..length {
            let (share, t) = (n as f64 / length as f64, n as f64 / f64::from(RATE));
            let turns = t * (hz + rise * share / 2.0);
            let loud = 0.2 * (std::f64::consts::PI * share).sin();
            samples[first + n] += loud * (turns * std::f64::consts::TAU).sin();
        }
    };
    (0..12).for_each(|n| add(whistle(n), 6000.0, -2500.0));
    (0..12).for_each(|n| add(hum(n), 500.0, 200.0));
    let samples = samples.into_iter().map(|x| x as f32).collect();
    let sound = Waveform::mono(samples, SampleRate::new(RATE).unwrap());
    write_wav(desk.path().join("dawn.wav"), &sound, WavEncoding::Int16).unwrap();
    fs::write(desk.path().join("dawn.csv"), table(5)).unwrap();
    desk
}

fn run(desk: &Path, arguments: &[&str]) -> (i32, String, String) {
    desk::run(desk, "detect", arguments)
}

const SEARCH: [&str; 3] = ["dawn.wav", "--shots", "dawn.csv"];

#[test]
fn every_kind_is_found_in_one_search_with_its_label() {
    let desk = desk();
    let into = ["--out", "found.csv", "--picture", "found.html"];
    let into = [
        &into[..],
        &["--clips", "clips", "--keep", "both.safetensors"],
    ]
    .concat();
    let all = [&SEARCH[..], &["--label", "all"], &into].concat();
    let (code, _, errors) = run(desk.path(), &all);
    assert_eq!(code, 0, "{errors}");
    assert!(errors.contains("of 10 marks of 1 recording"), "{errors}");
    let read = |name: &str| fs::read_to_string(desk.path().join(name)).unwrap();
    let found = read("found.csv");
    let near = |label: &str, onset: f64| {
        let rows = found
            .lines()
            .filter(|row| row.ends_with(&format!(",{label}")));
        let onsets = rows.map(|row| row.split(',').nth(1).unwrap().parse::<f64>().unwrap());
        onsets.filter(|found| (found - onset).abs() < 0.07).count()
    };
    let whistles = (5..12)
        .filter(|&n| near("whistle", whistle(n)) == 1)
        .count();
    let hums = (5..12).filter(|&n| near("hum", hum(n)) == 1).count();
    assert!(whistles >= 6 && hums >= 6, "{found}");
    assert!(found.lines().count() <= 1 + 14 + 2, "{found}");
    let page = read("found.html");
    assert!(page.contains("<td>whistle</td>") && page.contains("<td>hum</td>"));
    let clips = fs::read_dir(desk.path().join("clips")).unwrap();
    let names: Vec<String> = clips
        .map(|clip| clip.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names.len(), found.lines().count() - 1);
    let is_of_kind = |name: &String| name.ends_with("s_hum.wav") || name.ends_with("s_whistle.wav");
    assert!(names.iter().all(is_of_kind), "{names:?}");

    // Another season, by the file alone.
    fs::copy(desk.path().join("dawn.wav"), desk.path().join("dusk.wav")).unwrap();
    let kept = ["dusk.wav", "--detector", "both.safetensors"];
    let (code, later, errors) = run(desk.path(), &kept);
    assert_eq!(code, 0, "{errors}");
    for label in ["whistle", "hum"] {
        let rows = later
            .lines()
            .filter(|row| row.ends_with(&format!(",{label}")));
        assert!(rows.count() >= 10, "{later}");
    }

    // Each kind is scored by its label.
    fs::write(desk.path().join("dawn.csv"), table(12)).unwrap();
    let score = ["--reference", "dawn.csv", "--predictions", "found.csv"];
    let score = [&score[..], &["--label", "hum", "--format", "json"]].concat();
    let (code, scores, errors) = desk::run(desk.path(), "score", &score);
    assert_eq!(code, 0, "{errors}");
    let scores: serde_json::Value = serde_json::from_str(&scores).unwrap();
    assert!(scores["f_measure"].as_f64().unwrap() > 0.8, "{scores}");
}

#[test]
fn several_kinds_need_a_choice_and_the_method_of_frames() {
    let desk = desk();
    let (code, _, errors) = run(desk.path(), &SEARCH);
    assert_eq!(code, 2, "{errors}");
    assert!(
        errors.contains("`hum (5)`, `whistle (5)`") && errors.contains("`--label all`"),
        "{errors}"
    );
    let template = ["--label", "all", "--method", "template"];
    let (code, _, errors) = run(desk.path(), &[&SEARCH[..], &template].concat());
    assert_eq!(code, 2, "{errors}");
    assert!(
        errors.contains("`--label all`: only the method `frames`"),
        "{errors}"
    );
}

//! Marks that have frequencies, and marks beside what was found by them, as a user meets both.

mod desk;

use chiffchaff::audio::{SampleRate, WavEncoding, Waveform, write_wav};
use std::fs;
use std::path::Path;

/// The finch's song, and its first five syllables with these columns of frequencies.
fn song(columns: &str, limits: &str) -> tempfile::TempDir {
    let desk = tempfile::tempdir().unwrap();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/finch");
    let song = data.join("bengalese_gy6or6_0324.flac");
    fs::copy(&song, desk.path().join("song.flac")).unwrap();
    let marks = fs::read_to_string(song.with_extension("csv")).unwrap();
    let rows = marks.lines().skip(1).take(5).map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        format!("{},{}{limits}\n", cells[1], cells[2])
    });
    let rows: String = rows.collect();
    let table = format!("onset,offset{columns}\n{rows}");
    fs::write(desk.path().join("song.csv"), table).unwrap();
    desk
}

fn detect(desk: &Path, more: &[&str]) -> (i32, String, String) {
    desk::run(desk, "detect", more)
}

const SONG: [&str; 3] = ["song.flac", "--shots", "song.csv"];

#[test]
fn events_have_the_frequencies_of_the_marks_and_a_kept_detector_knows_them() {
    let desk = song(",low_hz,high_hz", ",800,9000.5");
    let kept = [&SONG[..], &["--keep", "finch.safetensors"]].concat();
    let (code, found, stderr) = detect(desk.path(), &kept);
    assert_eq!(code, 0, "{stderr}");
    let mut lines = found.lines();
    let head = lines.next().unwrap();
    assert!(
        head.starts_with("recording,onset,offset,score,label,low_hz,high_hz"),
        "{head}"
    );
    let rows: Vec<&str> = lines.collect();
    assert!(rows.len() > 20, "{found}");
    assert!(
        rows.iter().all(|row| row.contains(",800.0,9000.5")),
        "{found}"
    );
    let later = ["song.flac", "--detector", "finch.safetensors"];
    let (code, later, stderr) = detect(desk.path(), &later);
    assert_eq!(code, 0, "{stderr}");
    assert!(later.contains(",800.0,9000.5"), "{later}");
}

#[test]
fn without_frequencies_in_the_marks_raven_alone_gets_those_in_which_the_shots_stand_out() {
    let desk = song("", "");
    let (code, csv, stderr) = detect(desk.path(), &SONG);
    assert_eq!(code, 0, "{stderr}");
    assert!(
        csv.starts_with("recording,onset,offset,score,label") && !csv.contains("_hz"),
        "{csv}"
    );
    let raven = [&SONG[..], &["--format", "raven"]].concat();
    let (_, raven, _) = detect(desk.path(), &raven);
    let mut lines = raven.lines();
    let head = lines.next().unwrap();
    assert!(head.contains("\tLow Freq (Hz)\tHigh Freq (Hz)\t"), "{head}");
    let cells: Vec<&str> = lines.next().unwrap().split('\t').collect();
    let [low, high] = [5, 6].map(|cell| cells[cell].parse::<f64>().unwrap());
    assert!(low < high && high <= 11_025.0, "{low} to {high}");
}

#[test]
fn frequencies_that_the_recording_cannot_hold_are_told() {
    let desk = song(",low_hz,high_hz", ",40000,80000");
    let (code, found, stderr) = detect(desk.path(), &SONG);
    assert_eq!(code, 1, "{stderr}");
    let told = "song.flac: the marks say 40000 to 80000 Hz, but the recording holds sound up to";
    assert!(stderr.contains(told), "{stderr}");
    assert!(found.lines().count() > 20, "found all the same: {found}");
}

/// Five seconds of faint noise with a call of a tenth of a second at each of four times, the first three of them marked.
fn dawn() -> tempfile::TempDir {
    let desk = tempfile::tempdir().unwrap();
    let mut noise = 1_u32;
    let sample = |n: u32| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let hiss = (noise >> 16) as f32 / 65_536.0 - 0.5;
        let tone = (n as f32 * 3000.0 * std::f32::consts::TAU / 16_000.0).sin();
        let sounds = [5, 15, 25, 35].contains(&(n / 1600));
        0.01 * hiss + if sounds { 0.5 * tone } else { 0.0 }
    };
    let samples = (0..80_000).map(sample).collect();
    let sound = Waveform::mono(samples, SampleRate::new(16_000).unwrap());
    write_wav(desk.path().join("dawn.wav"), &sound, WavEncoding::Int16).unwrap();
    let write = |name: &str, text: &str| fs::write(desk.path().join(name), text).unwrap();
    write("dawn.csv", "onset,offset\n0.5,0.6\n1.5,1.6\n2.5,2.6\n");
    write(
        "truth.csv",
        "Audiofilename,Starttime,Endtime,Q\ndawn.wav,0.5,0.6,POS\ndawn.wav,1.5,1.6,POS\n\
         dawn.wav,2.5,2.6,POS\ndawn.wav,3.5,3.6,POS\n",
    );
    desk
}

const DAWN: [&str; 5] = ["dawn.wav", "--method", "template", "--shots", "dawn.csv"];

#[test]
fn marks_in_a_table_of_events_are_marks_when_it_comes_back_and_no_finds_when_it_is_scored() {
    let desk = dawn();
    let (code, plain, stderr) = detect(desk.path(), &DAWN);
    assert!(code < 2, "{stderr}");
    let events = plain.lines().count() - 1;
    assert!(events > 0 && !plain.contains("mark"), "{plain}");
    let with_marks = [&DAWN[..], &["--with-marks", "--out", "found.csv"]].concat();
    let (code, _, stderr) = detect(desk.path(), &with_marks);
    assert!(code < 2, "{stderr}");
    let found = fs::read_to_string(desk.path().join("found.csv")).unwrap();
    let marks = found.lines().filter(|row| row.ends_with(",mark")).count();
    assert_eq!((marks, found.lines().count()), (3, 1 + 3 + events));
    assert!(
        found.contains("\ndawn.wav,0.500000,0.600000,,,mark\n"),
        "{found}"
    );

    // Alone it is what the marks were, and beside them it adds nothing.
    let alone = [&DAWN[..3], &["--shots", "found.csv"]].concat();
    let beside = [&DAWN[..], &["--shots", "found.csv"]].concat();
    for again in [alone, beside] {
        let (code, again, stderr) = detect(desk.path(), &again);
        assert!(code < 2, "{stderr}");
        assert_eq!(again, plain);
        assert!(!stderr.contains("overlap"), "{stderr}");
    }

    let score = ["--reference", "truth.csv", "--predictions", "found.csv"];
    let score = [&score[..], &["--shots", "0", "--format", "json"]].concat();
    let (code, scores, stderr) = desk::run(desk.path(), "score", &score);
    assert_eq!(code, 0, "{stderr}");
    let scores: serde_json::Value = serde_json::from_str(&scores).unwrap();
    let count = |of: &str| scores["files"]["dawn.wav"][of].as_u64().unwrap();
    let counted = count("true_positives") + count("false_positives");
    assert_eq!(counted, events as u64, "{scores}");
}

#[test]
fn tables_that_cannot_tell_marks_refuse_them() {
    let desk = dawn();
    for format in ["audacity", "dcase"] {
        let arguments = [&DAWN[..], &["--with-marks", "--format", format]].concat();
        let (code, stdout, stderr) = detect(desk.path(), &arguments);
        assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
        assert!(
            stderr.contains("does not tell marks from events"),
            "{stderr}"
        );
    }
}

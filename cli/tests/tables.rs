//! Tables of marks and recordings of one name, as a user meets them.

mod desk;

use std::fs;
use std::path::Path;

/// Two cards with a recording of the same name, each with its own marks beside it: calls of a tenth of a second.
fn cards() -> tempfile::TempDir {
    let desk = tempfile::tempdir().unwrap();
    for (card, calls) in [("A01", [5, 15, 25, 35]), ("A02", [8, 18, 28, 38])] {
        let folder = desk.path().join(card);
        fs::create_dir(&folder).unwrap();
        write_calls(&folder.join("dawn.wav"), &calls);
        let rows = calls[..3].iter().map(|call| {
            format!(
                "{},{}\n",
                f64::from(*call) / 10.0,
                f64::from(*call + 1) / 10.0
            )
        });
        fs::write(
            folder.join("dawn.csv"),
            format!("onset,offset\n{}", rows.collect::<String>()),
        )
        .unwrap();
    }
    desk
}

/// Five seconds of faint noise, with a tone at each of some tenths of a second.
fn write_calls(path: &Path, calls: &[u32]) {
    use chiffchaff::audio::{SampleRate, WavEncoding, Waveform, write_wav};
    let mut noise = 1u32;
    let sample = |n: u32| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let hiss = (noise >> 16) as f32 / 65_536.0 - 0.5;
        let tone = (n as f32 * 3000.0 * std::f32::consts::TAU / 16_000.0).sin();
        let sounds = calls.contains(&(n / 1600));
        0.01 * hiss + if sounds { 0.5 * tone } else { 0.0 }
    };
    let samples = (0..80_000).map(sample).collect();
    let sound = Waveform::from_channels(vec![samples], SampleRate::new(16_000).unwrap()).unwrap();
    write_wav(path, &sound, WavEncoding::Int16).unwrap();
}

const SEARCH: [&str; 6] = [
    "--shots",
    "A01/dawn.csv",
    "--shots",
    "A02/dawn.csv",
    "--method",
    "template",
];
const BOTH: [&str; 2] = ["A01/dawn.wav", "A02/dawn.wav"];

#[test]
fn recordings_of_one_name_are_searched_by_their_own_marks_and_both_results_are_kept() {
    let desk = cards();
    let run = |more: &[&str]| {
        desk::run(
            desk.path(),
            "detect",
            &[&SEARCH[..], &BOTH[..], more].concat(),
        )
    };
    let (code, stdout, stderr) = run(&["--out", "found", "--format", "raven", "--clips", "clips"]);
    assert!(code < 2 && stdout.is_empty(), "{stderr}");
    for (card, at) in [("A01", "3.5"), ("A02", "3.8")] {
        let table = desk
            .path()
            .join(format!("found/{card}/dawn.selections.txt"));
        let table = fs::read_to_string(table).unwrap();
        assert!(table.contains(&format!("{card}/dawn.wav")), "{table}");
        assert!(
            table.contains(&format!("\t{at}"))
                || table.contains("\t3.4")
                || table.contains("\t3.7"),
            "{table}"
        );
        assert!(desk.path().join("clips").join(card).is_dir());
    }
    let (_, csv, _) = run(&[]);
    assert!(
        csv.contains("\nA01/dawn.wav,3.") && csv.contains("\nA02/dawn.wav,3."),
        "{csv}"
    );
    // What was found is brought together with the truth in the same way.
    let arguments = [
        "--reference",
        "A01",
        "--predictions",
        "found/A01",
        "--shots",
        "3",
    ];
    let (code, stdout, stderr) = desk::run(desk.path(), "score", &arguments);
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stdout.contains("dawn") && stderr.contains("not used: `Channel`"),
        "{stdout}{stderr}"
    );
}

#[test]
fn marks_that_may_be_of_two_recordings_are_refused_and_idle_tables_named() {
    let desk = cards();
    fs::write(
        desk.path().join("t.csv"),
        "file,onset,offset\ndawn.wav,0.5,0.6\n",
    )
    .unwrap();
    let arguments = ["--shots", "t.csv", "--method", "template", BOTH[0], BOTH[1]];
    let (code, _, stderr) = desk::run(desk.path(), "detect", &arguments);
    assert_eq!(code, 2, "{stderr}");
    assert!(
        stderr.contains("t.csv: `dawn.wav` may be A01/dawn.wav or A02/dawn.wav"),
        "{stderr}"
    );
    let (_, _, stderr) = desk::run(desk.path(), "detect", &[&SEARCH[..], &BOTH[1..]].concat());
    assert!(stderr.contains("A01/dawn.csv: not used"), "{stderr}");
}

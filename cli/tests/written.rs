//! What is written and what is not: inputs, results that are there, killed and interrupted runs.

mod clips;
mod desk;

use chiffchaff::audio::{SampleRate, WavEncoding, Waveform, write_wav};
use desk::run;
use std::f32::consts::TAU;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Three recordings of a beep every half second, each with the first five marked.
fn desk() -> tempfile::TempDir {
    let desk = tempfile::tempdir().unwrap();
    let rate = SampleRate::new(16_000).unwrap();
    for (n, name) in ["a", "b", "c"].into_iter().enumerate() {
        let sample = |i: usize| {
            let (secs, noise) = (
                i as f32 / 16_000.0,
                (i * 2_654_435_761 % 1000) as f32 / 1000.0,
            );
            let is_beep = secs % 0.5 > 0.2 && secs % 0.5 < 0.3;
            let pitch = 2000.0 + 300.0 * n as f32;
            f32::from(u8::from(is_beep)) * 0.5 * (TAU * pitch * secs).sin() + 0.02 * noise
        };
        let sound = Waveform::mono((0..16_000 * 10).map(sample).collect(), rate);
        write_wav(
            desk.path().join(format!("{name}.wav")),
            &sound,
            WavEncoding::Int16,
        )
        .unwrap();
        let marks = (0..5).map(|mark| {
            format!(
                "{:.1},{:.1}\n",
                0.2 + 0.5 * f64::from(mark),
                0.3 + 0.5 * f64::from(mark)
            )
        });
        let marks = format!("onset,offset\n{}", marks.collect::<String>());
        fs::write(desk.path().join(format!("{name}.csv")), marks).unwrap();
    }
    desk
}

const ALL: [&str; 11] = [
    "a.wav", "b.wav", "c.wav", "--shots", "a.csv", "--shots", "b.csv", "--shots", "c.csv",
    "--method", "template",
];

/// A training run of seconds on `clips.csv`; the number of steps follows.
const TINY: [&str; 17] = [
    "--preset",
    "small",
    "--data",
    "csv:clips.csv",
    "--cache",
    "cache",
    "--set",
    "encoder.width=4",
    "--set",
    "views.frames=32",
    "--set",
    "train.batch_size=8",
    "--set",
    "train.threads=1",
    "--set",
    "features.n_mels=32",
    "--set",
];

fn detect(desk: &Path, more: &[&str]) -> (i32, String, String) {
    run(desk, "detect", &[&ALL[..], more].concat())
}

/// Every file below `folder` but hidden ones, with its bytes.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => files.push((path.clone(), fs::read(&path).unwrap())),
            }
        }
    }
    files.sort();
    files
}

#[test]
fn an_input_is_never_written_over() {
    let desk = desk();
    let desk = desk.path();
    let marks = "0.1\t0.2\tx\n0.4\t0.5\tx\n";
    fs::write(desk.join("own.txt"), marks).unwrap();
    fs::hard_link(desk.join("own.txt"), desk.join("same.txt")).unwrap();
    fs::create_dir(desk.join("folder")).unwrap();
    fs::write(desk.join("folder/a.txt"), marks).unwrap();
    let before = files(desk);
    let one = [
        "a.wav", "--method", "template", "--format", "audacity", "--force",
    ];
    for (marks, out) in [
        ("own.txt", "own.txt"),
        ("own.txt", "./same.txt"),
        ("folder/a.txt", "folder"),
    ] {
        let (code, _, stderr) = run(
            desk,
            "detect",
            &[&one[..], &["--shots", marks, "--out", out]].concat(),
        );
        assert!(
            code == 2 && stderr.contains("is read by this very command"),
            "{stderr}"
        );
    }
    let (code, _, stderr) = run(desk, "features", &["a.wav", "-o", "a.wav", "--force"]);
    assert!(code == 2 && stderr.contains(".npy"), "{stderr}");
    assert_eq!(files(desk), before);
}

#[test]
fn results_that_are_there_are_refused_or_replaced_by_force() {
    let desk = desk();
    let desk = desk.path();
    let out = [
        "--out",
        "found/all.csv",
        "--clips",
        "clips",
        "--picture",
        "page.html",
    ];
    let (code, _, stderr) = detect(desk, &out);
    assert_eq!(code, 0, "{stderr}");
    let first = files(desk);
    for part in [&out[..2], &out[2..4], &out[4..]] {
        let (code, _, stderr) = detect(desk, part);
        assert!(
            code == 2 && stderr.contains("`--force` replaces it"),
            "{stderr}"
        );
    }
    assert_eq!(files(desk), first);

    // What was found before and is not now is gone, what is not ours stays.
    fs::write(desk.join("clips/a_9999_9.000s.wav"), "an old clip").unwrap();
    fs::write(desk.join("clips/notes.txt"), "mine").unwrap();
    let (code, _, stderr) = detect(desk, &[&out[..], &["--force"]].concat());
    assert_eq!(code, 0, "{stderr}");
    fs::remove_file(desk.join("clips/notes.txt")).unwrap();
    assert_eq!(files(desk), first);
}

#[test]
fn where_results_go_is_tried_before_the_search() {
    let desk = desk();
    let desk = desk.path();
    fs::write(desk.join("file"), "x").unwrap();
    for (more, said) in [
        (["--out", "file/found.csv"], "cannot be written"),
        (["--out", "found.onnx"], "must end in .csv"),
        (["--picture", "found.png"], "must end in .html"),
        (["--clips", "file"], "is no folder"),
    ] {
        let (code, stdout, stderr) = detect(desk, &more);
        assert!(
            code == 2 && stdout.is_empty() && stderr.contains(said),
            "{stderr}"
        );
        assert!(!stderr.contains("events in"), "searched first: {stderr}");
    }
    let (code, _, stderr) = detect(desk, &["--format", "raven", "--out", "found.txt"]);
    assert!(code == 2 && stderr.contains("--out found/"), "{stderr}");
}

/// Starts the program, without waiting for it.
fn start(desk: &Path, command: &str, arguments: &[&str]) -> Child {
    let mut program = Command::new(assert_cmd::cargo::cargo_bin!("chiffchaff"));
    program.current_dir(desk).arg(command).args(arguments);
    program
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Waits for what a program is about to do.
fn wait_until(is_time: impl Fn() -> bool) {
    let patience = Instant::now();
    while !is_time() {
        assert!(
            patience.elapsed() < Duration::from_secs(60),
            "nothing in a minute"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn parts(journal: &Path) -> usize {
    let entries = fs::read_dir(journal).into_iter().flatten().flatten();
    let endings = entries.map(|entry| entry.path().extension().map(ToOwned::to_owned));
    endings
        .filter(|ending| ending.as_deref() == Some("part".as_ref()))
        .count()
}

#[test]
fn a_killed_search_goes_on_and_ends_in_the_same_bytes() {
    let desk = desk();
    let desk = desk.path();
    let into = |name: &'static str| {
        let out = [
            format!("{name}/found.csv"),
            format!("{name}/clips"),
            format!("{name}/page.html"),
        ];
        [&["--out", &out[0], "--clips", &out[1], "--picture", &out[2]][..]]
            .concat()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let whole = into("whole");
    let whole: Vec<_> = whole.iter().map(String::as_str).collect();
    assert_eq!(detect(desk, &whole).0, 0);
    let killed = into("killed");
    let killed: Vec<_> = killed.iter().map(String::as_str).collect();
    let mut child = start(desk, "detect", &[&ALL[..], &killed].concat());
    let journal = desk.join("killed/.found.csv.parts");
    wait_until(|| parts(&journal) >= 1);
    child.kill().unwrap();
    child.wait().unwrap();
    let done = parts(&journal);
    if done > 0 && !desk.join("killed/found.csv").exists() {
        let (code, _, stderr) = detect(desk, &killed);
        assert!(
            code == 2 && stderr.contains("`--resume` goes on"),
            "{stderr}"
        );
    }
    // What was searched need not be there any more.
    let gone = fs::read(desk.join("a.wav")).unwrap();
    fs::remove_file(desk.join("a.wav")).unwrap();
    let (code, _, stderr) = detect(desk, &[&killed[..], &["--resume"]].concat());
    fs::write(desk.join("a.wav"), gone).unwrap();
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stderr.contains(&format!("{done} of 3 recordings were done before")) || done == 3,
        "{stderr}"
    );
    let named = |name: &str| {
        let files = files(&desk.join(name)).into_iter();
        files
            .map(|(path, bytes)| {
                (
                    path.strip_prefix(desk.join(name)).unwrap().to_owned(),
                    bytes,
                )
            })
            .collect::<Vec<_>>()
    };
    assert!(named("whole") == named("killed"), "{stderr}");
    // Nothing is left to do.
    let (code, _, stderr) = detect(desk, &[&killed[..], &["--resume"]].concat());
    assert!(code == 0 && stderr.contains("is finished"), "{stderr}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_says_what_is_kept_and_how_to_go_on() {
    let desk = desk();
    let desk = desk.path();
    let mut program = Command::new(assert_cmd::cargo::cargo_bin!("chiffchaff"));
    program
        .current_dir(desk)
        .arg("detect")
        .args(ALL)
        .args(["--out", "found/"]);
    let child = program
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until(|| parts(&desk.join("found/.parts")) >= 1);
    let pressed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(pressed.success());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    if !stderr.contains("events: 3 tables") {
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(
            stderr.contains("of 3 recordings are done and kept"),
            "{stderr}"
        );
        assert!(stderr.contains("`--resume`"), "{stderr}");
    }
}

#[test]
fn a_run_killed_at_its_start_starts_again_and_two_do_not_share_a_directory() {
    let desk = tempfile::tempdir().unwrap();
    let desk = desk.path();
    clips::write_clips(desk, |_| None);
    let pretrain = |more: &[&str]| run(desk, "pretrain", &[&TINY[..], more].concat());
    assert_eq!(pretrain(&["train.max_steps=3", "--out", "whole"]).0, 0);
    for more in [
        &["train.max_steps=3"][..],
        &["train.max_steps=3", "--resume"],
    ] {
        let _ = fs::remove_dir_all(desk.join("run"));
        fs::create_dir(desk.join("run")).unwrap();
        fs::write(desk.join("run/experiment.toml"), "").unwrap();
        fs::write(desk.join("run/.encoder.safetensors.1-0.tmp"), "x").unwrap();
        let (code, _, stderr) = pretrain(&[more, &["--out", "run"]].concat());
        assert_eq!(code, 0, "{stderr}");
        assert_eq!(
            stderr.contains("starts from the beginning"),
            more.len() > 1,
            "{stderr}"
        );
        let model = |run: &str| fs::read(desk.join(run).join("encoder.safetensors")).unwrap();
        assert!(model("run") == model("whole"));
        assert!(!desk.join("run/.encoder.safetensors.1-0.tmp").exists());
    }

    let long = [&TINY[..], &["train.max_steps=100000", "--out", "busy"]].concat();
    let mut busy = start(desk, "pretrain", &long);
    wait_until(|| desk.join("busy/checkpoint.safetensors").exists());
    let (code, _, stderr) = pretrain(&["train.max_steps=100000", "--out", "busy", "--resume"]);
    let number = busy.id();
    busy.kill().unwrap();
    busy.wait().unwrap();
    assert_eq!(code, 2, "{stderr}");
    assert!(
        stderr.contains(&format!("another run is writing here: process {number}")),
        "{stderr}"
    );
}

/// The system refuses to let a file grow beyond a limit, as a full disk does: the checkpoint needs more.
#[cfg(unix)]
#[test]
fn a_run_whose_first_checkpoint_finds_no_room_starts_again() {
    let desk = tempfile::tempdir().unwrap();
    let desk = desk.path();
    clips::write_clips(desk, |_| None);
    let arguments = |out| {
        [
            &["pretrain"],
            &TINY[..],
            &["train.max_steps=3", "--out", out],
        ]
        .concat()
    };
    let (code, _, stderr) = run(desk, "pretrain", &arguments("whole")[1..]);
    assert_eq!(code, 0, "{stderr}");

    let limited = Command::new("sh")
        .current_dir(desk)
        .args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$@\"", "sh"])
        .arg(assert_cmd::cargo::cargo_bin!("chiffchaff"))
        .args(arguments("run"))
        .output()
        .unwrap();
    let stderr = String::from_utf8(limited.stderr).unwrap();
    assert_eq!(limited.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("checkpoint.safetensors"), "{stderr}");
    assert!(stderr.contains("too large"), "{stderr}");

    let (code, _, stderr) = run(desk, "pretrain", &arguments("run")[1..]);
    assert_eq!(code, 0, "{stderr}");
    let model = |run: &str| fs::read(desk.join(run).join("encoder.safetensors")).unwrap();
    assert!(model("run") == model("whole"));
}

#[test]
fn no_table_has_a_cell_that_a_spreadsheet_would_compute() {
    let desk = desk();
    let desk = desk.path();
    let name = "=HYPERLINK(0).wav";
    fs::rename(desk.join("a.wav"), desk.join(name)).unwrap();
    for table in ["found.csv", "raven.txt"] {
        let format = if table == "raven.txt" { "raven" } else { "csv" };
        let more = ["--method", "template", "--format", format, "--out", table];
        let arguments = [&[name, "--shots", "a.csv", "--force"], &more[..]].concat();
        let (code, _, stderr) = run(desk, "detect", &arguments);
        assert_eq!(code, 0, "{table}: {stderr}");
        let text = fs::read_to_string(desk.join(table)).unwrap();
        assert!(text.contains("HYPERLINK"), "{table}: {text}");
        let mut cells = text.lines().flat_map(|line| line.split([',', '\t']));
        assert!(
            !cells.any(|cell| cell.starts_with(['=', '"']) && cell.contains('=')),
            "{text}"
        );
    }
}

#[cfg(unix)]
#[test]
fn what_a_terminal_would_obey_in_names_is_shown() {
    let desk = tempfile::tempdir().unwrap();
    let desk = desk.path();
    fs::create_dir(desk.join("clips")).unwrap();
    let name = "clips/a\u{1b}[2J\u{1b}]0;x\u{7}\nwarning: b.wav";
    fs::write(desk.join(name), "no sound").unwrap();
    clips::write_tones(&desk.join("clips/good.wav"), 0, &[440.0]);
    for (command, arguments) in [
        ("doctor", vec!["--data", "folder:clips"]),
        ("features", vec![name, "-o", "x.npy"]),
        ("detect", vec![name, "--shots", "none.csv"]),
    ] {
        let (_, stdout, stderr) = run(desk, command, &arguments);
        for text in [stdout, stderr] {
            let obeyed = |c: char| c.is_control() && c != '\n' && c != '\t';
            assert!(!text.contains(obeyed), "{text:?}");
            assert!(
                !text.lines().any(|line| line.starts_with("warning: b")),
                "{text}"
            );
        }
    }
}

#[test]
fn every_folder_that_results_go_into_is_swept() {
    let desk = desk();
    let desk = desk.path();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/calls.safetensors");
    let model = model.to_str().unwrap();
    for (command, arguments, folders) in [
        (
            "detect",
            [
                &ALL[..],
                &[
                    "--out",
                    "found/",
                    "--clips",
                    "clips",
                    "--picture",
                    "pages/page.html",
                ],
            ]
            .concat(),
            &["found", "clips", "pages"][..],
        ),
        (
            "features",
            vec!["a.wav", "-o", "numbers/a.npy"],
            &["numbers"],
        ),
        (
            "export",
            vec!["--model", model, "--out", "small/calls.safetensors"],
            &["small"],
        ),
        (
            "synthesize",
            vec!["--out", "animals", "--recordings", "1", "--secs", "1"],
            &["animals"],
        ),
    ] {
        let left = |folder: &&str| desk.join(folder).join(".result.1-0.tmp");
        for folder in folders {
            fs::create_dir(desk.join(folder)).unwrap();
            fs::write(left(folder), "of a killed run").unwrap();
        }
        let (code, _, stderr) = run(desk, command, &arguments);
        assert_eq!(code, 0, "{command}: {stderr}");
        for folder in folders {
            assert!(!left(folder).exists(), "{command}: {folder}");
        }
    }
}

#[test]
fn unknown_endings_and_results_that_are_there_are_refused_everywhere() {
    let desk = tempfile::tempdir().unwrap();
    let desk = desk.path();
    clips::write_tones(&desk.join("tone.wav"), 0, &[440.0]);
    fs::write(desk.join("there.npy"), "x").unwrap();
    fs::write(desk.join("there.safetensors"), "x").unwrap();
    fs::write(desk.join("there.html"), "x").unwrap();
    for (command, arguments, said) in [
        (
            "export",
            vec!["--model", "run", "--out", "x.onnx"],
            ".safetensors",
        ),
        (
            "export",
            vec!["--model", "run", "--out", "there.safetensors"],
            "--force",
        ),
        (
            "report",
            vec!["run", "--out", "x.pdf"],
            ".html, .md, .csv or .json",
        ),
        ("report", vec!["run", "--out", "there.html"], "--force"),
        ("features", vec!["tone.wav", "-o", "x.csv"], ".npy"),
        ("features", vec!["tone.wav", "-o", "there.npy"], "--force"),
        (
            "features",
            vec!["tone.wav", "--picture", "there.html"],
            "--force",
        ),
    ] {
        let (code, _, stderr) = run(desk, command, &arguments);
        assert!(code == 2 && stderr.contains(said), "{command}: {stderr}");
    }
    let made = ["--out", "animals", "--recordings", "2", "--secs", "1"];
    assert_eq!(run(desk, "synthesize", &made).0, 0);
    let first = files(&desk.join("animals"));
    let (code, _, stderr) = run(desk, "synthesize", &made);
    assert!(code == 2 && stderr.contains("--force"), "{stderr}");
    let (code, _, stderr) = run(desk, "synthesize", &[&made[..], &["--force"]].concat());
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(files(&desk.join("animals")), first);
}

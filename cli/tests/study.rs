//! Several encoders trained, measured and compared by one command.

mod clips;
mod desk;

use desk::run;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const STUDY: &str = r#"
name = "batches"
summary = "Two batch sizes"
notes = ["a note of the study"]
preset = "small"
each_fold_unheard = true
protocols = ["finetune", "knn"]
set = [
    "encoder.width=4", "views.frames=32", "train.threads=1", "features.n_mels=32", "train.max_steps=2",
]

[[runs]]
name = "eight"
set = ["train.batch_size=8"]

[[runs]]
name = "four"
set = ["train.batch_size=4"]
"#;

#[test]
fn a_study_trains_measures_and_compares_and_goes_on_where_it_was() {
    let desk = tempfile::tempdir().unwrap();
    let desk = desk.path();
    clips::write_clips(desk, |_| None);
    fs::write(desk.join("batches.toml"), STUDY).unwrap();
    let arguments = [
        "batches.toml",
        "--data",
        "csv:clips.csv",
        "--out",
        "runs",
        "--cache",
        "cache",
        "--epochs",
        "2",
    ];
    let study = |more: &[&str]| run(desk, "study", &[&arguments[..], more].concat());

    let (code, stdout, stderr) = study(&[]);
    assert_eq!(code, 0, "{stderr}");
    for row in [
        "eight",
        "four",
        "untrained encoder",
        "MFCC statistics",
        "from scratch",
    ] {
        assert!(stdout.contains(row), "{stdout}");
    }
    for fold in 1..=3 {
        let run = desk.join(format!("runs/eight/without-{fold}"));
        assert!(run.join("encoder.safetensors").exists());
    }
    let page = fs::read_to_string(desk.join("runs/report.html")).unwrap();
    assert!(page.contains("While fine-tuning") && page.contains("a note of the study"));
    let text = fs::read_to_string(desk.join("runs/comparison.md")).unwrap();
    assert!(
        text.starts_with("Two batch sizes") && text.contains("| four |"),
        "{text}"
    );

    // One run is lost; the others are not trained again, and the result is the same.
    let before = fs::read(desk.join("runs/four/without-1/encoder.safetensors")).unwrap();
    fs::remove_dir_all(desk.join("runs/eight")).unwrap();
    let (code, again, stderr) = study(&[]);
    assert_eq!((code, again), (0, stdout), "{stderr}");
    assert_eq!(stderr.matches("training `small`").count(), 3, "{stderr}");
    let after = fs::read(desk.join("runs/four/without-1/encoder.safetensors")).unwrap();
    assert!(before == after);

    // One encoder of a run is lost: the run is measured again.
    fs::remove_dir_all(desk.join("runs/eight/without-2")).unwrap();
    let (code, _, stderr) = study(&[]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(stderr.matches("measuring").count(), 1, "{stderr}");

    let (code, json, _) = study(&["--format", "json", "--quiet"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let curve = &json["four"]["protocols"]["finetune"]["accuracy_by_epoch"];
    assert_eq!((code, curve.as_array().unwrap().len()), (0, 3));
    assert_eq!(curve[0].as_array().unwrap().len(), 2);

    let (code, _, stderr) = study(&["--set", "train.seed=5"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("made with other settings"), "{stderr}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_study_killed_while_it_measures_ends_as_undisturbed() {
    let desk = tempfile::tempdir().unwrap();
    let desk = desk.path();
    clips::write_clips(desk, |_| None);
    let once = STUDY.replace("each_fold_unheard = true", "");
    fs::write(desk.join("batches.toml"), once).unwrap();
    let arguments = [
        "study",
        "batches.toml",
        "--data",
        "csv:clips.csv",
        "--out",
        "runs",
        "--cache",
        "cache",
        "--epochs",
        "1",
    ];
    // On one thread, whatever else is running: its digits are compared.
    let program = || {
        let mut program = Command::new("taskset");
        let chiffchaff = assert_cmd::cargo::cargo_bin!("chiffchaff");
        program.args(["-c", "0"]).arg(chiffchaff);
        program.current_dir(desk).args(arguments);
        program.stdout(Stdio::null()).stderr(Stdio::null());
        program
    };
    let results = || {
        let below = |name: &str| desk.join("runs").join(name);
        let mut results = vec![fs::read(below("comparison.md")).unwrap()];
        for run in ["eight", "four"] {
            for name in ["evaluation.json", "encoder.safetensors"] {
                results.push(fs::read(below(run).join(name)).unwrap());
            }
            assert!(below(run).join("report.html").exists());
            assert!(below(run).join("gallery.json").exists());
        }
        results
    };
    assert!(program().status().unwrap().success());
    let whole = results();
    for seen in [
        "eight/evaluation.json",
        ".measuring",
        "four/evaluation.json",
    ] {
        fs::remove_dir_all(desk.join("runs")).unwrap();
        let mut child = program().spawn().unwrap();
        let patience = Instant::now();
        while !desk.join("runs").join(seen).exists() {
            assert!(patience.elapsed() < Duration::from_secs(120), "no {seen}");
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(program().status().unwrap().success());
        assert!(results() == whole, "killed once {seen} was there");
    }
}

#[test]
fn studies_are_listed_and_wrong_ones_are_named() {
    let desk = tempfile::tempdir().unwrap();
    let desk = desk.path();
    let (code, stdout, _) = run(desk, "study", &[]);
    assert_eq!(code, 0);
    assert!(
        stdout.contains("emami-ablation") && stdout.contains("moco"),
        "{stdout}"
    );

    let refused = |arguments: &[&str], parts: &[&str]| {
        let (code, _, stderr) = run(desk, "study", arguments);
        assert_eq!(code, 2, "{stderr}");
        for part in parts {
            assert!(stderr.contains(part), "{part}: {stderr}");
        }
    };
    let at = ["--data", "folder:.", "--out", "runs"];
    refused(&["methods"], &["--data KIND:PATH", "--out DIR"]);
    refused(
        &[&["mehtods"][..], &at].concat(),
        &["no study `mehtods`", "`methods`"],
    );
    refused(&[&["none.toml"][..], &at].concat(), &["none.toml"]);
    fs::write(
        desk.join("bad.toml"),
        STUDY.replace("each_fold", "each_fnord"),
    )
    .unwrap();
    refused(
        &[&["bad.toml"][..], &at].concat(),
        &["bad.toml", "each_fnord_unheard"],
    );
}

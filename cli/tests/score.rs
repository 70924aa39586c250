//! `chiffchaff score` as a user meets it.

mod desk;

use std::fs;
use std::path::Path;

/// Nine calls a second apart, the first five of which are given away.
fn truth(recording: &str) -> String {
    let rows = (0..9).map(|at| format!("{recording},{at}.0,{at}.5,POS\n"));
    format!(
        "Audiofilename,Starttime,Endtime,Q\n{}",
        rows.collect::<String>()
    )
}

fn desk() -> tempfile::TempDir {
    let desk = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = desk.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("truth/one/a.csv", &truth("a.wav"));
    write("truth/two/b.csv", &truth("b.wav"));
    write(
        "found.csv",
        "Audiofilename,Starttime,Endtime\na.wav,5,5.5\na.wav,6,6.5\na.wav,7,7.5\na.wav,20,21\n\
         b.wav,5,5.5\nb.wav,6,6.5\nb.wav,7,7.5\nb.wav,8,8.5\n",
    );
    desk
}

fn run(desk: &Path, arguments: &[&str]) -> (i32, String, String) {
    desk::run(desk, "score", arguments)
}

const BOTH: [&str; 4] = ["--reference", "truth", "--predictions", "found.csv"];

#[test]
fn json_has_the_measures_of_all_of_subsets_and_of_files() {
    let desk = desk();
    let (code, stdout, stderr) = run(desk.path(), &[&BOTH[..], &["--format", "json"]].concat());
    assert_eq!((code, stderr.as_str()), (0, ""));
    let scores: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(scores["subsets"]["one"]["precision"], 0.75);
    assert_eq!(scores["subsets"]["two"]["f_measure"], 1.0);
    assert_eq!(scores["files"]["a.wav"]["false_negatives"], 1);
    let overall = scores["f_measure"].as_f64().unwrap();
    assert!(
        (overall - 2.0 / (1.0 / 0.75 + 1.0)).abs() < 1e-12,
        "{overall}"
    );
    assert_eq!(scores["interval"]["f_measure"][0], overall);
}

#[test]
fn the_table_is_in_percent() {
    let desk = desk();
    let (code, stdout, _) = run(desk.path(), &BOTH);
    assert_eq!(code, 0);
    for line in [
        "one               3         1         1      75.0      75.0      75.0",
        "b.wav             4         0         0     100.0     100.0     100.0",
        "F 85.7, 95 % interval over recordings 85.7 to 85.7",
    ] {
        assert!(stdout.contains(line), "no `{line}` in:\n{stdout}");
    }
}

#[test]
fn the_number_of_shots_and_of_subsets_can_be_chosen() {
    let desk = desk();
    fs::write(
        desk.path().join("subsets.csv"),
        "file,subset\na,all\nb,all\n",
    )
    .unwrap();
    let more = [
        "--shots",
        "7",
        "--subsets",
        "subsets.csv",
        "--format",
        "json",
    ];
    let (code, stdout, _) = run(desk.path(), &[&BOTH[..], &more].concat());
    assert_eq!(code, 0);
    let scores: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(scores["subsets"]["all"]["true_positives"], 3);
    assert_eq!(scores["subsets"]["all"]["files"], 2);
}

#[test]
fn a_recording_without_predictions_can_be_forgiven_its_shots() {
    let desk = desk();
    fs::write(
        desk.path().join("found.csv"),
        "Audiofilename,Starttime,Endtime\n",
    )
    .unwrap();
    let missed = |more: &[&str]| {
        let (_, stdout, _) = run(
            desk.path(),
            &[&BOTH[..], &["--format", "json"], more].concat(),
        );
        let scores: serde_json::Value = serde_json::from_str(&stdout).unwrap();
        scores["files"]["a.wav"]["false_negatives"]
            .as_u64()
            .unwrap()
    };
    assert_eq!((missed(&[]), missed(&["--forgive-shots"])), (9, 4));
}

#[test]
fn wrong_input_is_named_and_other_tables_are_passed_over() {
    let desk = desk();
    fs::write(
        desk.path().join("truth/about.csv"),
        "file,rate\na.wav,44100\n",
    )
    .unwrap();
    let (code, _, stderr) = run(desk.path(), &BOTH);
    assert_eq!(code, 0);
    assert!(
        stderr.contains("about.csv: holds no marks, passed over"),
        "{stderr}"
    );
    fs::write(desk.path().join("found.csv"), "onset,offset\n1,x\n").unwrap();
    let (code, stdout, stderr) = run(desk.path(), &BOTH);
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert!(
        stderr.contains("line 2: `offset` is `x`, but must be a number of seconds"),
        "{stderr}"
    );
}

/// Eight events, six of which were checked.
const CHECKED: &str = "recording,onset,offset,score,label,verdict\n\
    a.wav,1,2,0.86,song,wrong\na.wav,3,4,0.87,song,wrong\na.wav,5,6,0.88,song,right\na.wav,7,8,0.88,song,\n\
    a.wav,9,10,0.96,song,right\na.wav,11,12,0.97,song,right\na.wav,13,14,0.97,song,\na.wav,15,16,0.98,song,right\n";

#[test]
fn events_that_were_checked_give_a_precision_at_each_threshold() {
    let desk = desk();
    let write = |name: &str, text: &str| fs::write(desk.path().join(name), text).unwrap();
    write("checked.csv", CHECKED);
    let more = CHECKED.replace("a.wav", "b.wav").replace("wrong", "");
    write("more.csv", &more);
    let (code, stdout, stderr) = run(desk.path(), &["--checked", "checked.csv"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    for line in [
        "threshold    events   checked     right precision    95 % interval",
        "     0.85         8         6         4      66.7     30.0 to 90.3",
        "     0.95         4         3         3     100.0    43.9 to 100.0",
        "6 of 8 events were checked",
    ] {
        assert!(stdout.contains(line), "no `{line}` in:\n{stdout}");
    }
    assert!(!stdout.contains('–'), "{stdout}");
    let both = ["--checked", "checked.csv", "more.csv", "--format", "json"];
    let (code, stdout, stderr) = run(desk.path(), &both);
    assert_eq!(code, 0, "{stderr}");
    let rows: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    let counts = ["events", "checked", "right"].map(|key| rows[0][key].as_u64().unwrap());
    assert_eq!(counts, [16, 10, 8]);
    assert!(rows[0]["estimate"]["precision"].as_f64().unwrap() > 0.66);
}

#[test]
fn tables_that_say_nothing_of_right_and_wrong_are_refused() {
    let desk = desk();
    let refusal = |text: &str| {
        fs::write(desk.path().join("checked.csv"), text).unwrap();
        let (code, stdout, stderr) = run(desk.path(), &["--checked", "checked.csv"]);
        assert_eq!((code, stdout.as_str()), (2, ""));
        stderr
    };
    let unchecked = CHECKED.replace("right", "").replace("wrong", "?");
    let unchecked = refusal(&unchecked);
    assert!(
        unchecked.contains("none of the 8 events is checked"),
        "{unchecked}"
    );
    let without_score = refusal(&CHECKED.replace("score", "loudness"));
    assert!(
        without_score.contains("it needs a column `score`"),
        "{without_score}"
    );
    let no_number = refusal(&CHECKED.replace("0.98", "high"));
    assert!(
        no_number.contains("line 9: its score is no number"),
        "{no_number}"
    );
    let (code, _, stderr) = run(desk.path(), &["--checked", "checked.csv", "--shots", "3"]);
    assert!(code == 2 && stderr.contains("--shots"), "{stderr}");
    let (code, _, stderr) = run(desk.path(), &["--reference", "truth"]);
    assert!(code == 2 && stderr.contains("--predictions"), "{stderr}");
}

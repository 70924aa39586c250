//! Encoders measured in every way, and compared.

mod clips;
mod desk;

use desk::run;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Trains a tiny encoder on `clips.csv` into `out`.
fn pretrain(desk: &Path, out: &str, more: &[&str]) {
    let mut arguments = vec![
        "--preset",
        "small",
        "--data",
        "csv:clips.csv",
        "--out",
        out,
        "--cache",
        "cache",
    ];
    let tiny = [
        "encoder.width=4",
        "views.frames=32",
        "train.batch_size=8",
        "train.threads=1",
        "features.n_mels=32",
        "train.max_steps=2",
    ];
    for setting in tiny {
        arguments.extend(["--set", setting]);
    }
    arguments.extend(more);
    let (code, _, stderr) = run(desk, "pretrain", &arguments);
    assert!(code < 2, "{stderr}");
}

fn evaluate(desk: &Path, model: &str, more: &[&str]) -> (i32, String, String) {
    let arguments = [
        "--model",
        model,
        "--data",
        "csv:clips.csv",
        "--cache",
        "cache",
    ];
    run(desk, "evaluate", &[&arguments[..], more].concat())
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn every_protocol_measures_and_is_shown() {
    let desk = tempfile::tempdir().unwrap();
    let desk = desk.path();
    clips::write_clips(desk, |_| None);
    pretrain(desk, "run", &[]);
    let more = [
        "--protocol",
        "linear,knn,majority,svm,forest,classic,frozen,finetune,scratch",
        "--epochs",
        "2",
        "--seeds",
        "2",
        "--few-labels",
        "1,3",
        "--draws",
        "2",
        "--neighbours",
        "1,3",
        "--protocol-compat",
        "--imagenet",
        "run/encoder.safetensors",
        "--format",
        "json",
    ];
    let (code, stdout, stderr) = evaluate(desk, "run", &more);
    assert_eq!(code, 0, "{stderr}");
    let found = json(&stdout);
    let names =
        |scores: &Value| -> Vec<String> { scores.as_object().unwrap().keys().cloned().collect() };
    let expected = [
        "finetune", "forest", "frozen", "knn", "linear", "majority", "scratch", "svm",
    ];
    assert_eq!(names(&found["protocols"]), expected);
    assert_eq!(
        names(&found["baselines"]["classic"]),
        ["forest", "knn", "linear", "majority", "svm"]
    );
    // The weights that were given are those of the model itself.
    let given = &found["baselines"]["imagenet"]["linear"];
    assert_eq!(given, &found["protocols"]["linear"]);
    let tuned = &found["protocols"]["finetune"];
    assert_eq!(tuned["accuracy_by_seed"].as_array().unwrap().len(), 2);
    assert_eq!(tuned["predictions"].as_array().unwrap().len(), 2);
    assert_eq!(tuned["optimistic_best_epoch"].as_array().unwrap().len(), 3);
    assert!(
        found["protocols"]["linear"]
            .get("optimistic_best_epoch")
            .is_none()
    );
    let knn = found["protocols"]["knn"]["chosen"].as_array().unwrap();
    assert!(
        knn.iter().all(|k| [1, 3].contains(&k.as_i64().unwrap())),
        "{knn:?}"
    );
    assert_eq!(found["few_labels"][1]["per_class"], 3);
    let few = &found["few_labels"][0]["baselines"]["untrained"]["knn"]["per_fold"];
    assert_eq!(few.as_array().unwrap().len(), 3);
    assert_eq!(found["clips"][5]["name"], "5.wav");

    let measured = json(&fs::read_to_string(desk.join("run/measured.json")).unwrap());
    let command = measured["command"].as_str().unwrap();
    assert!(
        command.starts_with("chiffchaff evaluate --model run") && command.contains("--seeds 2")
    );
    let encoder = measured["encoder"].as_str().unwrap();
    assert!(encoder.contains("type = \"resnet18\""), "{encoder}");
    assert!(measured["elapsed_secs"].as_f64() > Some(0.0));
    assert_eq!(measured["audit"]["clips"], "24 clips, 24 readable");
    assert_eq!(measured["audit"]["findings"], json("[]"));

    let gallery = json(&fs::read_to_string(desk.join("run/gallery.json")).unwrap());
    assert_eq!(gallery["exhibits"].as_array().unwrap().len(), 24);
    assert_eq!(gallery["maps"].as_array().unwrap().len(), 3);
    let page = fs::read_to_string(desk.join("run/report.html")).unwrap();
    for part in [
        "chiffchaff pretrain --preset small",
        "chiffchaff evaluate --model run",
        "1: 8, 2: 8, 3: 8",
        "Map of the clips",
        "With few labels",
        "optimistic",
        "random forest",
        "by seed",
    ] {
        assert!(page.contains(part), "{part}");
    }
    let (code, _, stderr) = run(desk, "report", &["run", "--out", "numbers.json"]);
    assert_eq!(code, 0, "{stderr}");
    let numbers = json(&fs::read_to_string(desk.join("numbers.json")).unwrap());
    assert_eq!(numbers[0]["protocols"], found["protocols"]);
}

#[test]
fn another_protocol_is_added_and_other_settings_are_refused() {
    let desk = tempfile::tempdir().unwrap();
    let desk = desk.path();
    clips::write_clips(desk, |_| None);
    pretrain(desk, "run", &[]);
    let measure = |protocol: &str, more: &[&str]| {
        let arguments = ["--out", "numbers", "--protocol", protocol];
        evaluate(desk, "run", &[&arguments[..], more].concat())
    };
    let file = desk.join("numbers/evaluation.json");
    let written = || fs::read_to_string(&file).unwrap();
    fs::create_dir(desk.join("numbers")).unwrap();
    let left = desk.join("numbers/.evaluation.json.1-0.tmp");
    fs::write(&left, "of a killed run").unwrap();
    let (code, _, stderr) = measure("knn", &[]);
    assert_eq!(code, 0, "{stderr}");
    assert!(!left.exists());
    let first = json(&written());
    let (code, _, stderr) = measure("linear", &[]);
    assert_eq!(code, 0, "{stderr}");
    let both = json(&written());
    assert!(both["protocols"]["linear"].is_object(), "{both}");
    assert_eq!(both["protocols"]["knn"], first["protocols"]["knn"]);
    for baseline in ["untrained", "classic"] {
        assert!(both["baselines"][baseline]["linear"].is_object());
        let knn = |numbers: &Value| numbers["baselines"][baseline]["knn"].clone();
        assert_eq!(knn(&both), knn(&first));
    }

    let before = written();
    let (code, _, stderr) = measure("knn", &["--folds", "1"]);
    assert_eq!(code, 2, "{stderr}");
    for part in [
        "numbers/evaluation.json: has `k-NN` measured with other settings or on other folds",
        "`--force` replaces it; or choose another `--out`",
    ] {
        assert!(stderr.contains(part), "{stderr}");
    }
    relabel(desk, |clip| ["a", "b"][clip % 2].to_owned());
    let (code, _, stderr) = measure("knn", &[]);
    assert!(
        code == 2 && stderr.contains("is of other clips"),
        "{stderr}"
    );
    assert_eq!(written(), before);
}

#[test]
fn runs_are_compared_and_what_cannot_be_is_named() {
    let desk = tempfile::tempdir().unwrap();
    let desk = desk.path();
    clips::write_clips(desk, |_| None);
    pretrain(desk, "a", &[]);
    pretrain(desk, "b", &["--set", "train.seed=5"]);
    let (code, _, stderr) = run(desk, "compare", &["a", "b"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("a: not measured yet"), "{stderr}");
    for model in ["a", "b"] {
        let (code, _, stderr) = evaluate(desk, model, &["--protocol", "knn"]);
        assert_eq!(code, 0, "{stderr}");
    }
    let (code, stdout, _) = run(desk, "compare", &["a", "b"]);
    assert_eq!(code, 0);
    assert!(
        stdout.contains("against `a`") && stdout.contains("95 % interval"),
        "{stdout}"
    );
    let (_, stdout, _) = run(desk, "compare", &["a", "a", "--format", "json"]);
    let pair = &json(&stdout)[0];
    assert_eq!(
        (&pair["difference"], &pair["p_value"]),
        (&0.0.into(), &1.0.into())
    );
    assert_eq!(
        (&pair["clips"], &pair["protocol"]),
        (&24.into(), &"knn".into())
    );
    fs::remove_file(desk.join("b/evaluation.json")).unwrap();
    let (code, _, stderr) = evaluate(desk, "b", &["--protocol", "linear"]);
    assert_eq!(code, 0, "{stderr}");
    let (code, _, stderr) = run(desk, "compare", &["a", "b"]);
    assert_eq!(code, 2);
    assert!(
        stderr.contains("no clip and protocol in common"),
        "{stderr}"
    );
}

#[test]
fn what_leaks_from_test_to_training_is_warned_about() {
    let desk = tempfile::tempdir().unwrap();
    let desk = desk.path();
    // The first three clips are of one recording, and of folds 1, 1 and 2.
    clips::write_clips(desk, |clip| (clip < 3).then_some("the long tape"));
    let global = ["--set", "normalization=\"global\""];
    pretrain(desk, "leaking", &global);
    let warnings = |model: &str| {
        let (_, stdout, stderr) = evaluate(desk, model, &["--protocol", "knn", "--format", "json"]);
        assert!(!stdout.is_empty(), "{stderr}");
        json(&stdout)["warnings"].to_string()
    };
    let said = warnings("leaking");
    assert!(said.contains("`the long tape` in folds 1, 2"), "{said}");
    assert!(said.contains("scaled by a mean"), "{said}");

    clips::write_clips(desk, |clip| [None, Some("tape")][usize::from(clip < 2)]);
    pretrain(
        desk,
        "clean",
        &[&global[..], &["--without-fold", "1"]].concat(),
    );
    assert_eq!(warnings("clean"), "[]");

    // The same sound under another name, of another fold.
    fs::copy(desk.join("4.wav"), desk.join("20.wav")).unwrap();
    let said = warnings("clean");
    assert!(
        said.contains("1 sound lies in more than one fold")
            && said.contains("20.wav and 4.wav; folds 2, 3"),
        "{said}"
    );
    let page = fs::read_to_string(desk.join("clean/report.html")).unwrap();
    assert!(page.contains("has the same samples as 4.wav"), "{page}");
}

/// FSD50K's layout: 48 clips with a low tone, a high one, both or none; the last 16 are its test.
fn several_classes(desk: &Path) {
    let mut tables = [
        "fname,labels,mids,split\n".to_owned(),
        "fname,labels,mids\n".to_owned(),
    ];
    let root = desk.join("sounds");
    for folder in [
        "FSD50K.dev_audio",
        "FSD50K.eval_audio",
        "FSD50K.ground_truth",
    ] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    for clip in 0..48 {
        let is_test = clip >= 32;
        let tones = [(300.0, clip % 2), (3000.0, clip / 2 % 2)];
        let part = ["dev", "eval"][usize::from(is_test)];
        let path = root.join(format!("FSD50K.{part}_audio/{clip}.wav"));
        clips::write_tones(&path, clip, &tones.map(|(pitch, on)| pitch * on as f32));
        let labels: Vec<&str> = [("low", tones[0].1), ("high", tones[1].1)]
            .into_iter()
            .filter_map(|(label, on)| (on == 1).then_some(label))
            .chain(["Sound"])
            .collect();
        let split = match (is_test, clip % 4) {
            (true, _) => "",
            (false, 3) => ",val",
            (false, _) => ",train",
        };
        let labels = labels.join(",");
        tables[usize::from(is_test)] += &format!("{clip},\"{labels}\",\"x\"{split}\n");
    }
    let truth = root.join("FSD50K.ground_truth");
    fs::write(
        truth.join("vocabulary.csv"),
        "0,Sound,x\n1,high,y\n2,low,z\n",
    )
    .unwrap();
    for (name, table) in ["dev", "eval"].iter().zip(&tables) {
        fs::write(truth.join(format!("{name}.csv")), table).unwrap();
    }
}

#[test]
fn clips_of_several_classes_are_measured_by_mean_average_precision() {
    let desk = tempfile::tempdir().unwrap();
    let desk = desk.path();
    clips::write_clips(desk, |_| None);
    pretrain(desk, "run", &[]);
    several_classes(desk);
    let evaluate = |more: &[&str]| {
        let arguments = [
            "--model",
            "run",
            "--data",
            "fsd50k:sounds",
            "--cache",
            "cache",
        ];
        run(desk, "evaluate", &[&arguments[..], more].concat())
    };
    let (code, stdout, stderr) = evaluate(&["--format", "json"]);
    assert_eq!(code, 0, "{stderr}");
    let found = json(&stdout);
    let linear = &found["protocols"]["linear"];
    assert_eq!(
        linear["folds"],
        serde_json::json!([3]),
        "the test part alone"
    );
    assert!(
        linear["mean_average_precision"]["mean"].as_f64().unwrap() > 0.9,
        "{linear}"
    );
    assert_eq!(
        linear["per_class"][0]["roc_auc"],
        Value::Null,
        "heard everywhere"
    );
    assert_eq!(linear["per_class"][1]["support"], 8);
    for baseline in ["untrained", "classic"] {
        assert!(found["baselines"][baseline]["knn"]["d_prime"]["mean"].is_f64());
    }
    let (_, text, _) = evaluate(&["--protocol", "majority"]);
    assert!(text.contains("majority k-NN, MFCC statistics"), "{text}");
    let page = fs::read_to_string(desk.join("run/report.html")).unwrap();
    assert!(page.contains("Several classes a clip: FSD50K"));
    let (code, _, stderr) = run(desk, "report", &["run", "--out", "numbers.md"]);
    assert_eq!(code, 0, "{stderr}");
    let numbers = fs::read_to_string(desk.join("numbers.md")).unwrap();
    assert!(numbers.contains("| high | 8 |"), "{numbers}");
    let (code, stdout, stderr) = evaluate(&["--protocol", "knn,forest"]);
    assert_eq!(code, 1, "{stderr}");
    assert!(stdout.contains("k-NN"), "{stdout}");
    assert_eq!(stderr.matches("random forest gave no score").count(), 1);
    let (code, _, stderr) = evaluate(&["--protocol", "finetune"]);
    assert_eq!(code, 2);
    assert!(
        stderr.contains("only `linear`, `knn` and `majority`"),
        "{stderr}"
    );
}

#[test]
fn clips_of_several_classes_are_warned_about_and_refuse_what_needs_one() {
    let desk = tempfile::tempdir().unwrap();
    let desk = desk.path();
    several_classes(desk);
    let data = ["--data", "fsd50k:sounds", "--cache", "cache"];
    let mut arguments = data.to_vec();
    arguments.extend(["--preset", "small", "--out", "run"]);
    for setting in [
        "normalization=\"global\"",
        "encoder.width=4",
        "views.frames=32",
        "train.batch_size=8",
        "train.threads=1",
        "features.n_mels=32",
        "train.max_steps=2",
    ] {
        arguments.extend(["--set", setting]);
    }
    let (code, _, stderr) = run(desk, "pretrain", &arguments);
    assert_eq!(code, 0, "{stderr}");

    // The encoder was trained on what it is measured on.
    let measure = ["--model", "run", "--protocol", "knn", "--format", "json"];
    let evaluate = |more: &[&str]| run(desk, "evaluate", &[&data[..], &measure, more].concat());
    let (code, stdout, stderr) = evaluate(&[]);
    assert_eq!(code, 0, "{stderr}");
    let warnings = json(&stdout)["warnings"].to_string();
    assert!(warnings.contains("scaled by a mean"), "{warnings}");
    let (_, again, _) = evaluate(&[]);
    assert_eq!(again, stdout);

    for (option, told) in [
        (
            &["--protocol-compat"][..],
            "scores by `--protocol-compat` need clips",
        ),
        (
            &["--few-labels", "1"],
            "`--few-labels` and `--imagenet` need clips",
        ),
    ] {
        let (code, _, stderr) = evaluate(option);
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains(told), "{stderr}");
    }
}

/// `clips.csv` with other labels, given the number of a clip.
fn relabel(desk: &Path, label: impl Fn(usize) -> String) {
    let rows = (0..24).map(|clip| format!("{clip}.wav,{},{}\n", label(clip), clip % 3 + 1));
    let table = format!("path,label,fold\n{}", rows.collect::<String>());
    fs::write(desk.join("clips.csv"), table).unwrap();
}

#[test]
fn a_task_that_tells_nothing_is_remarked_upon_and_protocols_fail_alone() {
    let desk = tempfile::tempdir().unwrap();
    let desk = desk.path();
    clips::write_clips(desk, |_| None);
    pretrain(desk, "run", &[]);
    relabel(desk, |_| "wren".to_owned());
    let (code, stdout, stderr) = evaluate(desk, "run", &["--protocol", "linear,forest,knn"]);
    assert_eq!(code, 1, "{stderr}");
    for told in ["all 24 clips are of `wren`", "random forest gave no score"] {
        assert!(stderr.contains(told), "{stderr}");
        assert_eq!(stderr.matches(told).count(), 1, "{stderr}");
    }
    assert!(stdout.contains("all 24 clips are of `wren`"), "{stdout}");
    assert!(stdout.contains("k-NN"), "{stdout}");

    relabel(desk, |clip| format!("kind {clip}"));
    let (code, stdout, stderr) = evaluate(desk, "run", &["--format", "json", "--force"]);
    assert_eq!(code, 1, "{stderr}");
    let warnings = json(&stdout)["warnings"].to_string();
    assert!(
        warnings.contains("24 of 24 scored clips are of classes"),
        "{warnings}"
    );

    relabel(desk, |clip| match clip {
        0..4 => String::new(),
        _ => ["low", "high"][clip % 2].to_owned(),
    });
    let (code, stdout, stderr) = evaluate(desk, "run", &["--format", "json", "--force"]);
    assert_eq!(code, 1, "{stderr}");
    assert_eq!(json(&stdout)["clips"].as_array().unwrap().len(), 20);
    assert!(
        stderr.contains("4 clips have no label and are not measured"),
        "{stderr}"
    );
}

#[test]
fn clips_that_are_copies_of_one_are_told_before_the_first_step() {
    let desk = tempfile::tempdir().unwrap();
    let desk = desk.path();
    clips::write_clips(desk, |_| None);
    for clip in 1..24 {
        fs::copy(desk.join("0.wav"), desk.join(format!("{clip}.wav"))).unwrap();
    }
    let arguments = [
        "--preset",
        "small",
        "--data",
        "csv:clips.csv",
        "--out",
        "run",
        "--cache",
        "cache",
        "--set",
        "encoder.width=4",
        "--set",
        "views.frames=32",
        "--set",
        "features.n_mels=32",
        "--set",
        "train.batch_size=8",
        "--set",
        "train.threads=1",
        "--set",
        "train.max_steps=2",
    ];
    let (code, _, stderr) = run(desk, "pretrain", &arguments);
    assert_eq!(code, 1, "{stderr}");
    assert!(
        stderr.contains("24 of 24 clips that were looked at sound the same"),
        "{stderr}"
    );
}

/// DESED's tables as they are published, each with eight clips, below `DESED/dataset`; without the public test part.
fn desed(desk: &Path) {
    let root = desk.join("DESED/dataset");
    let strong = "filename\tonset\toffset\tevent_label\n";
    for (table, audio, header) in [
        ("train/weak.tsv", "train/weak", "filename\tevent_labels\n"),
        (
            "train/unlabel_in_domain.tsv",
            "train/unlabel_in_domain",
            "filename\n",
        ),
        (
            "train/synthetic21_train/soundscapes.tsv",
            "train/synthetic21_train/soundscapes",
            strong,
        ),
        ("validation/validation.tsv", "validation/validation", strong),
    ] {
        let part = table.replace('/', "-");
        let mut rows = header.to_owned();
        fs::create_dir_all(root.join("audio").join(audio)).unwrap();
        for clip in 0..8 {
            let name = format!("{part}{clip}.wav");
            let tones = [(300.0, clip % 2), (3000.0, clip / 2 % 2)];
            let path = root.join("audio").join(audio).join(&name);
            clips::write_tones(&path, clip, &tones.map(|(pitch, on)| pitch * on as f32));
            let heard: Vec<&str> = [("Speech", tones[0].1), ("Dog", tones[1].1)]
                .into_iter()
                .filter_map(|(label, on)| (on == 1).then_some(label))
                .collect();
            rows += &match (header, heard.as_slice()) {
                ("filename\n", _) => format!("{name}\n"),
                (header, heard) if header != strong => format!("{name}\t{}\n", heard.join(",")),
                (_, []) => format!("{name}\t\t\t\n"),
                (_, heard) => heard
                    .iter()
                    .map(|label| format!("{name}\t0.1\t0.9\t{label}\n"))
                    .collect(),
            };
        }
        let path = root.join("metadata").join(table);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, rows).unwrap();
    }
    let durations = root.join("metadata/validation/validation_durations.tsv");
    fs::write(durations, "filename\tduration\nx.wav\t10.0\n").unwrap();
}

#[test]
fn desed_is_learned_from_and_measured_as_it_is_published() {
    let desk = tempfile::tempdir().unwrap();
    let desk = desk.path();
    desed(desk);
    let data = ["--data", "desed:DESED", "--cache", "cache"];
    let tiny = [
        "--preset",
        "small",
        "--out",
        "run",
        "--set",
        "encoder.width=4",
        "--set",
        "views.frames=32",
        "--set",
        "features.n_mels=32",
        "--set",
        "train.batch_size=8",
        "--set",
        "train.threads=1",
        "--set",
        "train.max_steps=2",
    ];
    let (code, _, stderr) = run(desk, "pretrain", &[&data[..], &tiny].concat());
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("on 32 clips"), "{stderr}");

    let measure = ["--model", "run", "--format", "json"];
    let (code, stdout, stderr) = run(desk, "evaluate", &[&data[..], &measure].concat());
    assert_eq!(code, 0, "{stderr}");
    let found = json(&stdout);
    assert_eq!(
        found["protocols"]["linear"]["folds"],
        serde_json::json!([2])
    );
    let notes = found["notes"].to_string();
    assert!(
        notes.contains("8 clips have no label and are not measured"),
        "{notes}"
    );
    assert!(
        notes.contains(
            "learned on its train (fold 1) clips, scored on its validation clips (fold 2)"
        ),
        "{notes}"
    );
    let speech = &found["protocols"]["linear"]["per_class"][8];
    assert_eq!(speech["class"], "Speech");
    assert_eq!(speech["support"], 4);
}

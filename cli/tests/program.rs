//! The program as a user meets it: exit codes, messages, files, `kill -9`.

use assert_cmd::Command;
use chiffchaff::audio::{SampleRate, WavEncoding, Waveform, write_wav};
use chiffchaff::encoder::{DeviceName, Model};
use chiffchaff::experiment::PRESETS;
use std::f32::consts::TAU;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// Sets keys so that a run takes seconds.
const TINY: [&str; 6] = [
    "encoder.width=4",
    "views.frames=32",
    "train.batch_size=8",
    "train.threads=1",
    "features.n_mels=32",
    "train.max_steps=6",
];

/// A folder of recordings, a cache, and room for runs.
struct Desk(tempfile::TempDir);

impl Desk {
    /// `good` clips of 1.5 s in two sub-folders.
    fn with_clips(good: usize) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        for clip in 0..good {
            let class = ["low", "high"][clip % 2];
            let pitch = [200.0, 2000.0][clip % 2] + 20.0 * clip as f32;
            desk.write(&format!("clips/{class}/{clip:03}.wav"), &wav(pitch));
        }
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::cargo_bin("chiffchaff").unwrap();
        command
            .current_dir(self.0.path())
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("NO_COLOR", "1")
            .args(arguments);
        command
    }

    /// `more` comes last, so that its settings win.
    fn pretrain(&self, out: &str, more: &[&str]) -> Command {
        let mut command =
            self.command(&["pretrain", "--preset", "small", "--data", "folder:clips"]);
        for setting in TINY {
            command.args(["--set", setting]);
        }
        command.args(["--out", out]).args(more);
        command
    }
}

/// What a command gave.
struct Given {
    code: i32,
    stdout: String,
    stderr: String,
}

fn run(command: &mut Command) -> Given {
    let output = command.output().unwrap();
    Given {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A tone with a beat, 1.5 s at 22.05 kHz, 16 bits.
fn wav(pitch: f32) -> Vec<u8> {
    let samples = (0..33_075).flat_map(|i| {
        let t = i as f32 / 22_050.0;
        let sample = 0.4 * (TAU * pitch * t).sin() * (0.6 + 0.4 * (TAU * 5.0 * t).sin());
        ((sample * 32_767.0) as i16).to_le_bytes()
    });
    let samples: Vec<u8> = samples.collect();
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + samples.len() as u32).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    bytes.extend(22_050u32.to_le_bytes());
    bytes.extend(44_100u32.to_le_bytes());
    bytes.extend(b"\x02\0\x10\0data");
    bytes.extend((samples.len() as u32).to_le_bytes());
    bytes.extend(samples);
    bytes
}

/// Eight ways for a file to be broken, by name.
fn broken() -> [(&'static str, Vec<u8>); 8] {
    let good = wav(440.0);
    let changed = |at: usize, value: &[u8]| {
        let mut bytes = good.clone();
        bytes[at..at + value.len()].copy_from_slice(value);
        bytes
    };
    [
        ("empty.wav", Vec::new()),
        ("header-cut-short.wav", good[..20].to_vec()),
        ("data-cut-short.wav", good[..good.len() / 2].to_vec()),
        ("text.wav", b"these are not samples\n".repeat(50)),
        ("zero-channels.wav", changed(22, &0u16.to_le_bytes())),
        ("zero-rate.wav", changed(24, &0u32.to_le_bytes())),
        (
            "not-vorbis.ogg",
            [b"OggS".as_slice(), &[0xff; 4000]].concat(),
        ),
        ("not-flac.flac", vec![0xff; 4000]),
    ]
}

#[test]
fn broken_files_are_listed_and_do_not_end_a_run() {
    let desk = Desk::with_clips(16);
    for (name, bytes) in broken() {
        desk.write(&format!("clips/low/{name}"), &bytes);
    }
    let given = run(&mut desk.pretrain("run", &[]));
    assert_eq!(given.code, 1, "{}", given.stderr);
    // What is there of the file that was cut off is used, and remarked upon.
    assert!(given.stderr.contains("on 17 clips"), "{}", given.stderr);
    assert!(
        given.stderr.contains("7 of 24 clips skipped"),
        "{}",
        given.stderr
    );
    for (name, _) in broken() {
        let line = given.stderr.lines().find(|line| line.contains(name));
        let line = line.unwrap_or_else(|| panic!("{name} is not in: {}", given.stderr));
        assert!(
            line.len() > line.find(name).unwrap() + name.len() + 8,
            "no reason: {line}"
        );
    }
    assert!(desk.path("run/encoder.safetensors").exists());

    let given = run(&mut desk.command(&["doctor", "--data", "folder:clips", "--format", "json"]));
    assert_eq!(given.code, 1);
    let found: serde_json::Value = serde_json::from_str(&given.stdout).unwrap();
    assert_eq!(
        (&found["clips"], &found["readable"]),
        (&24.into(), &17.into())
    );
}

/// A float file far above full scale: its log energies are ordinary numbers, its samples too large for half precision.
#[test]
fn sound_of_any_magnitude_is_augmented() {
    let desk = Desk::with_clips(16);
    let rate = SampleRate::new(22_050).unwrap();
    let samples = (0..33_075).map(|i| 1e6 * (i as f32 * 0.1).sin());
    let sound = Waveform::mono(samples.collect(), rate);
    write_wav(
        desk.path("clips/low/loud.wav"),
        &sound,
        WavEncoding::Float32,
    )
    .unwrap();
    let noise = r#"augment.waveform=[{ type = "noise" }]"#;
    let given = run(&mut desk.pretrain("run", &["--set", noise]));
    assert_eq!(given.code, 0, "{}", given.stderr);
    assert!(given.stderr.contains("on 17 clips"), "{}", given.stderr);
}

#[test]
fn from_a_folder_to_numbers_and_a_report() {
    let desk = Desk::with_clips(20);
    let given = run(&mut desk.pretrain("run", &[]));
    assert_eq!(
        (given.code, given.stdout.as_str()),
        (0, ""),
        "{}",
        given.stderr
    );

    let evaluate = ["evaluate", "--model", "run", "--data", "folder:clips"];
    let given = run(desk.command(&evaluate).args(["--format", "json"]));
    assert_eq!(given.code, 0, "{}", given.stderr);
    let scores: serde_json::Value = serde_json::from_str(&given.stdout).unwrap();
    for protocol in ["linear", "knn"] {
        let accuracy = &scores["protocols"][protocol]["accuracy"];
        assert_eq!(accuracy["per_fold"].as_array().unwrap().len(), 5);
        assert!(accuracy["mean"].as_f64().unwrap() > 0.7, "{accuracy}");
        for baseline in ["untrained", "classic"] {
            assert!(scores["baselines"][baseline][protocol]["accuracy"]["mean"].is_f64());
        }
    }
    assert!(given.stdout.contains("no official folds"));
    let page = fs::read_to_string(desk.path("run/report.html")).unwrap();
    assert!(page.contains("chiffchaff pretrain") && page.contains("<svg"));

    let given = run(&mut desk.command(&evaluate));
    assert!(
        given.stdout.lines().all(|line| line.chars().count() <= 80),
        "{}",
        given.stdout
    );
    let given = run(&mut desk.command(&["report", "run", "--out", "table.md"]));
    assert_eq!(given.code, 0, "{}", given.stderr);
    assert!(
        fs::read_to_string(desk.path("table.md"))
            .unwrap()
            .contains('|')
    );
}

#[test]
fn an_official_split_is_scored_on_its_test_part_only() {
    let desk = Desk::with_clips(0);
    let mut tables = [
        "fname,label,aso_id,manually_verified,noisy_small\n".to_owned(),
        "fname,label,aso_id\n".to_owned(),
    ];
    for clip in 0..32 {
        let (test, high) = (clip % 4 == 3, clip % 8 < 4);
        let pitch = if high { 2000.0 } else { 200.0 } + 20.0 * clip as f32;
        let part = ["train", "test"][usize::from(test)];
        let path = format!("noisy/FSDnoisy18k.audio_{part}/{clip}.wav");
        desk.write(&path, &wav(pitch));
        let label = if high { "high" } else { "low" };
        let flags = if test { "" } else { ",0,0" };
        tables[usize::from(test)] += &format!("{clip}.wav,{label},x{flags}\n");
    }
    tables[1] += "gone.wav,low,x\n";
    for (name, table) in ["train", "test"].iter().zip(&tables) {
        let path = format!("noisy/FSDnoisy18k.meta/{name}.csv");
        desk.write(&path, table.as_bytes());
    }
    let data = "fsdnoisy18k:noisy";
    let mut pretrain = desk.command(&["pretrain", "--preset", "small", "--data", data]);
    for setting in TINY {
        pretrain.args(["--set", setting]);
    }
    let given = run(pretrain.args(["--without-fold", "3", "--out", "run"]));
    assert_eq!(given.code, 1, "{}", given.stderr);
    assert!(given.stderr.contains("on 24 clips"), "{}", given.stderr);
    let skipped = "1 of 33 clips skipped";
    assert!(given.stderr.contains(skipped), "{}", given.stderr);
    assert!(
        given.stderr.contains("missing: gone.wav"),
        "{}",
        given.stderr
    );

    let evaluate = [
        "evaluate", "--model", "run", "--data", data, "--format", "json",
    ];
    let given = run(&mut desk.command(&evaluate));
    assert_eq!(given.code, 1, "{}", given.stderr);
    let scores: serde_json::Value = serde_json::from_str(&given.stdout).unwrap();
    let accuracy = &scores["protocols"]["linear"]["accuracy"];
    assert_eq!(accuracy["per_fold"].as_array().unwrap().len(), 1);
    assert!(given.stdout.contains("is split once"), "{}", given.stdout);
    assert!(
        given.stdout.contains("never heard folds [3]"),
        "{}",
        given.stdout
    );
}

/// Runs in the background and dies with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The steps in a run's log so far.
fn steps(run: &Path) -> usize {
    fs::read_to_string(run.join("metrics.jsonl")).map_or(0, |log| log.lines().count())
}

#[test]
fn a_killed_run_resumes_to_the_same_bytes() {
    let desk = Desk::with_clips(20);
    let long = [
        "--set",
        "train.max_steps=60",
        "--set",
        "train.checkpoint_secs=0",
    ];
    assert_eq!(run(&mut desk.pretrain("whole", &long)).code, 0);

    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("chiffchaff"));
    let arguments = desk.pretrain("killed", &long);
    command
        .args(arguments.get_args())
        .current_dir(desk.0.path());
    command.env("XDG_CACHE_HOME", desk.path("cache"));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut running = Running(command.spawn().unwrap());
    let patience = Instant::now();
    while steps(&desk.path("killed")) < 20 {
        assert!(
            patience.elapsed() < Duration::from_secs(60),
            "no step in a minute"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    running.0.kill().unwrap();
    running.0.wait().unwrap();
    assert!(
        !desk.path("killed/encoder.safetensors").exists(),
        "killed too late"
    );

    let threads = ["--set", "train.data_threads=3", "--resume"];
    let given = run(&mut desk.pretrain("killed", &[&long[..], &threads].concat()));
    assert_eq!(given.code, 0, "{}", given.stderr);
    let [whole, killed] = ["whole", "killed"]
        .map(|run| fs::read(desk.path(run).join("encoder.safetensors")).unwrap());
    assert!(whole == killed, "the models differ");
    assert_eq!(steps(&desk.path("killed")), 60);
}

#[test]
fn a_run_starts_from_the_weights_it_is_given_or_says_why_not() {
    let desk = Desk::with_clips(12);
    let given = run(&mut desk.pretrain("first", &[]));
    assert_eq!(given.code, 0, "{}", given.stderr);
    // A learning rate of almost nothing leaves the weights where they started.
    let still = [
        "--set",
        "train.learning_rate=1e-30",
        "--set",
        "train.max_steps=1",
    ];
    let from = ["--init", "first/encoder.safetensors"];
    let given = run(&mut desk.pretrain("second", &[&from[..], &still].concat()));
    assert_eq!(given.code, 0, "{}", given.stderr);
    let kernel = |run: &str| {
        let cpu: DeviceName = "cpu".parse().unwrap();
        let model = Model::load(&desk.path(run), cpu.open().unwrap()).unwrap();
        assert_eq!(
            model.card.provenance.started_from.is_some(),
            run == "second"
        );
        let (_, kernel) = &model.encoder.parameters().named()[0];
        Vec::<f32>::try_from(kernel.view(-1)).unwrap()
    };
    assert_eq!(kernel("first"), kernel("second"));

    desk.write("not_weights.pth", b"text");
    for (more, reason) in [
        (vec!["--init", "nowhere.pth"], "nowhere.pth"),
        (vec!["--init", "not_weights.pth"], "not_weights.pth"),
        (
            vec![
                "--init",
                "first/encoder.safetensors",
                "--set",
                "encoder.width=8",
            ],
            "has shape",
        ),
    ] {
        let given = run(&mut desk.pretrain("third", &more));
        assert_eq!(given.code, 2);
        assert!(given.stderr.contains(reason), "{}", given.stderr);
        assert!(!desk.path("third").exists());
    }
}

#[test]
fn copies_in_several_datasets_are_heard_once_and_scored_folds_are_told() {
    let desk = Desk::with_clips(12);
    let table: String = (0..4)
        .map(|clip| {
            format!(
                "clips/{}/{clip:03}.wav,x,{}\n",
                ["low", "high"][clip % 2],
                clip + 1
            )
        })
        .collect();
    desk.write("folds.csv", format!("path,label,fold\n{table}").as_bytes());
    let given = run(&mut desk.pretrain("both", &["--data", "csv:folds.csv"]));
    assert_eq!(given.code, 0, "{}", given.stderr);
    for said in [
        "4 clips sound exactly like others and are heard once",
        "on 12 clips",
        "all folds of folds are heard",
    ] {
        assert!(
            given.stderr.contains(said),
            "no `{said}` in {}",
            given.stderr
        );
    }
    let given = run(&mut desk.pretrain("one", &[]));
    assert!(!given.stderr.contains("heard"), "{}", given.stderr);
}

#[test]
fn a_fold_left_out_of_training_is_the_one_that_is_scored() {
    let desk = Desk::with_clips(20);
    let mut table = "path,label,fold\n".to_owned();
    for clip in 0..20 {
        let class = ["low", "high"][clip % 2];
        table += &format!("clips/{class}/{clip:03}.wav,{class},{}\n", clip / 4 + 1);
    }
    desk.write("table.csv", table.as_bytes());
    let mut pretrain = desk.command(&["pretrain", "--preset", "small", "--data", "csv:table.csv"]);
    pretrain.args(["--out", "run", "--without-fold", "2"]);
    for setting in TINY {
        pretrain.args(["--set", setting]);
    }
    let given = run(&mut pretrain);
    assert_eq!(given.code, 0, "{}", given.stderr);
    assert!(given.stderr.contains("on 16 clips"), "{}", given.stderr);
    let evaluate = [
        "evaluate",
        "--model",
        "run",
        "--data",
        "csv:table.csv",
        "--format",
        "json",
    ];
    let given = run(&mut desk.command(&evaluate));
    let scores: serde_json::Value = serde_json::from_str(&given.stdout).unwrap();
    assert_eq!(
        scores["protocols"]["linear"]["folds"],
        serde_json::json!([2])
    );
    assert!(given.stdout.contains("never heard folds [2]"));
}

/// What must be in the message of a command that fails, which ends with exit code 2.
fn assert_refused(desk: &Desk, arguments: &[&str], parts: &[&str]) {
    let given = run(&mut desk.command(arguments));
    assert_eq!(
        (given.code, given.stdout.as_str()),
        (2, ""),
        "{}",
        given.stderr
    );
    for part in parts {
        assert!(
            given.stderr.contains(part),
            "`{part}` is not in: {}",
            given.stderr
        );
    }
    assert!(!given.stderr.contains("panicked"), "{}", given.stderr);
}

#[test]
fn wrong_input_is_named_with_what_to_do() {
    let desk = Desk::with_clips(2);
    let data = ["--data", "folder:clips"];
    let pretrain =
        |more: &[&'static str]| [&["pretrain", "--out", "run"], &data[..], more].concat();
    assert_refused(&desk, &pretrain(&[]), &["--preset small"]);
    assert_refused(
        &desk,
        &pretrain(&["--preset", "smal"]),
        &["smal", "did you mean `small`?"],
    );
    assert_refused(
        &desk,
        &pretrain(&[
            "--preset",
            "small",
            "--set",
            "train.epoch=1",
            "--set",
            "views.frame=2",
        ]),
        &["did you mean `epochs`?", "did you mean `frames`?"],
    );
    assert_refused(
        &desk,
        &pretrain(&["--preset", "small", "--set", "x"]),
        &["key=value"],
    );
    assert_refused(
        &desk,
        &pretrain(&["--preset", "small"]),
        &["fewer than one batch", "batch_size"],
    );
    assert_refused(
        &desk,
        &[
            "pretrain",
            "--preset",
            "small",
            "--data",
            "foldr:clips",
            "--out",
            "run",
        ],
        &["foldr", "`folder`"],
    );
    assert_refused(
        &desk,
        &[
            "pretrain",
            "--preset",
            "small",
            "--data",
            "folder:nowhere",
            "--out",
            "run",
        ],
        &["nowhere"],
    );
    assert_refused(
        &desk,
        &pretrain(&[
            "--preset",
            "hornauer-dls",
            "--set",
            "features.channels=stereo",
            "--channel",
            "1",
        ]),
        &[
            "`channel` is 1, but must be `mix`",
            "features.channels = \"stereo\"",
        ],
    );
    desk.write("not-a-model", b"nothing");
    for model in ["not-a-model", "nowhere"] {
        assert_refused(
            &desk,
            &["evaluate", "--model", model, "--data", "folder:clips"],
            &[model],
        );
    }
    desk.write("broken.toml", b"[train\nepochs = 3");
    assert_refused(
        &desk,
        &pretrain(&["--config", "broken.toml"]),
        &["broken.toml", "TOML"],
    );
    assert_refused(&desk, &["report", "clips", "--out", "x.html"], &["clips"]);
    assert_refused(
        &desk,
        &["features", "clips/low/000.wav", "-o", "x.gif"],
        &["x.gif", ".npy"],
    );
}

#[test]
fn every_front_end_writes_its_features() {
    let desk = Desk::with_clips(1);
    let bands = [
        ("small", 64),
        ("fonseca-simclr", 96),
        ("moummad", 128),
        ("protonet", 128),
        ("fonseca", 96),
        ("cola", 64),
    ];
    for (preset, bands) in bands {
        let arguments = [
            "features",
            "clips/low/000.wav",
            "-o",
            "x.npy",
            "--preset",
            preset,
            "--force",
        ];
        let given = run(&mut desk.command(&arguments));
        assert_eq!(given.code, 0, "{}", given.stderr);
        let header = fs::read(desk.path("x.npy")).unwrap()[..128].to_vec();
        let header = String::from_utf8_lossy(&header).into_owned();
        assert!(
            header.contains(&format!("'shape': ({bands}, ")),
            "{preset}: {header}"
        );
    }
}

#[test]
fn help_fits_a_terminal_and_ends_in_examples() {
    let desk = Desk::with_clips(0);
    let commands = [
        "demo", "doctor", "features", "pretrain", "evaluate", "compare", "report", "presets",
    ];
    for command in commands {
        let given = run(desk.command(&[command, "--help"]).env("COLUMNS", "80"));
        assert_eq!(given.code, 0);
        assert!(given.stdout.contains("Examples:"), "{command}");
        assert!(
            given.stdout.contains(&format!("chiffchaff {command}")),
            "{command}"
        );
    }
    let given = run(&mut desk.command(&["presets"]));
    assert_eq!(given.code, 0);
    let lines: Vec<&str> = given.stdout.lines().collect();
    assert_eq!(lines.len(), PRESETS.len(), "a line each");
    for ((name, _), line) in PRESETS.iter().zip(lines) {
        assert!(line.starts_with(name) && line.len() <= 80, "{line}");
    }
}

#[test]
fn a_run_keeps_its_channel_and_remarks_are_told_again_from_the_cache() {
    let desk = Desk::with_clips(16);
    let rate = SampleRate::new(22_050).unwrap();
    let one: Vec<f32> = (0..33_075).map(|i| 0.3 * (i as f32 * 0.1).sin()).collect();
    let opposite = one.iter().map(|x| -x).collect();
    let sound = Waveform::from_channels(vec![one, opposite], rate).unwrap();
    write_wav(desk.path("clips/low/both.wav"), &sound, WavEncoding::Int16).unwrap();
    for name in ["mixed", "from-the-cache"] {
        let given = run(&mut desk.pretrain(name, &[]));
        assert_eq!(given.code, 1, "{}", given.stderr);
        assert!(
            given.stderr.contains("1 remark on clips that are used"),
            "{}",
            given.stderr
        );
        assert!(
            given.stderr.contains("both.wav: its channels cancel"),
            "{}",
            given.stderr
        );
    }
    let given = run(&mut desk.pretrain("loud", &["--channel", "loudest"]));
    assert_eq!(given.code, 0, "{}", given.stderr);
    let made = fs::read_to_string(desk.path("loud/experiment.toml")).unwrap();
    assert!(made.contains("channel = \"loudest\""), "{made}");

    let evaluate = [
        "evaluate",
        "--model",
        "loud",
        "--data",
        "folder:clips",
        "--protocol",
        "knn",
    ];
    let given = run(&mut desk.command(&evaluate));
    assert_eq!(given.code, 0, "{}", given.stderr);
    let given = run(desk.command(&evaluate).args(["--channel", "mix"]));
    assert_eq!(given.code, 1, "{}", given.stderr);
    assert!(
        given.stderr.contains("both.wav: its channels cancel"),
        "{}",
        given.stderr
    );
}

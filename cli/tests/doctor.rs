//! `chiffchaff doctor`, run as a program.

mod desk;

use chiffchaff::audio::{SampleRate, WavEncoding, Waveform, write_wav};
use desk::run;
use std::{fs, path::Path};

/// Half a second of a buzz of its own.
fn write_buzz(path: &Path, period: usize) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let sample = |i: usize| (i % period) as f32 / period as f32 - 0.5;
    let samples = (0..4000).map(sample).collect();
    let sound = Waveform::mono(samples, SampleRate::new(8000).unwrap());
    write_wav(path, &sound, WavEncoding::Int16).unwrap();
}

#[test]
fn a_clean_dataset_is_counted_and_exits_with_0() {
    let desk = tempfile::tempdir().unwrap();
    for (period, name) in (20..).zip(["0_ann_0", "0_ann_5", "1_bob_0", "1_bob_5"]) {
        write_buzz(
            &desk.path().join(format!("fsdd/recordings/{name}.wav")),
            period,
        );
    }
    let (code, text, errors) = run(desk.path(), "doctor", &["--data", "fsdd:fsdd"]);
    assert_eq!((code, errors.as_str()), (0, ""), "{text}");
    let expected = "FSDD: 4 clips, 4 readable\n\
        lengths   0.50 to 0.50 s, median 0.50 s, 0.0 min in all\n\
        rates     8000 Hz: 4\n\
        channels  1: 4\n\
        folds     1: 2, 2: 2\n\
        splits    train: 2, test: 2\n\
        classes   0: 2, 1: 2, 2: 0, 3: 0, 4: 0, 5: 0, 6: 0, 7: 0, 8: 0, 9: 0, 0 unlabelled\n";
    assert_eq!(text, expected);
}

#[test]
fn whatever_is_wrong_is_listed_and_exits_with_1() {
    let desk = tempfile::tempdir().unwrap();
    let root = desk.path().join("us8k");
    write_buzz(&root.join("audio/fold2/1-3-0-0.wav"), 20);
    write_buzz(&root.join("audio/fold1/2-8-0-0.wav"), 20);
    fs::create_dir(root.join("metadata")).unwrap();
    let table = "slice_file_name,fsID,start,end,salience,fold,classID,class\n\
        1-3-0-0.wav,1,0,1,1,1,3,dog_bark\n\
        2-8-0-0.wav,2,0,1,1,1,3,dog_bark\n\
        3-3-0-0.wav,3,0,1,1,10,3,dog_bark\n";
    fs::write(root.join("metadata/UrbanSound8K.csv"), table).unwrap();
    for name in ["us8k", "urbansound8k"] {
        let data = format!("{name}:us8k");
        let (code, text, _) = run(desk.path(), "doctor", &["--data", &data]);
        assert_eq!(code, 1);
        for line in [
            "UrbanSound8K: 3 clips, 2 readable",
            "us8k/audio/fold2/1-3-0-0.wav: `fold` is `1`, but its folder says `2`",
            "us8k/audio/fold1/2-8-0-0.wav: `classID` is `3`, but its name says `8`",
            "us8k/audio/fold1/2-8-0-0.wav: has the same samples as us8k/audio/fold2/1-3-0-0.wav",
            "us8k/audio/fold10/3-3-0-0.wav: cannot be read",
        ] {
            assert!(text.contains(line), "no `{line}` in: {text}");
        }
    }
    let arguments = ["--data", "us8k:us8k", "--format", "json"];
    let (code, text, _) = run(desk.path(), "doctor", &arguments);
    assert_eq!(code, 1);
    let found: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(found["faults"][0]["type"], "mislabelled");
    assert_eq!(found["outcomes"][1]["problems"][0]["type"], "duplicate");
    assert_eq!(found["outcomes"][2]["problems"][0]["type"], "unreadable");
}

#[test]
fn what_is_not_there_is_a_wrong_input() {
    let desk = tempfile::tempdir().unwrap();
    let (code, text, errors) = run(desk.path(), "doctor", &["--data", "gtzan:nowhere"]);
    assert_eq!((code, text.as_str()), (2, ""));
    assert!(
        errors.contains("nowhere: is not GTZAN, which has `genres/`"),
        "{errors}"
    );
    let (code, help, _) = run(desk.path(), "doctor", &["--help"]);
    assert_eq!(code, 0);
    for kind in chiffchaff::dataset::DatasetKind::ALL {
        assert!(help.contains(&format!("`{}`", kind.name())), "{help}");
    }
}

/// Two channels of a buzz, the second by `gain` of the first.
fn write_stereo(path: &Path, gain: f32) {
    let sample = |i: usize| ((i % 50) as f32 / 50.0 - 0.5) * 0.8;
    let one: Vec<f32> = (0..8000).map(sample).collect();
    let other = one.iter().map(|x| gain * x).collect();
    let rate = SampleRate::new(8000).unwrap();
    let sound = Waveform::from_channels(vec![one, other], rate).unwrap();
    write_wav(path, &sound, WavEncoding::Int16).unwrap();
}

#[test]
fn channels_that_cancel_are_found_unless_one_of_them_is_chosen() {
    let desk = tempfile::tempdir().unwrap();
    let folder = desk.path().join("night");
    fs::create_dir(&folder).unwrap();
    write_stereo(&folder.join("opposite.wav"), -0.98);
    write_stereo(&folder.join("one_side.wav"), 0.0);
    let doctor = |more: &[&str]| {
        let arguments = [&["--data", "folder:night"], more].concat();
        run(desk.path(), "doctor", &arguments)
    };
    let (code, text, _) = doctor(&[]);
    assert_eq!(code, 1, "{text}");
    let expected = "night/opposite.wav: its channels cancel each other out: mixed, they are 40 dB quieter \
        (`--channel 1` or `--channel loudest` hears one of them)\n";
    assert!(text.ends_with(expected), "{text}");
    assert_eq!(doctor(&["--channel", "1"]).0, 0);
    assert_eq!(doctor(&["--channel", "loudest"]).0, 0);
    let (code, text, _) = doctor(&["--channel", "2"]);
    assert!(
        code == 1 && text.contains("one_side.wav: is silent"),
        "{text}"
    );
    let (code, text, _) = doctor(&["--channel", "3"]);
    assert!(
        code == 1 && text.contains("opposite.wav: has 2 channels, and no channel 3"),
        "{text}"
    );
    let (code, _, errors) = doctor(&["--channel", "left"]);
    assert!(
        code == 2 && errors.contains("`mix`, `loudest` or a number from 1"),
        "{errors}"
    );
}

#[test]
fn every_file_of_a_folder_that_may_sound_is_used_or_named() {
    let desk = tempfile::tempdir().unwrap();
    let folder = desk.path().join("mixed");
    write_buzz(&folder.join("a.wav"), 20);
    for (n, name) in ["b.bwf", "c.rec", "d", "e.mov"].into_iter().enumerate() {
        write_buzz(&folder.join(name), 21 + n);
    }
    for name in ["f.w4v", "g.webm", "h.3gp", "i.wac", "j.mkv"] {
        fs::write(folder.join(name), b"a recorder's own format").unwrap();
    }
    fs::write(folder.join("notes.txt"), b"RIFF....WAVE").unwrap();
    let (code, text, _) = run(desk.path(), "doctor", &["--data", "folder:mixed"]);
    assert_eq!(code, 1);
    assert!(text.starts_with("mixed: 10 clips, 5 readable"), "{text}");
    for name in ["f.w4v", "g.webm", "h.3gp", "i.wac", "j.mkv"] {
        assert!(
            text.contains(&format!("mixed/{name}: is not a sound file")),
            "no {name} in {text}"
        );
    }
}

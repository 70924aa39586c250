//! `chiffchaff detect` as a user meets it, on the bundled finch song and on what users get wrong.

mod desk;

use chiffchaff::audio::{SampleRate, WavEncoding, Waveform, write_wav};
use std::fs;
use std::path::{Path, PathBuf};

fn song() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/finch/bengalese_gy6or6_0324.flac")
}

fn run(desk: &Path, arguments: &[&str]) -> (i32, String, String) {
    desk::run(desk, "detect", arguments)
}

/// A folder with the first twenty seconds' worth of marks beside a link to the song.
fn desk() -> tempfile::TempDir {
    let desk = tempfile::tempdir().unwrap();
    fs::copy(song(), desk.path().join("song.flac")).unwrap();
    let marks = fs::read_to_string(song().with_extension("csv")).unwrap();
    fs::write(
        desk.path().join("marks.csv"),
        marks.replace("bengalese_gy6or6_0324", "song"),
    )
    .unwrap();
    desk
}

#[test]
fn five_marks_find_the_other_syllables_in_every_format_with_a_page_and_clips() {
    let desk = desk();
    let arguments = [
        "song.flac",
        "--shots",
        "marks.csv",
        "--out",
        "found.csv",
        "--picture",
        "found.html",
        "--clips",
        "clips",
    ];
    let (code, stdout, stderr) = run(desk.path(), &arguments);
    assert_eq!((code, stdout.as_str()), (0, ""), "{stderr}");
    let read = |name: &str| fs::read_to_string(desk.path().join(name)).unwrap();
    let events = read("found.csv").lines().count() - 1;
    assert!((30..=36).contains(&events), "{events} of 33");
    assert!(
        stderr.contains("expected precision: about ")
            && stderr.contains(&format!(" % of {events} events")),
        "{stderr}"
    );
    let page = read("found.html");
    assert!(page.contains(";base64,") && page.contains("class=\"shot\""));
    assert!(page.contains(&format!("<tr><td>0.85</td><td>{events}</td>")));
    assert!(!page.contains("://"), "the page fetches nothing");
    assert_eq!(
        fs::read_dir(desk.path().join("clips")).unwrap().count(),
        events
    );
}

#[test]
fn a_precision_is_asked_for_in_place_of_a_score_and_the_threshold_is_said() {
    let desk = desk();
    let search = |threshold: &str, more: &[&str]| {
        let arguments = [
            "song.flac",
            "--shots",
            "marks.csv",
            "--threshold",
            threshold,
        ];
        run(desk.path(), &[&arguments[..], more].concat())
    };
    let (code, found, stderr) = search("precision=0.5", &[]);
    assert_eq!(code, 0, "{stderr}");
    let said = stderr.split(" events, scoring ").nth(1);
    let threshold = said.and_then(|said| said.split(' ').next()).unwrap();
    let (_, by_score, stderr) = search(threshold, &[]);
    assert_eq!(found, by_score, "what is said can be given");
    assert!(!stderr.contains("scoring"), "{stderr}");
    let (code, _, stderr) = search("precision=0.9", &["--method", "template"]);
    assert!(code == 2 && stderr.contains("`frames`"), "{stderr}");
    let (code, _, stderr) = search("precision=1", &[]);
    assert!(code == 2 && stderr.contains("`precision` is 1"), "{stderr}");
    let (_, _, stderr) = search("0.5", &["--method", "template"]);
    assert!(!stderr.contains("expected precision"), "{stderr}");
}

/// The template method is fast and needs no engine's time: good enough to see where tables go.
#[test]
fn tables_of_one_recording_go_into_a_folder_and_a_bad_recording_does_not_stop_the_others() {
    let desk = desk();
    fs::write(desk.path().join("broken.flac"), b"fLaC but no more").unwrap();
    let arguments = [
        "song.flac",
        "broken.flac",
        "--shots",
        "marks.csv",
        "--method",
        "template",
        "--format",
        "raven",
        "--out",
        "found",
    ];
    let (code, _, stderr) = run(desk.path(), &arguments);
    assert_eq!(code, 1, "{stderr}");
    assert!(
        stderr.contains("skipped: ") && stderr.contains("broken.flac"),
        "{stderr}"
    );
    let table = fs::read_to_string(desk.path().join("found/song.selections.txt")).unwrap();
    assert!(table.starts_with("Selection\tView\tChannel\tBegin Time (s)"));
}

#[test]
fn what_users_get_wrong_is_said_in_a_sentence() {
    let desk = desk();
    let write = |name: &str, text: &str| fs::write(desk.path().join(name), text).unwrap();
    write(
        "other.csv",
        "Audiofilename,Starttime,Endtime,Q\nnight.wav,1,2,POS\n",
    );
    write("late.csv", "onset,offset\n5000,5001\n");
    write("words.csv", "onset,offset\nearly,late\n");
    write("empty.csv", "");
    for (table, said) in [
        ("other.csv", "night.wav"),
        ("late.csv", "5000"),
        ("words.csv", "line 2"),
        ("empty.csv", "empty.csv"),
        ("missing.csv", "missing.csv"),
    ] {
        let (code, stdout, stderr) = run(
            desk.path(),
            &["song.flac", "--shots", table, "--method", "template"],
        );
        assert_eq!((code, stdout.as_str()), (2, ""), "{table}: {stderr}");
        assert!(
            stderr.contains("error: ") && stderr.contains(said),
            "{table}: {stderr}"
        );
        assert!(!stderr.contains("panicked"), "{table}: {stderr}");
    }
    let (code, _, stderr) = run(
        desk.path(),
        &["song.flac", "--shots", "marks.csv", "--method", "windows"],
    );
    assert!(
        code == 2 && stderr.contains("--preset moummad-supcon"),
        "{stderr}"
    );
    let (code, _, stderr) = run(
        desk.path(),
        &["song.flac", "--shots", "marks.csv", "--threshold", "7"],
    );
    assert!(code == 2 && stderr.contains("--threshold"), "{stderr}");
}

#[test]
fn a_table_is_never_taken_for_that_of_another_recording() {
    let desk = desk();
    let copy = |from: &str, to: &str| fs::copy(desk.path().join(from), desk.path().join(to));
    copy("song.flac", "dusk.flac").unwrap();
    let marks = fs::read_to_string(desk.path().join("marks.csv")).unwrap();
    let unnamed: Vec<_> = marks
        .lines()
        .skip(1)
        .map(|line| {
            line.split(',')
                .skip(1)
                .take(2)
                .collect::<Vec<_>>()
                .join(",")
        })
        .collect();
    let unnamed = format!("onset,offset\n{}\n", unnamed[..5].join("\n"));
    fs::write(desk.path().join("song.Table.1.csv"), unnamed).unwrap();
    let arguments = [
        "song.flac",
        "dusk.flac",
        "--shots",
        "song.Table.1.csv",
        "--method",
        "template",
    ];
    let (code, stdout, stderr) = run(desk.path(), &arguments);
    assert_eq!(code, 1, "{stderr}");
    assert!(
        stderr.contains("dusk.flac: no table of marks") && !stdout.contains("dusk"),
        "{stderr}{stdout}"
    );
    assert!(stdout.contains("song"), "{stdout}");
    let alone = [&arguments[1..4], &arguments[4..]].concat();
    let (code, _, stderr) = run(desk.path(), &alone);
    assert!(code < 2, "the only one for the only one: {stderr}");
}

/// The second half of a song without marks of its own, beside the first with five.
#[test]
fn a_recording_without_marks_is_searched_by_the_marks_of_others() {
    let desk = desk();
    let song = chiffchaff::audio::AudioReader::open(desk.path().join("song.flac"))
        .unwrap()
        .read_all()
        .unwrap();
    let (rate, samples) = (song.sample_rate(), &song.channels()[0]);
    let half = 40 * rate.hz() as usize;
    let parts = [
        ("first.wav", &samples[..half]),
        ("second.wav", &samples[half..]),
    ];
    for (name, part) in parts {
        let sound = Waveform::mono(part.to_vec(), rate);
        write_wav(desk.path().join(name), &sound, WavEncoding::Int16).unwrap();
    }
    let marks = fs::read_to_string(desk.path().join("marks.csv")).unwrap();
    let spans: Vec<(f64, f64)> = marks
        .lines()
        .skip(1)
        .map(|line| {
            let mut cells = line.split(',').skip(1).map(|cell| cell.parse().unwrap());
            (cells.next().unwrap(), cells.next().unwrap())
        })
        .collect();
    let of_first = spans.iter().take(5).map(|(a, b)| format!("{a},{b}\n"));
    let table = format!("onset,offset\n{}", of_first.collect::<String>());
    fs::write(desk.path().join("first.csv"), table).unwrap();

    let arguments = ["first.wav", "second.wav", "--shots", "first.csv"];
    let (code, found, errors) = run(desk.path(), &arguments);
    assert_eq!(code, 0, "{errors}");
    assert!(errors.contains("by 5 marks of 1 recording"), "{errors}");
    let of_second = found.lines().filter(|line| line.starts_with("second"));
    let onsets: Vec<f64> = of_second
        .map(|line| line.split(',').nth(1).unwrap().parse().unwrap())
        .collect();
    let wanted = spans.iter().filter(|(onset, _)| *onset > 40.0);
    let hit = |onset: f64| {
        onsets
            .iter()
            .any(|found| (found + 40.0 - onset).abs() < 0.05)
    };
    let (all, hits) = wanted.fold((0, 0), |(all, hits), (onset, _)| {
        (all + 1, hits + usize::from(hit(*onset)))
    });
    assert!(hits * 10 >= all * 8, "{hits} of {all}: {onsets:?}");
    assert!(onsets.len() <= all + 4, "{} for {all}", onsets.len());

    // Kept, and used on a folder next season: the same, told of the same marks.
    let arguments = ["--keep", "song.safetensors", "--out", "kept.csv"];
    let arguments = [&["first.wav", "--shots", "first.csv"], &arguments[..]].concat();
    let (code, _, errors) = run(desk.path(), &arguments);
    assert_eq!(code, 0, "{errors}");
    // Other programs may take a core meanwhile, so the last digits may differ.
    let onsets_in = |rows: &str, recording: &str| -> Vec<f64> {
        let rows = rows.lines().filter(|line| line.contains(recording));
        rows.map(|line| line.split(',').nth(1).unwrap().parse().unwrap())
            .collect()
    };
    let alike = |a: &[f64], b: &[f64]| {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 0.02)
    };
    let kept = fs::read_to_string(desk.path().join("kept.csv")).unwrap();
    let (own, kept) = (
        onsets_in(&found, "first.wav"),
        onsets_in(&kept, "first.wav"),
    );
    assert!(own.len() > 5 && alike(&own, &kept), "{own:?} {kept:?}");
    let season = desk.path().join("season/A01");
    fs::create_dir_all(&season).unwrap();
    fs::copy(desk.path().join("second.wav"), season.join("second.wav")).unwrap();
    let arguments = ["season", "--detector", "song.safetensors"];
    let (code, later, errors) = run(
        desk.path(),
        &[&arguments[..], &["--picture", "later.html"]].concat(),
    );
    assert_eq!(code, 0, "{errors}");
    assert!(errors.contains("by 5 marks of 1 recording"), "{errors}");
    let later = onsets_in(&later, "second.wav");
    assert!(alike(&later, &onsets), "{later:?} {onsets:?}");
    let page = fs::read_to_string(desk.path().join("later.html")).unwrap();
    assert!(page.contains("What the detector learned from"));
    let refusals = [
        (&["--detector", "first.wav"][..], "not a detector"),
        (
            &["--detector", "song.safetensors", "--shots", "first.csv"],
            "cannot be used with",
        ),
        (
            &["--detector", "song.safetensors", "--seed", "1"],
            "cannot be used with",
        ),
        (
            &["--shots", "first.csv", "--keep", "song.safetensors"],
            "--force",
        ),
        (&["--shots", "first.csv", "--keep", "song.txt"], "song.txt"),
        (
            &[
                "--shots",
                "first.csv",
                "--keep",
                "t.safetensors",
                "--method",
                "template",
            ],
            "only detectors of the method `frames`",
        ),
    ];
    for (arguments, reason) in refusals {
        let (code, _, errors) = run(desk.path(), &[&["first.wav"], arguments].concat());
        assert!(
            code == 2 && errors.contains(reason),
            "{arguments:?}: {errors}"
        );
    }

    let lone = run(
        desk.path(),
        &["second.wav", "first.wav", "--shots", "marks.csv"],
    );
    assert!(
        lone.0 == 2 && lone.2.contains("no table of marks"),
        "{}",
        lone.2
    );
}

/// Three nights of a recorder, one of them twice, and a recording of no known time.
#[test]
fn a_season_is_counted_by_day_and_hour() {
    let desk = desk();
    let folder = desk.path().join("season");
    fs::create_dir(&folder).unwrap();
    let names = [
        "A_20230501_235920.flac",
        "5E90A4D4.flac",
        "A_20230502_043000.flac",
        "walk.flac",
    ];
    for name in names {
        fs::copy(song(), folder.join(name)).unwrap();
    }
    let arguments = [
        "song.flac",
        "season",
        "--shots",
        "marks.csv",
        "--keep",
        "song.safetensors",
        "--out",
        "found.csv",
        "--counts",
        "counts.csv",
        "--picture",
        "found.html",
    ];
    let (code, _, errors) = run(desk.path(), &arguments);
    assert_eq!(code, 0, "{errors}");
    let read = |name: &str| fs::read_to_string(desk.path().join(name)).unwrap();
    let (found, counts, page) = (read("found.csv"), read("counts.csv"), read("found.html"));
    assert!(
        found.starts_with("recording,onset,offset,score,label,date,time\n"),
        "{found}"
    );
    let events = |of: &str, when: &str| {
        let rows = found
            .lines()
            .filter(|row| row.contains(of) && row.contains(when));
        rows.count()
    };
    // The song lasts 97 seconds, 40 of them before midnight.
    let before = events("A_20230501", ",2023-05-01,23:59:");
    let after = events("A_20230501", ",2023-05-02,00:0");
    assert_eq!(before + after, events("A_20230501", ""));
    assert!(before > 5 && after > 5, "{before}, {after}");
    let line = |start: &str| {
        let line = counts.lines().find(|line| line.starts_with(start));
        let cells: Vec<&str> = line
            .unwrap_or_else(|| panic!("{counts}"))
            .split(',')
            .collect();
        cells[4].parse::<usize>().unwrap()
    };
    assert_eq!(line("2023-05-01,23,1,"), before);
    assert_eq!(line("2023-05-02,0,"), after);
    assert_eq!(line("2023-05-02,4,1,"), events("A_20230502", ""));
    assert_eq!(line("2020-04-10,"), events("5E90A4D4", ""));
    assert_eq!(line(",,2,"), events("walk", "") + events("song", ""));
    assert!(page.contains("class=\"calendar\""), "the page draws them");
    let score = desk::run(
        desk.path(),
        "score",
        &["--reference", "marks.csv", "--predictions", "found.csv"],
    );
    assert!(
        !score.2.contains("not used: "),
        "its own columns are known: {}",
        score.2
    );
}

/// One cannot be read, one has marks of another kind.
#[test]
fn marks_that_cannot_serve_others_are_left_out_and_kinds_are_told_apart() {
    let desk = desk();
    let recordings = ["a.flac", "b.flac", "c.flac", "d.flac"];
    for recording in recordings {
        fs::copy(song(), desk.path().join(recording)).unwrap();
    }
    fs::write(desk.path().join("c.flac"), b"fLaC but no more").unwrap();
    let marks = fs::read_to_string(song().with_extension("csv")).unwrap();
    let rows: Vec<_> = marks.lines().skip(1).take(5).collect();
    let table = |label: &str| {
        let row = |row: &&str| {
            let mut cells = row.split(',').skip(1);
            let (onset, offset) = (cells.next().unwrap(), cells.next().unwrap());
            format!("{onset},{offset},{label}\n")
        };
        let rows: String = rows.iter().map(row).collect();
        format!("onset,offset,label\n{rows}")
    };
    let write = |name: &str, label: &str| {
        let stem = Path::new(name).with_extension("csv");
        fs::write(desk.path().join(stem), table(label)).unwrap();
    };
    write("a.flac", "song");
    write("b.flac", "call");
    write("c.flac", "song");
    let shots = ["--shots", "a.csv", "--shots", "c.csv"];
    let (code, found, errors) = run(
        desk.path(),
        &[&["a.flac", "c.flac", "d.flac"], &shots[..]].concat(),
    );
    assert_eq!(code, 1, "{errors}");
    assert!(found.contains("d.flac"), "{found}");
    assert!(
        errors.contains("c.flac: its marks are not used"),
        "{errors}"
    );
    let shots = [&shots[..2], &["--shots", "b.csv", "--together"]].concat();
    let (code, _, errors) = run(desk.path(), &[&["a.flac", "b.flac"], &shots[..]].concat());
    assert_eq!(code, 2, "{errors}");
    assert!(
        errors.contains("of several kinds: `call`, `song`"),
        "{errors}"
    );
}

/// Calls in both channels, upside down in the second: their mean is silence.
#[test]
fn shots_that_mixing_silences_are_told_and_a_channel_finds_the_calls() {
    let desk = tempfile::tempdir().unwrap();
    let rate = SampleRate::new(8000).unwrap();
    let calls: Vec<f32> = (0..80_000)
        .map(|i| match i % 8000 {
            n @ 3000..4600 => 0.4 * (n as f32 * (0.5 + n as f32 / 10_000.0)).sin(),
            n => 0.001 * ((n * 7919 % 101) as f32 / 50.0 - 1.0),
        })
        .collect();
    let opposite = calls.iter().map(|x| -x).collect();
    let sound = Waveform::from_channels(vec![calls, opposite], rate).unwrap();
    write_wav(desk.path().join("dawn.wav"), &sound, WavEncoding::Int16).unwrap();
    let marks: String = (0..5).map(|n| format!("{n}.375,{n}.575\n")).collect();
    fs::write(
        desk.path().join("dawn.csv"),
        format!("onset,offset\n{marks}"),
    )
    .unwrap();
    let arguments = ["--shots", "dawn.csv", "--method", "template", "dawn.wav"];
    let (code, _, errors) = run(desk.path(), &arguments);
    assert_eq!(code, 1);
    let told = "dawn.wav: the shots are silent once the channels are mixed: its channels cancel each other out";
    assert!(errors.contains(told), "{errors}");
    for channel in ["1", "2", "loudest"] {
        let chosen = [&arguments[..], &["--channel", channel]].concat();
        let (code, found, errors) = run(desk.path(), &chosen);
        assert_eq!(code, 0, "{errors}");
        assert_eq!(found.lines().count(), 1 + 5, "{found}");
        assert!(!errors.contains("cancel"), "{errors}");
    }
    let (code, _, errors) = run(desk.path(), &[&arguments[..], &["--channel", "3"]].concat());
    assert!(
        code == 2 && errors.contains("has 2 channels, and no channel 3"),
        "{errors}"
    );
}

/// Bats as recorded: sweeps of 5 ms from 55 to 40 kHz, far above what the built-in encoder hears.
#[test]
fn calls_above_what_the_encoder_hears_are_played_slower_or_told() {
    let desk = tempfile::tempdir().unwrap();
    let rate = 256_000_u32;
    let onsets: [u32; 11] =
        std::array::from_fn(|n| 15_000 + 30_000 * n as u32 + 700 * (n as u32 % 3));
    let len = rate / 200;
    let mut noise = 1_u32;
    let sample = |n: u32| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let hiss = (noise >> 16) as f32 / 65_536.0 - 0.5;
        let call = onsets
            .iter()
            .find(|&&onset| (onset..onset + len).contains(&n));
        let sweep = call.map_or(0.0, |onset| {
            let t = f64::from(n - onset) / f64::from(rate);
            let turns = 55_000.0 * t - 1_500_000.0 * t * t;
            (turns * std::f64::consts::TAU).sin() as f32
        });
        0.02 * hiss + 0.3 * sweep
    };
    let samples = (0..350_000).map(sample).collect();
    let sound = Waveform::mono(samples, SampleRate::new(rate).unwrap());
    write_wav(desk.path().join("bats.wav"), &sound, WavEncoding::Int16).unwrap();
    let marks = onsets[..5].iter().map(|&onset| {
        let onset = f64::from(onset) / f64::from(rate);
        format!("{onset:.4},{:.4}\n", onset + 0.005)
    });
    let marks: String = marks.collect();
    fs::write(
        desk.path().join("bats.csv"),
        format!("onset,offset\n{marks}"),
    )
    .unwrap();

    let slower = ["--shots", "bats.csv", "bats.wav", "--out", "found.csv"];
    let slower = [&slower[..], &["--picture", "found.html"]].concat();
    let (code, _, errors) = run(desk.path(), &slower);
    assert_eq!(code, 0, "{errors}");
    assert!(
        errors.contains("6 events") && errors.contains("time scale 10"),
        "{errors}"
    );
    let found = fs::read_to_string(desk.path().join("found.csv")).unwrap();
    for (row, onset) in found.lines().skip(1).zip(&onsets[5..]) {
        let given: f64 = row.split(',').nth(1).unwrap().parse().unwrap();
        let true_onset = f64::from(*onset) / f64::from(rate);
        assert!(
            (given - true_onset).abs() < 0.002,
            "{given} for {true_onset}"
        );
    }
    let page = fs::read_to_string(desk.path().join("found.html")).unwrap();
    assert!(
        page.contains("500 to 110250 Hz"),
        "axes have true frequencies"
    );

    let as_recorded = ["--shots", "bats.csv", "bats.wav", "--time-scale", "1"];
    let (code, _, errors) = run(desk.path(), &as_recorded);
    assert_eq!(code, 1, "{errors}");
    let told = "bats.wav: the marked calls lie above what the encoder hears: 100 % of their sound is out of its 50 to 11025 Hz";
    assert!(errors.contains(told), "{errors}");

    for (scale, part) in [("0", "from 1/1000 to 1000"), ("slow", "or auto")] {
        let wrong = ["--shots", "bats.csv", "bats.wav", "--time-scale", scale];
        let (code, _, errors) = run(desk.path(), &wrong);
        assert!(code == 2 && errors.contains(part), "{errors}");
    }
    let template = ["--shots", "bats.csv", "--method", "template", "bats.wav"];
    let scaled = [&template[..], &["--time-scale", "10"]].concat();
    let (code, _, errors) = run(desk.path(), &scaled);
    assert!(
        code == 2 && errors.contains("only the method `frames`"),
        "{errors}"
    );

    let (code, found, errors) = run(desk.path(), &template);
    assert_eq!((code, found.lines().count()), (0, 1 + 6), "{found}{errors}");
    assert!(!errors.contains("above"), "{errors}");
}

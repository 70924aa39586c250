//! What there are several of is listed in one place: to add one is a file and a line or two.
//!
//! For a sample of every such list this test counts the files and lines that name it. It fails when somebody matches on a
//! variant elsewhere. Tests and comments do not count.

use std::fs;
use std::path::{Path, PathBuf};

/// A list, one of its items, and what it takes to add another.
struct Registry {
    /// What it lists.
    of: &'static str,
    /// Where the list is.
    list: &'static str,
    /// The file of the sample.
    file: &'static str,
    /// How the sources name it: identifiers, and its `type` in quotes.
    names: &'static [&'static str],
    /// Where other files may name it.
    searched: &'static str,
    /// Files that name it, its own included.
    files: usize,
    /// Lines that do, its own file counting as one.
    places: usize,
}

const REGISTRIES: [Registry; 13] = [
    Registry {
        of: "tables of found events",
        list: "src/detect/write/mod.rs",
        file: "src/detect/write/audacity.rs",
        names: &["audacity", "Audacity"],
        searched: "src/detect/write",
        files: 2,
        places: 3,
    },
    Registry {
        of: "augmentations of features",
        list: "src/augment/spectrogram/mod.rs",
        file: "src/augment/spectrogram/attenuation.rs",
        names: &["attenuation", "Attenuation", "\"attenuation\""],
        searched: "src",
        files: 2,
        places: 3,
    },
    Registry {
        of: "augmentations of features",
        list: "src/augment/spectrogram/mod.rs",
        file: "src/augment/spectrogram/time_warp.rs",
        names: &["time_warp", "TimeWarp", "\"time-warp\""],
        searched: "src",
        files: 2,
        places: 3,
    },
    Registry {
        of: "augmentations of sound",
        list: "src/augment/waveform/mod.rs",
        file: "src/augment/waveform/pitch_shift.rs",
        names: &["pitch_shift", "PitchShift", "\"pitch-shift\""],
        searched: "src",
        files: 2,
        places: 3,
    },
    Registry {
        of: "front ends",
        list: "src/features/mod.rs",
        file: "src/features/stacked_log_mel.rs",
        names: &[
            "stacked_log_mel",
            "StackedLogMel",
            "StackedLogMelConfig",
            "\"stacked-log-mel\"",
        ],
        searched: "src",
        files: 2,
        places: 4,
    },
    Registry {
        of: "front ends",
        list: "src/features/mod.rs",
        file: "src/features/three_band.rs",
        names: &[
            "three_band",
            "ThreeBand",
            "ThreeBandConfig",
            "\"three-band\"",
        ],
        searched: "src",
        files: 2,
        places: 4,
    },
    Registry {
        of: "encoders",
        list: "src/encoder/mod.rs",
        file: "src/encoder/crnn.rs",
        names: &["crnn", "Crnn", "CrnnConfig", "\"crnn\""],
        searched: "src/encoder",
        files: 2,
        places: 6,
    },
    Registry {
        of: "losses",
        list: "src/loss/mod.rs",
        file: "src/loss/frame_contrast.rs",
        names: &["frame_contrast"],
        searched: "src/loss",
        files: 2,
        places: 4,
    },
    Registry {
        of: "methods",
        list: "src/method/mod.rs",
        file: "src/method/sup_con.rs",
        names: &["sup_con", "SupCon", "SupConConfig", "\"sup-con\""],
        searched: "src",
        files: 2,
        places: 4,
    },
    Registry {
        of: "methods",
        list: "src/method/mod.rs",
        file: "src/method/sim_clr.rs",
        names: &["sim_clr", "SimClr", "SimClrConfig", "\"sim-clr\""],
        searched: "src",
        files: 2,
        places: 4,
    },
    Registry {
        of: "datasets",
        list: "src/dataset/mod.rs",
        file: "src/dataset/gtzan.rs",
        names: &["gtzan", "Gtzan", "\"gtzan\""],
        searched: "src",
        files: 2,
        places: 3,
    },
    Registry {
        of: "datasets",
        list: "src/dataset/mod.rs",
        file: "src/dataset/urbansound8k.rs",
        names: &["urbansound8k", "UrbanSound8k", "\"us8k\""],
        searched: "src",
        files: 2,
        places: 3,
    },
    Registry {
        of: "formats of tables of marks",
        list: "src/dataset/annotation/format/mod.rs",
        file: "src/dataset/annotation/format/raven.rs",
        names: &["raven", "Raven"],
        searched: "src/dataset",
        files: 2,
        places: 3,
    },
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| match path.is_dir() {
        true => sources(&path),
        false => vec![path],
    };
    let mut all: Vec<PathBuf> = entries.flat_map(below).collect();
    all.retain(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.ends_with(".rs") && !name.ends_with("tests.rs") && name != "testing.rs"
    });
    all.sort();
    all
}

/// The lines of a source that are neither comments nor tests, which stand at its end.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let is_test = |line: &str| line.starts_with("#[cfg(") && line.contains("test");
    let mut lines = text.lines().peekable();
    let body = std::iter::from_fn(move || {
        let line = lines.next()?;
        let module = lines.peek().is_some_and(|next| next.contains("mod "));
        let inline = lines.peek().is_some_and(|next| next.ends_with('{'));
        (!(is_test(line) && module && inline)).then_some(line)
    });
    body.filter(|line| !line.trim_start().starts_with("//"))
}

/// Whether a line has the name as a word of its own.
fn names(line: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(name).any(|(place, _)| {
        let before = line[..place].chars().next_back();
        let after = line[place + name.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[test]
fn to_add_one_is_a_file_and_a_few_lines() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wrong = Vec::new();
    for registry in &REGISTRIES {
        let mut found = Vec::new();
        for path in sources(&root.join(registry.searched)) {
            let text = fs::read_to_string(&path).unwrap();
            let named = |line: &&str| registry.names.iter().any(|name| names(line, name));
            let lines: Vec<String> = code(&text).filter(named).map(str::to_owned).collect();
            let own = path == root.join(registry.file);
            let place = path.strip_prefix(root).unwrap().display().to_string();
            if own {
                found.push((place, "its own file".to_owned()));
            } else {
                found.extend(lines.into_iter().map(|line| (place.clone(), line)));
            }
        }
        let mut files: Vec<&str> = found.iter().map(|(place, _)| place.as_str()).collect();
        files.dedup();
        assert!(
            files.contains(&registry.file) && files.contains(&registry.list),
            "{} is not a file that {} lists",
            registry.file,
            registry.list
        );
        if files.len() > registry.files || found.len() > registry.places {
            let lines = found
                .iter()
                .map(|(place, line)| format!("  {place}: {line}"));
            wrong.push(format!(
                "{}: {} takes {} files and {} places, but should take {} and {}:\n{}",
                registry.of,
                registry.file,
                files.len(),
                found.len(),
                registry.files,
                registry.places,
                lines.collect::<Vec<_>>().join("\n")
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_code_counts() {
    let text = "//! crnn\nmod crnn; // all\n#[cfg(test)]\nmod testing;\nuse a_crnn;\n#[cfg(all(test, x))]\nmod tests {\n    crnn();\n}\n";
    let lines: Vec<&str> = code(text).collect();
    assert_eq!(lines.len(), 4, "{lines:?}");
    let named = lines.iter().filter(|line| names(line, "crnn"));
    assert_eq!(named.count(), 1);
    assert!(names("\"sup-con\" => X", "\"sup-con\""));
    assert!(!names("\"frame-sup-con\" => X", "\"sup-con\""));
}

#[cfg(feature = "nn")]
#[test]
fn what_users_choose_has_its_row_in_the_documentation() {
    use chiffchaff::detect::write::TableFormat;
    use chiffchaff::{Choice, augment};

    let page = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("docs")
            .join(name);
        fs::read_to_string(path).unwrap()
    };
    let augmentations = page("augmentations.md");
    let detection = page("detection.md");
    let sound = augment::waveform::Augmentation::all();
    let features = augment::spectrogram::Augmentation::all();
    let named = sound.iter().map(|augmentation| augmentation.name());
    let named = named.chain(features.iter().map(|augmentation| augmentation.name()));
    let missing: Vec<&str> = named
        .filter(|name| !augmentations.contains(&format!("| `{name}` |")))
        .collect();
    assert_eq!(missing, [""; 0], "docs/augmentations.md");
    let missing: Vec<&str> = TableFormat::ALL
        .iter()
        .map(|format| format.name())
        .filter(|name| !detection.contains(&format!("`{name}`")))
        .collect();
    assert_eq!(missing, [""; 0], "docs/detection.md");
}

//! The folders under `src/` are stages, and a stage uses only stages before it.

use std::fs;
use std::path::{Path, PathBuf};

/// In the order in which data flows.
const STAGES: [&str; 16] = [
    "audio",
    "dataset",
    "signal",
    "features",
    "corpus",
    "augment",
    "encoder",
    "loss",
    "method",
    "train",
    "experiment",
    "evaluate",
    "detect",
    "report",
    "measure",
    "study",
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                sources(&path)
            } else {
                vec![path]
            }
        })
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .collect()
}

/// The stages that a source names as `crate::stage`, alone or in braces.
fn used(text: &str) -> Vec<&'static str> {
    let names = |after: &str, stage: &str| match after.strip_prefix('{') {
        Some(list) => starts_item(list.split(';').next().unwrap_or(list), stage),
        None => {
            after
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .next()
                == Some(stage)
        }
    };
    let named = |stage: &&&str| {
        text.split("crate::")
            .skip(1)
            .any(|after| names(after, stage))
    };
    STAGES.iter().filter(named).copied().collect()
}

/// Whether `{…}` has an item `stage` or `stage::…` of its own.
fn starts_item(list: &str, stage: &str) -> bool {
    let mut depth = 0;
    let mut item = String::new();
    for c in list.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => item.clear(),
            _ if depth == 0 && !c.is_whitespace() => item.push(c),
            _ => {}
        }
        if item == format!("{stage}::") {
            return true;
        }
    }
    item == stage
}

#[test]
fn a_stage_uses_only_stages_before_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut seen = 0;
    for (place, stage) in STAGES.iter().enumerate() {
        let file = src.join(stage).with_extension("rs");
        let found = match file.is_file() {
            true => vec![file],
            false => sources(&src.join(stage)),
        };
        for path in found {
            let text = fs::read_to_string(&path).unwrap();
            let code = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            for other in used(&code.collect::<Vec<_>>().join("\n")) {
                let there = STAGES.iter().position(|name| *name == other).unwrap();
                assert!(there <= place, "{} uses `{other}`", path.display());
                seen += usize::from(there < place);
            }
        }
    }
    assert!(seen > 20, "only {seen} uses of earlier stages were found");
}

#[test]
fn uses_are_found_alone_and_in_braces() {
    assert_eq!(used("use crate::audio::Waveform;"), ["audio"]);
    assert_eq!(
        used("use crate::{\n    audio::{self, X},\n    loss::Y,\n};"),
        ["audio", "loss"]
    );
    assert_eq!(used("fn f(x: crate::train::T) {}"), ["train"]);
    assert_eq!(used("use crate::Embeddings; // audio"), [] as [&str; 0]);
}

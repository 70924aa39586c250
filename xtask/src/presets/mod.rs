//! `cargo xtask presets`: one epoch of every preset, stopped, resumed and measured, as a table.
//!
//! What is measured of a preset is kept under `runs/presets/`, so that the command goes on where it was stopped;
//! `docs/presets.md` is made of what is there.

mod epoch;
mod page;
mod process;
mod tensor_header;

use crate::{
    machine,
    repository::Repository,
    setup::{self, Flavour},
};
use anyhow::{Context, Result, bail};
use epoch::Epoch;
use serde::{Deserialize, Serialize};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Everything that this command makes, but the page.
const FOLDER: &str = "runs/presets";
const PAGE: &str = "docs/presets.md";
/// Clips with classes and folds.
const CLIPS: &str = "esc10:data/esc10";
/// Recordings with marks, for presets that hear those.
const RECORDINGS: &str = "runs/presets/recordings";
/// How many: some ten batches of `moummad-supcon`.
const RECORDING_COUNT: &str = "24";

/// What differs from the presets: an epoch of 400 clips or 24 recordings should have some steps to be stopped between,
/// take a minute or two on two cores, and stay below 10 GB.
const OVERRIDES: [(&str, &[&str]); 18] = [
    ("large", &["train.batch_size=16"]),
    ("fonseca-simclr", &["views.patches_per_clip=2"]),
    ("calls", &["views.patches_per_clip=4"]),
    ("prototypical", &["method.episodes_per_epoch=50"]),
    ("simclr", &["views.patches_per_clip=4"]),
    ("moco-v1", &["views.patches_per_clip=4"]),
    ("moco-v2", &["views.patches_per_clip=4"]),
    ("swav", &["views.patches_per_clip=4"]),
    (
        // Its memory has one place a clip, which one batch must not write twice.
        "cld",
        &["train.batch_size=64", "method.cld.k_means.clusters=32"],
    ),
    ("emami-cola", &["views.patches_per_clip=2"]),
    ("emami-cola-noise", &["views.patches_per_clip=2"]),
    ("emami-cola-stretch", &["views.patches_per_clip=2"]),
    ("emami-cola-rir", &["views.patches_per_clip=2"]),
    ("emami-cola-masks", &["views.patches_per_clip=2"]),
    (
        "hornauer-dls",
        &["train.batch_size=8", "train.max_steps=12"],
    ),
    ("lin-npid", &["train.batch_size=16"]),
    ("lin-moco", &["train.batch_size=16"]),
    ("clar", &["train.batch_size=16"]),
];

/// A preset as `chiffchaff presets` lists it.
#[derive(Deserialize)]
struct Preset {
    name: String,
    source: String,
}

/// What was measured of a preset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Measured {
    preset: String,
    source: String,
    encoder: String,
    parameters: u64,
    batch_size: u64,
    overrides: Vec<String>,
    steps: u64,
    secs_per_step: f64,
    /// Bytes, where the system tells.
    peak_memory: Option<u64>,
    /// The step of the checkpoint that the run was resumed from.
    stopped_after: u64,
    resumed_to_same_bytes: bool,
    /// Where the data has classes and folds, 0..=1.
    knn_accuracy: Option<f64>,
    threads: usize,
    machine: String,
    date: String,
}

/// What was asked for.
pub(crate) struct Request {
    /// Only presets whose name contains this text.
    pub(crate) filter: Option<String>,
    /// Whether presets are measured whose results are there.
    pub(crate) again: bool,
    /// Compute threads, 0 for one per core.
    pub(crate) threads: usize,
    /// A program that is built already.
    pub(crate) program: Option<PathBuf>,
}

/// Measures the presets that are wanted and not measured yet, and writes the page.
///
/// # Errors
/// What does not build; at the end, the presets that failed or did not resume to the same bytes.
pub(crate) fn run(repository: &Repository, request: &Request) -> Result<()> {
    let program = match &request.program {
        Some(program) => {
            fs::canonicalize(program).with_context(|| program.display().to_string())?
        }
        None => build(repository)?,
    };
    let program = Program {
        path: program,
        root: repository.root().to_owned(),
    };
    let presets = program.presets()?;
    let is_wanted = |preset: &&Preset| match &request.filter {
        Some(filter) => preset.name.contains(filter),
        None => true,
    };
    let wanted: Vec<&Preset> = presets.iter().filter(is_wanted).collect();
    if wanted.is_empty() {
        let names: Vec<&str> = presets.iter().map(|preset| preset.name.as_str()).collect();
        bail!("no such preset; there are: {}", names.join(", "));
    }
    fs::create_dir_all(program.root.join(FOLDER))?;
    let threads = match request.threads {
        0 => machine::cores(),
        threads => threads,
    };
    let mut failed = Vec::new();
    for preset in wanted {
        if !request.again && program.kept(preset).is_some() {
            println!("{}: measured already; `--again` repeats it", preset.name);
            continue;
        }
        match measure(&program, preset, threads) {
            Ok(false) => failed.push(format!("{}: resumed to other bytes", preset.name)),
            Ok(true) => {}
            Err(error) => failed.push(format!("{}: {error:#}", preset.name)),
        }
    }
    let rows: Vec<Measured> = presets.iter().filter_map(|p| program.kept(p)).collect();
    let missing = presets.len() - rows.len();
    fs::write(program.root.join(PAGE), page::page(&rows, missing))?;
    println!("{PAGE}: {} of {} presets", rows.len(), presets.len());
    if !failed.is_empty() {
        bail!("{}", failed.join("\n"));
    }
    Ok(())
}

fn build(repository: &Repository) -> Result<PathBuf> {
    setup::run(repository, Flavour::Cpu)?;
    println!("building chiffchaff (release; minutes the first time)");
    repository.built(
        &["build", "--release", "--package", "chiffchaff-cli"],
        "chiffchaff",
    )
}

/// Measures one preset, keeps what was measured, and tells whether it resumed to the same bytes.
fn measure(program: &Program, preset: &Preset, threads: usize) -> Result<bool> {
    println!("{}", preset.name);
    let epoch = Epoch::of(program, preset, threads)?;
    let measured = epoch.measure()?;
    let json = serde_json::to_vec_pretty(&measured)?;
    fs::write(program.result(&preset.name), json)?;
    epoch.tidy()?;
    println!(
        "  {} steps of {:.2} s, resumed to {} bytes",
        measured.steps,
        measured.secs_per_step,
        if measured.resumed_to_same_bytes {
            "the same"
        } else {
            "OTHER"
        }
    );
    Ok(measured.resumed_to_same_bytes)
}

/// The overrides of a preset.
fn overrides(preset: &str) -> &'static [&'static str] {
    let found = OVERRIDES.iter().find(|(name, _)| *name == preset);
    found.map_or(&[], |(_, overrides)| overrides)
}

/// The program that is measured, and where.
struct Program {
    path: PathBuf,
    root: PathBuf,
}

impl Program {
    fn command<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new(&self.path);
        command.args(arguments).current_dir(&self.root);
        command
    }

    /// All presets, in the program's order.
    fn presets(&self) -> Result<Vec<Preset>> {
        let json = process::output(&mut self.command(["presets", "--format", "json"]))?;
        serde_json::from_str(&json).context("cannot read the list of presets")
    }

    /// What was measured before with the same overrides.
    fn kept(&self, preset: &Preset) -> Option<Measured> {
        let json = fs::read(self.result(&preset.name)).ok()?;
        let measured: Measured = serde_json::from_slice(&json).ok()?;
        (measured.overrides == overrides(&preset.name)).then_some(measured)
    }

    fn result(&self, preset: &str) -> PathBuf {
        self.folder().join(format!("{preset}.json"))
    }

    fn folder(&self) -> PathBuf {
        self.root.join(FOLDER)
    }

    /// Makes the recordings with marks, once.
    fn make_recordings(&self) -> Result<()> {
        if self.root.join(RECORDINGS).exists() {
            return Ok(());
        }
        let unfinished = format!("{RECORDINGS}.unfinished");
        remove_folder(&self.root.join(&unfinished))?;
        let synthesize = ["synthesize", "--quiet", "--backgrounds", CLIPS];
        let rest = ["--recordings", RECORDING_COUNT, "--out", &unfinished];
        process::output(&mut self.command(synthesize.into_iter().chain(rest)))?;
        fs::rename(self.root.join(&unfinished), self.root.join(RECORDINGS))?;
        Ok(())
    }
}

/// Removes a folder, if there is one.
fn remove_folder(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn overrides_are_one_row_a_preset_and_keys_with_values() {
        let names: BTreeSet<_> = OVERRIDES.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), OVERRIDES.len());
        let settings = OVERRIDES.iter().flat_map(|(_, settings)| *settings);
        for setting in settings {
            assert!(setting.contains('='), "{setting}");
        }
        assert!(overrides("small").is_empty());
    }

    #[test]
    fn what_was_measured_with_other_overrides_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let program = Program {
            path: PathBuf::new(),
            root: folder.path().to_owned(),
        };
        let preset = Preset {
            name: "simclr".to_owned(),
            source: String::new(),
        };
        fs::create_dir_all(program.folder()).unwrap();
        for (overrides, is_kept) in [
            (vec!["views.patches_per_clip=4"], true),
            (vec!["train.batch_size=2"], false),
        ] {
            let measured = page::tests::measured("simclr", &overrides);
            let json = serde_json::to_vec(&measured).unwrap();
            fs::write(program.result("simclr"), json).unwrap();
            assert_eq!(program.kept(&preset).is_some(), is_kept);
        }
    }
}

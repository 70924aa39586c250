//! One file per command: arguments in, library calls, a [`crate::Finish`] out.

pub(crate) mod compare;
pub(crate) mod demo;
pub(crate) mod detect;
pub(crate) mod doctor;
pub(crate) mod embed;
pub(crate) mod evaluate;
pub(crate) mod export;
pub(crate) mod features;
pub(crate) mod presets;
pub(crate) mod pretrain;
pub(crate) mod report;
pub(crate) mod score;
pub(crate) mod study;
pub(crate) mod synthesize;

use chiffchaff::dataset::DatasetKind;
use chiffchaff::output::Existing;
use clap::ValueEnum;
use std::path::{Path, PathBuf};

/// Help of an option that names a dataset; `use_of_it` is what it is for.
pub(crate) fn data_help(use_of_it: &str) -> String {
    format!(
        "{use_of_it}, as KIND:PATH, where KIND is {}",
        DatasetKind::list()
    )
}

/// How to print data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON document.
    Json,
}

/// What `--force` means.
pub(crate) fn existing(force: bool) -> Existing {
    match force {
        true => Existing::Replace,
        false => Existing::Refuse,
    }
}

/// A run directory stands for the encoder in it.
pub(crate) fn model_file(path: &Path) -> PathBuf {
    match path.is_dir() {
        true => path.join("encoder.safetensors"),
        false => path.to_owned(),
    }
}

/// The files of a run, or a file that stands for one: what a command reads that is given a run.
pub(crate) fn run_files(run: &Path) -> Vec<PathBuf> {
    if !run.is_dir() {
        return vec![run.to_owned()];
    }
    let names = [
        "checkpoint.safetensors",
        "encoder.safetensors",
        "evaluation.json",
        "experiment.toml",
        "gallery.json",
        "measured.json",
        "metrics.jsonl",
        "run.json",
        "tags.json",
    ];
    names.map(|name| run.join(name)).into()
}

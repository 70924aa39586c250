//! One run's whole configuration: a preset or file, changed key by key.
//!
//! Precedence: preset or file < `--set key=value`. The resolved configuration is written beside
//! the run, and that file alone repeats it.
//!
//! ```
//! use chiffchaff::experiment::Experiment;
//!
//! let experiment = Experiment::preset("small", &["train.epochs=50".to_owned()])?;
//! assert_eq!(experiment.train.epochs, 50);
//! let misspelt = Experiment::preset("small", &["train.epoch=50".to_owned()]);
//! assert!(misspelt.unwrap_err().to_string().contains("did you mean `epochs`?"));
//! # Ok::<(), chiffchaff::experiment::ExperimentError>(())
//! ```

mod misfit;
mod overrides;
mod presets;

pub use crate::train::{Experiment, PresetCard};
pub use presets::PRESETS;

use serde::de::DeserializeOwned;
use toml::Table;

use crate::audio::ChannelChoice;
use overrides::set;
use presets::preset_hint;

/// What is wrong with a configuration; all of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExperimentError {
    /// No preset of this name.
    #[error("there is no preset `{name}`\n\nhint: {hint}")]
    UnknownPreset {
        /// What was asked for.
        name: String,
        /// The nearest name, or all of them.
        hint: String,
    },
    /// Not TOML.
    #[error("{origin}: not a TOML file: {reason}")]
    Syntax {
        /// The file.
        origin: String,
        /// Line and column, and what was expected.
        reason: String,
    },
    /// An override that cannot be read.
    #[error(
        "`--set {given}`: {reason}\n\nhint: write `--set key=value`, for example `--set train.epochs=50`"
    )]
    Override {
        /// The argument.
        given: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Keys or values that do not fit.
    #[error("{origin}: {}", list(.problems))]
    Settings {
        /// The file or preset.
        origin: String,
        /// Each with its key.
        problems: Vec<String>,
    },
}

fn list(problems: &[String]) -> String {
    match problems {
        [one] => one.clone(),
        several => several.iter().map(|p| format!("\n  - {p}")).collect(),
    }
}

impl Experiment {
    /// A built-in preset with `overrides` (`key=value`).
    ///
    /// # Errors
    /// If there is no such preset, or an override does not fit.
    pub fn preset(name: &str, overrides: &[String]) -> Result<Self, ExperimentError> {
        let found = PRESETS.iter().find(|(known, _)| *known == name);
        let (_, toml) = found.ok_or_else(|| ExperimentError::UnknownPreset {
            name: name.to_owned(),
            hint: preset_hint(name),
        })?;
        Self::parse(&format!("preset `{name}`"), toml, overrides)
    }

    /// A configuration in TOML with `overrides`; `origin` names it in messages.
    ///
    /// # Errors
    /// All problems at once: syntax, unknown keys, values out of range.
    pub fn parse(origin: &str, toml: &str, overrides: &[String]) -> Result<Self, ExperimentError> {
        let mut table: Table =
            toml.parse()
                .map_err(|error: toml::de::Error| ExperimentError::Syntax {
                    origin: origin.to_owned(),
                    reason: error.to_string().trim_end().to_owned(),
                })?;
        for given in overrides {
            set(&mut table, given).map_err(|reason| ExperimentError::Override {
                given: given.clone(),
                reason,
            })?;
        }
        let mut problems = Vec::new();
        let parsed = Self::from_sections(table, &mut problems);
        match parsed {
            Some(experiment) if problems.is_empty() => Ok(experiment),
            _ => Err(ExperimentError::Settings {
                origin: origin.to_owned(),
                problems,
            }),
        }
    }

    /// Reads section by section, so that a mistake in one does not hide those in others.
    fn from_sections(mut table: Table, problems: &mut Vec<String>) -> Option<Self> {
        let preset = section(&mut table, "preset", problems);
        let normalization = section(&mut table, "normalization", problems);
        let channel = match table.contains_key("channel") {
            true => section(&mut table, "channel", problems),
            false => Some(ChannelChoice::Mix),
        };
        let features = section(&mut table, "features", problems);
        let views = section(&mut table, "views", problems);
        let augment = section(&mut table, "augment", problems);
        let encoder = section(&mut table, "encoder", problems);
        let method = section(&mut table, "method", problems);
        let train = section(&mut table, "train", problems);
        let embed = section(&mut table, "embed", problems);
        let sections = [
            "preset",
            "normalization",
            "channel",
            "features",
            "views",
            "augment",
            "encoder",
            "method",
            "train",
            "embed",
        ];
        for unknown in table.keys() {
            problems.push(format!(
                "unknown key `{unknown}`{}",
                nearest(unknown, &sections)
            ));
        }
        let experiment = Self {
            preset: preset?,
            normalization: normalization?,
            channel: channel?,
            features: features?,
            views: views?,
            augment: augment?,
            encoder: encoder?,
            method: method?,
            train: train?,
            embed: embed?,
        };
        experiment.check(problems);
        Some(experiment)
    }
}

/// Takes one section out of `table` and reads it.
fn section<T: DeserializeOwned>(
    table: &mut Table,
    name: &str,
    problems: &mut Vec<String>,
) -> Option<T> {
    let Some(value) = table.remove(name) else {
        problems.push(format!("section `{name}` is missing"));
        return None;
    };
    match value.clone().try_into() {
        Ok(section) => Some(section),
        Err(error) => {
            let message = error.to_string();
            let said = message.lines().next().unwrap_or_default();
            let place = misfit::place(name, &value, &message);
            problems.push(format!("in {place}: {said}{}", field_hint(said)));
            None
        }
    }
}

/// For serde's "unknown field `x`, expected one of `a`, `b`": which of them `x` may have meant.
fn field_hint(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    match quoted.next() {
        Some(unknown) if message.starts_with("unknown") => {
            nearest(unknown, &quoted.collect::<Vec<_>>())
        }
        _ => String::new(),
    }
}

/// " (did you mean `y`?)" for the known name most like `given`, if one is.
fn nearest(given: &str, known: &[&str]) -> String {
    let scored = known
        .iter()
        .map(|&name| (strsim::jaro_winkler(given, name), name));
    match scored.max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((score, name)) if score > 0.8 => format!(" (did you mean `{name}`?)"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests;

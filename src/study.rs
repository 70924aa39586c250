//! Several experiments that differ in one thing, and how they are measured: a published comparison as one file.
//!
//! ```
//! use chiffchaff::study::Study;
//!
//! let study = Study::built_in("methods")?;
//! let experiments = study.experiments(&["train.seed=7".to_owned()])?;
//! assert_eq!(experiments.len(), study.runs.len());
//! # Ok::<(), chiffchaff::study::StudyError>(())
//! ```

use serde::Deserialize;
use std::collections::BTreeSet;

use crate::evaluate::ProtocolName;
use crate::experiment::{Experiment, ExperimentError};

/// The studies that are built in, by name.
pub const STUDIES: [(&str, &str); 2] = [
    ("methods", include_str!("../studies/methods.toml")),
    (
        "emami-ablation",
        include_str!("../studies/emami-ablation.toml"),
    ),
];

/// A study as its file has it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Study {
    /// What it is called.
    pub name: String,
    /// What it compares, and after whom.
    pub summary: String,
    /// What a reader must know to judge it.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The preset of every run that names none.
    #[serde(default)]
    preset: Option<String>,
    /// Changes to the preset of every run, `key=value`.
    #[serde(default)]
    set: Vec<String>,
    /// Whether each run is trained once for every official fold, without it, so that nothing of what is scored was heard.
    /// Methods that learn from labels need it. Default: once, on all clips.
    #[serde(default)]
    pub each_fold_unheard: bool,
    /// How the encoders are measured.
    pub protocols: Vec<ProtocolName>,
    /// What is compared.
    pub runs: Vec<StudyRun>,
}

/// One row of a study.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudyRun {
    /// What it is called in tables; a folder's name.
    pub name: String,
    /// Where it starts from, if not where all do.
    #[serde(default)]
    preset: Option<String>,
    /// Changes of its own, after those of all.
    #[serde(default)]
    set: Vec<String>,
}

/// Why a study cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StudyError {
    /// No study of this name.
    #[error(
        "there is no study `{name}`\n\nhint: there are {}; or give a file that ends in .toml",
        names()
    )]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// Not a study's file.
    #[error("{origin}: {reason}")]
    Syntax {
        /// The file or name.
        origin: String,
        /// What is wrong, and where.
        reason: String,
    },
    /// A run without settings that work.
    #[error("run `{run}` of study `{study}`: {source}")]
    Run {
        /// The study.
        study: String,
        /// The run.
        run: String,
        /// What is wrong with it.
        source: Box<ExperimentError>,
    },
    /// Something a study must not be.
    #[error("study `{study}`: {reason}")]
    Invalid {
        /// The study.
        study: String,
        /// What is wrong.
        reason: String,
    },
}

fn names() -> String {
    STUDIES.map(|(name, _)| format!("`{name}`")).join(", ")
}

impl Study {
    /// A study that is built in.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn built_in(name: &str) -> Result<Self, StudyError> {
        let found = STUDIES.iter().find(|(known, _)| *known == name);
        let (name, toml) = found.ok_or_else(|| StudyError::Unknown {
            name: name.to_owned(),
        })?;
        Self::parse(name, toml)
    }

    /// A study in TOML; `origin` names it in messages.
    ///
    /// # Errors
    /// If it is none, or its runs cannot be told apart.
    pub fn parse(origin: &str, toml: &str) -> Result<Self, StudyError> {
        let study: Self = toml::from_str(toml).map_err(|error| StudyError::Syntax {
            origin: origin.to_owned(),
            reason: error.to_string().trim_end().to_owned(),
        })?;
        let invalid = |reason: String| StudyError::Invalid {
            study: study.name.clone(),
            reason,
        };
        let fits = |name: &str| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            !name.is_empty() && !name.starts_with('.') && name.chars().all(allowed)
        };
        let mut names = BTreeSet::new();
        for run in &study.runs {
            if !fits(&run.name) {
                return Err(invalid(format!(
                    "a run is called `{}`, but its name must consist of letters, digits, `-`, `_` and `.`",
                    run.name
                )));
            }
            if !names.insert(&run.name) {
                return Err(invalid(format!("two runs are called `{}`", run.name)));
            }
        }
        if study.runs.is_empty() || study.protocols.is_empty() {
            return Err(invalid("it needs at least one run and one protocol".into()));
        }
        Ok(study)
    }

    /// The runs with their settings; `overrides` (`key=value`) come last.
    ///
    /// # Errors
    /// If one of them has none, or they cannot work; or if a run learns from the labels of what it is scored on.
    pub fn experiments(&self, overrides: &[String]) -> Result<Vec<(&str, Experiment)>, StudyError> {
        let experiment = |run| {
            let experiment = self.experiment(run, overrides)?;
            if experiment.method.uses_labels() && !self.each_fold_unheard {
                return Err(StudyError::Invalid {
                    study: self.name.clone(),
                    reason: format!(
                        "run `{}` learns from labels, those of the scored clips included\n\nhint: set `each_fold_unheard = true`",
                        run.name
                    ),
                });
            }
            Ok((run.name.as_str(), experiment))
        };
        self.runs.iter().map(experiment).collect()
    }

    fn experiment(&self, run: &StudyRun, overrides: &[String]) -> Result<Experiment, StudyError> {
        let preset = run.preset.as_ref().or(self.preset.as_ref());
        let preset = preset.ok_or_else(|| StudyError::Invalid {
            study: self.name.clone(),
            reason: format!(
                "run `{}` has no preset, and there is none for all",
                run.name
            ),
        })?;
        let set = [&self.set, &run.set, overrides].map(|set| set.iter().cloned());
        let set: Vec<String> = set.into_iter().flatten().collect();
        Experiment::preset(preset, &set).map_err(|source| StudyError::Run {
            study: self.name.clone(),
            run: run.name.clone(),
            source: Box::new(source),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_study_that_is_built_in_has_settings_that_work() {
        for (name, _) in STUDIES {
            let study = Study::built_in(name).unwrap();
            assert_eq!(study.name, name);
            let experiments = study.experiments(&["train.seed=7".to_owned()]).unwrap();
            assert_eq!(experiments.len(), study.runs.len());
            assert!(experiments.iter().all(|(_, e)| e.train.seed == 7));
        }
    }

    const TWO: &str = r#"
        name = "two"
        summary = "…"
        preset = "small"
        set = ["train.seed=1", "train.epochs=5"]
        protocols = ["knn"]
        [[runs]]
        name = "a"
        set = ["train.seed=2"]
        [[runs]]
        name = "b"
    "#;

    #[test]
    fn what_a_run_sets_comes_after_what_all_set() {
        let study = Study::parse("two", TWO).unwrap();
        let runs = study.experiments(&[]).unwrap();
        let seeds: Vec<_> = runs.iter().map(|(name, e)| (*name, e.train.seed)).collect();
        assert_eq!(seeds, [("a", 2), ("b", 1)]);
        assert!(runs.iter().all(|(_, e)| e.train.epochs == 5));
    }

    #[test]
    fn what_cannot_be_run_is_named() {
        let message = |toml: &str| {
            let study = Study::parse("two", toml);
            let ran = study.and_then(|study| study.experiments(&[]).map(|_| ()));
            ran.unwrap_err().to_string()
        };
        let twice = TWO.replace("\"b\"", "\"a\"");
        assert!(message(&twice).contains("two runs are called `a`"));
        let path = TWO.replace("\"b\"", "\"../b\"");
        assert!(message(&path).contains("`../b`"));
        let typo = TWO.replace("train.seed=2", "train.sed=2");
        assert!(message(&typo).contains("run `a` of study `two`"));
        let none = TWO.replace("preset = \"small\"", "");
        assert!(message(&none).contains("no preset"));
        let labels = TWO.replace("\"small\"", "\"moummad-supcon\"");
        assert!(message(&labels).contains("learns from labels"));
        assert!(
            Study::built_in("mehtods")
                .unwrap_err()
                .to_string()
                .contains("`methods`")
        );
    }
}

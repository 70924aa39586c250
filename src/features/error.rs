//! What can be wrong with a front end or its cache.

use std::path::PathBuf;

/// Why features could not be computed or kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeaturesError {
    /// A front end whose settings contradict each other or make no sense; lists every one of them.
    #[error("front end cannot be built: {}", list(.problems))]
    Config {
        /// All that is wrong, in the order of the keys.
        problems: Vec<ConfigProblem>,
    },
    /// A front end that must hear a clip whole, where it is heard as a stream.
    #[error(
        "`{key}` looks at the whole recording, so these features cannot be computed while it is read\n\nhint: use a model whose front end treats every frame alike, such as that of `moummad-supcon`"
    )]
    NotLocal {
        /// The setting.
        key: &'static str,
    },
    /// The feature cache could not be read or written.
    #[error("feature cache {}: {doing} failed: {source}", path.display())]
    Cache {
        /// The file or folder of the cache.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

/// One setting that cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("`{key}` is {given}, but must be {allowed}")]
pub struct ConfigProblem {
    /// The key, as it is written in the configuration.
    pub key: String,
    /// Its value.
    pub given: String,
    /// What would be allowed.
    pub allowed: String,
}

fn list(problems: &[ConfigProblem]) -> String {
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    problems.join("; ")
}

/// Collects [`ConfigProblem`]s while a configuration is checked.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<ConfigProblem>);

impl Problems {
    /// Notes `key` unless `fine`.
    pub(super) fn check(
        &mut self,
        fine: bool,
        key: &str,
        given: impl std::fmt::Display,
        allowed: impl Into<String>,
    ) {
        if !fine {
            self.0.push(ConfigProblem {
                key: key.to_owned(),
                given: given.to_string(),
                allowed: allowed.into(),
            });
        }
    }

    /// Notes the problems of a part that is configured under `prefix`.
    pub(super) fn append_under(&mut self, prefix: &str, part: Problems) {
        self.0
            .extend(part.0.into_iter().map(|problem| ConfigProblem {
                key: format!("{prefix}.{}", problem.key),
                ..problem
            }));
    }

    /// An error if anything was noted.
    pub(super) fn into_result(self) -> Result<(), FeaturesError> {
        match self.0 {
            problems if problems.is_empty() => Ok(()),
            problems => Err(FeaturesError::Config { problems }),
        }
    }
}

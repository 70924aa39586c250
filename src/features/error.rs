//! What can be wrong with a front end or its cache.

use crate::audio::SampleRate;
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
    /// A front end that is not computed while a recording is read.
    #[error(
        "features of type `{front_end}` cannot be computed while a recording is read\n\nhint: use a model whose front end is `log-mel`, `mfcc` or `pcen`"
    )]
    NotStreamed {
        /// Its `type`.
        front_end: &'static str,
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

    /// Notes what is wrong with the frames of a Fourier transform; `least` is the shortest transform.
    pub(super) fn check_frames(
        &mut self,
        least: usize,
        n_fft: usize,
        win_length: usize,
        hop_length: usize,
    ) {
        self.check(
            (least..=1 << 20).contains(&n_fft),
            "n_fft",
            n_fft,
            format!("{least} to 1048576 samples"),
        );
        self.check(
            (1..=n_fft).contains(&win_length),
            "win_length",
            win_length,
            format!("1 to `n_fft`, {n_fft} samples"),
        );
        self.check_hop(hop_length);
    }

    /// Notes a hop that does not get on.
    pub(super) fn check_hop(&mut self, hop_length: usize) {
        self.check(
            (1..=1 << 20).contains(&hop_length),
            "hop_length",
            hop_length,
            "1 to 1048576 samples",
        );
    }

    /// Notes a range of frequencies that sound of this rate does not have.
    pub(super) fn check_range(&mut self, sample_rate: SampleRate, f_min: f64, f_max: f64) {
        let nyquist = f64::from(sample_rate.hz()) / 2.0;
        self.check(
            f_min >= 0.0 && f_min < nyquist,
            "f_min",
            f_min,
            format!("from 0 Hz to below {nyquist} Hz, half of `sample_rate`"),
        );
        self.check(
            f_max > f_min && f_max <= nyquist,
            "f_max",
            f_max,
            format!("above `f_min` and at most {nyquist} Hz, half of `sample_rate`"),
        );
    }

    /// Notes the problems of a part that is configured under `prefix`.
    pub(super) fn append_under(&mut self, prefix: &str, part: Problems) {
        self.0
            .extend(part.0.into_iter().map(|problem| ConfigProblem {
                key: format!("{prefix}.{}", problem.key),
                ..problem
            }));
    }

    /// What was noted.
    pub(super) fn into_list(self) -> Vec<ConfigProblem> {
        self.0
    }

    /// An error if anything was noted.
    pub(super) fn into_result(self) -> Result<(), FeaturesError> {
        match self.0 {
            problems if problems.is_empty() => Ok(()),
            problems => Err(FeaturesError::Config { problems }),
        }
    }
}

//! Settings of a method that cannot work.

use std::fmt::Display;
use std::num::NonZeroU32;

use super::{CldConfig, ColaSimilarity, MethodConfig, ProjectionHeadConfig};
use crate::loss::Temperature;

/// Told whether a value is allowed, its key, the value, and what is allowed.
pub(crate) type Must<'a> = dyn FnMut(bool, &str, &dyn Display, &str) + 'a;

const SOME: std::ops::RangeInclusive<i64> = 1..=1 << 24;
const SOME_TEXT: &str = "within 1..=16777216";

impl MethodConfig {
    /// Tells `must` of every value, for batches of `batch` patches.
    pub(crate) fn check(&self, batch: usize, must: &mut Must<'_>) {
        if let Some(head) = self.head() {
            head.check(must);
        }
        if let Some(temperature) = self.temperature() {
            check_temperature("method.temperature", temperature, must);
        }
        match self {
            Self::SimClr(_) | Self::SupCon(_) => {}
            Self::Moco(config) => {
                must(
                    SOME.contains(&config.queue),
                    "method.queue",
                    &config.queue,
                    SOME_TEXT,
                );
                multiple_of_the_batch("method.queue", config.queue, batch, must);
                share("method.momentum", config.momentum, must);
                let groups = config.key_groups;
                must(
                    (1..=batch.max(2) / 2).contains(&groups),
                    "method.key_groups",
                    &groups,
                    "at least 1, and at most half of `train.batch_size`",
                );
                check_cld(config.cld.as_ref(), batch, must);
            }
            Self::Npid(config) => {
                must(
                    config.negatives <= 1 << 20,
                    "method.negatives",
                    &config.negatives,
                    "at most 1048576",
                );
                share("method.momentum", config.momentum, must);
                check_cld(config.cld.as_ref(), batch, must);
            }
            Self::Cola(config) => {
                if let ColaSimilarity::DotProduct { temperature } = config.similarity {
                    check_temperature("method.similarity.temperature", temperature, must);
                }
                must(
                    (1..=65536).contains(&config.dim),
                    "method.dim",
                    &config.dim,
                    "within 1..=65536",
                );
            }
            Self::Swav(config) => {
                let prototypes = config.prototypes;
                must(
                    SOME.contains(&prototypes),
                    "method.prototypes",
                    &prototypes,
                    SOME_TEXT,
                );
                must(
                    (0..=1 << 24).contains(&config.queue),
                    "method.queue",
                    &config.queue,
                    "within 0..=16777216",
                );
                multiple_of_the_batch("method.queue", config.queue, batch, must);
                check_temperature("method.codes.epsilon", config.codes.epsilon, must);
                check_rounds("method.codes.iterations", config.codes.iterations, must);
            }
            Self::Clar(config) => {
                let width = config.sound_encoder.width;
                must(
                    (1..=1024).contains(&width),
                    "method.sound_encoder.width",
                    &width,
                    "within 1..=1024",
                );
                weight("method.label_weight", config.label_weight, must);
            }
            Self::Supervised(config) => must(
                (0.0..1.0).contains(&config.label_smoothing),
                "method.label_smoothing",
                &config.label_smoothing,
                "0 or more, and below 1",
            ),
            Self::Prototypical(episodes) => {
                let ways = episodes.ways;
                must(
                    (2..=1000).contains(&ways),
                    "method.ways",
                    &ways,
                    "within 2..=1000",
                );
                let shots = episodes.shots;
                must(
                    (1..=1000).contains(&shots),
                    "method.shots",
                    &shots,
                    "within 1..=1000",
                );
                must(
                    (1..=1_000_000_000).contains(&episodes.episodes_per_epoch),
                    "method.episodes_per_epoch",
                    &episodes.episodes_per_epoch,
                    "within 1..=1000000000",
                );
                must(
                    batch == episodes.patches(),
                    "train.batch_size",
                    &batch,
                    "`method.ways` times `method.shots`",
                );
            }
            Self::FrameSupCon(frames) => {
                must(
                    (2..=10_000).contains(&frames.frames_per_unit),
                    "method.frames_per_unit",
                    &frames.frames_per_unit,
                    "within 2..=10000",
                );
                weight("method.presence", frames.presence, must);
            }
        }
    }
}

impl MethodConfig {
    /// The temperature of the views' similarities.
    fn temperature(&self) -> Option<Temperature> {
        Some(match self {
            Self::SimClr(config) => config.temperature,
            Self::SupCon(config) => config.temperature,
            Self::Moco(config) => config.temperature,
            Self::Npid(config) => config.temperature,
            Self::Swav(config) => config.temperature,
            Self::Clar(config) => config.temperature,
            Self::FrameSupCon(config) => config.temperature,
            Self::Cola(_) | Self::Supervised(_) | Self::Prototypical(_) => return None,
        })
    }
}

impl ProjectionHeadConfig {
    fn check(&self, must: &mut Must<'_>) {
        let widths = &self.widths;
        must(
            !widths.is_empty() && widths.iter().all(|w| (1..=65536).contains(w)),
            "method.head.widths",
            &format_args!("{widths:?}"),
            "one or more widths within 1..=65536",
        );
    }
}

fn check_cld(config: Option<&CldConfig>, batch: usize, must: &mut Must<'_>) {
    let Some(config) = config else {
        return;
    };
    must(
        config.k_means.clusters.get() as usize <= batch,
        "method.cld.k_means.clusters",
        &config.k_means.clusters,
        "at most `train.batch_size`",
    );
    check_rounds(
        "method.cld.k_means.iterations",
        config.k_means.iterations,
        must,
    );
    check_temperature("method.cld.temperature", config.temperature, must);
    weight("method.cld.weight", config.weight, must);
    must(
        (1..=65536).contains(&config.dim),
        "method.cld.dim",
        &config.dim,
        "within 1..=65536",
    );
}

/// What is divided by a smaller one, or multiplied by a larger weight, is no number any more.
fn check_temperature(key: &str, temperature: Temperature, must: &mut Must<'_>) {
    let value = temperature.get();
    must(
        (1e-4..=1e4).contains(&value),
        key,
        &value,
        "within 0.0001..=10000",
    );
}

fn weight(key: &str, value: f64, must: &mut Must<'_>) {
    must(
        (0.0..=1e6).contains(&value),
        key,
        &value,
        "within 0..=1000000",
    );
}

fn check_rounds(key: &str, rounds: NonZeroU32, must: &mut Must<'_>) {
    must(rounds.get() <= 10_000, key, &rounds, "within 1..=10000");
}

fn share(key: &str, value: f64, must: &mut Must<'_>) {
    must((0.0..=1.0).contains(&value), key, &value, "within 0..=1");
}

/// Rows that a batch replaces must be those of whole batches, or its oldest and newest would be mixed.
fn multiple_of_the_batch(key: &str, entries: i64, batch: usize, must: &mut Must<'_>) {
    must(
        entries % (batch.max(1) as i64) == 0,
        key,
        &entries,
        "a multiple of `train.batch_size`",
    );
}

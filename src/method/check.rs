//! Checks of settings that several methods have.

use std::fmt::Display;
use std::num::NonZeroU32;

use super::ProjectionHeadConfig;
use crate::loss::Temperature;

/// Told whether a value is allowed, its key, the value, and what is allowed.
pub(crate) type Must<'a> = dyn FnMut(bool, &str, &dyn Display, &str) + 'a;

impl ProjectionHeadConfig {
    pub(super) fn check(&self, must: &mut Must<'_>) {
        let widths = &self.widths;
        must(
            !widths.is_empty() && widths.iter().all(|w| (1..=65536).contains(w)),
            "method.head.widths",
            &format_args!("{widths:?}"),
            "one or more widths within 1..=65536",
        );
    }
}

/// What is divided by a smaller one, or multiplied by a larger weight, is no number any more.
pub(super) fn temperature(key: &str, temperature: Temperature, must: &mut Must<'_>) {
    let value = temperature.get();
    must(
        (1e-4..=1e4).contains(&value),
        key,
        &value,
        "within 0.0001..=10000",
    );
}

pub(super) fn weight(key: &str, value: f64, must: &mut Must<'_>) {
    must(
        (0.0..=1e6).contains(&value),
        key,
        &value,
        "within 0..=1000000",
    );
}

/// Numbers of a projection.
pub(super) fn dim(key: &str, value: i64, must: &mut Must<'_>) {
    must(
        (1..=65536).contains(&value),
        key,
        &value,
        "within 1..=65536",
    );
}

/// Entries of a queue, or prototypes.
pub(super) fn entries(key: &str, value: i64, must: &mut Must<'_>) {
    must(
        (1..=1 << 24).contains(&value),
        key,
        &value,
        "within 1..=16777216",
    );
}

pub(super) fn rounds(key: &str, rounds: NonZeroU32, must: &mut Must<'_>) {
    must(rounds.get() <= 10_000, key, &rounds, "within 1..=10000");
}

pub(super) fn share(key: &str, value: f64, must: &mut Must<'_>) {
    must((0.0..=1.0).contains(&value), key, &value, "within 0..=1");
}

/// Rows that a batch replaces must be those of whole batches, or its oldest and newest would be mixed.
pub(super) fn multiple_of_the_batch(key: &str, entries: i64, batch: usize, must: &mut Must<'_>) {
    must(
        entries % (batch.max(1) as i64) == 0,
        key,
        &entries,
        "a multiple of `train.batch_size`",
    );
}

//! Ranges to draw from.

use rand::{Rng, RngExt};

use super::error::Problems;

/// Where a number is drawn from, both ends included; in files `[low, high]`.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(from = "[T; 2]", into = "[T; 2]")]
#[serde(bound(
    serialize = "T: Copy + serde::Serialize",
    deserialize = "T: serde::Deserialize<'de>"
))]
pub struct Interval<T> {
    /// The smallest value.
    pub low: T,
    /// The largest value.
    pub high: T,
}

impl<T> Interval<T> {
    /// From `low` to `high`.
    pub const fn new(low: T, high: T) -> Self {
        Self { low, high }
    }
}

impl<T: PartialOrd + Copy + std::fmt::Display> Interval<T> {
    /// Requires `least ≤ low ≤ high ≤ most`, which also refuses what is not a number.
    pub(super) fn check(self, key: &str, least: T, most: T, problems: &mut Problems<'_>) {
        let holds = least <= self.low && self.low <= self.high && self.high <= most;
        let required = format!("two numbers in rising order from {least} to {most}");
        problems.require(holds, key, self, required);
    }
}

impl<T: PartialEq + PartialOrd + Copy + rand::distr::uniform::SampleUniform> Interval<T> {
    /// Draws evenly; draws nothing where both ends are the same.
    pub(super) fn draw(self, rng: &mut impl Rng) -> T {
        if self.low == self.high {
            self.low
        } else {
            rng.random_range(self.low..=self.high)
        }
    }
}

impl<T> From<[T; 2]> for Interval<T> {
    fn from([low, high]: [T; 2]) -> Self {
        Self { low, high }
    }
}

impl<T> From<Interval<T>> for [T; 2] {
    fn from(Interval { low, high }: Interval<T>) -> Self {
        [low, high]
    }
}

impl<T: std::fmt::Display> std::fmt::Display for Interval<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{}, {}]", self.low, self.high)
    }
}

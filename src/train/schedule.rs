//! The learning rate over the course of training.

use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

use crate::method::Must;

/// How the learning rate moves. Epochs count from 0, `E` is their number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// `η`
    Constant {},
    /// `η · factor^(number of milestones ≤ epoch)`
    Step {
        /// Epochs at which the rate drops.
        milestones: Vec<u32>,
        /// What it is multiplied by. Default 0.1.
        #[serde(default = "tenth")]
        factor: f64,
    },
    /// Per epoch, `½·η·(1 + cos(π·e/E))`, as MoCo v2 trains.
    CosineEpoch {},
    /// Per epoch, `½·η·(1 + cos(π·(e+1)/(E+1)))`: never exactly η nor 0. As Moummad et al. train.
    CosineEpochOpen {},
    /// Per step: linear from 0 over the warm-up, then a half cosine down to 0 at the last step.
    WarmupCosine {
        /// Epochs of warm-up, fractions allowed. Default 0.
        #[serde(default)]
        warmup_epochs: f64,
    },
    /// Per epoch, ESResNet's: `0.1·η` while cold, linear up to η over the warm-up, then `γ^epochs`.
    WarmupExponential {
        /// Cold epochs.
        cold: u32,
        /// Warm-up epochs.
        warm: u32,
        /// γ, the factor of each later epoch.
        gamma: f64,
    },
}

fn tenth() -> f64 {
    0.1
}

/// Where training stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Moment {
    /// The epoch, from 0.
    pub(crate) epoch: u32,
    /// Number of epochs; not whole where the run ends within one.
    pub(crate) epochs: f64,
    /// The step within the epoch, from 0.
    pub(crate) step: u64,
    /// Steps of an epoch.
    pub(crate) steps_per_epoch: u64,
}

impl Schedule {
    /// The learning rate of a step whose peak rate is `peak`.
    pub(crate) fn learning_rate(&self, peak: f64, at: Moment) -> f64 {
        let epoch = f64::from(at.epoch);
        let epochs = at.epochs;
        match self {
            Self::Constant {} => peak,
            Self::Step { milestones, factor } => {
                let passed = milestones.iter().filter(|&&m| m <= at.epoch).count();
                peak * factor.powi(passed as i32)
            }
            Self::CosineEpoch {} => half_cosine(peak, epoch / epochs),
            Self::CosineEpochOpen {} => half_cosine(peak, (epoch + 1.0) / (epochs + 1.0)),
            Self::WarmupCosine { warmup_epochs } => {
                let now = epoch + (at.step as f64 + 1.0) / at.steps_per_epoch as f64;
                if now <= *warmup_epochs {
                    peak * now / warmup_epochs
                } else {
                    half_cosine(peak, (now - warmup_epochs) / (epochs - warmup_epochs))
                }
            }
            &Self::WarmupExponential { cold, warm, gamma } => {
                if at.epoch < cold {
                    0.1 * peak
                } else if at.epoch < cold.saturating_add(warm) {
                    let warmed = f64::from(1 + at.epoch - cold) / f64::from(warm);
                    peak * (0.1 + 0.9 * warmed)
                } else {
                    peak * gamma.powi((at.epoch - cold - warm) as i32)
                }
            }
        }
    }
}

impl Schedule {
    /// Tells `must` of every value.
    pub(super) fn check(&self, must: &mut Must<'_>) {
        match self {
            Self::Constant {} | Self::CosineEpoch {} | Self::CosineEpochOpen {} => {}
            Self::Step { factor, .. } => must(
                (0.0..=1000.0).contains(factor),
                "train.schedule.factor",
                factor,
                "within 0..=1000",
            ),
            Self::WarmupCosine { warmup_epochs } => must(
                (0.0..=1e6).contains(warmup_epochs),
                "train.schedule.warmup_epochs",
                warmup_epochs,
                "within 0..=1000000",
            ),
            Self::WarmupExponential { gamma, .. } => must(
                (0.0..=1.0).contains(gamma),
                "train.schedule.gamma",
                gamma,
                "within 0..=1",
            ),
        }
    }
}

/// From `peak` at 0 to 0 at 1.
fn half_cosine(peak: f64, progress: f64) -> f64 {
    0.5 * peak * (1.0 + (PI * progress.min(1.0)).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(schedule: &Schedule, epochs: u32) -> Vec<f64> {
        let at = |epoch| Moment {
            epoch,
            epochs: epochs.into(),
            step: 0,
            steps_per_epoch: 1,
        };
        let rate = |epoch| schedule.learning_rate(1.0, at(epoch));
        (0..epochs).map(rate).collect()
    }

    fn assert_close(given: &[f64], wanted: &[f64]) {
        for (g, w) in given.iter().zip(wanted) {
            assert!((g - w).abs() < 1e-12, "{given:?} is not {wanted:?}");
        }
        assert_eq!(given.len(), wanted.len());
    }

    #[test]
    fn step_drops_at_its_milestones() {
        let schedule = Schedule::Step {
            milestones: vec![1, 3],
            factor: 0.1,
        };
        assert_close(&rates(&schedule, 4), &[1.0, 0.1, 0.1, 0.01]);
    }

    #[test]
    fn the_open_cosine_reaches_neither_end() {
        let third = 0.5 * (1.0 + (PI / 3.0).cos());
        assert_close(
            &rates(&Schedule::CosineEpochOpen {}, 2),
            &[third, 1.0 - third],
        );
    }

    #[test]
    fn the_epoch_cosine_starts_at_the_peak() {
        assert_close(&rates(&Schedule::CosineEpoch {}, 2), &[1.0, 0.5]);
    }

    #[test]
    fn warmup_rises_linearly_then_falls_to_zero() {
        let schedule = Schedule::WarmupCosine { warmup_epochs: 2.0 };
        assert_close(&rates(&schedule, 4), &[0.5, 1.0, 0.5, 0.0]);
    }

    #[test]
    fn warmup_exponential_is_esresnets() {
        let schedule = Schedule::WarmupExponential {
            cold: 1,
            warm: 2,
            gamma: 0.5,
        };
        assert_close(&rates(&schedule, 5), &[0.1, 0.55, 1.0, 1.0, 0.5]);
    }
}

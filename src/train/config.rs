//! The settings of the loop.

use serde::{Deserialize, Serialize};
use tch::Device;

use super::{OptimizerConfig, Schedule};
use crate::encoder::{EncoderConfig, Precision};
use crate::method::Must;

/// How long, how fast and in which precision to train.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Passes over all patches. More is better up to a point and costs time in proportion.
    pub epochs: u32,
    /// Ends training after this many steps even if epochs remain, so that a recipe costs the same
    /// on any dataset; schedules then reach their end there. Default: all epochs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_steps: Option<u64>,
    /// Patches of a step; each gives two views. Contrast gets harder, and memory larger, with it.
    pub batch_size: usize,
    /// Peak learning rate, which the schedule moves.
    pub learning_rate: f64,
    /// Keys every random draw. Default 0.
    #[serde(default)]
    pub seed: u64,
    /// Number format of convolutions and linear layers. Default `auto`.
    #[serde(default)]
    pub precision: PrecisionChoice,
    /// Compute threads. 0 (default): one per core, fewer while other programs use the cores ([`crate::cores`]). Sums may
    /// round differently with another number; a fixed one repeats a run to the byte whatever else is running.
    #[serde(default)]
    pub threads: usize,
    /// Threads that make batches ahead of the step. Default 1; does not change the result.
    #[serde(default = "one")]
    pub data_threads: usize,
    /// Seconds between checkpoints. Default 60; does not change the result.
    #[serde(default = "a_minute")]
    pub checkpoint_secs: f64,
    /// The rule that turns gradients into steps.
    pub optimizer: OptimizerConfig,
    /// What weight decay acts on. Default: everything, as the published systems do.
    #[serde(default)]
    pub weight_decay_on: DecayScope,
    /// How the learning rate moves.
    pub schedule: Schedule,
}

/// Seconds that are as good as never: thirty years.
const MOST_SECS: f64 = 1e9;

fn one() -> usize {
    1
}

fn a_minute() -> f64 {
    60.0
}

/// Which weights the optimiser's weight decay acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DecayScope {
    /// Every weight.
    #[default]
    All,
    /// Kernels and matrices, but no bias and no batch-norm scale.
    Kernels,
}

impl TrainConfig {
    /// Steps of the whole run, given those of an epoch.
    pub(crate) fn total_steps(&self, steps_per_epoch: u64) -> u64 {
        let all = steps_per_epoch.saturating_mul(self.epochs.into());
        self.max_steps.map_or(all, |most| most.min(all))
    }

    /// Tells `must` of every value.
    pub(crate) fn check(&self, must: &mut Must<'_>) {
        let mut range = |holds: bool, key: &str, given: &dyn std::fmt::Display, allowed: &str| {
            must(holds, &format!("train.{key}"), given, allowed);
        };
        range(self.epochs >= 1, "epochs", &self.epochs, "at least 1");
        range(
            self.max_steps != Some(0),
            "max_steps",
            &0,
            "at least 1, or absent",
        );
        range(
            (2..=1 << 20).contains(&self.batch_size),
            "batch_size",
            &self.batch_size,
            "within 2..=1048576, as a patch needs others to differ from",
        );
        range(
            self.learning_rate > 0.0 && self.learning_rate <= 1e6,
            "learning_rate",
            &self.learning_rate,
            "above 0, and at most 1000000",
        );
        range(
            (0.0..=MOST_SECS).contains(&self.checkpoint_secs),
            "checkpoint_secs",
            &self.checkpoint_secs,
            "within 0..=1000000000 seconds",
        );
        range(
            self.data_threads <= 256,
            "data_threads",
            &self.data_threads,
            "at most 256",
        );
        range(
            self.threads <= 1024,
            "threads",
            &self.threads,
            "at most 1024",
        );
        self.optimizer.check(must);
        self.schedule.check(must);
    }

    /// Compute threads in numbers.
    pub fn compute_threads(&self) -> usize {
        match self.threads {
            0 => crate::cores::available_cores(),
            threads => threads,
        }
    }
}

/// A precision, or the choice left to a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrecisionChoice {
    /// Always 32 bits.
    Fp32,
    /// Always 16-bit brain floats.
    Bf16,
    /// What was measured to be faster for this kind of network on this kind of machine.
    #[default]
    Auto,
}

impl PrecisionChoice {
    /// The precision to train in. A fixed rule, no stopwatch: the same machine always answers the
    /// same.
    pub fn resolve(self, encoder: &EncoderConfig, device: Device) -> Precision {
        match self {
            Self::Fp32 => Precision::Fp32,
            Self::Bf16 => Precision::Bf16,
            // Depthwise convolutions wait for memory, not for multiplication; all other networks gain.
            Self::Auto => match encoder {
                EncoderConfig::EfficientNetB0(_) => Precision::Fp32,
                _ if multiplies_bf16(device) => Precision::Bf16,
                _ => Precision::Fp32,
            },
        }
    }
}

/// Whether the device multiplies bf16 in hardware. Every x86 core with AMX also has AVX512-BF16.
fn multiplies_bf16(device: Device) -> bool {
    match device {
        Device::Cuda(_) => true,
        #[cfg(target_arch = "x86_64")]
        Device::Cpu => std::arch::is_x86_feature_detected!("avx512bf16"),
        _ => false,
    }
}

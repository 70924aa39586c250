//! Sound itself as features: what the cache keeps where views are augmented before the front end.

use serde::{Deserialize, Serialize};

use super::Features;
use crate::audio::SampleRate;

/// No front end: every sample is a frame of one band.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamplesConfig {
    /// Samples per second.
    pub sample_rate: SampleRate,
}

impl SamplesConfig {
    /// Mono `samples` as `[1, 1, samples]`.
    pub(super) fn compute(samples: &[f32]) -> Features {
        Features::from_frames(1, samples.to_vec())
    }
}

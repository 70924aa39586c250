//! How a detector that works frame by frame is made.

use super::{FitConfig, SegmentConfig};
use crate::detect::{DetectError, Threshold};
use serde::{Deserialize, Serialize};

/// Settings of the detector that works frame by frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FrameConfig {
    /// How a detector is fitted.
    pub fit: FitConfig,
    /// How many networks are fitted, each from other draws, and averaged; 0 counts as 1. More are surer and take as
    /// much longer. Default 1.
    pub ensemble: u32,
    /// What candidates must score to count as events, where the shots score 1 on average. Less finds more. Default 0.85.
    pub threshold: Threshold,
    /// How frames become events.
    pub segment: SegmentConfig,
    /// Keys every random draw. Default 0.
    pub seed: u64,
}

impl Default for FrameConfig {
    fn default() -> Self {
        Self {
            fit: FitConfig::default(),
            ensemble: 1,
            threshold: Threshold::Score(0.85),
            segment: SegmentConfig::default(),
            seed: 0,
        }
    }
}

impl FrameConfig {
    pub(super) fn check(&self) -> Result<(), DetectError> {
        self.threshold.check()
    }
}

//! What is known about patches before any is seen.

use crate::features::LogUnit;

/// The patches a pipeline is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patch {
    /// Number of mel bands, at least 1.
    pub bands: usize,
    /// Number of frames, at least 1.
    pub frames: usize,
    /// The logarithm its values are in.
    pub unit: LogUnit,
}

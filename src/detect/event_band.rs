use serde::{Deserialize, Serialize};

/// Between which frequencies the events of a detector lie, as they were recorded.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventBand {
    /// The lower limit, Hz.
    pub low_hz: f64,
    /// The upper limit, Hz.
    pub high_hz: f64,
    /// Whether it is what the marks span together. If not, it holds nine tenths of what the shots have above their
    /// surroundings.
    pub is_marked: bool,
}

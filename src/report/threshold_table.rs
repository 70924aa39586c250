//! What other thresholds would keep of a recording's candidates, as a table.

use crate::detect::{AtThreshold, Detection};
use serde::{Deserialize, Serialize};

/// A row for each threshold, the lowest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ThresholdTable {
    rows: Vec<ThresholdRow>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ThresholdRow {
    threshold: String,
    events: usize,
    /// Per cent; `None` without events.
    expected_precision: Option<String>,
}

impl ThresholdTable {
    /// Of the candidates, if there are any and their scores tell how many are right.
    pub(super) fn of(detection: &Detection) -> Option<Self> {
        let row = |at: AtThreshold| ThresholdRow {
            threshold: format!("{:.2}", at.threshold),
            events: at.events,
            expected_precision: at
                .expected_precision
                .map(|share| format!("{:.0} %", 100.0 * share)),
        };
        let rows: Vec<_> = detection.by_threshold().into_iter().map(row).collect();
        (!rows.is_empty() && !detection.candidates.is_empty()).then_some(Self { rows })
    }
}

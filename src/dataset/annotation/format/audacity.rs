//! Labels of Audacity.

use super::Rules;
use csv::StringRecord;

/// Tabs, no header; onset, offset, label.
pub(super) struct Audacity;

impl Rules for Audacity {
    fn has_numbers(&self, separator: u8) -> bool {
        separator == b'\t'
    }

    /// A line after a backslash says between which frequencies the label above it lies.
    fn limits_above(&self, record: &StringRecord) -> Option<[String; 2]> {
        let value = |column: usize| record.get(column).unwrap_or_default().to_owned();
        (record.get(0) == Some("\\")).then(|| [1, 2].map(value))
    }

    fn word(&self) -> Option<&'static str> {
        Some("audacity")
    }
}

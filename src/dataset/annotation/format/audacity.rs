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
    fn is_event(&self, record: &StringRecord) -> bool {
        record.get(0) != Some("\\")
    }

    fn word(&self) -> Option<&'static str> {
        Some("audacity")
    }
}

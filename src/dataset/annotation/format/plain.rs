//! Tables of any other program.

use super::Rules;

/// Onset and offset, by any of their names or none.
pub(super) struct Plain;

impl Rules for Plain {
    fn has_header(&self, _: &str, _: &str) -> bool {
        true
    }

    fn has_numbers(&self, _: u8) -> bool {
        true
    }

    fn example(&self) -> Option<&'static str> {
        Some("or `onset,offset,label`")
    }
}

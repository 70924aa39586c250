//! Tables of the DCASE few-shot task.

use super::Rules;

/// `Audiofilename,Starttime,Endtime` and one column per class.
pub(super) struct Dcase;

impl Rules for Dcase {
    fn has_header(&self, onset: &str, _: &str) -> bool {
        onset.eq_ignore_ascii_case("starttime")
    }

    fn has_class_columns(&self) -> bool {
        true
    }

    fn example(&self) -> Option<&'static str> {
        Some("DCASE: `Audiofilename,Starttime,Endtime,Q`")
    }
}

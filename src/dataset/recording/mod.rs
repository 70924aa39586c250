//! What recordings are called: in tables, in folders, and in what is written about them.

mod output;
mod place;

use super::folder::EXTENSIONS;

pub use output::{OutputName, output_names};
pub(crate) use place::Place;

/// A recording's name without folder and without the ending of a sound file.
///
/// ```
/// use chiffchaff::dataset::recording_stem;
///
/// assert_eq!(recording_stem("C:\\birds\\2021.05.01.WAV"), "2021.05.01");
/// assert_eq!(recording_stem("2021.05.01"), "2021.05.01");
/// ```
pub fn recording_stem(name: &str) -> &str {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && is_sound_ending(ending) => stem,
        _ => name,
    }
}

/// Whether files of sound end so.
pub(super) fn is_sound_ending(ending: &str) -> bool {
    EXTENSIONS
        .iter()
        .any(|known| ending.eq_ignore_ascii_case(known))
}

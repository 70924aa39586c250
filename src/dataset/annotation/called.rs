//! Which recording a table is called after.

use super::format::MarkFormat;
use std::path::Path;

/// What the names of tables end in.
const ENDINGS: [&str; 5] = ["csv", "tsv", "txt", "tab", "dat"];
/// What programs put between the name of the recording and the ending of its table, beside the names of formats.
const WORDS: [&str; 10] = [
    "selections",
    "selection",
    "table",
    "birdnet",
    "results",
    "labels",
    "annotations",
    "marks",
    "events",
    "kaleidoscope",
];

/// The recordings that a table may be called after, the longest name first: `dawn.Table.1.selections.txt` is so called after
/// `dawn.Table.1.selections` down to `dawn`; `dawn.2.csv` after `dawn.2` alone.
pub(super) fn called_after(table: &Path) -> Vec<String> {
    let name = table.file_name().unwrap_or_default().to_string_lossy();
    let mut stem = match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && is_one_of(&ENDINGS, ending) => stem,
        _ => &name,
    };
    let mut stems = vec![stem.to_owned()];
    while let Some(shorter) = without_last_word(stem) {
        stem = shorter;
        stems.push(stem.to_owned());
    }
    stems
}

fn without_last_word(stem: &str) -> Option<&str> {
    let (rest, last) = stem.rsplit_once('.').filter(|(rest, _)| !rest.is_empty())?;
    if is_one_of(&WORDS, last) || MarkFormat::is_word(last) {
        return Some(rest);
    }
    // The number of a Raven table: `dawn.Table.1`.
    let is_number = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    let (name, word) = rest.rsplit_once('.')?;
    (is_number && !name.is_empty() && word.eq_ignore_ascii_case("table")).then_some(name)
}

fn is_one_of(known: &[&str], word: &str) -> bool {
    known.iter().any(|known| word.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_called_after_recordings_by_known_words_alone() {
        for (table, shortest) in [
            ("dawn.csv", "dawn"),
            ("dawn.Table.1.selections.txt", "dawn"),
            ("dawn.Table.12.txt", "dawn"),
            ("dawn.BirdNET.selection.table.txt", "dawn"),
            ("dawn.BirdNET.results.csv", "dawn"),
            ("x/2021.05.01.selections.txt", "2021.05.01"),
            ("dawn.2.csv", "dawn.2"),
            ("dawn.wav.csv", "dawn.wav"),
            ("dawn.backup.csv", "dawn.backup"),
            ("dawn_2.csv", "dawn_2"),
            (".Table.1.txt", ".Table.1"),
            ("dawn", "dawn"),
        ] {
            let stems = called_after(Path::new(table));
            assert_eq!(stems.last().map(String::as_str), Some(shortest), "{table}");
        }
    }
}

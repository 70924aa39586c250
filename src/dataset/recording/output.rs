//! What the results of each recording are called.

use super::{Place, recording_stem};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

/// What one of several recordings is called where results are written, unlike all the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputName {
    /// For a column of a table: the name of the file, with as many of its folders as tell it apart, by `/`.
    pub recording: String,
    /// For files about it: the same without the ending, which may lie in sub-folders: `A01/20230601_050000`.
    pub stem: PathBuf,
}

/// A name for each of several recordings: that of its file, and where several are called so (whatever their case and their
/// ending), with the folders that tell them apart.
///
/// ```
/// use chiffchaff::dataset::output_names;
///
/// let names = output_names(&["cards/A01/dawn.wav", "cards/A02/dawn.wav", "dusk.wav"]);
/// let names: Vec<_> = names.iter().map(|name| name.recording.as_str()).collect();
/// assert_eq!(names, ["A01/dawn.wav", "A02/dawn.wav", "dusk.wav"]);
/// ```
pub fn output_names<P: AsRef<Path>>(recordings: &[P]) -> Vec<OutputName> {
    let paths: Vec<Vec<String>> = recordings.iter().map(|path| parts(path.as_ref())).collect();
    let places: Vec<Place> = recordings
        .iter()
        .map(|path| Place::of_path(path.as_ref()))
        .collect();
    let mut by_stem: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, place) in places.iter().enumerate() {
        by_stem.entry(place.stem()).or_default().push(index);
    }
    let mut taken = HashSet::new();
    let name = |(index, path): (usize, &Vec<String>)| {
        let rivals = by_stem[places[index].stem()].iter();
        let shared = rivals
            .map(|&rival| match places[index].shared(&places[rival]) {
                // Told apart by case or ending alone, or the same file.
                all if all == path.len() => same_to_the_letter(path, &paths[rival]),
                some => some,
            })
            .max();
        let wanted = shared.unwrap_or(0) + 1;
        unlike_others(&path[path.len().saturating_sub(wanted)..], &mut taken)
    };
    paths.iter().enumerate().map(name).collect()
}

/// The folders of a path and its file, the root and what leads back left out.
fn parts(path: &Path) -> Vec<String> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut parts = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(shown(part)),
            Component::ParentDir => drop(parts.pop()),
            _ => {}
        }
    }
    parts
}

/// A name in letters; bytes that are none, as `\xE4`, so that two names stay two.
fn shown(name: &OsStr) -> String {
    let mut text = String::new();
    for chunk in name.as_encoded_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02X}")));
    }
    text
}

/// How many parts are spelled alike, from the end on; 0 for the same file.
fn same_to_the_letter(path: &[String], other: &[String]) -> usize {
    let pairs = path.iter().rev().zip(other.iter().rev());
    let same = pairs.take_while(|(own, others)| own == others).count();
    if same == path.len() { 0 } else { same }
}

/// A name whose file no other has: `dawn.wav` and `dawn.flac` of one folder keep their endings, one recording that is given
/// twice is numbered.
fn unlike_others(parts: &[String], taken: &mut HashSet<String>) -> OutputName {
    let (file, folders) = match parts {
        [folders @ .., file] => (file.as_str(), folders),
        [] => ("recording", parts),
    };
    let bare = recording_stem(file).to_owned();
    let numbered = (2..).map(|n| format!("{file}_{n}"));
    let candidates = [bare, file.to_owned()].into_iter().chain(numbered);
    let folder: PathBuf = folders.iter().collect();
    let stem = candidates
        .map(|stem| folder.join(stem))
        .find(|stem| taken.insert(stem.to_string_lossy().to_lowercase()))
        .unwrap_or(folder);
    OutputName {
        recording: parts.join("/"),
        stem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(recordings: &[&str]) -> Vec<(String, String)> {
        output_names(recordings)
            .into_iter()
            .map(|name| (name.recording, name.stem.to_string_lossy().into_owned()))
            .collect()
    }

    #[test]
    fn recordings_of_one_name_are_told_apart_by_the_folders_that_differ() {
        let named = names(&[
            "/a/x/1/dawn.wav",
            "/b/x/1/dawn.wav",
            "/b/x/2/Dawn.flac",
            "/b/dusk.wav",
        ]);
        let expected = [
            ("a/x/1/dawn.wav", "a/x/1/dawn"),
            ("b/x/1/dawn.wav", "b/x/1/dawn"),
            ("2/Dawn.flac", "2/Dawn"),
            ("dusk.wav", "dusk"),
        ];
        assert_eq!(named, expected.map(|(a, b)| (a.into(), b.into())));
    }

    #[test]
    fn files_never_collide_by_ending_by_case_or_by_being_given_twice() {
        let given = ["/d/a.wav", "/d/a.flac", "/d/A.WAV", "/d/a.wav", "/a.wav"];
        let stems: Vec<_> = names(&given)
            .into_iter()
            .map(|(_, stem)| stem.to_lowercase())
            .collect();
        let distinct: HashSet<_> = stems.iter().collect();
        assert_eq!(distinct.len(), given.len(), "{stems:?}");
        let columns: Vec<_> = names(&given[..3])
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(columns, ["a.wav", "a.flac", "A.WAV"]);
        let columns = names(&["/r/B/x.wav", "/r/b/x.wav"])
            .into_iter()
            .map(|(name, _)| name);
        let columns: Vec<_> = columns.collect();
        assert_eq!(columns, ["B/x.wav", "b/x.wav"]);
    }
}

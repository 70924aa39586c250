//! Where a recording lies, as far as a name says.

use super::recording_stem;
use std::path::Path;
use unicode_normalization::UnicodeNormalization;

/// The parts of a path, compared from its end: without regard to case, to `/` or `\`, to composed or decomposed accents,
/// and to the ending of a sound file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The last part first, without its ending.
    parts: Vec<String>,
    /// The last part as it is spelled, with its ending.
    file: String,
    is_absolute: bool,
}

/// How well a name goes with a recording: by parts of the path that agree, then by its spelling, then by its ending.
pub(crate) type Agreement = (usize, bool, bool);

impl Place {
    /// Of a name in a table.
    pub(crate) fn of_name(name: &str) -> Self {
        let name: String = name.nfc().collect();
        let mut parts: Vec<&str> = Vec::new();
        for part in name.split(['/', '\\']) {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        let is_absolute = name.starts_with(['/', '\\'])
            || parts.len() > 1 && parts[0].len() == 2 && parts[0].ends_with(':');
        let file = parts.pop().unwrap_or_default();
        let folders = parts.iter().rev().copied();
        Self {
            parts: std::iter::once(recording_stem(file))
                .chain(folders)
                .map(str::to_lowercase)
                .collect(),
            file: file.to_owned(),
            is_absolute,
        }
    }

    /// Of a file on this machine, from the root on.
    pub(crate) fn of_path(path: &Path) -> Self {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Self::of_name(&path.to_string_lossy())
    }

    /// The same, taken from `folder` on if it is relative.
    pub(crate) fn within(&self, folder: &Self) -> Self {
        let mut place = self.clone();
        if !self.is_absolute {
            place.is_absolute = folder.is_absolute;
            let of_folder = folder.parts[1..].iter().cloned();
            let last = std::iter::once(folder.file.to_lowercase());
            place.parts.extend(last.chain(of_folder));
        }
        place
    }

    /// The name without folder and ending, as it is compared.
    pub(crate) fn stem(&self) -> &str {
        &self.parts[0]
    }

    /// Whether it names a folder too.
    pub(crate) fn has_folder(&self) -> bool {
        self.parts.len() > 1
    }

    /// Whether it names more folders.
    pub(crate) fn is_longer_than(&self, other: &Self) -> bool {
        self.parts.len() > other.parts.len()
    }

    /// Whether the last part is a file of sound, by its ending.
    pub(crate) fn has_sound_ending(&self) -> bool {
        recording_stem(&self.file) != self.file
    }

    /// How many parts agree, from the end on; 0 if not even the name does.
    pub(crate) fn shared(&self, other: &Self) -> usize {
        let pairs = self.parts.iter().zip(&other.parts);
        pairs.take_while(|(own, others)| own == others).count()
    }

    /// Whether both may be one, as far as both say.
    pub(crate) fn agrees_with(&self, other: &Self) -> bool {
        self.shared(other) == self.parts.len().min(other.parts.len())
    }

    /// How well this name goes with a recording; the more the better.
    pub(crate) fn agreement(&self, recording: &Self) -> Agreement {
        let shared = self.shared(recording);
        let ending = |place: &Self| place.file[recording_stem(&place.file).len()..].to_lowercase();
        (
            shared,
            self.file == recording.file,
            ending(self) == ending(recording),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_compared_from_the_end_whatever_the_slash_case_accents_and_ending() {
        let place = Place::of_name("/field/A01/Grünling.flac");
        for (name, shared) in [
            ("Grünling.wav", 1),
            ("Gru\u{308}nling.WAV", 1),
            ("grünling", 1),
            ("a01\\GRÜNLING.wav", 2),
            ("C:\\cards\\A01\\Grünling.wav", 2),
            ("./x/../A01//Grünling.wav", 2),
            ("A02/Grünling.wav", 1),
            ("/field/A01/Grünling.flac", 3),
            ("A01/Grünling.2.wav", 0),
            ("Grün", 0),
        ] {
            assert_eq!(Place::of_name(name).shared(&place), shared, "{name}");
        }
    }

    #[test]
    fn a_relative_name_counts_from_the_folder_of_its_table() {
        let folder = Place::of_name("/field/A01.wav");
        let full = |name: &str| Place::of_name(name).within(&folder);
        assert_eq!(full("x.wav"), Place::of_name("/field/A01.wav/x.wav"));
        assert_eq!(full("D:\\x.wav"), Place::of_name("D:\\x.wav"));
    }
}

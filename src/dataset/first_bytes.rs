//! Whether a file whose name tells nothing may hold sound: a look at its first bytes.

use std::{fs::File, io::Read, path::Path};

/// Enough for every magic number below.
const HEAD: usize = 12;

/// Whether the file begins as a sound file does, or as a video. A file that cannot be opened does not.
///
/// Streams without magic bytes (MPEG, ADTS) are taken for sound only behind an ID3 tag: two bytes prove nothing.
pub(super) fn sounds(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(HEAD as u64).read_to_end(&mut head));
    read.is_ok() && begins_as_sound(&head)
}

fn begins_as_sound(head: &[u8]) -> bool {
    let magic = head.get(..4).unwrap_or_default();
    let kind = head.get(8..).unwrap_or_default();
    match magic {
        b"fLaC" | b"OggS" | b"caff" | b".snd" | b"wvpk" | b"TTA1" | b"MAC " | b"#!AM" | b"DSD " => {
            true
        }
        b"\x1a\x45\xdf\xa3" | b"\x30\x26\xb2\x75" | b"WAC " => true, // Matroska, ASF, a bat recorder
        b"RIFF" | b"RIFX" | b"RF64" | b"BW64" => [&b"WAVE"[..], b"AVI "].contains(&kind),
        b"riff" => head.get(4..8) == Some(b"\x2e\x91\xcf\x11"), // Wave64
        b"FORM" => [&b"AIFF"[..], b"AIFC"].contains(&kind),
        _ if head.starts_with(b"ID3") => true,
        _ => head.get(4..8) == Some(b"ftyp") && !PICTURES.contains(&kind),
    }
}

/// MPEG-4 files that are photographs.
const PICTURES: [&[u8]; 6] = [b"heic", b"heix", b"mif1", b"msf1", b"avif", b"crx "];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_and_video_are_known_by_their_first_bytes_and_pictures_and_text_are_not() {
        let sound: [&[u8]; 9] = [
            b"RIFF\0\0\0\0WAVE",
            b"RF64\xff\xff\xff\xffWAVE",
            b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb",
            b"FORM\0\0\0\0AIFC",
            b"\0\0\0\x20ftypM4A ",
            b"\0\0\0\x14ftypqt  ",
            b"ID3\x04\0\0",
            b"OggS\0\x02\0\0",
            b"\x1a\x45\xdf\xa3\x01\0\0\0",
        ];
        for head in sound {
            assert!(begins_as_sound(head), "{head:?}");
        }
        let other: [&[u8]; 8] = [
            b"",
            b"RIFF\0\0\0\0WEBP",
            b"FORM\0\0\0\0ILBM",
            b"\0\0\0\x20ftypheic",
            b"\xff\xfeo\0n\0s\0e\0t\0",
            b"onset,offset",
            b"PK\x03\x04",
            b"\x89PNG\r\n\x1a\n",
        ];
        for head in other {
            assert!(!begins_as_sound(head), "{head:?}");
        }
    }
}

//! The bytes of a table → text.

use encoding_rs::{Encoding, MACINTOSH, UTF_16BE, UTF_16LE, WINDOWS_1252};
use std::borrow::Cow;

/// How letters are written as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextEncoding {
    Unicode,
    Windows1252,
    MacRoman,
}

/// Text without its byte-order mark. What is neither UTF-8 nor UTF-16 is taken for Windows-1252, which Latin-1 is a part of,
/// or for Mac Roman, whichever makes words of it.
pub(super) fn decode(bytes: &[u8]) -> (Cow<'_, str>, TextEncoding) {
    if let Some(encoding) = utf_16(bytes) {
        return (encoding.decode(bytes).0, TextEncoding::Unicode);
    }
    let unmarked = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if let Ok(text) = std::str::from_utf8(unmarked) {
        return (text.into(), TextEncoding::Unicode);
    }
    let text = |encoding: &'static Encoding| encoding.decode_without_bom_handling(bytes).0;
    let (windows, mac) = (text(WINDOWS_1252), text(MACINTOSH));
    match misplaced(&mac) < misplaced(&windows) {
        true => (mac, TextEncoding::MacRoman),
        false => (windows, TextEncoding::Windows1252),
    }
}

/// Told by its mark or, without one, by the zeros that every second byte of Latin text then is.
fn utf_16(bytes: &[u8]) -> Option<&'static Encoding> {
    match bytes {
        [0xff, 0xfe, ..] => return Some(UTF_16LE),
        [0xfe, 0xff, ..] => return Some(UTF_16BE),
        _ => {}
    }
    let (pairs, _) = bytes[..bytes.len().min(4096)].as_chunks::<2>();
    let zeros = |at: usize| pairs.iter().filter(|pair| pair[at] == 0).count();
    let (first, second) = (zeros(0), zeros(1));
    let most = |n: usize| n * 10 >= pairs.len() * 7 && n > 1;
    match (first, second) {
        (0, second) if most(second) => Some(UTF_16LE),
        (first, 0) if most(first) => Some(UTF_16BE),
        _ => None,
    }
}

/// Letters and signs that stand where they do not in words: a capital or a sign beside small letters.
fn misplaced(text: &str) -> usize {
    let letters: Vec<char> = text.chars().collect();
    let is_misplaced = |at: usize| {
        let letter = letters[at];
        let beside = [
            at.checked_sub(1).map(|before| letters[before]),
            letters.get(at + 1).copied(),
        ];
        let in_word = beside.into_iter().flatten().any(|c| c.is_ascii_lowercase());
        let after_small = beside[0].is_some_and(|c| c.is_lowercase());
        match letter {
            letter if letter.is_ascii() => false,
            letter if letter.is_control() => true,
            letter if letter.is_uppercase() => after_small,
            letter => in_word && !letter.is_lowercase(),
        }
    };
    (0..letters.len()).filter(|&at| is_misplaced(at)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_encodings_are_told_apart_by_their_bytes() {
        let text = "path,label\na.wav,Grünling\nb.wav,Mésange à tête noire\nc.wav,Øresund Ñandú\n";
        let utf_16 =
            |unit: fn(u16) -> [u8; 2]| -> Vec<u8> { text.encode_utf16().flat_map(unit).collect() };
        let (little, big) = (utf_16(u16::to_le_bytes), utf_16(u16::to_be_bytes));
        for (bytes, encoding) in [
            (text.as_bytes().to_vec(), TextEncoding::Unicode),
            (
                [b"\xef\xbb\xbf", text.as_bytes()].concat(),
                TextEncoding::Unicode,
            ),
            ([b"\xff\xfe", &little[..]].concat(), TextEncoding::Unicode),
            ([b"\xfe\xff", &big[..]].concat(), TextEncoding::Unicode),
            (little, TextEncoding::Unicode),
            (big, TextEncoding::Unicode),
            (
                WINDOWS_1252.encode(text).0.into_owned(),
                TextEncoding::Windows1252,
            ),
            (
                MACINTOSH.encode(text).0.into_owned(),
                TextEncoding::MacRoman,
            ),
        ] {
            assert_eq!(decode(&bytes), (text.into(), encoding));
        }
    }
}

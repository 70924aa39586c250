//! The first bytes of a file → what kind of file it is.
//!
//! Only the first bytes tell, those behind an ID3v2 tag if there is one: compressed sound may hold anything further inside,
//! even the header of another format. MPEG and ADTS have no magic bytes but frames that follow each other, which are
//! believed if several do.

use super::{ReadProblem, adts, mpeg};
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    /// RIFF, RIFX, RF64 and BW64.
    Wave,
    /// Sony's Wave64.
    Wave64,
    Aiff,
    Au,
    Caf,
    Flac,
    Ogg,
    Mp4,
    Matroska,
    Mpeg,
    Adts,
    /// Known, and not decoded by us.
    Foreign(&'static str),
    /// Known, and nothing that `ffmpeg` could decode either.
    NoSound(&'static str),
}

/// A container and where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) container: Container,
    /// Bytes of ID3v2 tags and of cut-off frames in front.
    pub(super) start: u64,
    /// Whether something that is not known lies in front, a cut-off frame for one.
    pub(super) behind_rubbish: bool,
}

/// As long as two MPEG frames of the largest kind and more, so that a stream cut in the middle of one shows its rhythm.
const HEAD: usize = 16 << 10;

/// Tells what `file` is and where it begins; `None`: nothing known. The file stands anywhere afterwards.
pub(super) fn recognise(file: &mut File) -> Result<Option<Found>, ReadProblem> {
    let mut start = 0;
    loop {
        let head = read_at(file, start, HEAD).map_err(ReadProblem::Io)?;
        if let Some(tag) = id3v2_len(&head) {
            start += tag;
            continue;
        }
        let by_magic = by_magic(&head).map(|container| Found {
            container,
            start,
            behind_rubbish: false,
        });
        return Ok(by_magic.or_else(|| by_rhythm(&head, start)));
    }
}

/// Up to `len` bytes from `start` on; none where no file can reach, as sizes of 64 bits may lead there.
pub(super) fn read_at(file: &mut File, start: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if i64::try_from(start).is_err() {
        return Ok(bytes);
    }
    file.seek(SeekFrom::Start(start))?;
    file.take(len as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Length of the ID3v2 tag at the start of `bytes`, its header and footer included.
pub(super) fn id3v2_len(bytes: &[u8]) -> Option<u64> {
    let header = bytes.get(..10)?;
    let size = &header[6..];
    if !header.starts_with(b"ID3") || header[3] == 0xff || size.iter().any(|byte| byte & 0x80 > 0) {
        return None;
    }
    let size = size
        .iter()
        .fold(0, |size, &byte| size << 7 | u64::from(byte));
    let footer = if header[5] & 0x10 > 0 { 10 } else { 0 };
    Some(10 + size + footer)
}

fn by_magic(head: &[u8]) -> Option<Container> {
    use Container::{Foreign, NoSound};
    let at = |start: usize, magic: &[u8]| head.get(start..).is_some_and(|h| h.starts_with(magic));
    const ASF: &[u8] = b"\x30\x26\xb2\x75\x8e\x66\xcf\x11";
    const WAVE64: &[u8] = b"riff\x2e\x91\xcf\x11";
    let known: &[(usize, &[u8], Container)] = &[
        (0, WAVE64, Container::Wave64),
        (0, b".snd", Container::Au),
        (0, b"caff", Container::Caf),
        (0, b"fLaC", Container::Flac),
        (0, b"OggS", Container::Ogg),
        (0, b"\x1a\x45\xdf\xa3", Container::Matroska),
        (4, b"ftyp", Container::Mp4),
        (4, b"moov", Container::Mp4),
        (4, b"mdat", Container::Mp4),
        (4, b"wide", Container::Mp4),
        (4, b"moof", Container::Mp4),
        (4, b"styp", Container::Mp4),
        (0, b"wvpk", Foreign("WavPack")),
        (0, ASF, Foreign("Windows Media (ASF)")),
        (0, b"MAC ", Foreign("Monkey's Audio")),
        (0, b"TTA1", Foreign("True Audio (TTA)")),
        (0, b"TTA2", Foreign("True Audio (TTA)")),
        (0, b"MPCK", Foreign("Musepack")),
        (0, b"MP+", Foreign("Musepack")),
        (0, b"tBaK", Foreign("TAK")),
        (0, b"OFR ", Foreign("OptimFROG")),
        (0, b"#!AMR", Foreign("AMR")),
        (0, b"DSD ", Foreign("DSD (DSF)")),
        (0, b"FRM8", Foreign("DSD (DSDIFF)")),
        (0, b"ADIF", Foreign("AAC in ADIF")),
        (0, b"Creative Voice File", Foreign("Creative Voice (VOC)")),
        (0, b"NIST_1A", Foreign("NIST SPHERE")),
        (0, b"FLV\x01", Foreign("Flash video")),
        (0, b"\0\0\x01\xba", Foreign("MPEG video")),
        (0, b".RMF", Foreign("RealMedia")),
        (0, b"\x0b\x77", Foreign("Dolby Digital (AC-3)")),
        (0, b"\x7f\xfe\x80\x01", Foreign("DTS")),
        (0, b"WAC ", NoSound("Wildlife Acoustics' compressed WAC")),
        (0, b"PK\x03\x04", NoSound("a ZIP archive")),
        (0, b"\x1f\x8b", NoSound("a gzip archive")),
        (0, b"7z\xbc\xaf\x27\x1c", NoSound("a 7z archive")),
        (0, b"Rar!", NoSound("a RAR archive")),
        (0, b"MThd", NoSound("MIDI, which holds notes and no sound")),
    ];
    if let Some((.., container)) = known.iter().find(|(start, magic, _)| at(*start, magic)) {
        return Some(*container);
    }
    let riff = [&b"RIFF"[..], b"RIFX", b"RF64", b"BW64"];
    if riff.iter().any(|magic| at(0, magic)) {
        return match head.get(8..12) {
            Some(b"AVI ") => Some(Foreign("AVI video")),
            Some(b"WAVE") | None => Some(Container::Wave),
            Some(_) => None,
        };
    }
    if at(0, b"FORM") {
        return match head.get(8..12) {
            Some(b"AIFF" | b"AIFC") | None => Some(Container::Aiff),
            Some(b"8SVX" | b"16SV" | b"MAUD") => Some(Foreign("IFF sound of the Amiga")),
            Some(_) => None,
        };
    }
    let transport = (0..4).all(|n| head.get(n * 188) == Some(&0x47));
    transport.then_some(Foreign("MPEG transport stream"))
}

/// The first place from which frames follow each other; nothing but zeros or the rest of a cut frame may lie before it.
fn by_rhythm(head: &[u8], start: u64) -> Option<Found> {
    let zeros = head.iter().take_while(|&&byte| byte == 0).count();
    let places =
        (zeros..head.len().min(zeros + mpeg::LONGEST_FRAME)).filter(|&at| head[at] == 0xff);
    places
        .into_iter()
        .find_map(|at| {
            let needed = if at == zeros { 2 } else { 4 };
            let container = if mpeg::frames_in(&head[at..]) >= needed {
                Container::Mpeg
            } else if adts::frames_in(&head[at..]) >= needed {
                Container::Adts
            } else {
                return None;
            };
            Some((container, at))
        })
        .map(|(container, at)| Found {
            container,
            start: start + at as u64,
            behind_rubbish: at > 0,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wav_inside_another_file_is_not_found() {
        let mut inside = vec![0; 100];
        inside.extend(b"RIFF\xff\0\0\0WAVEfmt ");
        for outside in [&b"wvpk"[..], b"PK\x03\x04", b"some text"] {
            let file = [outside, &inside].concat();
            assert_ne!(by_magic(&file), Some(Container::Wave));
        }
        assert_eq!(
            by_magic(&[b"wvpk", &inside[..]].concat()),
            Some(Container::Foreign("WavPack"))
        );
    }

    #[test]
    fn text_in_utf_16_is_no_mpeg() {
        let text: Vec<u8> = "\u{feff}onset,offset\n"
            .repeat(300)
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(by_rhythm(&text, 0), None);
    }

    #[test]
    fn tags_in_front_are_stepped_over() {
        assert_eq!(id3v2_len(b"ID3\x04\0\0\0\0\x01\x02rest"), Some(10 + 130));
        assert_eq!(id3v2_len(b"ID3\x04\0\x10\0\0\x01\x02rest"), Some(20 + 130));
        assert_eq!(id3v2_len(b"ID3\x04\0\0\0\0\x81\x02rest"), None);
    }
}

//! Whether AAC has a second half of its band (HE-AAC), which our decoder would leave out.

/// As many first frames tell.
pub(super) const LOOKED_AT: usize = 24;

/// Whether nearly all of these frames end in what extends the band (a fill element of kind 13 or 14).
///
/// Behind it lie only elements that fill up and the end mark, so the lengths must lead exactly to the end of the frame. Sound looks
/// like that by chance now and then, but not frame after frame.
pub(super) fn is_in<'a>(frames: impl Iterator<Item = &'a [u8]>) -> bool {
    let (mut with, mut all) = (0, 0);
    for frame in frames {
        all += 1;
        with += usize::from(ends_in_band_extension(frame));
    }
    all >= 4 && with * 10 >= all * 9
}

fn ends_in_band_extension(frame: &[u8]) -> bool {
    let bits = Bits(frame);
    (0..bits.len().saturating_sub(21)).any(|at| {
        let extends = bits.fill(at).is_some_and(|(content, end)| {
            end > content + 8 && matches!(bits.number(content, 4), Some(13 | 14))
        });
        extends && bits.only_fill_from(at)
    })
}

/// A frame, bit by bit.
struct Bits<'a>(&'a [u8]);

impl Bits<'_> {
    fn len(&self) -> usize {
        8 * self.0.len()
    }

    fn number(&self, at: usize, len: usize) -> Option<usize> {
        let bit = |at: usize| usize::from(self.0[at / 8] >> (7 - at % 8) & 1);
        (at + len <= self.len()).then(|| (at..at + len).fold(0, |n, at| n << 1 | bit(at)))
    }

    /// Start and end of the content of the fill element that begins here.
    fn fill(&self, at: usize) -> Option<(usize, usize)> {
        if self.number(at, 3)? != 6 {
            return None;
        }
        let (count, header) = match self.number(at + 3, 4)? {
            15 => (14 + self.number(at + 7, 8)?, 15),
            count => (count, 7),
        };
        Some((at + header, at + header + 8 * count))
    }

    /// Whether only fill elements and the end mark follow, which ends the last byte.
    fn only_fill_from(&self, mut at: usize) -> bool {
        while let Some((_, end)) = self.fill(at) {
            at = end;
        }
        let end = at + 3;
        let rest = self.len().wrapping_sub(end);
        self.number(at, 3) == Some(7) && rest < 8 && self.number(end, rest) == Some(0)
    }
}

/// Whether a description of AAC (`AudioSpecificConfig`, ISO 14496-3 1.6.2.1) says that there is a second half of the band.
pub(super) fn is_described(description: &[u8]) -> bool {
    let bits = Bits(description);
    let says = || {
        let object = |at: usize| match bits.number(at, 5)? {
            31 => Some((32 + bits.number(at + 5, 6)?, at + 11)),
            object => Some((object, at + 5)),
        };
        let (kind, at) = object(0)?;
        if matches!(kind, 5 | 29) {
            return Some(true);
        }
        let explicit_rate = bits.number(at, 4)? == 15;
        let channels = at + if explicit_rate { 28 } else { 4 };
        let extension = channels + 4 + 3;
        const EXTENSION: usize = 0x2b7;
        let is_extended = bits.number(extension, 11)? == EXTENSION;
        let (kind, at) = object(extension + 11)?;
        Some(is_extended && matches!(kind, 5 | 29) && bits.number(at, 1)? == 1)
    };
    says().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_tell() {
        assert!(is_described(&[0x14, 0x08, 0x56, 0xe5, 0xa8])); // LC at 16 kHz, with an extension behind
        assert!(is_described(&[0x2c, 0x09, 0x88])); // extended from the start
        assert!(!is_described(&[0x14, 0x08]));
        assert!(!is_described(&[0x14, 0x08, 0x56, 0xe5, 0x00])); // says that there is none
        assert!(!is_described(&[]));
    }

    #[test]
    fn what_only_fills_up_may_follow_the_extension() {
        // 110: fill element, 0010: two bytes, 1101…: an extension; 110 0001: one byte; 111: the end.
        let frame = |filled: &str| -> Vec<u8> {
            let bits = format!("0000000011000101101000000000000{filled}111");
            let padded = format!("{bits:0<width$}", width = bits.len().div_ceil(8) * 8);
            let byte = |at: usize| u8::from_str_radix(&padded[at..at + 8], 2).unwrap();
            (0..padded.len()).step_by(8).map(byte).collect()
        };
        for filled in ["", "110000100000000", "1100000110000000"] {
            let frame = frame(filled);
            let is_extended = is_in([&frame[..]; 4].into_iter());
            assert_eq!(is_extended, filled.len() != 16, "{filled}");
        }
    }
}

//! AIFF and AIFF-C: what the samples are and where they lie.

use super::{
    ReadProblem,
    container::read_at,
    pcm::{Encoding, Endian, Layout, Region},
    source::Spec,
    wave::broken,
};
use std::fs::File;

/// Samples, or the name of what we do not decode.
pub(super) type Content = Result<Layout, String>;

/// What the chunk `COMM` says.
struct Common {
    spec: Spec,
    frames: u64,
    bits: usize,
    compression: [u8; 4],
}

/// Reads the header of an AIFF that begins at `start`.
pub(super) fn read(file: &mut File, start: u64, held: u64) -> Result<Content, ReadProblem> {
    let mut at = start + 12;
    let (mut common, mut sound) = (None, None);
    while common.is_none() || sound.is_none() {
        let header = read_at(file, at, 16).map_err(ReadProblem::Io)?;
        if header.len() < 8 {
            break;
        }
        let stated = u64::from(u32_of(&header[4..]));
        match &header[..4] {
            b"COMM" => {
                let bytes =
                    read_at(file, at + 8, stated.min(22) as usize).map_err(ReadProblem::Io)?;
                common = Some(
                    Common::parse(&bytes)
                        .ok_or_else(|| broken("aiff: its description is too short"))?,
                );
            }
            b"SSND" if header.len() == 16 => {
                sound = Some((at + 16 + u64::from(u32_of(&header[8..])), at + 8, stated))
            }
            _ => {}
        }
        at = at.saturating_add(8 + stated + stated % 2);
    }
    let (Some(common), Some((samples, content, stated))) = (common, sound) else {
        let declared_secs = None;
        return Err(match at >= held {
            true => ReadProblem::Truncated {
                read_secs: 0.0,
                declared_secs,
            },
            false => broken("aiff: no description or no samples"),
        });
    };
    let Some((encoding, endian)) = common.encoding()? else {
        let name = String::from_utf8_lossy(&common.compression)
            .trim()
            .to_owned();
        return Ok(Err(format!("AIFF-C with `{name}` samples")));
    };
    let frame = (common.spec.channels.max(1) * encoding.bytes()) as u64;
    let in_file = held.saturating_sub(samples);
    let by_count = common.frames.saturating_mul(frame);
    let by_chunk = stated.saturating_sub(samples - content);
    // The two agree in a file that was closed; in any other the larger one that is not all ones is the better guess.
    let unfilled = |size: u64| size == 0 || size >= (u32::MAX - 64).into();
    let stated = if by_count > 0 && (by_chunk >= by_count || unfilled(stated)) {
        Some(by_count)
    } else if !unfilled(stated) && by_chunk > 0 {
        Some(by_chunk)
    } else {
        (in_file == 0).then_some(0)
    };
    let region = Region::new(samples, held, stated);
    Ok(Ok(Layout {
        spec: common.spec,
        encoding,
        endian,
        region,
    }))
}

impl Common {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let rate = extended(bytes.get(8..18)?)?;
        Some(Self {
            spec: Spec {
                channels: u16_of(bytes).into(),
                rate,
            },
            frames: u32_of(&bytes[2..]).into(),
            bits: u16_of(&bytes[6..]).into(),
            compression: bytes
                .get(18..22)
                .map_or(*b"NONE", |name| [name[0], name[1], name[2], name[3]]),
        })
    }

    /// `None`: an encoding that we do not decode.
    fn encoding(&self) -> Result<Option<(Encoding, Endian)>, ReadProblem> {
        let bytes = self.bits.div_ceil(8);
        let whole = |endian| {
            let fits = (1..=8).contains(&bytes);
            fits.then_some((Encoding::Signed { bytes }, endian))
                .ok_or_else(|| broken("aiff: a sample of no bits, or of more than 64"))
        };
        Ok(Some(match &self.compression {
            b"NONE" | b"twos" | b"in24" | b"in32" => whole(Endian::Big)?,
            b"sowt" => whole(Endian::Little)?,
            b"raw " => (Encoding::Unsigned8, Endian::Big),
            b"fl32" | b"FL32" => (Encoding::Float32, Endian::Big),
            b"fl64" | b"FL64" => (Encoding::Float64, Endian::Big),
            b"alaw" | b"ALAW" => (Encoding::ALaw, Endian::Big),
            b"ulaw" | b"ULAW" => (Encoding::MuLaw, Endian::Big),
            _ => return Ok(None),
        }))
    }
}

fn u16_of(bytes: &[u8]) -> u16 {
    u16::from_be_bytes([bytes[0], bytes[1]])
}

fn u32_of(bytes: &[u8]) -> u32 {
    u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

/// An 80-bit float, rounded to a whole rate; 0 for what is none.
fn extended(bytes: &[u8]) -> Option<u32> {
    let exponent = i32::from(u16_of(bytes) & 0x7fff) - 16_383 - 63;
    let significand = u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?);
    let value = significand as f64 * 2_f64.powi(exponent);
    Some(value.round().min(u32::MAX.into()) as u32)
}

#[cfg(test)]
mod tests {
    use super::extended;

    #[test]
    fn rates_are_read_from_eighty_bits() {
        assert_eq!(
            extended(&[0x40, 0x0e, 0xac, 0x44, 0, 0, 0, 0, 0, 0]),
            Some(44_100)
        );
        assert_eq!(extended(&[0; 10]), Some(0));
        assert_eq!(extended(&[0x7f; 10]), Some(u32::MAX));
    }
}

//! Apple's Core Audio files: where linear samples lie. Compressed sound in them is another reader's.

use super::{
    ReadProblem,
    container::read_at,
    pcm::{Encoding, Endian, Layout, Region},
    source::Spec,
    wave::broken,
};
use std::fs::File;

/// The layout of linear samples; `None`: they are compressed.
pub(super) fn read(file: &mut File, start: u64, held: u64) -> Result<Option<Layout>, ReadProblem> {
    let mut at = start + 8;
    let mut description: Option<(Spec, Encoding, Endian)> = None;
    loop {
        let header = read_at(file, at, 12).map_err(ReadProblem::Io)?;
        let Some((name, size)) = header.split_first_chunk::<4>() else {
            return Err(broken("caf: no description or no samples"));
        };
        let Some(size) = size
            .first_chunk::<8>()
            .map(|bytes| i64::from_be_bytes(*bytes))
        else {
            return Err(broken("caf: no description or no samples"));
        };
        let content = at + 12;
        match (name, description) {
            (b"desc", _) => {
                let bytes = read_at(file, content, 32).map_err(ReadProblem::Io)?;
                let parsed =
                    parse(&bytes).ok_or_else(|| broken("caf: its description makes no sense"))?;
                let Some(parsed) = parsed else {
                    return Ok(None);
                };
                description = Some(parsed);
            }
            (b"data", Some((spec, encoding, endian))) => {
                let start = content + 4; // behind the number of edits
                let in_file = held.saturating_sub(start);
                // −1: written to a pipe, as the format allows.
                let stated = u64::try_from(size).map_or(in_file, |size| size.saturating_sub(4));
                let stated = (stated > 0 || in_file == 0).then_some(stated);
                let region = Region::new(start, held, stated);
                return Ok(Some(Layout {
                    spec,
                    encoding,
                    endian,
                    region,
                }));
            }
            _ => {}
        }
        let Ok(size) = u64::try_from(size) else {
            return Err(broken(
                "caf: a chunk without a length that is not the samples",
            ));
        };
        at = content.saturating_add(size);
    }
}

/// What the chunk `desc` says of linear samples; `Some(None)`: they are compressed.
fn parse(bytes: &[u8]) -> Option<Option<(Spec, Encoding, Endian)>> {
    let number = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let rate = f64::from_be_bytes(bytes.get(..8)?.try_into().ok()?);
    let (flags, packet, channels, bits) = (number(12)?, number(16)?, number(24)?, number(28)?);
    let rate = if rate.is_finite() {
        rate.round().clamp(0.0, u32::MAX.into()) as u32
    } else {
        0
    };
    let spec = Spec {
        rate,
        channels: channels as usize,
    };
    let (is_float, is_little) = (flags & 1 > 0, flags & 2 > 0);
    let endian = if is_little {
        Endian::Little
    } else {
        Endian::Big
    };
    let encoding = match &bytes[8..12] {
        b"lpcm" if is_float && bits == 32 => Encoding::Float32,
        b"lpcm" if is_float && bits == 64 => Encoding::Float64,
        b"lpcm" if !is_float => {
            let bytes = (packet / channels.max(1)) as usize;
            let fits = (1..=8).contains(&bytes) && bits as usize <= 8 * bytes;
            fits.then_some(Encoding::Signed { bytes })?
        }
        b"alaw" => Encoding::ALaw,
        b"ulaw" => Encoding::MuLaw,
        b"lpcm" => return None,
        _ => return Some(None),
    };
    Some(Some((spec, encoding, endian)))
}

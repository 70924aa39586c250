//! Spectrograms as small images inside a page.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Shades of grey; more only make the page large.
const SHADES: f32 = 15.0;

/// `[frames, bands]` as a PNG image of one pixel a value in a `data:` address: low bands at the bottom, `dark` and
/// louder is dark, `light` and softer is light.
pub(super) fn data_uri(values: &[f32], bands: usize, light: f32, dark: f32) -> String {
    let frames = values.len() / bands.max(1);
    let shade = |value: f32| {
        let share = ((value - light) / (dark - light).max(1e-9)).clamp(0.0, 1.0);
        (SHADES * (1.0 - share)).round() as u8
    };
    let mut rows = Vec::with_capacity(bands * frames.div_ceil(2));
    for band in (0..bands).rev() {
        let row: Vec<u8> = (0..frames)
            .map(|frame| shade(values[frame * bands + band]))
            .collect();
        rows.extend(
            row.chunks(2)
                .map(|pair| pair[0] << 4 | pair.get(1).unwrap_or(&0)),
        );
    }
    address_of(&png_of(
        frames as u32,
        bands as u32,
        png::BitDepth::Four,
        &rows,
    ))
}

/// A PNG image as a `data:` address.
pub(super) fn address_of(png: &[u8]) -> String {
    format!("data:image/png;base64,{}", STANDARD.encode(png))
}

/// A grey image of `depth` bits a pixel.
pub(super) fn png_of(width: u32, height: u32, depth: png::BitDepth, rows: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(depth);
    encoder.set_compression(png::Compression::High);
    let mut writer = encoder
        .write_header()
        .expect("writing to memory does not fail");
    writer
        .write_image_data(rows)
        .expect("rows of the declared size");
    drop(writer);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loud_is_dark_and_low_is_at_the_bottom() {
        // Two bands, three frames; only the low band of the last frame is loud.
        let uri = data_uri(&[0.0, 0.0, 0.0, 0.0, 9.0, 0.0], 2, 0.0, 9.0);
        let bytes = STANDARD
            .decode(uri.strip_prefix("data:image/png;base64,").unwrap())
            .unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes))
            .read_info()
            .unwrap();
        let mut rows = vec![0; 4];
        reader.next_frame(&mut rows).unwrap();
        assert_eq!(rows, [0xff, 0xf0, 0xff, 0x00]);
    }
}

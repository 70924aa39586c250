//! The features of a clip as a picture with axes.

use super::spectrogram::{address_of, png_of};
use super::{ReportError, lettering};
use crate::features::{BandAxis, ChannelAxis, Features};
use minijinja::{Environment, value::Serde};
use serde::Serialize;
use std::ops::Range;

/// Pixels of the plot of a channel.
const PLOT_WIDTH: usize = 1000;
/// Height of all plots together, and the least of one.
const PLOT_HEIGHTS: (usize, usize) = (760, 150);
/// The tallest plot.
const TALLEST: usize = 420;
/// Room left of the plots for their axis, above each for its name, and right for its scale.
const LEFT: usize = 110;
const ABOVE: usize = 34;
const RIGHT: usize = 130;
/// Room above all for the title, and below for the seconds.
const TOP: usize = 40;
const BOTTOM: usize = 64;
/// The scale: its distance from the plot and its width.
const SCALE: (usize, usize) = (18, 16);
/// Pixels for each pixel of a letter.
const LETTER: usize = 2;
/// Length of the mark beside a number.
const TICK: usize = 6;

const INK: u8 = 0;
const PAPER: u8 = 255;

/// The image of a clip, one plot per channel above one another: seconds to the right, bands upwards, dark where values
/// are high, with a scale beside each plot.
#[derive(Debug, Clone)]
pub struct FeaturePicture<'a> {
    /// What is shown, such as the name of the file.
    pub title: &'a str,
    /// The image, `[channels, bands, frames]`.
    pub features: &'a Features,
    /// What each channel shows, such as [`FrontEnd::axes`](crate::features::FrontEnd::axes) says.
    pub axes: &'a [ChannelAxis],
    /// Frames per second.
    pub frame_rate: f64,
}

impl FeaturePicture<'_> {
    /// The picture as a PNG file.
    ///
    /// # Panics
    /// If there are not as many axes as channels, or not as many rows on an axis as bands.
    pub fn png(&self) -> Vec<u8> {
        let channels = self.features.channels();
        assert_eq!(self.axes.len(), channels, "an axis for every channel");
        let (together, least) = PLOT_HEIGHTS;
        let height = (together / channels).clamp(least, TALLEST);
        let mut canvas = Canvas::new(
            LEFT + PLOT_WIDTH + RIGHT,
            TOP + channels * (ABOVE + height) + BOTTOM,
        );
        canvas.text(LEFT, 12, self.title);
        for (channel, axis) in self.axes.iter().enumerate() {
            let top = TOP + channel * (ABOVE + height) + ABOVE;
            let plot = Plot {
                top,
                height,
                image: &self.features.channel(channel),
                axis,
            };
            plot.draw(&mut canvas);
        }
        self.draw_seconds(&mut canvas);
        canvas.png()
    }

    /// A self-contained page with the picture and, as text, the `settings` that made it.
    ///
    /// # Errors
    /// If the page cannot be rendered: our bug.
    pub fn html(&self, settings: &str) -> Result<String, ReportError> {
        #[derive(Serialize)]
        struct Page<'a> {
            title: &'a str,
            picture: String,
            description: String,
            settings: &'a str,
        }
        let mut environment = Environment::new();
        environment.add_template("features.html", include_str!("features.html"))?;
        let page = Page {
            title: self.title,
            picture: address_of(&self.png()),
            description: self.description(),
            settings,
        };
        Ok(environment
            .get_template("features.html")?
            .render(Serde(page))?
            + "\n")
    }

    fn secs(&self) -> f64 {
        self.features.frames() as f64 / self.frame_rate
    }

    fn description(&self) -> String {
        let rows = self.axes.iter().map(|axis| {
            let name = if axis.name.is_empty() { "" } else { ", " };
            format!("{}{name}{}", axis.name, axis.bands.title())
        });
        format!(
            "Image of {:.1} seconds: {}",
            self.secs(),
            rows.collect::<Vec<_>>().join("; ")
        )
    }

    /// The axis below the last plot.
    fn draw_seconds(&self, canvas: &mut Canvas) {
        let y = canvas.height - BOTTOM;
        let per_sec = PLOT_WIDTH as f64 / self.secs().max(1e-9);
        for secs in round_steps(0.0, self.secs(), 10) {
            let x = LEFT + (secs * per_sec) as usize;
            canvas.fill(x..x + 2, y..y + TICK, INK);
            canvas.text_centred(x, y + TICK + 4, &short(secs));
        }
        canvas.text_centred(LEFT + PLOT_WIDTH / 2, y + TICK + 28, "seconds");
    }
}

/// One channel on the canvas.
struct Plot<'a> {
    top: usize,
    height: usize,
    image: &'a Features,
    axis: &'a ChannelAxis,
}

impl Plot<'_> {
    fn draw(&self, canvas: &mut Canvas) {
        let (low, high) = self.range();
        self.draw_image(canvas, low, high);
        self.draw_frame(canvas);
        self.draw_bands(canvas);
        self.draw_scale(canvas, low, high);
        canvas.text(LEFT, self.top - 22, &self.axis.name);
    }

    /// The values that are white and black: nearly all lie between.
    fn range(&self) -> (f32, f32) {
        if self.axis.unit == "rad" {
            return (-std::f32::consts::PI, std::f32::consts::PI);
        }
        let mut sorted = self.image.values().to_vec();
        sorted.sort_unstable_by(f32::total_cmp);
        let Some(last) = sorted.len().checked_sub(1) else {
            return (0.0, 1.0);
        };
        let at = |share: f64| sorted[(last as f64 * share) as usize];
        let (low, high) = (at(0.1), at(0.999));
        if low < high {
            (low, high)
        } else {
            (low, low + 1.0)
        }
    }

    fn draw_image(&self, canvas: &mut Canvas, low: f32, high: f32) {
        let (bands, frames) = (self.image.bands(), self.image.frames());
        if frames == 0 {
            return;
        }
        let column = |x: usize| shared(x, PLOT_WIDTH, frames);
        for y in 0..self.height {
            let rows = shared(self.height - 1 - y, self.height, bands);
            for x in 0..PLOT_WIDTH {
                let covered = column(x).map(|frame| &self.image.frame(frame)[rows.clone()]);
                let (sum, count) = covered.fold((0.0, 0), |(sum, count), part| {
                    (sum + part.iter().sum::<f32>(), count + part.len())
                });
                let share = ((sum / count as f32 - low) / (high - low)).clamp(0.0, 1.0);
                canvas.set(LEFT + x, self.top + y, shade(share));
            }
        }
    }

    fn draw_frame(&self, canvas: &mut Canvas) {
        let (left, right) = (LEFT - 1, LEFT + PLOT_WIDTH);
        let (top, bottom) = (self.top - 1, self.top + self.height);
        canvas.fill(left..right + 1, top..top + 1, INK);
        canvas.fill(left..right + 1, bottom..bottom + 1, INK);
        canvas.fill(left..left + 1, top..bottom + 1, INK);
        canvas.fill(right..right + 1, top..bottom + 1, INK);
    }

    /// Round numbers at the rows they belong to.
    fn draw_bands(&self, canvas: &mut Canvas) {
        let rows = self.axis.bands.values();
        let (Some(&first), Some(&last)) = (rows.first(), rows.last()) else {
            return;
        };
        let numbers = match &self.axis.bands {
            BandAxis::Linear(_) | BandAxis::Cepstral(_) => round_steps(first, last, 6),
            BandAxis::Mel(_) | BandAxis::Wavelet(_) => one_two_five(first, last),
            BandAxis::Amplitude => return,
        };
        let per_row = self.height as f64 / rows.len() as f64;
        let mut free_below = self.top + self.height + lettering::HEIGHT * LETTER;
        for number in numbers {
            let from_bottom = (place_of(number, &rows) + 0.5) * per_row;
            let y = self.top + self.height - (from_bottom as usize).clamp(1, self.height);
            if y + lettering::HEIGHT * LETTER > free_below {
                continue;
            }
            free_below = y;
            canvas.fill(LEFT - 1 - TICK..LEFT - 1, y..y + 2, INK);
            let label = short(number);
            let x = LEFT - 4 - TICK - lettering::width(&label) * LETTER;
            canvas.text(x, y.saturating_sub(6), &label);
        }
        canvas.text_upwards(8, self.top + self.height / 2, self.axis.bands.title());
    }

    /// From white to black beside the plot, with numbers.
    fn draw_scale(&self, canvas: &mut Canvas, low: f32, high: f32) {
        let left = LEFT + PLOT_WIDTH + SCALE.0;
        let columns = left..left + SCALE.1;
        for y in 0..self.height {
            let share = 1.0 - y as f32 / (self.height - 1) as f32;
            canvas.fill(
                columns.clone(),
                self.top + y..self.top + y + 1,
                shade(share),
            );
        }
        let (top, bottom) = (self.top - 1, self.top + self.height);
        canvas.fill(left - 1..left + SCALE.1 + 1, top..top + 1, INK);
        canvas.fill(left - 1..left + SCALE.1 + 1, bottom..bottom + 1, INK);
        canvas.fill(left - 1..left, top..bottom + 1, INK);
        canvas.fill(columns.end..columns.end + 1, top..bottom + 1, INK);
        let (low, high) = (f64::from(low), f64::from(high));
        for value in round_steps(low, high, (self.height / 50).max(2)) {
            let share = (value - low) / (high - low);
            let y = self.top + ((1.0 - share) * (self.height - 1) as f64) as usize;
            canvas.fill(columns.end..columns.end + TICK, y..y + 2, INK);
            canvas.text(columns.end + TICK + 4, y.saturating_sub(6), &short(value));
        }
        canvas.text(left, self.top - 24, self.axis.unit);
    }
}

/// Louder is darker.
fn shade(share: f32) -> u8 {
    (f32::from(PAPER) * (1.0 - share)).round() as u8
}

/// The items of `count` that pixel `pixel` of `pixels` shows; at least one.
fn shared(pixel: usize, pixels: usize, count: usize) -> Range<usize> {
    let first = pixel * count / pixels;
    let end = (pixel + 1) * count / pixels;
    first..end.max(first + 1)
}

/// Where `number` lies among `rows`, which rise: a row, or between two.
fn place_of(number: f64, rows: &[f64]) -> f64 {
    let above = rows.partition_point(|&row| row < number);
    match (above.checked_sub(1), rows.get(above)) {
        (Some(below), Some(&next)) => {
            let share = (number - rows[below]) / (next - rows[below]);
            below as f64 + share
        }
        (None, _) => 0.0,
        (Some(below), None) => below as f64,
    }
}

/// Round numbers from `low` to `high`, equally far apart, at most about `most`.
fn round_steps(low: f64, high: f64, most: usize) -> Vec<f64> {
    let least_step = (high - low) / most as f64;
    if !(least_step > 0.0 && least_step.is_finite()) {
        return vec![low];
    }
    let power = 10f64.powf(least_step.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    let step = steps
        .into_iter()
        .find(|&step| step >= least_step * (1.0 - 1e-9));
    let step = step.unwrap_or(10.0 * power);
    let first = (low / step - 1e-9).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last).map(|n| n as f64 * step).collect()
}

/// 1, 2 and 5 times powers of ten from `low` to `high`.
fn one_two_five(low: f64, high: f64) -> Vec<f64> {
    let powers = (-3..7).map(|power| 10f64.powi(power));
    let numbers = powers.flat_map(|power| [1.0, 2.0, 5.0].map(|factor| factor * power));
    numbers.filter(|n| (low..=high).contains(n)).collect()
}

/// `12000` as `12k`, and no more digits than a round number has.
fn short(number: f64) -> String {
    let (number, thousand) = match number.abs() >= 1000.0 {
        true => (number / 1000.0, "k"),
        false => (number, ""),
    };
    let rounded = (number * 1e4).round() / 1e4;
    format!("{}{thousand}", rounded + 0.0) // no minus before 0
}

/// A grey image, one byte a pixel.
struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            pixels: vec![PAPER; width * height],
        }
    }

    /// What lies beyond the edges is not drawn.
    fn set(&mut self, x: usize, y: usize, grey: u8) {
        if x < self.width && y < self.height {
            self.pixels[y * self.width + x] = grey;
        }
    }

    fn fill(&mut self, columns: Range<usize>, rows: Range<usize>, grey: u8) {
        for y in rows {
            for x in columns.clone() {
                self.set(x, y, grey);
            }
        }
    }

    /// Text whose first letter has its upper left corner at `x`, `y`.
    fn text(&mut self, x: usize, y: usize, text: &str) {
        for (column, row) in lettering::pixels(text) {
            let (x, y) = (x + column * LETTER, y + row * LETTER);
            self.fill(x..x + LETTER, y..y + LETTER, INK);
        }
    }

    fn text_centred(&mut self, middle: usize, y: usize, text: &str) {
        let half = lettering::width(text) * LETTER / 2;
        self.text(middle.saturating_sub(half), y, text);
    }

    /// Text that is read from below, its middle at `middle` of the height.
    fn text_upwards(&mut self, x: usize, middle: usize, text: &str) {
        let bottom = middle + lettering::width(text) * LETTER / 2;
        for (column, row) in lettering::pixels(text) {
            let x = x + row * LETTER;
            let Some(y) = bottom.checked_sub(column * LETTER) else {
                continue;
            };
            self.fill(x..x + LETTER, y..y + LETTER, INK);
        }
    }

    fn png(&self) -> Vec<u8> {
        png_of(
            self.width as u32,
            self.height as u32,
            png::BitDepth::Eight,
            &self.pixels,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::FrontEnd;

    fn decoded(bytes: &[u8]) -> (usize, Vec<u8>) {
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes))
            .read_info()
            .unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        (reader.info().width as usize, pixels)
    }

    #[test]
    fn a_tone_is_dark_at_its_time_and_height() {
        // 10 bands, 100 frames: band 2 sounds in the last half.
        let values = (0..1000).map(|n| f32::from(u8::from(n >= 500 && n % 10 == 2)));
        let features = Features::from_frames(10, values.collect());
        let axis = ChannelAxis {
            name: String::new(),
            bands: BandAxis::Linear((0..10).map(|n| 100.0 * f64::from(n)).collect()),
            unit: "dB",
        };
        let picture = FeaturePicture {
            title: "a tone",
            features: &features,
            axes: &[axis],
            frame_rate: 50.0,
        };
        let (width, pixels) = decoded(&picture.png());
        let at = |x: f64, band: f64| {
            let x = LEFT + (x * PLOT_WIDTH as f64) as usize;
            let y = TOP + ABOVE + ((1.0 - band / 10.0) * TALLEST as f64) as usize;
            pixels[y * width + x]
        };
        assert_eq!(at(0.75, 2.5), INK);
        assert_eq!(
            (at(0.25, 2.5), at(0.75, 3.5), at(0.75, 1.5)),
            (PAPER, PAPER, PAPER)
        );
    }

    #[test]
    fn every_front_end_has_a_picture_and_a_page() {
        for name in ["small", "mfcc", "esresnet-stereo", "clar"] {
            let small = || FrontEnd::LogMel(crate::features::LogMelConfig::small());
            let front_end = FrontEnd::published(name).unwrap_or_else(small);
            for samples in [&[][..], &[0.1; 9000]] {
                let features = front_end.extractor().unwrap().compute(samples);
                let picture = FeaturePicture {
                    title: "<b>",
                    features: &features,
                    axes: &front_end.axes().unwrap(),
                    frame_rate: front_end.frame_rate(),
                };
                let (width, pixels) = decoded(&picture.png());
                assert_eq!(width, LEFT + PLOT_WIDTH + RIGHT);
                assert!(pixels.contains(&INK));
                let page = picture.html("n_fft = 1 < 2").unwrap();
                assert!(
                    page.contains("1 &lt; 2") && !page.contains("<b>"),
                    "{page:.400}"
                );
            }
        }
    }

    #[test]
    fn numbers_on_axes_are_round() {
        assert_eq!(
            round_steps(0.0, 5.0, 10),
            [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0]
        );
        assert_eq!(round_steps(-73.0, 11.0, 5), [-60.0, -40.0, -20.0, 0.0]);
        assert_eq!(round_steps(1.0, 1.0, 5), [1.0]);
        assert_eq!(
            one_two_five(50.0, 1100.0),
            [50.0, 100.0, 200.0, 500.0, 1000.0]
        );
        assert_eq!(
            [12_000.0, 0.3, -0.0, 1500.0].map(short),
            ["12k", "0.3", "0", "1.5k"]
        );
    }

    #[test]
    fn numbers_stand_at_their_row() {
        let rows = [100.0, 200.0, 400.0];
        assert_eq!(
            [100.0, 300.0, 400.0, 50.0, 900.0].map(|hz| place_of(hz, &rows)),
            [0.0, 1.5, 2.0, 0.0, 2.0]
        );
    }
}

//! The measured clips as they look and sound, and where their embeddings lie: what makes a report's map explorable.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::{adpcm, spectrogram::data_uri};
use crate::audio::{SampleRate, Waveform};
use crate::features::{FeaturesError, LogMel, LogMelConfig};

/// Rows and at most as many columns of a picture.
const PICTURE: (usize, usize) = (32, 72);
/// How far below the loudest a picture still shows anything, in natural logarithms of magnitude: 60 dB.
const RANGE: f32 = 6.9;

/// All there is to see and hear of an evaluation's clips; written as `gallery.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Gallery {
    /// Names of the clips, as in the evaluation.
    pub names: Vec<String>,
    /// One for each clip.
    pub exhibits: Vec<Exhibit>,
    /// Embeddings in the plane.
    pub maps: Vec<EmbeddingMap>,
}

/// A clip as a page shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exhibit {
    /// Its spectrogram, a PNG image in a `data:` address; empty if it could not be read.
    pub picture: String,
    /// The loudest part of it, at [`Exhibit::RATE`] in four bits a sample, base64; empty where a page would grow too large.
    pub sound: String,
}

/// Embeddings drawn in the plane, with a point for every clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EmbeddingMap {
    /// Whose embeddings these are: `this model`.
    pub title: String,
    /// `[x, y]` of each clip, of any range.
    pub points: Vec<[f32; 2]>,
}

/// Makes the exhibits of clips, all with the same front end.
#[derive(Debug)]
pub struct Exhibitor {
    mel: LogMel,
}

impl Exhibit {
    /// Samples per second of its sound.
    pub const RATE: u32 = 16000;
}

impl Exhibitor {
    /// # Errors
    /// None that a user could cause.
    pub fn new() -> Result<Self, FeaturesError> {
        Ok(Self {
            mel: LogMel::new(&LogMelConfig::cola())?,
        })
    }

    /// The sample rate of the clips that [`Self::exhibit`] takes.
    ///
    /// # Panics
    /// Never.
    pub fn rate() -> SampleRate {
        SampleRate::new(Exhibit::RATE).expect("a usual rate")
    }

    /// The exhibit of a clip at [`Self::rate`]. `heard_secs`: the length of its loudest part that becomes the exhibit's sound,
    /// in seconds; 0: no sound.
    pub fn exhibit(&self, clip: &Waveform, heard_secs: f64) -> Exhibit {
        let empty = Vec::new();
        let samples = clip.channels().first().unwrap_or(&empty);
        let heard = ((heard_secs * f64::from(Exhibit::RATE)) as usize).min(samples.len());
        let sound = match heard {
            0 => String::new(),
            _ => STANDARD.encode(adpcm::encode(&levelled(loudest(samples, heard)))),
        };
        Exhibit {
            picture: self.picture(samples),
            sound,
        }
    }

    fn picture(&self, samples: &[f32]) -> String {
        if self.mel.frames(samples.len()) == 0 {
            return String::new();
        }
        let features = self.mel.compute(samples);
        let (rows, columns) = PICTURE;
        let columns = columns.min(features.frames());
        let image = pooled(features.values(), features.bands(), rows, columns);
        let loudest = image.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        data_uri(&image, rows, loudest - RANGE, loudest)
    }
}

/// `[frames, bands]` → the loudest of each field of `[columns, rows]`.
fn pooled(values: &[f32], bands: usize, rows: usize, columns: usize) -> Vec<f32> {
    let frames = values.len() / bands;
    let span = |index: usize, of: usize, to: usize| {
        let (from, until) = (index * of / to, (index + 1) * of / to);
        from..until.max(from + 1)
    };
    let mut image = Vec::with_capacity(rows * columns);
    for column in 0..columns {
        for row in 0..rows {
            let of_frame = |frame: usize| {
                let bands_of_row = span(row, bands, rows);
                bands_of_row.map(move |band| values[frame * bands + band])
            };
            let field = span(column, frames, columns).flat_map(of_frame);
            image.push(field.fold(f32::NEG_INFINITY, f32::max));
        }
    }
    image
}

/// The stretch of `length` samples with the most energy, to a tenth of its length.
fn loudest(samples: &[f32], length: usize) -> &[f32] {
    let hop = (length / 10).max(1);
    let last = samples.len() - length;
    let energy = |&start: &usize| -> f32 {
        let stretch = &samples[start..start + length];
        stretch.iter().map(|v| v * v).sum()
    };
    let starts = (0..last).step_by(hop).chain([last]);
    let best = starts.max_by(|a, b| energy(a).total_cmp(&energy(b)));
    let start = best.unwrap_or(0);
    &samples[start..start + length]
}

/// As loud as fits: quiet recordings are to be heard, too.
pub(super) fn levelled(samples: &[f32]) -> Vec<f32> {
    let peak = samples.iter().fold(0.0f32, |peak, v| peak.max(v.abs()));
    let gain = if peak > 0.0 { 0.9 / peak } else { 1.0 };
    samples.iter().map(|v| v * gain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loudest_part_is_heard() {
        let mut samples = vec![0.01; 1000];
        samples[600..700].fill(0.5);
        let part = loudest(&samples, 100);
        assert!(part.iter().filter(|v| **v > 0.1).count() >= 90);
        assert_eq!(loudest(&samples, 1000).len(), 1000);
    }

    #[test]
    fn a_clip_is_drawn_and_heard_and_silence_is_no_panic() {
        let exhibitor = Exhibitor::new().unwrap();
        for level in [0.0, 0.3] {
            let samples = (0..16000).map(|i| level * (i as f32 * 0.2).sin()).collect();
            let clip = Waveform::mono(samples, Exhibitor::rate());
            let exhibit = exhibitor.exhibit(&clip, 0.5);
            assert!(exhibit.picture.starts_with("data:image/png;base64,"));
            let bytes = STANDARD.decode(&exhibit.sound).unwrap();
            assert_eq!(bytes.len(), 4 + 4000);
            assert!(exhibitor.exhibit(&clip, 0.0).sound.is_empty());
        }
        let nothing = Waveform::mono(Vec::new(), Exhibitor::rate());
        assert_eq!(exhibitor.exhibit(&nothing, 1.0), Exhibit::default());
    }

    #[test]
    fn a_field_shows_its_loudest_value() {
        // Four frames of two bands to two columns of one row.
        let values = [0.0, 1.0, 5.0, 0.0, 0.0, 0.0, 2.0, 3.0];
        assert_eq!(pooled(&values, 2, 1, 2), [5.0, 3.0]);
        assert_eq!(pooled(&values, 2, 4, 4).len(), 16, "more rows than bands");
    }
}

//! How strong sound is, and one sound over another at a given ratio.

use crate::audio::Waveform;
use crate::augment::{Interval, error::Problems};

/// Mean square over all samples of all channels; 0 without any.
pub(super) fn mean_square(sound: &Waveform) -> f64 {
    mean_square_of(sound.channels())
}

fn mean_square_of(channels: &[Vec<f32>]) -> f64 {
    let samples: usize = channels.iter().map(Vec::len).sum();
    let squares = channels.iter().flatten();
    let sum: f64 = squares.map(|&x| f64::from(x) * f64::from(x)).sum();
    sum / samples.max(1) as f64
}

/// Requires decibels from −120 to 120, or infinitely many of them: nothing added.
pub(super) fn check_snr(snr_db: Interval<f64>, key: &str, problems: &mut Problems<'_>) {
    if snr_db != NEVER {
        snr_db.check(key, -120.0, 120.0, problems);
    }
}

/// The ratio at which nothing is added.
pub(super) const NEVER: Interval<f64> = Interval::new(f64::INFINITY, f64::INFINITY);

/// Adds `other`, scaled so that `sound` is `snr_db` decibels above it, both measured over all samples of all channels.
/// Where either is silent there is no such ratio, and nothing is added.
///
/// ```text
/// out = sound + g·other,   g² = P(sound) / (P(other) · 10^(snr_db/10))
/// ```
pub(super) fn add_at_snr(mut sound: Waveform, other: &[Vec<f32>], snr_db: f64) -> Waveform {
    let gain = mean_square(&sound) / mean_square_of(other) / 10f64.powf(snr_db / 10.0);
    let gain = gain.sqrt() as f32;
    if gain == 0.0 || !gain.is_finite() {
        return sound;
    }
    for (channel, other) in sound.channels_mut().zip(other) {
        for (sample, other) in channel.iter_mut().zip(other) {
            *sample += gain * other;
        }
    }
    sound
}

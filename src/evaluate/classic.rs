//! The baseline from before networks.

use super::EvaluateError;
use crate::{Embeddings, features::Features};

/// Frames on either side that a delta looks at: a window of 9.
const DELTA_REACH: usize = 4;

/// Embeddings without learning: for every MFCC, its delta and delta-delta, the mean, standard
/// deviation, minimum and maximum over the clip.
///
/// `mfcc`: one matrix `[coefficients, frames]` a clip. Result: `[items, 12 · coefficients]`, ordered
/// statistic by statistic within MFCCs, deltas, delta-deltas.
///
/// # Errors
/// If a clip has no frames or another number of coefficients than the first.
///
/// # Source
/// Deltas are the regression of the HTK book (§5.9) over 9 frames with the first and last frame
/// repeated, as `librosa.feature.delta(mode="nearest")` 0.11; the standard deviation is numpy's.
pub fn mfcc_statistics(mfcc: &[Features]) -> Result<Embeddings, EvaluateError> {
    let required = mfcc.first().map_or(1, Features::bands);
    let mut values = Vec::with_capacity(mfcc.len() * 12 * required);
    for (clip, features) in mfcc.iter().enumerate() {
        if features.frames() == 0 || features.bands() != required {
            return Err(EvaluateError::Mfcc {
                clip,
                frames: features.frames(),
                bands: features.bands(),
                required,
            });
        }
        let first = deltas(features);
        let second = deltas(&first);
        for series in [features, &first, &second] {
            values.extend(statistics(series));
        }
    }
    Ok(Embeddings::from_rows(12 * required, values))
}

/// ```text
/// dₜ = Σₙ n (cₜ₊ₙ − cₜ₋ₙ) / (2 Σₙ n²),  n = 1..=4
/// ```
fn deltas(features: &Features) -> Features {
    let last = features.frames() - 1;
    let norm = 2.0 * (1..=DELTA_REACH).map(|n| (n * n) as f32).sum::<f32>();
    let mut values = Vec::with_capacity(features.values().len());
    for t in 0..=last {
        for band in 0..features.bands() {
            let slope = |n: usize| {
                let after = features.frame((t + n).min(last))[band];
                let before = features.frame(t.saturating_sub(n))[band];
                n as f32 * (after - before)
            };
            values.push((1..=DELTA_REACH).map(slope).sum::<f32>() / norm);
        }
    }
    Features::from_frames(features.bands(), values)
}

/// Means, then standard deviations, minima and maxima, of each band.
fn statistics(features: &Features) -> Vec<f32> {
    let frames = features.frames() as f64;
    let series = |band| (0..features.frames()).map(move |t| features.frame(t)[band]);
    let bands = || 0..features.bands();
    let mean = |band| series(band).map(f64::from).sum::<f64>() / frames;
    let deviation = |band| {
        let centre = mean(band);
        let squares = series(band).map(|v| (f64::from(v) - centre).powi(2));
        (squares.sum::<f64>() / frames).sqrt() as f32
    };
    let means = bands().map(|band| mean(band) as f32);
    let minima = bands().map(|band| series(band).fold(f32::INFINITY, f32::min));
    let maxima = bands().map(|band| series(band).fold(f32::NEG_INFINITY, f32::max));
    means
        .chain(bands().map(deviation))
        .chain(minima)
        .chain(maxima)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Golden {
        versions: String,
        bands: usize,
        frames: Vec<f32>,
        statistics: Vec<f32>,
    }

    #[test]
    fn statistics_equal_librosa_deltas_and_numpy() {
        let golden: Golden =
            serde_json::from_str(include_str!("../../tests/golden/classic.json")).unwrap();
        let features = Features::from_frames(golden.bands, golden.frames);
        let ours = mfcc_statistics(&[features]).unwrap();
        assert_eq!(ours.dim(), golden.statistics.len());
        for (index, (ours, theirs)) in ours.row(0).iter().zip(&golden.statistics).enumerate() {
            // Sums of nine f32 values around 10.
            let close = (ours - theirs).abs() < 1e-5;
            assert!(
                close,
                "{index}: {ours} against {theirs} by {}",
                golden.versions
            );
        }
    }

    #[test]
    fn a_clip_without_frames_is_named() {
        let clips = [
            Features::from_frames(2, vec![1., 2.]),
            Features::from_frames(2, vec![]),
        ];
        let error = mfcc_statistics(&clips).unwrap_err();
        assert!(
            error.to_string().starts_with("MFCC of clip 1 has 0 frames"),
            "{error}"
        );
    }

    #[test]
    fn a_single_frame_has_no_deltas_and_no_deviation() {
        let one = mfcc_statistics(&[Features::from_frames(1, vec![3.0])]).unwrap();
        assert_eq!(one.row(0), [3., 0., 3., 3., 0., 0., 0., 0., 0., 0., 0., 0.]);
    }
}

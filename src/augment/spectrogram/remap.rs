//! Moving numbers between plain Rust and batches: values per clip, frames and bands taken from
//! elsewhere.

use tch::Tensor;

/// One number per clip, as `[batch, 1, 1, 1]` beside `like`.
pub(super) fn per_clip(values: &[f32], like: &Tensor) -> Tensor {
    Tensor::from_slice(values)
        .view([-1, 1, 1, 1])
        .to_device(like.device())
}

/// Each frame of clip `i` from the frame `source(frame, draws[i], frames)`.
pub(super) fn frames<D: Copy>(
    batch: &Tensor,
    draws: &[D],
    source: impl Fn(usize, D, usize) -> usize,
) -> Tensor {
    let (clips, _, _, frames) = batch
        .size4()
        .expect("patches are [batch, channels, mels, frames]");
    let index: Vec<i64> = draws
        .iter()
        .flat_map(|&draw| (0..frames as usize).map(move |frame| (frame, draw)))
        .map(|(frame, draw)| source(frame, draw, frames as usize) as i64)
        .collect();
    let index = Tensor::from_slice(&index)
        .view([clips, 1, 1, frames])
        .to_device(batch.device());
    batch.gather(3, &index.expand_as(batch), false)
}

/// Each frame of clip `i` from the place `source(draws[i], frame, frames)`, 0 to the last frame; between two frames,
/// linearly.
pub(super) fn frames_between<D: Copy>(
    batch: &Tensor,
    draws: &[D],
    source: impl Fn(D, usize, usize) -> f32,
) -> Tensor {
    let place =
        |frame, draw, frames: usize| source(draw, frame, frames).clamp(0.0, frames as f32 - 1.0);
    let before = |frame, draw, frames| place(frame, draw, frames) as usize;
    let after = |frame, draw, frames| (before(frame, draw, frames) + 1).min(frames - 1);
    let frames = batch.size()[3];
    let between: Vec<f32> = draws
        .iter()
        .flat_map(|&draw| (0..frames as usize).map(move |frame| (frame, draw)))
        .map(|(frame, draw)| place(frame, draw, frames as usize).fract())
        .collect();
    let between = Tensor::from_slice(&between)
        .view([-1, 1, 1, frames])
        .to_device(batch.device());
    self::frames(batch, draws, before).lerp_tensor(&self::frames(batch, draws, after), &between)
}

/// Each band of clip `i` from the band `source(band, draws[i], bands)`.
pub(super) fn bands<D: Copy>(
    batch: &Tensor,
    draws: &[D],
    source: impl Fn(usize, D, usize) -> usize,
) -> Tensor {
    let (clips, _, bands, _) = batch
        .size4()
        .expect("patches are [batch, channels, mels, frames]");
    let index: Vec<i64> = draws
        .iter()
        .flat_map(|&draw| (0..bands as usize).map(move |band| (band, draw)))
        .map(|(band, draw)| source(band, draw, bands as usize) as i64)
        .collect();
    let index = Tensor::from_slice(&index)
        .view([clips, 1, bands, 1])
        .to_device(batch.device());
    batch.gather(2, &index.expand_as(batch), false)
}

#[cfg(test)]
pub(super) mod testing {
    //! Patches to try and golden cases.

    use serde_json::Value;
    use tch::{Device, Kind, Tensor};

    /// `[clips, 1, bands, frames]` from −1 to 1 without pattern.
    pub(in super::super) fn some_patches(clips: i64, bands: i64, frames: i64, seed: i64) -> Tensor {
        let walk = Tensor::arange(clips * bands * frames, (Kind::Double, Device::Cpu))
            + 1.0
            + 0.37 * seed as f64;
        let values: Tensor =
            (&walk * &walk * 0.618_033_988_749_895 + walk * 0.414_213_562).frac() * 2.0 - 1.0;
        values.to_kind(Kind::Float).view([clips, 1, bands, frames])
    }

    pub(in super::super) fn golden(augmentation: &str) -> Vec<Value> {
        let file: Value =
            serde_json::from_str(include_str!("../../../tests/golden/augment.json")).unwrap();
        let cases = file[augmentation].as_array().unwrap().clone();
        assert!(!cases.is_empty());
        cases
    }

    /// Patches as nested lists `[batch][mels][frames]`.
    pub(in super::super) fn tensor(value: &Value) -> Tensor {
        let patches: Vec<Vec<Vec<f64>>> = serde_json::from_value(value.clone()).unwrap();
        let shape = [
            patches.len() as i64,
            1,
            patches[0].len() as i64,
            patches[0][0].len() as i64,
        ];
        let values: Vec<f64> = patches.into_iter().flatten().flatten().collect();
        Tensor::from_slice(&values).view(shape).to_kind(Kind::Float)
    }

    pub(in super::super) fn assert_close(given: &Tensor, expected: &Tensor, tolerance: f64) {
        assert_eq!(given.size(), expected.size());
        let distance = (given - expected).abs().max().double_value(&[]);
        assert!(distance <= tolerance, "differs by {distance}");
    }
}

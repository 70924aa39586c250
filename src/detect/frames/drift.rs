//! How a recording's background rises and falls within a few seconds: gusts, insects, an automatic gain.

/// Frames over which the background of one moment is measured: 10 s as played. Longer than a phrase of song, so that song does
/// not count as background.
const WINDOW: usize = 2000;
/// Frames from one moment to the next. Between them the background is taken to change evenly.
const STEP: usize = 400;
/// Every so many frames one is looked at: neighbours hardly differ.
const STRIDE: usize = 4;
/// The share of a window's frames that are quieter than its background. Less than half, as song may fill more than that.
const QUIETER: f64 = 0.15;

/// Takes off each band's background at each moment, but for what all moments of the band have in common if `values`,
/// `[frames, bands]`, are shorter than a window.
pub(super) fn subtract_drift(values: &mut [f32], bands: usize) {
    let frames = values.len() / bands;
    let moments = frames.div_ceil(STEP) + 1;
    let mut levels = Vec::with_capacity(moments * bands); // [moments, bands]
    let mut column = Vec::with_capacity(WINDOW / STRIDE + 1);
    for moment in 0..moments {
        let first = (moment * STEP)
            .saturating_sub(WINDOW / 2)
            .min(frames.saturating_sub(WINDOW));
        let rows = &values[first * bands..(first + WINDOW).min(frames) * bands];
        for band in 0..bands {
            column.clear();
            column.extend(rows.iter().skip(band).step_by(bands * STRIDE).copied());
            levels.push(quantile(&mut column));
        }
    }
    for (frame, row) in values.chunks_exact_mut(bands).enumerate() {
        let (moment, share) = (frame / STEP, (frame % STEP) as f32 / STEP as f32);
        let (before, after) = levels[moment * bands..][..2 * bands].split_at(bands);
        for (value, (before, after)) in row.iter_mut().zip(before.iter().zip(after)) {
            *value -= before + share * (after - before);
        }
    }
}

fn quantile(values: &mut [f32]) -> f32 {
    let place = (QUIETER * values.len().saturating_sub(1) as f64) as usize;
    match place < values.len() {
        true => *values.select_nth_unstable_by(place, f32::total_cmp).1,
        false => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BANDS: usize = 3;

    /// Half a minute, noise of a hundredth, with `level` at each frame.
    fn recording(level: impl Fn(usize) -> f32) -> Vec<f32> {
        let noise = |at: usize| ((at * 37) % 101) as f32 / 10_000.0;
        let value = |at: usize| level(at / BANDS) + noise(at);
        (0..6000 * BANDS).map(value).collect()
    }

    #[test]
    fn a_background_that_rises_is_flat_afterwards() {
        let mut values = recording(|frame| if frame < 3000 { 0.0 } else { 2.0 });
        subtract_drift(&mut values, BANDS);
        let far = values.chunks(BANDS).enumerate();
        let mut far = far.filter(|(frame, _)| frame.abs_diff(3000) > WINDOW / 2 + STEP);
        assert!(far.all(|(_, row)| row.iter().all(|value| value.abs() < 0.02)));
    }

    #[test]
    fn calls_stay_even_where_they_fill_half_of_the_time() {
        let is_call = |frame: usize| frame % 100 < 50;
        let mut values = recording(|frame| if is_call(frame) { 1.0 } else { 0.0 });
        subtract_drift(&mut values, BANDS);
        for (frame, row) in values.chunks(BANDS).enumerate() {
            let wanted = if is_call(frame) { 1.0 } else { 0.0 };
            assert!(row.iter().all(|value| (value - wanted).abs() < 0.02));
        }
    }

    #[test]
    fn a_short_sound_and_none_at_all_keep_their_shape() {
        let mut short: Vec<f32> = (0..90).map(|at| (at / BANDS) as f32).collect();
        let before = short.clone();
        subtract_drift(&mut short, BANDS);
        let moved = before[0] - short[0];
        let mut pairs = before.iter().zip(&short);
        assert!(pairs.all(|(before, after)| (before - after - moved).abs() < 1e-5));
        subtract_drift(&mut [], BANDS);
    }
}

//! A recording with calls at known times, for the tests of few-shot detection.

use chiffchaff::audio::{SampleRate, WavEncoding, Waveform, write_wav};
use chiffchaff::dataset::Span;
use std::f64::consts::TAU;
use std::path::Path;

/// Seconds of a call.
pub(crate) const CALL_SECS: f64 = 0.15;
/// When calls begin; the first five are the shots.
pub(crate) const CALLS: [f64; 14] = [
    0.4, 1.1, 1.7, 2.6, 3.3, 4.0, 4.9, 5.5, 6.6, 7.2, 8.1, 9.0, 9.7, 10.9,
];
/// When other sounds begin, between the calls.
pub(crate) const OTHERS: [f64; 8] = [0.75, 2.1, 3.0, 4.4, 6.0, 7.7, 8.5, 10.3];

pub(crate) fn span(onset: f64) -> Span {
    Span::new(onset, onset + CALL_SECS).unwrap()
}

pub(crate) fn shots() -> Vec<Span> {
    CALLS[..5].iter().map(|&onset| span(onset)).collect()
}

pub(crate) fn hidden_calls() -> Vec<Span> {
    CALLS[5..].iter().map(|&onset| span(onset)).collect()
}

/// Twelve seconds of noise with falling whistles (the calls) and low hums (the others).
pub(crate) fn write_recording(path: &Path) {
    let rate = 22_050.0;
    let mut state = 1u32;
    let mut samples: Vec<f64> = (0..(12.0 * rate) as usize)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            0.004 * (f64::from(state) / f64::from(u32::MAX) - 0.5)
        })
        .collect();
    let mut add = |onset: f64, from_hz: f64, to_hz: f64| {
        let first = (onset * rate) as usize;
        let length = (CALL_SECS * rate) as usize;
        let mut phase = 0.0;
        for n in 0..length {
            let share = n as f64 / length as f64;
            phase += TAU * (from_hz + (to_hz - from_hz) * share) / rate;
            samples[first + n] += 0.2 * (std::f64::consts::PI * share).sin() * phase.sin();
        }
    };
    CALLS.iter().for_each(|&onset| add(onset, 6000.0, 3500.0));
    OTHERS.iter().for_each(|&onset| add(onset, 500.0, 700.0));
    let samples = samples.into_iter().map(|x| x as f32).collect();
    let sound = Waveform::mono(samples, SampleRate::new(22_050).unwrap());
    write_wav(path, &sound, WavEncoding::Int16).unwrap();
}

fn overlap(a: &Span, b: &Span) -> f64 {
    let common = a.offset().min(b.offset()) - a.onset().max(b.onset());
    common.max(0.0) / (a.offset().max(b.offset()) - a.onset().min(b.onset()))
}

/// Hidden calls that an event meets by more than 0.3 of their union, and events that meet none so.
pub(crate) fn found_and_false(events: &[chiffchaff::detect::Event]) -> (usize, usize) {
    let calls = hidden_calls();
    let meets = |a: &Span, b: &Span| overlap(a, b) > 0.3;
    let found = calls
        .iter()
        .filter(|call| events.iter().any(|event| meets(call, &event.span)));
    let wrong = events
        .iter()
        .filter(|event| !calls.iter().any(|call| meets(call, &event.span)));
    (found.count(), wrong.count())
}

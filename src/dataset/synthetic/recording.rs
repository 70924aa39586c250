//! A recording of one imagined animal.

use super::spectrum::{convolve, shape_spectrum};
use super::unit::{Unit, decibels, rms};
use super::{Draw, SyntheticRecording};
use crate::audio::{SampleRate, Waveform};
use crate::dataset::Span;

/// Draws an animal and lets it sing for `secs` in front of one of the `backgrounds` (samples at `rate`).
pub(super) fn recording(
    draw: &mut Draw<'_>,
    secs: f64,
    rate: SampleRate,
    backgrounds: &[Vec<f32>],
) -> SyntheticRecording {
    let samples_per_sec = f64::from(rate.hz());
    let length = (secs * samples_per_sec) as usize;
    let units = repertoire(draw);
    let (mut sound, marks) = sing(draw, &units, length, samples_per_sec);
    let loudness = rms(&sound
        .iter()
        .copied()
        .filter(|v| v.abs() > 1e-4)
        .collect::<Vec<_>>())
    .max(1e-6);
    if draw.chance(0.5) {
        reverberate(draw, &mut sound, samples_per_sec);
    }
    let rattle = if draw.chance(0.7) {
        rattle(draw, length, samples_per_sec)
    } else {
        vec![0.0; length]
    };
    let background = background(draw, length, backgrounds);
    let snr_db = draw.uniform(0.0, 38.0);
    let background_gain = decibels(-snr_db) / rms(&background).max(1e-9);
    for (value, (background, rattle)) in sound.iter_mut().zip(background.into_iter().zip(rattle)) {
        *value = *value / loudness + background_gain * background + rattle;
    }
    if draw.chance(0.3) {
        let edge = draw.log_uniform(4000.0, 10_500.0);
        let low_pass = |hz: f64| 1.0 / (1.0 + (hz / edge).powi(12)).sqrt();
        sound = shape_spectrum(&sound, samples_per_sec, low_pass);
    }
    let peak = sound.iter().fold(1e-9, |peak: f64, v| peak.max(v.abs()));
    let sound = sound.iter().map(|v| (0.5 * v / peak) as f32).collect();
    SyntheticRecording {
        waveform: Waveform::mono(sound, rate),
        marks,
    }
}

/// Two to six units of about the same length; some hard to tell apart.
fn repertoire(draw: &mut Draw<'_>) -> Vec<Unit> {
    let secs = draw.log_uniform(0.012, 0.35);
    let size = 2 + draw.up_to(5);
    let mut units = vec![Unit::any(draw, secs)];
    for _ in 1..size {
        let model = draw.up_to(units.len() as u32) as usize;
        units.push(match draw.chance(0.4) {
            true => units[model].similar(draw),
            false => Unit::any(draw, secs),
        });
    }
    units
}

/// Songs of a repeated motif, or single calls, with pauses: samples, and when each unit sounds.
fn sing(
    draw: &mut Draw<'_>,
    units: &[Unit],
    length: usize,
    rate: f64,
) -> (Vec<f64>, Vec<(Span, usize)>) {
    let (mut sound, mut marks) = (vec![0.0; length], Vec::new());
    let any = |draw: &mut Draw<'_>| draw.up_to(units.len() as u32) as usize;
    let sings = draw.chance(0.65);
    let variation = draw.log_uniform(0.5, 2.5);
    let gap = draw.log_uniform(0.008, 0.12);
    let motif: Vec<usize> = (0..3 + draw.up_to(6)).map(|_| any(draw)).collect();
    let mut next = draw.uniform(0.0, 1.0);
    while next * rate < length as f64 - 0.05 * rate {
        let phrase: Vec<usize> = match sings {
            true => (0..2 + draw.up_to(2 * motif.len() as u32 - 1) as usize)
                .map(|n| {
                    if draw.chance(0.85) {
                        motif[n % motif.len()]
                    } else {
                        any(draw)
                    }
                })
                .collect(),
            false => vec![any(draw); 1 + draw.up_to(2) as usize],
        };
        for unit in phrase {
            let rendition = units[unit].render(draw, rate, variation);
            let start = (next * rate) as usize;
            let Some(place) = sound.get_mut(start..start + rendition.len()) else {
                break;
            };
            place
                .iter_mut()
                .zip(&rendition)
                .for_each(|(value, sample)| *value += sample);
            let (onset, offset) = (start as f64 / rate, (start + rendition.len()) as f64 / rate);
            marks.extend(Span::new(onset, offset).ok().map(|span| (span, unit)));
            next = offset + gap * draw.normal(0.3).exp();
        }
        next += draw.log_uniform(0.05, 2.0) * if sings { 1.0 } else { 0.5 };
    }
    (sound, marks)
}

/// Adds the echo of a room: decaying noise, at 6 to 25 dB below.
fn reverberate(draw: &mut Draw<'_>, sound: &mut [f64], rate: f64) {
    let length = (draw.log_uniform(0.03, 0.5) * rate) as usize;
    let mut response: Vec<f64> = (0..length)
        .map(|n| draw.normal(1.0) * 10f64.powf(-3.0 * n as f64 / length as f64))
        .collect();
    let energy = response.iter().map(|v| v * v).sum::<f64>().sqrt();
    let gain = decibels(-draw.uniform(6.0, 25.0)) / energy;
    response.iter_mut().for_each(|v| *v *= gain);
    let echo = convolve(sound, &response);
    sound
        .iter_mut()
        .zip(echo)
        .for_each(|(value, echo)| *value += echo);
}

/// Knocks and scratches that are nobody's call, alone or a few in a row, at −25 to 8 dB of the calls' level.
fn rattle(draw: &mut Draw<'_>, length: usize, rate: f64) -> Vec<f64> {
    let mut sound = vec![0.0; length];
    let mean_pause = 1.0 / draw.log_uniform(0.2, 3.0);
    let mut next = draw.exponential(mean_pause);
    while next * rate < length as f64 {
        let samples = ((draw.log_uniform(0.002, 0.3) * rate) as usize).max(40);
        let level = decibels(draw.uniform(-25.0, 8.0));
        let (centre, width) = (draw.log_uniform(200.0, 9000.0), draw.uniform(0.5, 3.0));
        let band = |hz: f64| (-0.5 * (((hz + 1.0) / centre).log2() / width).powi(2)).exp();
        let knocks = if draw.chance(0.7) {
            1
        } else {
            2 + draw.up_to(5)
        };
        let mut start = (next * rate) as usize;
        for _ in 0..knocks {
            let (fall, rise) = (draw.uniform(1.0, 7.0), draw.uniform(0.005, 0.4));
            let knock: Vec<f64> = (0..samples)
                .map(|n| n as f64 / samples as f64)
                .map(|x| draw.normal(1.0) * (-fall * x).exp() * (x / rise).min(1.0))
                .collect();
            let knock = shape_spectrum(&knock, rate, band);
            let gain = level / rms(&knock).max(1e-9);
            let place = sound.iter_mut().skip(start).zip(&knock);
            place.for_each(|(value, sample)| *value += gain * sample);
            start += samples + (draw.uniform(0.0, 0.1) * rate) as usize;
        }
        next += draw.exponential(mean_pause);
    }
    sound
}

/// A real background more often than not, repeated as needed, and coloured noise.
fn background(draw: &mut Draw<'_>, length: usize, backgrounds: &[Vec<f32>]) -> Vec<f64> {
    let colour = draw.uniform(0.0, 0.98);
    let scale = (1.0 - colour * colour).sqrt();
    let mut last = 0.0;
    let noise = (0..length).map(|_| {
        last = colour * last + scale * draw.normal(1.0);
        last
    });
    let noise: Vec<f64> = noise.collect();
    if backgrounds.is_empty() || !draw.chance(0.6) {
        return noise;
    }
    let heard = &backgrounds[draw.up_to(backgrounds.len() as u32) as usize];
    let start = draw.up_to(heard.len() as u32) as usize;
    let level = heard.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / heard.len() as f64;
    let level = level.sqrt().max(1e-9);
    let share = draw.log_uniform(0.03, 0.5);
    let heard = heard.iter().cycle().skip(start);
    let mixed = heard
        .zip(noise)
        .map(|(&heard, noise)| f64::from(heard) / level + share * noise);
    mixed.collect()
}

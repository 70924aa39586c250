//! One kind of sound an imagined animal makes, and how it is rendered.

use super::{Draw, spectrum::shape_spectrum};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::f64::consts::TAU;

/// What a unit is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A whistle: one or two partials.
    Tone,
    /// A voice: many harmonics.
    Stack,
    /// A whistle switched on and off.
    Trill,
    /// One to four short pulses.
    Click,
    /// A band of noise.
    Noise,
    /// Two or three of the others in a row.
    Compound,
}

/// The kinds with their shares.
const KINDS: [(Kind, f64); 6] = [
    (Kind::Tone, 0.25),
    (Kind::Stack, 0.3),
    (Kind::Trill, 0.15),
    (Kind::Click, 0.08),
    (Kind::Noise, 0.1),
    (Kind::Compound, 0.12),
];

/// A resonance of the vocal tract.
#[derive(Debug, Clone, Copy)]
struct Formant {
    hz: f64,
    width_octaves: f64,
    gain_db: f64,
}

/// A kind of sound, drawn at random.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    kind: Kind,
    secs: f64,
    pitch_hz: f64,
    /// Course of the pitch in octaves: slope, curvature, wave.
    bend: [f64; 3],
    vibrato_hz: f64,
    vibrato_octaves: f64,
    harmonics: u32,
    slope_db_per_octave: f64,
    formants: Vec<Formant>,
    tremolo_hz: f64,
    tremolo_depth: f64,
    /// Shares of the length.
    attack: f64,
    decay: f64,
    band_octaves: f64,
    roughness: f64,
    level_db: f64,
    /// The parts of a compound follow from it.
    parts_seed: u64,
}

impl Unit {
    /// Lengths of units, seconds.
    const SECS: (f64, f64) = (0.01, 0.6);

    /// Any unit, about `secs` long.
    pub(super) fn any(draw: &mut Draw<'_>, secs: f64) -> Self {
        let kind = draw.one_of(&KINDS);
        Self {
            kind,
            secs: (secs * draw.log_uniform(0.5, 2.0)).clamp(Self::SECS.0, Self::SECS.1),
            pitch_hz: draw.log_uniform(200.0, 8000.0),
            bend: [(); 3].map(|()| draw.normal(0.5)),
            vibrato_hz: draw.log_uniform(8.0, 60.0),
            vibrato_octaves: draw.sometimes(0.4, |draw| draw.log_uniform(0.01, 0.12)),
            harmonics: draw.up_to(19) + 1,
            slope_db_per_octave: draw.uniform(0.0, 12.0),
            formants: (0..draw.up_to(3))
                .map(|_| Formant::any(draw, 0.0))
                .collect(),
            tremolo_hz: draw.log_uniform(15.0, 120.0),
            tremolo_depth: draw.sometimes(0.4, |draw| draw.uniform(0.3, 1.0)),
            attack: draw.uniform(0.02, 0.4),
            decay: draw.uniform(0.05, 0.6),
            band_octaves: draw.uniform(0.15, 1.2),
            roughness: draw.sometimes(0.3, |draw| draw.uniform(0.02, 0.3)),
            level_db: draw.normal(3.0),
            parts_seed: draw.seed(),
        }
    }

    /// A unit that could be mistaken for this one: two of its properties differ.
    pub(super) fn similar(&self, draw: &mut Draw<'_>) -> Self {
        let mut unit = self.clone();
        let first = draw.up_to(5);
        let second = (first + 1 + draw.up_to(4)) % 5;
        for property in [first, second] {
            match property {
                0 => {
                    let factor = [0.55, 0.7, 1.5, 1.9][draw.up_to(4) as usize];
                    unit.secs = (unit.secs * factor).clamp(Self::SECS.0, Self::SECS.1);
                }
                1 => {
                    let octaves = draw.uniform(0.2, 0.7);
                    unit.pitch_hz *= if draw.chance(0.5) { octaves } else { -octaves }.exp2();
                }
                2 => unit.bend = unit.bend.map(|bend| draw.normal(0.3) - bend),
                3 => {
                    unit.formants = vec![Formant::any(draw, 6.0)];
                    unit.slope_db_per_octave = draw.uniform(0.0, 12.0);
                }
                _ => {
                    unit.tremolo_hz = draw.log_uniform(15.0, 120.0);
                    unit.tremolo_depth = draw.uniform(0.4, 1.0);
                }
            }
        }
        unit
    }

    /// One rendition at `rate` samples per second. No two are alike: `variation` 1 is about that of a bird's call.
    pub(super) fn render(&self, draw: &mut Draw<'_>, rate: f64, variation: f64) -> Vec<f64> {
        if self.kind == Kind::Compound {
            return self.render_parts(draw, rate, variation);
        }
        let secs = self.secs * (draw.normal(0.06) * variation).exp();
        let samples = ((secs * rate) as usize).max(60);
        let progress = |n: usize| n as f64 / (samples - 1) as f64; // 0..=1
        let mut sound = match self.kind {
            Kind::Click => self.clicks(draw, samples, rate),
            Kind::Noise => self.band(&white(draw, samples), rate),
            Kind::Tone | Kind::Stack | Kind::Trill | Kind::Compound => {
                self.partials(draw, samples, rate, variation)
            }
        };
        for (n, value) in sound.iter_mut().enumerate() {
            let x = progress(n);
            let rise = (x / self.attack).min(1.0);
            let fall = ((1.0 - x) / self.decay).min(1.0);
            let swing = 0.5 + 0.5 * (TAU * self.tremolo_hz * x * secs + 1.0).sin();
            *value *= (rise * fall).max(0.0).powf(0.7) * (1.0 - self.tremolo_depth * swing);
        }
        let gain = decibels(self.level_db + draw.normal(2.0) * variation) / (rms(&sound) + 1e-9);
        sound.iter_mut().for_each(|value| *value *= gain);
        sound
    }

    fn render_parts(&self, draw: &mut Draw<'_>, rate: f64, variation: f64) -> Vec<f64> {
        let mut same_each_time = ChaCha8Rng::seed_from_u64(self.parts_seed);
        let mut fixed = Draw::new(&mut same_each_time);
        let parts: Vec<Self> = (0..2 + fixed.up_to(2))
            .map(|_| {
                let part = Self::any(&mut fixed, self.secs / 2.0);
                Self {
                    kind: [Kind::Tone, Kind::Stack, Kind::Noise, Kind::Trill]
                        [fixed.up_to(4) as usize],
                    secs: (self.secs * fixed.uniform(0.2, 0.6)).max(Self::SECS.0),
                    level_db: fixed.normal(4.0),
                    ..part
                }
            })
            .collect();
        let gain = decibels(self.level_db);
        let sound = parts
            .iter()
            .flat_map(|part| part.render(draw, rate, variation));
        sound.map(|value| gain * value).collect()
    }

    /// Harmonics of a moving pitch.
    fn partials(&self, draw: &mut Draw<'_>, samples: usize, rate: f64, variation: f64) -> Vec<f64> {
        let bend = self.bend.map(|bend| bend + draw.normal(0.03) * variation);
        let pitch = self.pitch_hz * (draw.normal(0.02) * variation).exp();
        let vibrato_phase = draw.uniform(0.0, TAU);
        let harmonics = match self.kind {
            Kind::Stack => self.harmonics,
            _ => self.harmonics.min(2),
        };
        let highest = 0.49 * rate;
        let (mut phase, mut wander) = (0.0, 0.0);
        let secs = samples as f64 / rate;
        let sample = |n: usize| {
            let x = n as f64 / (samples - 1) as f64;
            let course = bend[0] * 2.0 * (x - 0.5)
                + bend[1] * (4.0 * (x - 0.5).powi(2) - 0.5)
                + bend[2] * 0.5 * (TAU * 1.5 * x).sin();
            let vibrato =
                self.vibrato_octaves * (TAU * self.vibrato_hz * x * secs + vibrato_phase).sin();
            let hz = (pitch * (course + vibrato).exp2()).clamp(60.0, 0.95 * highest);
            phase += TAU * hz / rate;
            wander += 0.3 * self.roughness * draw.normal(1.0);
            let voice: f64 = (1..=harmonics)
                .map(f64::from)
                .take_while(|h| h * hz < highest)
                .map(|h| self.gain_of(h, hz) * (h * (phase + wander)).sin())
                .sum();
            match self.kind {
                Kind::Trill => {
                    voice
                        * (0.5
                            + 0.5 * (4.0 * (TAU * 0.6 * self.tremolo_hz * x * secs).sin()).tanh())
                }
                _ => voice,
            }
        };
        (0..samples).map(sample).collect()
    }

    /// Amplitude of harmonic `h` of a pitch.
    fn gain_of(&self, h: f64, pitch_hz: f64) -> f64 {
        let formants = self.formants.iter().map(|f| f.gain_db_at(h * pitch_hz));
        decibels(formants.fold(0.0, f64::max) - self.slope_db_per_octave * h.log2())
    }

    fn clicks(&self, draw: &mut Draw<'_>, samples: usize, rate: f64) -> Vec<f64> {
        let count = (self.harmonics as usize / 4).max(1);
        let length = ((0.004 * rate) as usize).min(samples);
        let pulse: Vec<f64> = (0..length)
            .map(|n| draw.normal(1.0) * (-5.0 * n as f64 / length as f64).exp())
            .collect();
        let mut sound = vec![0.0; samples];
        for click in 0..count {
            let start = click * (samples - length) / count.saturating_sub(1).max(1);
            let place = sound[start..].iter_mut().zip(&pulse);
            place.for_each(|(value, pulse)| *value += pulse);
        }
        self.band(&sound, rate)
    }

    /// What a Gaussian band, on a scale of octaves, around the pitch leaves of `sound`.
    fn band(&self, sound: &[f64], rate: f64) -> Vec<f64> {
        shape_spectrum(sound, rate, |hz| {
            (-0.5 * (((hz + 1.0) / self.pitch_hz).log2() / self.band_octaves).powi(2)).exp()
        })
    }
}

impl Formant {
    fn any(draw: &mut Draw<'_>, least_db: f64) -> Self {
        Self {
            hz: draw.log_uniform(400.0, 9000.0),
            width_octaves: draw.uniform(0.2, 0.8),
            gain_db: draw.uniform(least_db, 22.0),
        }
    }

    fn gain_db_at(&self, hz: f64) -> f64 {
        self.gain_db * (-0.5 * ((hz / self.hz).log2() / self.width_octaves).powi(2)).exp()
    }
}

fn white(draw: &mut Draw<'_>, samples: usize) -> Vec<f64> {
    (0..samples).map(|_| draw.normal(1.0)).collect()
}

pub(super) fn rms(sound: &[f64]) -> f64 {
    (sound.iter().map(|v| v * v).sum::<f64>() / sound.len().max(1) as f64).sqrt()
}

/// Amplitude ratio.
pub(super) fn decibels(db: f64) -> f64 {
    10f64.powf(db / 20.0)
}

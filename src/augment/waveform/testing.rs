//! Sounds for tests.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::f64::consts::TAU;

use super::augment::{Augment, Given};
pub(super) use super::level::mean_square;
use super::reverb::Responses;
use crate::audio::{SampleRate, Waveform};
use crate::signal::pitch;

/// The rate of all sounds here, in Hz.
pub(super) const RATE: u32 = 22_050;

/// How many samples most of them have.
pub(super) const SAMPLES: usize = 4000;

pub(super) fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

pub(super) fn channels(channels: Vec<Vec<f32>>) -> Waveform {
    Waveform::from_channels(channels, SampleRate::new(RATE).unwrap()).unwrap()
}

/// White noise, different in every channel.
pub(super) fn noise(count: usize, len: usize, seed: u64) -> Waveform {
    let mut rng = rng(seed);
    let mut channel = || (0..len).map(|_| rng.random_range(-0.5..0.5)).collect();
    channels((0..count).map(|_| channel()).collect())
}

/// A sine at half of full scale.
pub(super) fn tone(hz: f64, len: usize) -> Waveform {
    let sample = |n| (0.5 * (TAU * hz * n as f64 / f64::from(RATE)).sin()) as f32;
    channels(vec![(0..len).map(sample).collect()])
}

/// `changed − original`.
pub(super) fn difference(changed: &Waveform, original: &Waveform) -> Waveform {
    let pairs = changed.channels().iter().zip(original.channels());
    let difference = pairs.map(|(a, b)| a.iter().zip(b).map(|(a, b)| a - b).collect());
    channels(difference.collect())
}

/// The frequency of a tone in Hz.
pub(super) fn frequency(sound: &Waveform) -> f64 {
    pitch::frequency(&sound.channels()[0]) * f64::from(RATE)
}

/// `augmentation` of a sound by itself.
pub(super) fn applied<A: Augment>(augmentation: &A, drawn: A::Draw, sound: Waveform) -> Waveform {
    applied_over(augmentation, drawn, sound, None)
}

/// `augmentation` of a sound, with another one given.
pub(super) fn applied_over<A: Augment>(
    augmentation: &A,
    drawn: A::Draw,
    sound: Waveform,
    background: Option<&Waveform>,
) -> Waveform {
    let given = Given {
        responses: &Responses::default(),
        background,
    };
    augmentation.apply(drawn, sound, &given)
}

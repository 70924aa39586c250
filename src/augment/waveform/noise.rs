//! Additive noise of several colours.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use realfft::num_complex::Complex;

use super::augment::{Augment, Given};
use super::level::{add_at_snr, check_snr};
use crate::audio::{SampleRate, Waveform};
use crate::augment::{Interval, Purpose, error::Problems};
use crate::signal::plans;

/// Adds noise at a given ratio of signal to noise, independent from channel to channel (CLAR, Al-Tahan and Mohsenzadeh
/// 2021: white, pink, brown; Emami et al. 2021 and COLA: white). Silence stays silent.
///
/// COLA's noise of standard deviation 0.001 on a clip of 10 s at 16 kHz, divided by its norm, is `snr_db = [8, 8]`.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Noise {
    /// The colours to choose from, all equally often; default white, pink and brown (CLAR).
    pub colours: Vec<Colour>,
    /// How far the sound is above the noise, in decibels of mean power over the clip; −120 to 120, default `[3, 30]` (ours:
    /// CLAR does not say). `[inf, inf]` adds nothing.
    pub snr_db: Interval<f64>,
}

impl Default for Noise {
    fn default() -> Self {
        Self {
            colours: vec![Colour::White, Colour::Pink, Colour::Brown],
            snr_db: Interval::new(3.0, 30.0),
        }
    }
}

/// How the power of noise goes with frequency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Colour {
    /// The same everywhere.
    White,
    /// As 1/f: 3 dB less per octave.
    Pink,
    /// As 1/f²: 6 dB less per octave.
    Brown,
}

/// Below this frequency coloured noise does not grow any more: no one hears it, and over long clips it would be nearly
/// all there is.
const FLAT_BELOW_HZ: f64 = 20.0;

/// Which noise a clip gets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct NoiseDraw {
    /// Its colour.
    colour: Colour,
    /// How far the sound is above it, in decibels.
    snr_db: f64,
    /// Seed of its generator; channel `n` takes stream `n`.
    seed: [u8; 32],
}

impl Augment for Noise {
    type Draw = NoiseDraw;

    const PURPOSE: Purpose = Purpose::Augmentation(47);

    fn check(&self, _: SampleRate, problems: &mut Problems<'_>) {
        problems.require(!self.colours.is_empty(), "colours", "[]", "at least one");
        check_snr(self.snr_db, "snr_db", problems);
    }

    fn draw(&self, rng: &mut impl Rng) -> NoiseDraw {
        NoiseDraw {
            colour: self.colours[rng.random_range(0..self.colours.len())],
            snr_db: self.snr_db.draw(rng),
            seed: rng.random(),
        }
    }

    fn apply(&self, drawn: NoiseDraw, sound: Waveform, _: &Given<'_>) -> Waveform {
        if drawn.snr_db == f64::INFINITY {
            return sound;
        }
        let noise = |channel| {
            let mut rng = ChaCha8Rng::from_seed(drawn.seed);
            rng.set_stream(channel);
            drawn
                .colour
                .samples(sound.len(), sound.sample_rate(), &mut rng)
        };
        let noise: Vec<_> = (0..sound.channels().len() as u64).map(noise).collect();
        add_at_snr(sound, &noise, drawn.snr_db)
    }

    #[cfg(test)]
    fn at_strength_zero() -> Option<Self> {
        Some(Self {
            snr_db: super::level::NEVER,
            ..Self::default()
        })
    }
}

impl Colour {
    /// Noise of this colour, Gaussian, at no particular level.
    fn samples(self, len: usize, rate: SampleRate, rng: &mut impl Rng) -> Vec<f32> {
        let falls_by = match self {
            Self::White => return (0..len).map(|_| rng.sample(StandardNormal)).collect(),
            Self::Pink => 0.5,
            Self::Brown => 1.0,
        };
        // Every bin of a spectrum drawn by itself, as strong as its colour wants; a power of two that holds the clip.
        let fft_len = len.next_power_of_two().max(2);
        let inverse = plans::inverse(fft_len);
        let mut spectrum = inverse.make_input_vec();
        let per_bin = f64::from(rate.hz()) / fft_len as f64;
        for (bin, value) in spectrum.iter_mut().enumerate() {
            let hz = (bin as f64 * per_bin).max(FLAT_BELOW_HZ);
            let amplitude = (FLAT_BELOW_HZ / hz).powf(falls_by) as f32;
            let (re, im): (f32, f32) = (rng.sample(StandardNormal), rng.sample(StandardNormal));
            *value = Complex::new(re, im) * amplitude;
        }
        // No constant part, and real at both ends, as sound is.
        let last = spectrum.len() - 1;
        spectrum[0] = Complex::ZERO;
        spectrum[last].im = 0.0;
        let mut samples = inverse.make_output_vec();
        inverse
            .process(&mut spectrum, &mut samples)
            .expect("buffers are those of the plan");
        samples.truncate(len);
        samples
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::super::testing::{applied, difference, mean_square};
    use super::*;
    use proptest::prelude::*;

    const COLOURS: [Colour; 3] = [Colour::White, Colour::Pink, Colour::Brown];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn the_asked_ratio_is_reached(snr_db in -30.0f64..40.0, colour in 0usize..3, seed: [u8; 32]) {
            let sound = testing::noise(2, 3000, 1);
            let drawn = NoiseDraw { colour: COLOURS[colour], snr_db, seed };
            let noisy = applied(&Noise::default(), drawn, sound.clone());
            let added = difference(&noisy, &sound);
            let reached = 10.0 * (mean_square(&sound) / mean_square(&added)).log10();
            prop_assert!((reached - snr_db).abs() < 0.1, "{reached}, not {snr_db}");
        }
    }

    /// Mean power between two frequencies, by plain transforms of pieces under a Hann window.
    fn density(samples: &[f32], from: usize, to: usize) -> f64 {
        use std::f64::consts::TAU;
        let len = 2048;
        let forward = plans::forward(len);
        let mut spectrum = forward.make_output_vec();
        let mut sum = 0.0;
        for piece in samples.chunks_exact(len) {
            let window = |n: usize| 1.0 - (TAU * n as f64 / len as f64).cos();
            let mut piece: Vec<f32> = (0..len).map(|n| piece[n] * window(n) as f32).collect();
            forward.process(&mut piece, &mut spectrum).unwrap();
            let bins = spectrum[from..to].iter();
            sum += bins.map(|bin| f64::from(bin.norm_sqr())).sum::<f64>() / (to - from) as f64;
        }
        sum
    }

    #[test]
    fn power_falls_by_0_3_and_6_decibels_per_octave() {
        let rate = SampleRate::new(22_050).unwrap();
        for (colour, per_octave) in COLOURS.into_iter().zip([0.0, 3.0103, 6.0206]) {
            let mut rng = ChaCha8Rng::from_seed([7; 32]);
            let samples = colour.samples(200_000, rate, &mut rng);
            // Four octaves apart, bands of one octave; 97 pieces of at least 32 bins: 0.1 dB of chance.
            let fall = density(&samples, 32, 64) / density(&samples, 512, 1024);
            let fall = 10.0 * fall.log10() / 4.0;
            assert!((fall - per_octave).abs() < 0.15, "{colour:?}: {fall}");
        }
    }

    #[test]
    fn channels_get_noise_of_their_own() {
        let drawn = NoiseDraw {
            colour: Colour::Pink,
            snr_db: 0.0,
            seed: [1; 32],
        };
        let one = testing::noise(1, 100, 1).into_channels().remove(0);
        let noisy = applied(
            &Noise::default(),
            drawn,
            testing::channels(vec![one.clone(), one]),
        );
        assert_ne!(noisy.channels()[0], noisy.channels()[1]);
    }

    #[test]
    fn silence_stays_silent() {
        let silence = testing::channels(vec![vec![0.0; 50]]);
        let drawn = Noise::default().draw(&mut ChaCha8Rng::from_seed([1; 32]));
        assert_eq!(applied(&Noise::default(), drawn, silence.clone()), silence);
    }
}

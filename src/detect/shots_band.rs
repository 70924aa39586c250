//! At which frequencies the shots of a recording have their power.

use crate::audio::SampleRate;
use crate::signal::{Padding, Stft, StftConfig, WindowPlacement, WindowShape, WindowSymmetry};
use std::fmt;
use std::ops::Range;

/// Samples of the shots and of their surroundings, collected while a recording is read; from them the power at each
/// frequency.
#[derive(Debug)]
pub(super) struct ShotsBand {
    stft: Stft,
    /// Hz from bin to bin.
    bin_hz: f64,
    excerpts: Vec<Excerpt>,
    /// The frequencies that the front end covers, Hz.
    heard: Range<f64>,
}

/// A shot with surroundings of its own length on either side. Ranges are samples of the recording.
#[derive(Debug)]
struct Excerpt {
    shot: Range<usize>,
    widened: Range<usize>,
    samples: Vec<f32>,
}

/// How much of the shots' power lies at frequencies that the encoder does not receive, and where most of it lies.
#[derive(Debug, Clone, PartialEq)]
pub struct OutOfHearing {
    /// The share of the shots' power outside [`Self::heard`], 0..=1.
    pub share: f64,
    /// The range that holds nine tenths of their power, Hz.
    pub shots: Range<f64>,
    /// The frequencies that the encoder receives, Hz.
    pub heard: Range<f64>,
}

/// The longest part of a shot that is analysed, seconds, and the most shots.
const MAX_SECS: f64 = 2.0;
const MAX_SHOTS: usize = 32;
/// A frequency counts as the shots' own where they have this many times the power of their surroundings.
const ABOVE_SURROUNDINGS: f64 = 2.0;
/// Shots are reported if less than this share of their power lies at frequencies that the encoder receives.
const LEAST_HEARD: f64 = 0.05;
/// The shortest and the longest Fourier transform, samples.
const MIN_FFT: usize = 64;
const MAX_FFT: usize = 4096;

impl fmt::Display for OutOfHearing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            share,
            shots,
            heard,
        } = self;
        let lie = if shots.start >= heard.end {
            "above"
        } else if shots.end < heard.start {
            "below"
        } else {
            "outside"
        };
        write!(
            f,
            "the marked calls lie {lie} what the encoder hears: {:.0} % of their sound is out of its {:.0} to {:.0} Hz, most of \
             it at {:.0} to {:.0} Hz; `--method template` compares whatever was recorded",
            100.0 * share,
            heard.start,
            heard.end,
            shots.start,
            shots.end,
        )
    }
}

impl ShotsBand {
    /// Collects nothing yet. `shots` are in samples of a recording of this rate; `heard` are the frequencies that the
    /// front end covers, Hz.
    pub(super) fn new(shots: &[Range<usize>], rate: SampleRate, heard: Range<f64>) -> Self {
        let longest = (MAX_SECS * f64::from(rate.hz())) as usize;
        let excerpt = |shot: &Range<usize>| {
            let middle = shot.start.midpoint(shot.end);
            let half = (shot.len().min(longest) / 2).max(MIN_FFT / 2);
            let shot = middle.saturating_sub(half)..middle + half;
            let beside = shot.len();
            Excerpt {
                widened: shot.start.saturating_sub(beside)..shot.end + beside,
                samples: Vec::new(),
                shot,
            }
        };
        let excerpts: Vec<_> = shots.iter().take(MAX_SHOTS).map(excerpt).collect();
        let shortest = excerpts.iter().map(|e| e.shot.len()).min();
        let n_fft = shortest.unwrap_or(MIN_FFT).clamp(MIN_FFT, MAX_FFT);
        let n_fft = 1 << n_fft.ilog2();
        Self {
            stft: Stft::new(&StftConfig {
                n_fft,
                win_length: n_fft,
                hop_length: n_fft / 2,
                window: WindowShape::Hann,
                window_symmetry: WindowSymmetry::Periodic,
                window_placement: WindowPlacement::Centre,
                padding: Padding::None,
            }),
            bin_hz: f64::from(rate.hz()) / n_fft as f64,
            excerpts,
            heard,
        }
    }

    /// The end of the last surroundings, as a sample of the recording: no later sample is used.
    pub(super) fn end(&self) -> usize {
        let ends = self.excerpts.iter().map(|e| e.widened.end);
        ends.max().unwrap_or(0)
    }

    /// Takes the recording's next samples, of which the first is sample `position`. `planes` are the channels; `plane` is
    /// the one that is used, or `None` for their mean.
    pub(super) fn add(&mut self, position: usize, planes: &[Vec<f32>], plane: Option<usize>) {
        let len = planes[0].len();
        let place = |at: usize| at.saturating_sub(position).min(len);
        for excerpt in &mut self.excerpts {
            let part = place(excerpt.widened.start)..place(excerpt.widened.end);
            let heard = |n: usize| match plane {
                Some(plane) => planes[plane][n],
                None => planes.iter().map(|p| p[n]).sum::<f32>() / planes.len() as f32,
            };
            excerpt.samples.extend(part.map(heard));
        }
    }

    /// The shots' own power, and where it lies, if the encoder receives too little of it.
    pub(super) fn out_of_hearing(self) -> Option<OutOfHearing> {
        let power = self.shot_power();
        let total: f64 = power.iter().sum();
        if total == 0.0 {
            return None;
        }
        let inside = |&(bin, _): &(usize, &f64)| self.heard.contains(&(bin as f64 * self.bin_hz));
        let share_heard: f64 = power
            .iter()
            .enumerate()
            .filter(inside)
            .map(|(_, p)| p)
            .sum();
        let share = 1.0 - share_heard / total;
        let quantile = |share: f64| {
            let mut sum = 0.0;
            let reaches = |p: &f64| {
                sum += p;
                sum >= share * total
            };
            power.iter().position(reaches).unwrap_or(0) as f64 * self.bin_hz
        };
        (share > 1.0 - LEAST_HEARD).then(|| OutOfHearing {
            share,
            shots: quantile(0.05)..quantile(0.95),
            heard: self.heard.clone(),
        })
    }

    /// Power of each frequency in the shots, all alike loud, where it is well above what is beside them.
    fn shot_power(&self) -> Vec<f64> {
        let mut of_shots = vec![0.0; self.stft.bins()];
        let mut beside = of_shots.clone();
        let mut work = self.stft.workspace();
        let mut mean_power = |samples: &[&[f32]]| {
            let (mut power, mut frames) = (vec![0.0; self.stft.bins()], 0);
            for samples in samples {
                for frame in 0..self.stft.frames(samples.len()) {
                    let spectrum = self.stft.transform(samples, frame, &mut work);
                    for (power, x) in power.iter_mut().zip(spectrum) {
                        *power += f64::from(x.norm_sqr());
                    }
                    frames += 1;
                }
            }
            power
                .iter_mut()
                .for_each(|p| *p /= f64::from(frames.max(1)));
            (power, frames)
        };
        for Excerpt {
            shot,
            widened,
            samples,
        } in &self.excerpts
        {
            let place = |at: usize| (at - widened.start).min(samples.len());
            let (before, rest) = samples.split_at(place(shot.start));
            let (shot, after) = rest.split_at(place(shot.end) - before.len());
            let (shot, frames) = mean_power(&[shot]);
            let (around, frames_around) = mean_power(&[before, after]);
            let total: f64 = shot.iter().sum();
            if frames == 0 || frames_around == 0 || total == 0.0 {
                continue;
            }
            for bin in 0..shot.len() {
                of_shots[bin] += shot[bin] / total;
                beside[bin] += around[bin] / total;
            }
        }
        let above = of_shots.iter().zip(&beside).map(|(&shot, &beside)| {
            if shot > ABOVE_SURROUNDINGS * beside {
                shot - beside
            } else {
                0.0
            }
        });
        above.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tones of 20 ms at `hz`, by noise of `noise`, at 48 kHz.
    fn out_of(hz: f64, noise: f32, heard: Range<f64>) -> Option<OutOfHearing> {
        let rate = SampleRate::new(48_000).unwrap();
        let shots = [9600..10_560, 30_000..30_960];
        let mut state = 1_u32;
        let sound: Vec<f32> = (0..48_000)
            .map(|n| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = noise * ((state >> 8) as f32 / (1 << 23) as f32 - 1.0);
                let sounds = shots.iter().any(|shot| shot.contains(&n));
                let turn = std::f64::consts::TAU * hz * n as f64 / 48_000.0;
                noise + if sounds { 0.1 * turn.sin() as f32 } else { 0.0 }
            })
            .collect();
        let mut band = ShotsBand::new(&shots, rate, heard);
        // In blocks that cut the shots.
        for (index, block) in sound.chunks(1000).enumerate() {
            band.add(index * 1000, &[block.to_vec()], None);
        }
        band.out_of_hearing()
    }

    #[test]
    fn shots_above_and_below_what_is_heard_are_told() {
        let above = out_of(18_000.0, 0.05, 50.0..11_025.0).unwrap();
        assert!(above.share > 0.95, "{above:?}");
        assert!(
            above.shots.start > 17_000.0 && above.shots.end < 19_000.0,
            "{above:?}"
        );
        let below = out_of(1000.0, 0.05, 4000.0..11_025.0).unwrap();
        assert!(
            below.shots.start > 500.0 && below.shots.end < 1500.0,
            "{below:?}"
        );
    }

    #[test]
    fn shots_that_are_heard_or_cannot_be_told_from_noise_are_not() {
        assert_eq!(out_of(3000.0, 0.05, 50.0..11_025.0), None);
        assert_eq!(out_of(3000.0, 0.0, 50.0..11_025.0), None);
        assert_eq!(out_of(18_000.0, 0.05, 50.0..24_000.0), None);
        // No shot: only noise, most of which lies above.
        assert_eq!(
            ShotsBand::new(&[], SampleRate::new(8000).unwrap(), 0.0..1.0).out_of_hearing(),
            None
        );
    }
}

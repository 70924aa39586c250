//! At which frequencies the shots of a recording have their power.

use crate::audio::{SampleRate, TimeScale};
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
             it at {:.0} to {:.0} Hz; `--time-scale auto` plays the recording so that they are heard, `--method template` compares \
             whatever was recorded",
            100.0 * share,
            heard.start,
            heard.end,
            shots.start,
            shots.end,
        )
    }
}

impl ShotsBand {
    /// Collects nothing yet. `shots` are in samples of a recording of this rate.
    pub(super) fn new(shots: &[Range<usize>], rate: SampleRate) -> Self {
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

    /// The shots' own power at each frequency.
    pub(super) fn power(self) -> ShotPower {
        ShotPower {
            power: self.shot_power(),
            bin_hz: self.bin_hz,
        }
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
        of_shots[0] = 0.0; // an offset of the recorder is no sound
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

/// The first place up to which this share of all `parts` lies.
pub(super) fn place_of_share(parts: &[f64], share: f64) -> Option<usize> {
    let (mut sum, all) = (0.0, parts.iter().sum::<f64>());
    let reaches = |part: &f64| {
        sum += part;
        sum >= share * all
    };
    parts.iter().position(reaches)
}

/// How shots of a typical length, seconds, are played that stand out nowhere: those of a trill have the like of them on both
/// sides.
fn unseen_time_scale(typical: f64) -> TimeScale {
    let lasts = |by: &&f64| typical * **by >= SLOWED_SECS;
    match typical < TOO_SHORT_SECS {
        true => {
            let slower = SLOWER.iter().find(lasts).unwrap_or(&SLOWED_UNSEEN);
            TimeScale::new(slower.min(SLOWED_UNSEEN)).unwrap_or_default()
        }
        false => TimeScale::NONE,
    }
}

/// The power that shots have above their surroundings.
#[derive(Debug)]
pub(super) struct ShotPower {
    /// From 0 Hz on.
    power: Vec<f64>,
    bin_hz: f64,
}

/// How much slower a recording may be played so that its shots are heard, and how much faster.
const SLOWER: [f64; 8] = [2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0];
const FASTER: [f64; 7] = [2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0];
/// Shots are too high if more than this share of their power lies above the hearing.
const TOO_HIGH: f64 = 0.5;
/// Shots are too low if their median frequency lies below so many times the lowest that is heard: a few bands do not tell
/// one low sound from another.
const TOO_LOW: f64 = 3.0;
/// Shots that are shorter, seconds, fill so few frames that their borders and their shape are lost.
const TOO_SHORT_SECS: f64 = 0.025;
/// What is slowed down lies below this share of the highest frequency that is heard, and lasts so many seconds.
const SLOWED_BELOW: f64 = 0.85;
const SLOWED_SECS: f64 = 0.04;
/// Shots that are longer, seconds, are longer than what the network sees at once, 0.14 s, by so much that it tells them by
/// their parts.
const TOO_LONG_SECS: f64 = 0.4;
/// Where it is not known at which frequencies shots lie, they are slowed down no more.
const SLOWED_UNSEEN: f64 = 5.0;
/// What is slowed down stays above so many times the lowest frequency that is heard.
const SLOWED_ABOVE: f64 = 6.0;
/// What is sped up because it is low lies below this share of the highest frequency that is heard, and lasts so many seconds.
const SPED_BELOW: f64 = 0.36;
const SPED_SECS: f64 = 0.1;
/// What is sped up because it is long lasts so many seconds.
const SHORTENED_SECS: f64 = 0.14;

impl ShotPower {
    /// The part of it that lies in a marked band, Hz; all of it where none lies there.
    pub(super) fn within(mut self, band_hz: Option<&Range<f64>>) -> Self {
        let Some(band) = band_hz.filter(|band| self.share(band) > 0.0) else {
            return self;
        };
        for (bin, power) in self.power.iter_mut().enumerate() {
            if !band.contains(&(bin as f64 * self.bin_hz)) {
                *power = 0.0;
            }
        }
        self
    }

    fn total(&self) -> f64 {
        self.power.iter().sum()
    }

    /// The share of the power within a range of frequencies, Hz.
    fn share(&self, range: &Range<f64>) -> f64 {
        let inside = |&(bin, _): &(usize, &f64)| range.contains(&(bin as f64 * self.bin_hz));
        let heard = self.power.iter().enumerate().filter(inside);
        heard.map(|(_, p)| p).sum::<f64>() / self.total()
    }

    /// The frequency, Hz, below which this share of the power lies.
    fn quantile(&self, share: f64) -> f64 {
        place_of_share(&self.power, share).unwrap_or(0) as f64 * self.bin_hz
    }

    /// How a recording is played so that shots of these lengths, seconds, lie at frequencies within `hearing`, Hz, and last
    /// long enough: as it was made, where they do so already.
    pub(super) fn time_scale(&self, lengths: &[f64], hearing: &Range<f64>) -> TimeScale {
        if lengths.is_empty() {
            return TimeScale::NONE;
        }
        let logs: f64 = lengths.iter().map(|secs| secs.max(1e-9).ln()).sum();
        let typical = (logs / lengths.len() as f64).exp();
        if self.total() == 0.0 {
            return unseen_time_scale(typical);
        }
        let [low, middle, high] = [0.05, 0.5, 0.95].map(|share| self.quantile(share));
        let above = self.share(&(hearing.end..f64::INFINITY));
        let faster = |below: f64, secs: f64| {
            let lies_well = |by: &f64| high * by <= below * hearing.end && typical / by >= secs;
            1.0 / FASTER.into_iter().rfind(lies_well).unwrap_or(1.0)
        };
        let slower = if above > TOO_HIGH || typical < TOO_SHORT_SECS {
            let lies_well =
                |by: &f64| high / by <= SLOWED_BELOW * hearing.end && typical * by >= SLOWED_SECS;
            let stays_above = |by: &f64| low / by >= SLOWED_ABOVE * hearing.start;
            let mut allowed = SLOWER.into_iter().filter(stays_above);
            let best = allowed.clone().find(lies_well);
            best.or_else(|| allowed.next_back()).unwrap_or(1.0)
        } else if middle < TOO_LOW * hearing.start {
            faster(SPED_BELOW, SPED_SECS)
        } else if typical > TOO_LONG_SECS {
            faster(SLOWED_BELOW, SHORTENED_SECS)
        } else {
            1.0
        };
        TimeScale::new(slower).unwrap_or_default()
    }

    /// Where the power lies, if the encoder receives too little of it when the recording is played so.
    pub(super) fn out_of_hearing(
        &self,
        hearing: &Range<f64>,
        time_scale: TimeScale,
    ) -> Option<OutOfHearing> {
        if self.total() == 0.0 {
            return None;
        }
        let by = time_scale.slower();
        let heard = hearing.start * by..hearing.end * by;
        let share = 1.0 - self.share(&heard);
        (share > 1.0 - LEAST_HEARD).then(|| OutOfHearing {
            share,
            shots: self.quantile(0.05)..self.quantile(0.95),
            heard,
        })
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
        let mut band = ShotsBand::new(&shots, rate);
        // In blocks that cut the shots.
        for (index, block) in sound.chunks(1000).enumerate() {
            band.add(index * 1000, &[block.to_vec()], None);
        }
        band.power().out_of_hearing(&heard, TimeScale::NONE)
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
        let none = ShotsBand::new(&[], SampleRate::new(8000).unwrap()).power();
        assert_eq!(none.out_of_hearing(&(0.0..1.0), TimeScale::NONE), None);
        assert_eq!(none.time_scale(&[], &HEARING), TimeScale::NONE);
        assert_eq!(none.time_scale(&[0.1], &HEARING), TimeScale::NONE);
        assert_eq!(none.time_scale(&[0.01], &HEARING).slower(), 5.0);
        assert_eq!(none.time_scale(&[0.001], &HEARING).slower(), 5.0);
    }

    const HEARING: Range<f64> = 50.0..11_025.0;

    /// How shots of equal power between two frequencies are played.
    fn played(band: Range<f64>, secs: f64) -> f64 {
        let bin_hz = band.start / 16.0;
        let bins = (band.end / bin_hz) as usize + 1;
        let power = (0..bins).map(|bin| f64::from(u8::from(band.contains(&(bin as f64 * bin_hz)))));
        let power = power.collect();
        ShotPower { power, bin_hz }
            .time_scale(&[secs, secs], &HEARING)
            .slower()
    }

    #[test]
    fn shots_are_played_so_that_they_are_heard() {
        assert_eq!(played(40e3..80e3, 0.0041), 10.0); // a bat
        assert_eq!(played(20e3..45e3, 0.0081), 5.0); // a lower one
        assert_eq!(played(110e3..140e3, 0.0001), 200.0); // a porpoise
        assert_eq!(played(4000.0..9000.0, 0.017), 3.0); // a canary's tour
        assert_eq!(played(500.0..900.0, 0.71), 1.0 / 5.0); // an owl
        assert_eq!(played(2000.0..6000.0, 0.71), 1.0); // too high for that
        assert_eq!(played(15.0..20.0, 3.0), 1.0 / 20.0); // an elephant
        assert_eq!(played(16.0..28.0, 15.0), 1.0 / 100.0); // a blue whale
        assert_eq!(played(20.0..60.0, 6.0), 1.0 / 50.0); // a fin whale
        for (band, secs) in [
            (2000.0..8000.0, 0.1),
            (4000.0..9000.0, 0.038),
            (6000.0..15_000.0, 0.2),
        ] {
            assert_eq!(played(band, secs), 1.0);
        }
    }

    #[test]
    fn what_lies_outside_the_marked_band_does_not_decide_how_shots_are_played() {
        let power = || ShotPower {
            power: [vec![1.0; 10], vec![0.0; 30], vec![9.0; 40]].concat(),
            bin_hz: 1000.0,
        };
        let played = |power: ShotPower| power.time_scale(&[0.1], &HEARING).slower();
        assert_eq!(played(power()), 10.0);
        assert_eq!(played(power().within(Some(&(2000.0..9000.0)))), 1.0);
        assert_eq!(
            played(power().within(Some(&(20e3..30e3)))),
            10.0,
            "nothing lies there"
        );
    }

    #[test]
    fn what_is_out_of_hearing_is_in_it_once_it_is_played_slower() {
        let power = ShotPower {
            power: [vec![0.0; 40], vec![1.0; 40]].concat(),
            bin_hz: 1000.0,
        };
        let out = power.out_of_hearing(&HEARING, TimeScale::NONE).unwrap();
        assert_eq!(out.heard, HEARING);
        let slower = TimeScale::new(10.0).unwrap();
        assert_eq!(power.out_of_hearing(&HEARING, slower), None);
        let slower = TimeScale::new(2.0).unwrap();
        let out = power.out_of_hearing(&HEARING, slower).unwrap();
        assert_eq!(out.heard, 100.0..22_050.0);
    }
}

//! To a given length.

use rand::{Rng, RngExt};

use super::augment::{Augment, Given};
use crate::audio::{SampleRate, Waveform};
use crate::augment::{Purpose, error::Problems};

/// Cuts longer sound to a length, and puts shorter sound somewhere into it (ESResNet, Guzhov et al. 2020). Sound of that
/// length stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PadCrop {
    /// The length in seconds, above 0 to 3600; rounded to whole samples. Default 5, as ESResNet on ESC-50 (4 on
    /// UrbanSound8K).
    pub length_secs: f64,
    /// Where it is cut from, or put. Default `random`.
    pub place: Place,
    /// What lies around shorter sound. Default `zero`.
    pub padding: Padding,
    /// What becomes of a quiet cut. Default `keep`.
    pub quiet: QuietCut,
}

/// Where sound is cut from, or put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// Anywhere, evenly; for training.
    Random,
    /// The middle; for tests.
    Centre,
}

/// What lies around shorter sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Padding {
    /// Silence.
    Zero,
    /// Before it the mean over channels of its first samples, after it that of its last ones (the code of ESResNet).
    Edge,
}

/// What becomes of a cut that holds little of what sounds in the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuietCut {
    /// It stays.
    Keep,
    /// If its standard deviation is below half that of the whole, the beginning is taken in its place; or the end, if the
    /// beginning is below that half too, but above the cut (the code of ESResNet).
    TakeAnEnd,
}

impl Default for PadCrop {
    fn default() -> Self {
        Self {
            length_secs: 5.0,
            place: Place::Random,
            padding: Padding::Zero,
            quiet: QuietCut::Keep,
        }
    }
}

impl PadCrop {
    /// As the code of ESResNet does for training; with [`Place::Centre`], as for tests.
    pub fn esresnet(length_secs: f64, place: Place) -> Self {
        Self {
            length_secs,
            place,
            padding: Padding::Edge,
            quiet: QuietCut::TakeAnEnd,
        }
    }

    fn pad(&self, sound: Waveform, start: usize, len: usize) -> Waveform {
        let edge = |sample: fn(&[f32]) -> Option<&f32>| {
            let samples = sound.channels().iter().filter_map(|c| sample(c));
            match self.padding {
                Padding::Zero => 0.0,
                Padding::Edge => samples.sum::<f32>() / sound.channels().len() as f32,
            }
        };
        let (before, after) = (edge(<[f32]>::first), edge(<[f32]>::last));
        let padded = |channel: Vec<f32>| {
            let mut padded = vec![before; start];
            padded.extend_from_slice(&channel);
            padded.resize(len, after);
            padded
        };
        sound.with_channels(|channels| channels.into_iter().map(padded).collect())
    }

    fn crop(&self, sound: Waveform, start: usize, len: usize) -> Waveform {
        let start = match self.quiet {
            QuietCut::Keep => start,
            QuietCut::TakeAnEnd => loud_start(sound.channels(), start, len),
        };
        let cut = |channel: Vec<f32>| channel[start..start + len].to_vec();
        sound.with_channels(|channels| channels.into_iter().map(cut).collect())
    }
}

impl Augment for PadCrop {
    type Draw = f64;

    const PURPOSE: Purpose = Purpose::Augmentation(43);

    fn check(&self, rate: SampleRate, problems: &mut Problems<'_>) {
        let least = 1.0 / f64::from(rate.hz());
        problems.require(
            (least..=3600.0).contains(&self.length_secs),
            "length_secs",
            self.length_secs,
            format!("a number from {least} (one sample) to 3600"),
        );
    }

    /// The place in the room there is: 0 at the beginning, towards 1 at the end.
    fn draw(&self, rng: &mut impl Rng) -> f64 {
        match self.place {
            Place::Random => rng.random(),
            Place::Centre => 0.5,
        }
    }

    fn apply(&self, place: f64, sound: Waveform, _: &Given<'_>) -> Waveform {
        let len = (self.length_secs * f64::from(sound.sample_rate().hz())).round() as usize;
        let room = sound.len().abs_diff(len);
        let start = (place * (room + 1) as f64) as usize;
        if sound.len() < len {
            self.pad(sound, start, len)
        } else if sound.len() > len {
            self.crop(sound, start, len)
        } else {
            sound
        }
    }

    #[cfg(test)]
    fn at_strength_zero() -> Option<Self> {
        Some(Self::esresnet(
            super::testing::SAMPLES as f64 / f64::from(super::testing::RATE),
            Place::Random,
        ))
    }
}

/// Where to cut by [`QuietCut::TakeAnEnd`].
fn loud_start(channels: &[Vec<f32>], start: usize, len: usize) -> usize {
    let whole = channels[0].len();
    let half = 0.5 * deviation(channels, 0, whole);
    let cut = deviation(channels, start, len);
    if cut >= half {
        return start;
    }
    let head = deviation(channels, 0, len);
    if cut < head && head < half {
        whole - len
    } else {
        0
    }
}

/// Standard deviation over the samples of a cut in all channels.
fn deviation(channels: &[Vec<f32>], start: usize, len: usize) -> f64 {
    let samples = || channels.iter().flat_map(|c| &c[start..start + len]);
    let count = (channels.len() * len) as f64;
    let mean = samples().map(|&x| f64::from(x)).sum::<f64>() / count;
    let squares: f64 = samples().map(|&x| (f64::from(x) - mean).powi(2)).sum();
    (squares / count).sqrt()
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use proptest::prelude::*;

    /// Of `samples` samples at the rate of the tests.
    fn to_len(samples: usize, padding: Padding, quiet: QuietCut) -> PadCrop {
        PadCrop {
            length_secs: samples as f64 / f64::from(RATE),
            place: Place::Random,
            padding,
            quiet,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_sound_gets_the_length_and_keeps_what_it_can(
            len in 1usize..300, wanted in 1usize..300, place in 0.0f64..1.0,
        ) {
            let sound = noise(2, len, 1);
            let step = to_len(wanted, Padding::Zero, QuietCut::Keep);
            let changed = applied(&step, place, sound.clone());
            prop_assert_eq!(changed.len(), wanted);
            for (old, new) in sound.channels().iter().zip(changed.channels()) {
                let (short, long) = if len < wanted { (old, new) } else { (new, old) };
                let found = long.windows(short.len()).any(|part| part == short);
                prop_assert!(found);
            }
            prop_assert!(len != wanted || changed == sound);
        }
    }

    #[test]
    fn random_places_reach_both_ends_and_centres_the_middle() {
        let sound = channels(vec![(0..10).map(|n| n as f32).collect()]);
        let step = to_len(4, Padding::Zero, QuietCut::Keep);
        let first = |place| applied(&step, place, sound.clone()).channels()[0][0];
        assert_eq!((first(0.0), first(0.5), first(0.999)), (0.0, 3.0, 6.0));
    }

    #[test]
    fn edges_go_on_as_the_mean_of_the_channels() {
        let sound = channels(vec![vec![1.0, 5.0], vec![3.0, 9.0]]);
        let padded = applied(&to_len(5, Padding::Edge, QuietCut::Keep), 0.3, sound);
        assert_eq!(padded.channels()[0], [2.0, 1.0, 5.0, 7.0, 7.0]);
        assert_eq!(padded.channels()[1], [2.0, 3.0, 9.0, 7.0, 7.0]);
    }

    #[test]
    fn a_quiet_cut_gives_way_to_an_end() {
        let cut = |head: f32, middle: f32, tail: f32| {
            let wave = [[head; 4], [middle; 4], [tail; 4]].concat();
            let alternating = wave.iter().zip([1.0, -1.0].into_iter().cycle());
            let sound = channels(vec![alternating.map(|(a, b)| a * b).collect()]);
            let step = to_len(4, Padding::Zero, QuietCut::TakeAnEnd);
            applied(&step, 0.5, sound).channels()[0][0]
        };
        assert_eq!(cut(1.0, 1.0, 1.0), 1.0); // loud enough
        assert_eq!(cut(8.0, 0.1, 1.0), 8.0); // the beginning is loud
        assert_eq!(cut(0.2, 0.1, 9.0), 9.0); // the beginning is quiet too, but above the cut
        assert_eq!(cut(0.05, 0.1, 9.0), 0.05); // the beginning is quieter still: taken all the same
    }
}

//! Warnings that nothing is learned: the loss stays at its chance level, or the clips do not differ.

use std::collections::VecDeque;
use std::fmt;

use crate::features::FeatureSet;

/// Watches for a loss that stays at its chance level ([`crate::method::MethodConfig::alarming_loss`]).
#[derive(Debug, Clone)]
pub struct LearningWatch {
    chance: Option<f64>,
    recent: VecDeque<f64>,
}

/// A loss that stayed at its chance level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AtChance {
    /// Its mean over the last steps.
    pub loss: f64,
    /// The loss of guessing.
    pub chance: f64,
}

impl LearningWatch {
    /// Steps over which the loss is averaged. Our choice: with batches of 64 clips, the mean of 40 steps varies far less
    /// than the range below is wide.
    pub const STEPS: usize = 40;
    /// A loss within this range counts as at chance; 1 is the chance level. Views that differ at random give losses a little
    /// above it.
    const RANGE: std::ops::Range<f64> = 0.99..1.03;

    /// A watch over a run whose loss has this chance level; without one it never warns.
    pub fn new(chance: Option<f64>) -> Self {
        Self {
            chance,
            recent: VecDeque::new(),
        }
    }

    /// Takes the loss of the next step. Returns a warning if the mean loss was at chance over each of the last two stretches
    /// of [`Self::STEPS`] steps; then the watch begins anew.
    pub fn hear(&mut self, loss: f64) -> Option<AtChance> {
        let chance = self.chance?;
        self.recent.push_back(loss);
        if self.recent.len() > 2 * Self::STEPS {
            self.recent.pop_front();
        }
        if self.recent.len() < 2 * Self::STEPS {
            return None;
        }
        let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
        let (first, second) = self.recent.make_contiguous().split_at(Self::STEPS);
        let means = [mean(first), mean(second)];
        let stays = means
            .iter()
            .all(|mean| Self::RANGE.contains(&(mean / chance)));
        stays.then(|| {
            self.recent.clear();
            AtChance {
                loss: means[1],
                chance,
            }
        })
    }
}

impl fmt::Display for AtChance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "nothing is learned: over the last {} steps the loss stayed at {:.3}, and guessing gives {:.3}\n\nhint: look with \
             `chiffchaff doctor --data KIND:PATH` whether the clips differ, or try another rate with `--set train.learning_rate=RATE`",
            2 * LearningWatch::STEPS,
            self.loss,
            self.chance,
        )
    }
}

/// Clips in which there is nothing to tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlikeClips {
    /// Clips that sound like one another, of so many that were looked at.
    Same(usize, usize),
    /// Clips in which nothing happens, of so many that were looked at.
    Constant(usize, usize),
}

impl AlikeClips {
    /// Clips that are looked at, evenly spread over all.
    const LOOKED_AT: usize = 256;
    /// Frames of each that are looked at.
    const FRAMES: usize = 500;
    /// What counts as no difference, as a part of the features' own size: 0.1 dB at −100 dB.
    const NO_DIFFERENCE: f64 = 1e-3;

    /// Whether most clips are alike, so that no method can learn to tell them apart.
    pub fn among(clips: &FeatureSet<'_>) -> Option<Self> {
        let count = clips.len().min(Self::LOOKED_AT);
        if count < 2 {
            return None;
        }
        let chosen = (0..count).map(|n| n * clips.len() / count);
        let heard: Vec<Vec<f32>> = chosen.map(|clip| Self::beginning(clips, clip)).collect();
        let constant = heard
            .iter()
            .filter(|values| is_constant(values, clips.frame_len()));
        let constant = constant.count();
        let repeated = (heard.windows(2)).filter(|pair| differ_little(&pair[0], &pair[1]));
        let repeated = repeated.count();
        if 2 * constant > count {
            Some(Self::Constant(constant, count))
        } else if 4 * repeated >= 3 * (count - 1) {
            Some(Self::Same(repeated + 1, count))
        } else {
            None
        }
    }

    fn beginning(clips: &FeatureSet<'_>, clip: usize) -> Vec<f32> {
        let frames = clips.frames(clip).min(Self::FRAMES);
        let mut values = vec![0.0; frames * clips.frame_len()];
        clips.stretch(clip, 0, &mut values);
        values
    }
}

/// Whether every frame is the first.
fn is_constant(values: &[f32], frame: usize) -> bool {
    let first = values[..frame].iter().cycle();
    differ_by_nothing(values.iter().zip(first))
}

/// Whether two clips are the same, as long as both go on.
fn differ_little(one: &[f32], other: &[f32]) -> bool {
    differ_by_nothing(one.iter().zip(other))
}

/// Whether the differences are nothing beside the values, in root mean square.
fn differ_by_nothing<'a>(pairs: impl Iterator<Item = (&'a f32, &'a f32)>) -> bool {
    let (mut difference, mut size) = (0.0, 0.0);
    for (&a, &b) in pairs {
        let (a, b) = (f64::from(a), f64::from(b));
        difference += (a - b) * (a - b);
        size += a * a + b * b;
    }
    difference.sqrt() <= AlikeClips::NO_DIFFERENCE * (size / 2.0).sqrt()
}

impl fmt::Display for AlikeClips {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, count, of) = match self {
            Self::Same(count, of) => ("sound the same", count, of),
            Self::Constant(count, of) => ("hold silence or one steady level", count, of),
        };
        write!(
            f,
            "{count} of {of} clips that were looked at {what}: there is nothing in them to tell apart, so nothing can be learned\n\n\
             hint: look at them with `chiffchaff doctor --data KIND:PATH`, or give other clips"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{SampleRate, Waveform};
    use crate::dataset::{Clip, Dataset};
    use crate::features::{CacheConfig, FeatureCache, FrontEnd, LogMelConfig};

    /// The step, from 1, at which the watch warns of a run with these losses.
    fn told(chance: Option<f64>, losses: impl Iterator<Item = f64>) -> Option<usize> {
        let mut watch = LearningWatch::new(chance);
        losses
            .map(|loss| watch.hear(loss))
            .position(|told| told.is_some())
            .map(|n| n + 1)
    }

    /// Noise within ±`most`.
    fn noise(step: usize, most: f64) -> f64 {
        most * (((step * 7919) % 1000) as f64 / 500.0 - 1.0)
    }

    #[test]
    fn a_loss_that_stays_at_chance_is_told_within_120_steps() {
        let chance = 127f64.ln();
        let at_chance = (0..120).map(|step| chance + 0.02 + noise(step, 0.1));
        assert_eq!(told(Some(chance), at_chance), Some(80));
        // It comes down from above first.
        let late = (0..120).map(|step| chance * (1.0 + 3.0 * (-(step as f64) / 5.0).exp()));
        assert!(told(Some(chance), late).is_some());
    }

    #[test]
    fn a_loss_that_falls_or_lies_elsewhere_is_healthy() {
        let chance = 127f64.ln();
        let slowly = (0..2000).map(|step| chance * (1.0 - step as f64 / 4000.0) + noise(step, 0.1));
        assert_eq!(told(Some(chance), slowly), None);
        let far_above = (0..500).map(|step| 125.0 - step as f64 / 10.0);
        assert_eq!(told(Some(5f64.ln()), far_above), None);
        let through = (0..500).map(|step| chance * (1.2 - step as f64 / 1000.0));
        assert_eq!(told(Some(chance), through), None);
        assert_eq!(told(None, (0..500).map(|_| chance)), None);
    }

    fn alike(clips: &[Vec<f32>]) -> Option<AlikeClips> {
        let folder = tempfile::tempdir().unwrap();
        let rate = SampleRate::new(22_050).unwrap();
        let named = |n: usize| {
            let path = folder.path().join(format!("{n:03}.wav"));
            std::fs::write(&path, "its sound comes from below").unwrap();
            Clip::unlabelled(path)
        };
        let dataset = Dataset::new("t", (0..clips.len()).map(named).collect(), vec![]);
        let config = CacheConfig {
            dir: folder.path().to_owned(),
            precision: Default::default(),
        };
        let load = |clip: &Clip| {
            let name = clip.path.file_stem().unwrap().to_str().unwrap();
            let samples = clips[name.parse::<usize>().unwrap()].clone();
            Ok::<_, std::io::Error>(Waveform::mono(samples, rate))
        };
        let front_end = FrontEnd::LogMel(LogMelConfig::small());
        let (cache, _) =
            FeatureCache::open(&config, &dataset, &front_end, load, |_, _| {}).unwrap();
        AlikeClips::among(&FeatureSet::of(&cache, 0..clips.len()))
    }

    /// Noise of its own for each seed.
    fn rustle(seed: usize) -> Vec<f32> {
        let mut state = seed as u64 + 1;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / 16_777_216.0 - 0.5
        };
        (0..8000).map(|_| 0.2 * next()).collect()
    }

    #[test]
    fn clips_that_sound_the_same_or_hold_one_level_are_told() {
        let copies = vec![rustle(1); 6];
        assert_eq!(alike(&copies), Some(AlikeClips::Same(6, 6)));
        let levels: Vec<Vec<f32>> = (0..6).map(|n| vec![0.1 * n as f32; 8000]).collect();
        assert_eq!(alike(&levels), Some(AlikeClips::Constant(6, 6)));
    }

    #[test]
    fn clips_that_differ_are_not_told_even_with_some_copies() {
        let differ: Vec<Vec<f32>> = (0..6).map(rustle).collect();
        assert_eq!(alike(&differ), None);
        let twice = vec![
            rustle(1),
            rustle(1),
            rustle(2),
            rustle(2),
            rustle(3),
            rustle(3),
        ];
        assert_eq!(alike(&twice), None);
        let with_silence = vec![
            vec![0.0; 8000],
            vec![0.0; 8000],
            rustle(2),
            rustle(3),
            rustle(4),
        ];
        assert_eq!(alike(&with_silence), None);
        assert_eq!(alike(&[rustle(1)]), None);
    }
}

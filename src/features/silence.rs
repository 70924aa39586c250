//! Stretches in which a recording is digitally silent.

use super::error::Problems;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// What becomes of digital silence before the transform.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Silence {
    /// It stays: times in the features are times in the recording. The default.
    Keep {},
    /// Runs of silence are cut out and what remains is repeated up to the clip's length. Collections
    /// of clips of equal length pad short sounds with zeros; without this, how much was padded is
    /// the easiest thing to learn. A clip that is silent throughout stays as it is.
    Remove {
        /// Samples of smaller magnitude are silent, 0..=1, full scale at 1. Default 1e-4: −80 dB.
        #[serde(default = "minus_eighty_decibels")]
        below: f32,
        /// Shorter runs stay, seconds, > 0. Default 0.1.
        #[serde(default = "tenth")]
        min_secs: f64,
    },
}

impl Default for Silence {
    fn default() -> Self {
        Self::Keep {}
    }
}

fn minus_eighty_decibels() -> f32 {
    1e-4
}

fn tenth() -> f64 {
    0.1
}

/// Silence is looked for in blocks of this many seconds.
const BLOCK_SECS: f64 = 0.01;
/// What remains is padded with zeros up to this many seconds before it is repeated.
const LEAST_SECS: f64 = 0.2;

impl Silence {
    pub(super) fn check(&self, problems: &mut Problems) {
        if let &Self::Remove { below, min_secs } = self {
            let level = (0.0..=1.0).contains(&below);
            problems.check(level, "silence.below", below, "from 0 to 1");
            let length = min_secs > 0.0 && min_secs <= 3600.0;
            problems.check(
                length,
                "silence.min_secs",
                min_secs,
                "above 0 to 3600 seconds",
            );
        }
    }

    /// What is cut out of sound of this rate, if anything is.
    pub(super) fn rule(&self, sample_rate: f64) -> Option<SilenceRule> {
        let &Self::Remove { below, min_secs } = self else {
            return None;
        };
        Some(SilenceRule {
            below,
            block: ((BLOCK_SECS * sample_rate) as usize).max(1),
            least_blocks: ((min_secs / BLOCK_SECS).round() as usize).max(1),
            least: (LEAST_SECS * sample_rate) as usize,
        })
    }

    /// The samples to transform, as many as were given.
    pub(super) fn apply<'a>(&self, samples: &'a [f32], sample_rate: f64) -> Cow<'a, [f32]> {
        let Some(rule) = self.rule(sample_rate) else {
            return Cow::Borrowed(samples);
        };
        let sounding = sounding(samples, rule);
        if sounding.is_empty() || sounding.len() == samples.len() {
            return Cow::Borrowed(samples);
        }
        let padding = rule.least.saturating_sub(sounding.len());
        let padding = std::iter::repeat_n(0.0, padding);
        let once: Vec<f32> = sounding.into_iter().chain(padding).collect();
        Cow::Owned(once.into_iter().cycle().take(samples.len()).collect())
    }
}

/// The samples outside runs of at least `least_blocks` silent blocks.
fn sounding(samples: &[f32], rule: SilenceRule) -> Vec<f32> {
    let (mut filter, mut kept) = (SilenceFilter::new(rule), Vec::new());
    filter.push(samples, &mut kept);
    filter.finish(&mut kept);
    kept
}

/// [`Silence::Remove`] in samples of one rate.
#[derive(Debug, Clone, Copy)]
pub(super) struct SilenceRule {
    below: f32,
    /// Samples in a block.
    block: usize,
    /// The shortest run of silent blocks that is cut out.
    least_blocks: usize,
    /// The least that is repeated, in samples.
    pub(super) least: usize,
}

/// Cuts silence out of sound that comes piece by piece.
#[derive(Debug)]
pub(super) struct SilenceFilter {
    rule: SilenceRule,
    /// The beginning of a block.
    rest: Vec<f32>,
    /// The present run of silent blocks, as long as it may still be too short to be cut out.
    quiet: Vec<f32>,
    quiet_blocks: usize,
}

impl SilenceFilter {
    pub(super) fn new(rule: SilenceRule) -> Self {
        Self {
            rule,
            rest: Vec::new(),
            quiet: Vec::new(),
            quiet_blocks: 0,
        }
    }

    /// Takes the next samples and appends those that are known to stay.
    pub(super) fn push(&mut self, samples: &[f32], kept: &mut Vec<f32>) {
        let block = self.rule.block;
        let first = (block - self.rest.len()).min(samples.len());
        let (first, samples) = samples.split_at(if self.rest.is_empty() { 0 } else { first });
        self.rest.extend_from_slice(first);
        if self.rest.len() == block {
            let whole = std::mem::take(&mut self.rest);
            self.take_block(&whole, kept);
        }
        let mut blocks = samples.chunks_exact(block);
        for whole in &mut blocks {
            self.take_block(whole, kept);
        }
        self.rest.extend_from_slice(blocks.remainder());
    }

    /// Appends what is left at the end of the sound.
    pub(super) fn finish(&mut self, kept: &mut Vec<f32>) {
        let rest = std::mem::take(&mut self.rest);
        if !rest.is_empty() {
            self.take_block(&rest, kept);
        }
        self.end_quiet(kept);
    }

    fn take_block(&mut self, block: &[f32], kept: &mut Vec<f32>) {
        if block.iter().all(|sample| sample.abs() < self.rule.below) {
            self.quiet_blocks += 1;
            if self.quiet_blocks < self.rule.least_blocks {
                self.quiet.extend_from_slice(block);
            }
            return;
        }
        self.end_quiet(kept);
        kept.extend_from_slice(block);
    }

    fn end_quiet(&mut self, kept: &mut Vec<f32>) {
        if self.quiet_blocks < self.rule.least_blocks {
            kept.extend_from_slice(&self.quiet);
        }
        self.quiet.clear();
        self.quiet_blocks = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REMOVE: Silence = Silence::Remove {
        below: 1e-4,
        min_secs: 0.1,
    };
    const RATE: f64 = 1000.0;

    fn sound(samples: usize) -> Vec<f32> {
        (1..=samples).map(|i| i as f32).collect()
    }

    #[test]
    fn padding_is_cut_out_and_the_sound_repeated() {
        let mut clip = sound(300);
        clip.resize(700, 0.0);
        let heard = REMOVE.apply(&clip, RATE);
        assert_eq!(heard.len(), 700);
        assert_eq!(heard[..300], clip[..300]);
        assert_eq!(heard[300..600], clip[..300]);
        assert_eq!(heard[600..], clip[..100]);
    }

    #[test]
    fn short_pauses_and_whole_silence_stay() {
        let mut pause = sound(300);
        pause[100..190].fill(0.0);
        assert_eq!(REMOVE.apply(&pause, RATE), pause);
        assert_eq!(REMOVE.apply(&[0.0; 500], RATE).as_ref(), [0.0; 500]);
        assert!(REMOVE.apply(&[], RATE).is_empty());
    }

    #[test]
    fn a_click_in_silence_does_not_become_a_buzz() {
        let mut clip = vec![0.0; 1000];
        clip[500] = 1.0;
        let heard = REMOVE.apply(&clip, RATE);
        let clicks = heard.iter().filter(|&&sample| sample == 1.0).count();
        assert_eq!(clicks, 5); // one every 0.2 s
    }

    #[test]
    fn kept_silence_changes_nothing() {
        let clip = [0.0; 400];
        assert!(matches!(
            Silence::Keep {}.apply(&clip, RATE),
            Cow::Borrowed(_)
        ));
    }
}

//! What a run trains on, and what tells it from other data.

use super::{Experiment, FrameLabels, TrainError};
use crate::encoder::TrainingRecord;
use crate::features::FeatureSet;

/// What a run hears.
#[derive(Debug, Default)]
pub struct TrainingData<'a> {
    /// The features of every clip.
    pub clips: FeatureSet<'a>,
    /// The sound of every clip, as [`FrontEnd::Samples`](crate::features::FrontEnd::Samples) gives it; empty unless
    /// [`Experiment::hears_sound`].
    pub sounds: FeatureSet<'a>,
    /// The label of every clip, where it has one.
    pub labels: Vec<Option<usize>>,
    /// What the frames of every clip are of; empty unless the method compares frames.
    pub frame_labels: Vec<FrameLabels>,
    /// The name of every clip, for messages.
    pub names: Vec<String>,
    /// What the data is called, and which folds were left out; goes into the model.
    pub provenance: TrainingRecord,
}

impl TrainingData<'_> {
    /// Every clip's label, or −1 where the method asks for none.
    pub(super) fn labels_for(&self, experiment: &Experiment) -> Result<Vec<i64>, TrainError> {
        let unlabelled = self.labels.iter().position(Option::is_none);
        match unlabelled {
            _ if !self.frame_labels.is_empty() => Ok(vec![-1; self.labels.len()]),
            Some(clip) if experiment.method.needs_labels() => Err(TrainError::Unlabelled {
                clip: self.names[clip].clone(),
            }),
            _ => Ok(self
                .labels
                .iter()
                .map(|l| l.map_or(-1, |l| l as i64))
                .collect()),
        }
    }

    /// Number of classes; 0 without labels.
    pub(super) fn classes(&self) -> usize {
        let largest = self.labels.iter().flatten().max();
        largest.map_or(0, |last| last + 1)
    }

    /// The names of some clips, for messages.
    pub(super) fn names_of(&self, clips: &[usize]) -> String {
        let names: Vec<_> = clips.iter().map(|&c| self.names[c].as_str()).collect();
        names.join(", ")
    }

    /// What tells one set of clips from another: names, lengths and labels, hashed.
    pub(super) fn identity(&self) -> String {
        let mut hash = Fnv::default();
        for labels in &self.frame_labels {
            hash.add(format!("{labels:?}\n").as_bytes());
        }
        for (clip, (name, label)) in self.names.iter().zip(&self.labels).enumerate() {
            let frames = self.clips.frames(clip);
            hash.add(format!("{name}\n{frames}\n{label:?}\n").as_bytes());
        }
        format!("{} clips, {:016x}", self.names.len(), hash.0)
    }

    /// What tells the sound of one set of clips from that of another, hashed: files of the same name and length may hold
    /// another.
    pub(super) fn sound_identity(&self) -> String {
        let mut hash = Fnv::default();
        for set in [&self.clips, &self.sounds] {
            for clip in 0..set.len() {
                let (checksum, frames) = set.identity(clip);
                hash.add(&checksum.to_le_bytes());
                hash.add(format!("{frames:?}").as_bytes());
            }
        }
        format!("{:016x}", hash.0)
    }
}

/// The 64-bit FNV-1a hash: the same on every machine and in every version.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

//! Everything a run needs to go on as if it had never stopped, in one file.

use serde::{Deserialize, Serialize};
use std::mem;
use std::path::{Path, PathBuf};
use tch::Tensor;

use super::{Optimizer, TrainError};
use crate::encoder::tensor_file::TensorFile;
use crate::encoder::{Encoder, Precision};
use crate::features::Normalization;
use crate::method::Method;

/// Where a run stood, and what must not change before it goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct CheckpointHeader {
    /// Steps done.
    pub step: u64,
    /// Seconds spent training so far.
    pub elapsed_secs: f64,
    /// The resolved configuration, TOML, without what may change (data threads).
    pub experiment: String,
    /// Hash over the clips: names, lengths, labels.
    pub data: String,
    /// Hash over what the clips sound like. Absent in checkpoints of older versions, which do not ask for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sound: Option<String>,
    /// The precision that `auto` chose.
    pub precision: Precision,
    /// libtorch's threads; sums may round differently with another number.
    pub threads: usize,
    /// The scaling fitted on the training features.
    pub normalization: Normalization,
}

/// A checkpoint read from the disk.
#[derive(Debug)]
pub(super) struct Checkpoint {
    pub header: CheckpointHeader,
    path: PathBuf,
    file: TensorFile,
}

/// Writes the state of a run, atomically.
pub(super) fn save(
    path: &Path,
    header: &CheckpointHeader,
    encoder: &Encoder,
    method: &Method,
    optimizer: &Optimizer,
) -> Result<(), TrainError> {
    let mut tensors = Vec::new();
    let mut add = |part: &str, named: Vec<(String, Tensor)>| {
        tensors.extend(
            named
                .into_iter()
                .map(|(name, tensor)| (format!("{part}.{name}"), tensor)),
        );
    };
    add("encoder", encoder.parameters().named());
    add("method", method.state());
    add("optimizer", optimizer.state());
    let metadata = serde_json::to_string(header).map_err(|error| TrainError::BadCheckpoint {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    TensorFile::write(path, metadata, &tensors).map_err(|source| TrainError::File {
        path: path.to_owned(),
        source,
    })
}

impl Checkpoint {
    /// Reads a checkpoint.
    pub(super) fn read(path: &Path) -> Result<Self, TrainError> {
        let file = TensorFile::read(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::InvalidData => TrainError::BadCheckpoint {
                path: path.to_owned(),
                reason: source.to_string(),
            },
            _ => TrainError::File {
                path: path.to_owned(),
                source,
            },
        })?;
        let header =
            serde_json::from_str(&file.metadata).map_err(|error| TrainError::BadCheckpoint {
                path: path.to_owned(),
                reason: error.to_string(),
            })?;
        Ok(Self {
            header,
            path: path.to_owned(),
            file,
        })
    }

    /// Refuses to go on with other settings or data than those of the interrupted run.
    pub(super) fn must_match(&self, now: &CheckpointHeader) -> Result<(), TrainError> {
        let saved = &self.header;
        let threads = |header: &CheckpointHeader| format!("{} threads", header.threads);
        let pairs = [
            ("the data", now.data.clone(), saved.data.clone()),
            (
                "the number of compute threads",
                threads(now),
                threads(saved),
            ),
        ];
        for (what, given, saved) in pairs {
            if given != saved {
                return Err(self.differs(what, given, saved));
            }
        }
        if mem::discriminant(&now.normalization) != mem::discriminant(&saved.normalization) {
            let named = |header: &CheckpointHeader| format!("{:?}", header.normalization);
            return Err(self.differs("the normalization", named(now), named(saved)));
        }
        if let (Some(given), Some(saved)) = (&now.sound, &saved.sound)
            && given != saved
        {
            return Err(TrainError::SoundDiffers {
                path: self.path.clone(),
            });
        }
        let lines = now.experiment.lines().zip(saved.experiment.lines());
        if let Some((given, saved)) = lines.into_iter().find(|(a, b)| a != b) {
            return Err(self.differs("a setting", format!("`{given}`"), format!("`{saved}`")));
        }
        if now.experiment != saved.experiment {
            return Err(self.differs(
                "the number of settings",
                now.experiment.lines().count().to_string(),
                saved.experiment.lines().count().to_string(),
            ));
        }
        Ok(())
    }

    /// Puts the saved numbers into freshly made parts.
    pub(super) fn restore(
        &self,
        encoder: &Encoder,
        method: &Method,
        optimizer: &mut Optimizer,
    ) -> Result<(), TrainError> {
        encoder
            .parameters()
            .load(|name| self.tensor("encoder", name))?;
        method.restore(|name| self.tensor("method", name))?;
        optimizer
            .restore(|name| self.tensor("optimizer", name))
            .map_err(|name| TrainError::BadCheckpoint {
                path: self.path.clone(),
                reason: format!("tensor `optimizer.{name}` is missing or has another shape"),
            })
    }

    fn tensor(&self, part: &str, name: &str) -> Option<Tensor> {
        let tensor = self.file.tensors.get(&format!("{part}.{name}"))?;
        Some(tensor.shallow_clone())
    }

    fn differs(&self, what: &'static str, given: String, saved: String) -> TrainError {
        TrainError::CheckpointDiffers {
            path: self.path.clone(),
            what,
            given,
            saved,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(sound: Option<&str>) -> CheckpointHeader {
        CheckpointHeader {
            step: 3,
            elapsed_secs: 1.0,
            experiment: "a = 1".to_owned(),
            data: "4 clips, 0123".to_owned(),
            sound: sound.map(str::to_owned),
            precision: Precision::Fp32,
            threads: 1,
            normalization: Normalization::None,
        }
    }

    fn checkpoint(metadata: &str) -> Checkpoint {
        Checkpoint {
            header: serde_json::from_str(metadata).unwrap(),
            path: "run/checkpoint.safetensors".into(),
            file: TensorFile {
                metadata: metadata.to_owned(),
                tensors: Default::default(),
            },
        }
    }

    #[test]
    fn a_checkpoint_that_does_not_know_its_sound_is_taken_up_as_before() {
        let old = serde_json::to_string(&header(None)).unwrap();
        assert!(!old.contains("sound"));
        checkpoint(&old).must_match(&header(Some("now"))).unwrap();
    }

    #[test]
    fn other_sound_is_refused() {
        let saved = serde_json::to_string(&header(Some("then"))).unwrap();
        let checkpoint = checkpoint(&saved);
        checkpoint.must_match(&header(Some("then"))).unwrap();
        let told = checkpoint.must_match(&header(Some("now"))).unwrap_err();
        assert!(told.to_string().contains("the clips sound other"), "{told}");
    }
}

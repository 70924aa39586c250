//! What the head of a safetensors file tells without reading its tensors.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::{fs::File, io::Read, path::Path};

/// Longest header that is read, in bytes.
const LONGEST: u64 = 64 << 20;

/// Names and shapes of the tensors, and the program's own entry.
pub(super) struct TensorHeader(Map<String, Value>);

impl TensorHeader {
    /// # Errors
    /// If there is no such file, or it is no safetensors file.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| path.display().to_string())?;
        Self::parse(file).with_context(|| path.display().to_string())
    }

    /// The length of the header in eight bytes, little end first, then so much JSON.
    fn parse(mut file: impl Read) -> Result<Self> {
        let mut length = [0; 8];
        file.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
        ensure!(length <= LONGEST, "no safetensors file");
        let mut json = Vec::new();
        file.take(length).read_to_end(&mut json)?;
        Ok(Self(serde_json::from_slice(&json)?))
    }

    /// Numbers that training moves: all but the running statistics of batch normalisation.
    pub(super) fn parameters(&self) -> u64 {
        let is_learned = |name: &str| {
            let last = name.rsplit('.').next().unwrap_or(name);
            !["running_mean", "running_var", "num_batches_tracked"].contains(&last)
        };
        let tensors = self.0.iter().filter(|(name, _)| is_learned(name));
        let shapes = tensors.filter_map(|(_, tensor)| tensor["shape"].as_array());
        let sizes = shapes.map(|shape| shape.iter().filter_map(Value::as_u64).product::<u64>());
        sizes.sum()
    }

    /// The step of a checkpoint.
    pub(super) fn step(&self) -> Option<u64> {
        #[derive(Deserialize)]
        struct Checkpoint {
            step: u64,
        }
        let entry = self.0.get("__metadata__")?["chiffchaff"].as_str()?;
        let checkpoint: Checkpoint = serde_json::from_str(entry).ok()?;
        Some(checkpoint.step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(json: &str) -> Result<TensorHeader> {
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend(json.as_bytes());
        bytes.extend([0; 16]); // tensors
        TensorHeader::parse(bytes.as_slice())
    }

    #[test]
    fn parameters_are_what_training_moves() {
        let json = r#"{"conv.weight": {"dtype": "F32", "shape": [2, 3, 5]}, "bn.bias": {"shape": [2]},
            "bn.running_var": {"shape": [2]}, "bn.num_batches_tracked": {"shape": []}, "scale": {"shape": []}}"#;
        assert_eq!(header(json).unwrap().parameters(), 30 + 2 + 1);
    }

    #[test]
    fn a_checkpoint_tells_its_step() {
        let json = r#"{"__metadata__": {"chiffchaff": "{\"step\": 7, \"elapsed_secs\": 1.5}"}}"#;
        assert_eq!(header(json).unwrap().step(), Some(7));
        assert_eq!(header("{}").unwrap().step(), None);
    }

    #[test]
    fn what_is_no_safetensors_file_is_refused() {
        assert!(TensorHeader::parse(b"short".as_slice()).is_err());
        assert!(TensorHeader::parse([255; 32].as_slice()).is_err());
        assert!(header("[").is_err());
    }
}

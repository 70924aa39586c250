//! Tensors by name with one string of metadata, in the safetensors format.
//!
//! Bytes depend on the content alone: names are sorted by the format, and the metadata is a single
//! entry, so that the order of a hash map cannot show.

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use tch::{Device, Kind, Tensor};

use crate::write_whole;

const METADATA_KEY: &str = "chiffchaff";

/// What a file holds.
#[derive(Debug)]
pub(crate) struct TensorFile {
    /// The metadata entry, JSON.
    pub(crate) metadata: String,
    /// Tensors by name, on the CPU.
    pub(crate) tensors: BTreeMap<String, Tensor>,
}

impl TensorFile {
    /// Reads a file whole.
    ///
    /// # Errors
    /// The system's, or `InvalidData` with a reason where the bytes are no such file.
    pub(crate) fn read(path: &Path) -> std::io::Result<Self> {
        Self::parse(&std::fs::read(path)?)
    }

    /// Reads the content of a file.
    ///
    /// # Errors
    /// `InvalidData` with a reason where the bytes are no such file.
    pub(crate) fn parse(bytes: &[u8]) -> std::io::Result<Self> {
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(invalid)?;
        let metadata = header.metadata().as_ref();
        let metadata = metadata.and_then(|entries| entries.get(METADATA_KEY));
        let metadata = metadata.ok_or_else(|| invalid("it has no `chiffchaff` metadata"))?;
        Ok(Self {
            metadata: metadata.clone(),
            tensors: tensors_of(bytes)?,
        })
    }

    /// Writes beside `path`, makes sure it is on the disk, then moves it there: the file is whole
    /// or absent at every moment.
    ///
    /// # Errors
    /// The system's; a file that stood at `path` before is untouched then.
    pub(crate) fn write(
        path: &Path,
        metadata: String,
        tensors: &[(String, Tensor)],
    ) -> std::io::Result<()> {
        let data = tensors.iter().map(|(name, tensor)| {
            let (dtype, bytes) = bytes_of(tensor)?;
            let shape = tensor.size().iter().map(|&n| n as usize).collect();
            Ok((name, dtype, shape, bytes))
        });
        let data = data.collect::<std::io::Result<Vec<(_, _, Vec<usize>, _)>>>()?;
        let mut views = Vec::new();
        for (name, dtype, shape, bytes) in &data {
            let view = TensorView::new(*dtype, shape.clone(), bytes).map_err(invalid)?;
            views.push((name.as_str(), view));
        }
        let metadata = HashMap::from([(METADATA_KEY.to_owned(), metadata)]);
        let bytes = safetensors::serialize(views, Some(metadata)).map_err(invalid)?;
        write_whole(path, &bytes)
    }
}

/// The tensors of any file of this format, by name.
///
/// # Errors
/// `InvalidData` with a reason where the bytes are no such file.
pub(super) fn tensors_of(bytes: &[u8]) -> std::io::Result<BTreeMap<String, Tensor>> {
    let file = SafeTensors::deserialize(bytes).map_err(invalid)?;
    let of = |(name, view): (String, TensorView<'_>)| Ok((name, tensor_of(&view)?));
    file.tensors().into_iter().map(of).collect()
}

fn bytes_of(tensor: &Tensor) -> std::io::Result<(Dtype, Vec<u8>)> {
    let tensor = tensor.detach().to_device(Device::Cpu).contiguous();
    let dtype = match tensor.kind() {
        Kind::Float => Dtype::F32,
        Kind::BFloat16 => Dtype::BF16,
        Kind::Int64 => Dtype::I64,
        kind => return Err(invalid(format!("cannot store numbers of kind {kind:?}"))),
    };
    let mut bytes = vec![0; tensor.numel() * tensor.kind().elt_size_in_bytes()];
    tensor
        .f_copy_data_u8(&mut bytes, tensor.numel())
        .map_err(invalid)?;
    Ok((dtype, bytes))
}

fn tensor_of(view: &TensorView<'_>) -> std::io::Result<Tensor> {
    let kind = match view.dtype() {
        Dtype::F32 => Kind::Float,
        Dtype::BF16 => Kind::BFloat16,
        Dtype::F16 => Kind::Half,
        Dtype::I64 => Kind::Int64,
        other => return Err(invalid(format!("cannot read numbers of kind {other:?}"))),
    };
    let shape: Vec<i64> = view.shape().iter().map(|&n| n as i64).collect();
    Tensor::f_from_data_size(view.data(), &shape, kind).map_err(invalid)
}

fn invalid(reason: impl ToString) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, reason.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back_and_bytes_depend_on_content_alone() {
        let folder = tempfile::tempdir().unwrap();
        let tensors = vec![
            (
                "b".to_owned(),
                Tensor::from_slice(&[1.5f32, -2.0]).view([1, 2]),
            ),
            ("a".to_owned(), Tensor::from_slice(&[7i64])),
        ];
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        for path in [&one, &two] {
            TensorFile::write(path, "{\"x\":1}".into(), &tensors).unwrap();
        }
        assert_eq!(std::fs::read(&one).unwrap(), std::fs::read(&two).unwrap());
        let read = TensorFile::read(&one).unwrap();
        assert_eq!(read.metadata, "{\"x\":1}");
        assert_eq!(read.tensors["b"], tensors[0].1);
        assert_eq!(read.tensors["a"], tensors[1].1);
    }

    #[test]
    fn a_file_cut_short_is_an_error_with_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        let tensors = [("w".to_owned(), Tensor::from_slice(&[1.0f32; 100]))];
        TensorFile::write(&path, String::new(), &tensors).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for length in [0, 4, 9, 60, whole.len() - 1] {
            std::fs::write(&path, &whole[..length]).unwrap();
            let error = TensorFile::read(&path).unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
        }
    }
}

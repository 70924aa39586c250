//! What can be wrong with a `.pth` file.

use super::value::Global;

/// Why no weights could be read; completes "no weights to start from: …".
#[derive(Debug, thiserror::Error)]
pub(crate) enum PthError {
    /// Neither of the containers that `torch.save` writes.
    #[error(
        "it is neither a `.safetensors` file nor one that `torch.save` wrote\n\nhint: write the weights with `torch.save(model.state_dict(), PATH)`"
    )]
    NotTorch,
    /// A ZIP archive that cannot be read.
    #[error("its archive is damaged or cut short ({0})\n\nhint: copy or download it again")]
    Archive(String),
    /// A ZIP archive of something else.
    #[error(
        "it is a ZIP archive without `data.pkl`, which `torch.save` would have written\n\nhint: write the weights with `torch.save(model.state_dict(), PATH)`"
    )]
    NoPickle,
    /// What `torch.jit.save` writes.
    #[error(
        "it is a TorchScript program, not a state dict\n\nhint: in Python, `torch.save(torch.jit.load(PATH).state_dict(), NEW_PATH)`"
    )]
    TorchScript,
    /// An archive that was packed anew.
    #[error(
        "its entry `{entry}` is compressed, as `torch.save` never does\n\nhint: write it anew with `torch.save(torch.load(PATH), PATH)`"
    )]
    Compressed {
        /// The entry.
        entry: String,
    },
    /// Numbers with the highest byte first.
    #[error(
        "its numbers have their highest byte first\n\nhint: write it anew on a common machine with `torch.save(torch.load(PATH), PATH)`"
    )]
    BigEndian,
    /// A pickle that ends early or makes no sense.
    #[error(
        "its pickle is damaged or cut short: {what} at byte {at}\n\nhint: copy or download it again"
    )]
    Pickle {
        /// Where.
        at: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// An instruction that no state dict needs.
    #[error("its pickle has the instruction {code:#04x} at byte {at}, which no state dict needs")]
    Instruction {
        /// The opcode.
        code: u8,
        /// Where.
        at: usize,
    },
    /// A call that runs something.
    #[error(
        "its pickle asks to run `{0}`, which no weights need: nothing was run here, but do not open this file with other programs"
    )]
    Runs(String),
    /// More values than any state dict has.
    #[error("its pickle makes more than {0} values")]
    TooManyValues(usize),
    /// A storage of another size than the pickle says.
    #[error("storage `{key}` should hold {wanted} bytes, but has {given}")]
    StorageSize {
        /// Its key.
        key: String,
        /// What the pickle says.
        wanted: u64,
        /// What the file has.
        given: u64,
    },
    /// A storage that is not in the file.
    #[error("storage `{key}` is not in the file")]
    NoStorage {
        /// Its key.
        key: String,
    },
    /// Storages that hold more than the file.
    #[error("its storages are larger than the file: they overlap")]
    Overlap,
    /// A view that reaches out of its storage, or counts beyond measure.
    #[error(
        "shape {shape:?} with strides {strides:?} from {offset} does not lie within its storage of {held} numbers"
    )]
    Outside {
        /// Its shape.
        shape: Vec<i64>,
        /// Its strides.
        strides: Vec<i64>,
        /// Its first number.
        offset: i64,
        /// Numbers of the storage.
        held: i64,
    },
    /// Something wrong with one tensor.
    #[error("`{name}`: {reason}")]
    Tensor {
        /// Its name.
        name: String,
        /// What is wrong.
        reason: Box<Self>,
    },
    /// A tensor of a kind that no network here has.
    #[error(
        "`{name}` is made by `{maker}`, and cannot be read\n\nhint: save plain tensors, in fp32 or bf16"
    )]
    Maker {
        /// Its name.
        name: String,
        /// What would make it.
        maker: String,
    },
    /// A pickled network.
    #[error(
        "it holds a whole `{0}`, which only its own program can read\n\nhint: in Python, `torch.save(torch.load(PATH, weights_only=False).state_dict(), NEW_PATH)`"
    )]
    WholeObject(String),
    /// No dictionary of tensors.
    #[error(
        "it holds {held}, but no dictionary of tensors\n\nhint: write the weights with `torch.save(model.state_dict(), PATH)`"
    )]
    NoStateDict {
        /// What it holds.
        held: String,
    },
    /// Several dictionaries of tensors.
    #[error("it holds several dictionaries of tensors: {}\n\nhint: save the one you mean with `torch.save`", .0.join(", "))]
    Several(Vec<String>),
    /// libtorch refused.
    #[error("tensor engine: {0}")]
    Engine(#[from] tch::TchError),
}

impl PthError {
    /// The same, said of one tensor.
    pub(super) fn of_tensor(self, name: &str) -> Self {
        Self::Tensor {
            name: name.to_owned(),
            reason: Box::new(self),
        }
    }

    pub(super) fn runs(global: Global<'_>) -> Self {
        Self::Runs(global.to_string())
    }
}

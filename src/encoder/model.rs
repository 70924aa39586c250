//! A trained encoder in one file that says how to use it.

use serde::{Deserialize, Serialize};
use std::fmt::{self, Display};
use std::path::{Path, PathBuf};
use tch::{Device, Kind, Tensor};

use super::tensor_file::TensorFile;
use super::{EmbedConfig, Encoder, EncoderConfig, EncoderError, InputShape};
use crate::audio::ChannelChoice;
use crate::features::{FeaturesError, FrontEnd, Normalization};

/// Everything beside the weights that using a model takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// Which channel of each recording the network was trained on. Default: the mean of all channels.
    #[serde(default, skip_serializing_if = "ChannelChoice::is_mix")]
    pub channel: ChannelChoice,
    /// Sound → image.
    pub front_end: FrontEnd,
    /// How images are scaled.
    pub normalization: Normalization,
    /// The network.
    pub encoder: EncoderConfig,
    /// Frames of a patch.
    pub frames: usize,
    /// Patches → clip embedding.
    pub embed: EmbedConfig,
    /// The seed of the starting weights, from which the untrained twin is made.
    pub seed: u64,
    /// What the network was trained on.
    pub provenance: TrainingRecord,
}

impl ModelCard {
    /// The images that front end and normalisation make.
    ///
    /// # Errors
    /// If a setting of the front end is out of range.
    pub fn input(&self) -> Result<InputShape, FeaturesError> {
        let extractor = self.front_end.extractor()?;
        Ok(InputShape {
            channels: self.normalization.channels(extractor.channels()),
            bands: extractor.bands(),
        })
    }

    /// What no run can have written, but a damaged file may say; `input`: [`Self::input`].
    fn check(&self, input: InputShape) -> Result<(), String> {
        let mut problem = None;
        let mut must = |holds: bool, key: &str, given: &dyn Display, allowed: &str| {
            if !holds {
                problem = Some(format!("`{key}` is {given}, but must be {allowed}"));
            }
        };
        self.embed.check(&mut must);
        let mut numbers = [input.channels, input.bands].into_iter();
        let numbers = numbers.try_fold(self.frames, usize::checked_mul);
        must(
            numbers.is_some_and(|numbers| (1..=MAX_PATCH).contains(&numbers)),
            "frames",
            &self.frames,
            "at least 1, and a patch at most 2^26 numbers",
        );
        must(
            self.normalization != Normalization::ImageNet || input.channels.is_multiple_of(3),
            "normalization",
            &"imagenet",
            "another, as the images have no three colours",
        );
        problem.map_or(Ok(()), Err)
    }
}

/// The largest patch, in numbers; it takes 256 MiB.
const MAX_PATCH: usize = 1 << 26;

/// What a model was trained on. A measurement compares it with its own data, and warns where both share clips.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TrainingRecord {
    /// The preset.
    pub preset: String,
    /// Names of the datasets.
    pub datasets: Vec<String>,
    /// The number of clips it was trained on.
    pub clips: usize,
    /// The file whose weights it started from, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_from: Option<String>,
    /// Official folds that were left out.
    pub excluded_folds: Vec<u32>,
    /// Version of the program that trained it.
    pub version: String,
}

/// Why a card and tensors of a file make no model.
pub(crate) enum Unfit {
    /// What the card says cannot be.
    Card(String),
    /// There is no such network.
    Network(EncoderError),
    /// The tensors are not those of the network.
    Tensors(EncoderError),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Card(reason) => reason.fmt(f),
            Self::Network(error) | Self::Tensors(error) => error.fmt(f),
        }
    }
}

/// An encoder with its card.
#[derive(Debug)]
pub struct Model {
    /// How to use it.
    pub card: ModelCard,
    /// The network.
    pub encoder: Encoder,
}

impl Model {
    /// Writes `encoder` with its card, atomically.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn save(path: &Path, card: &ModelCard, encoder: &Encoder) -> Result<(), EncoderError> {
        let tensors = encoder.parameters().named();
        Self::write(path, card, &tensors)
    }

    /// Writes the model with weights in bf16: half the size, three digits. Batch-norm statistics stay whole.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn export(&self, path: &Path) -> Result<(), EncoderError> {
        let whole = |name: &str| name.contains("running_");
        let named = self.encoder.parameters().named().into_iter();
        let tensors: Vec<_> = named
            .map(|(name, tensor)| match whole(&name) {
                true => (name, tensor),
                false => (name, tensor.to_kind(Kind::BFloat16)),
            })
            .collect();
        Self::write(path, &self.card, &tensors)
    }

    fn write(
        path: &Path,
        card: &ModelCard,
        tensors: &[(String, Tensor)],
    ) -> Result<(), EncoderError> {
        let metadata = serde_json::to_string(card).map_err(|e| not_a_model(path, e))?;
        TensorFile::write(path, metadata, tensors).map_err(file(path))
    }

    /// Reads a model from its file, or from the run directory that holds it.
    ///
    /// # Errors
    /// If there is no such file or it is no model.
    pub fn load(path: &Path, device: Device) -> Result<Self, EncoderError> {
        let path = if path.is_dir() {
            path.join("encoder.safetensors")
        } else {
            path.to_owned()
        };
        let read = TensorFile::read(&path).map_err(|source| match source.kind() {
            std::io::ErrorKind::InvalidData => not_a_model(&path, source),
            _ => file(&path)(source),
        })?;
        Self::of(&path, &read, device)
    }

    /// Reads a model from the content of its file; `name` stands for it in messages.
    ///
    /// # Errors
    /// If it is no model.
    pub fn parse(name: &str, bytes: &[u8], device: Device) -> Result<Self, EncoderError> {
        let name = Path::new(name);
        let read = TensorFile::parse(bytes).map_err(|source| not_a_model(name, source))?;
        Self::of(name, &read, device)
    }

    fn of(path: &Path, read: &TensorFile, device: Device) -> Result<Self, EncoderError> {
        let card = serde_json::from_str::<ModelCard>(&read.metadata).map_err(|error| match read
            .metadata
            .starts_with("{\"detector\"")
        {
            true => not_a_model(path, "it is a detector, which `detect --detector` takes"),
            false => not_a_model(path, error),
        })?;
        let find = |name: &str| read.tensors.get(name).map(Tensor::shallow_clone);
        Self::restore(card, find, device).map_err(|error| match error {
            Unfit::Card(reason) => not_a_model(path, reason),
            Unfit::Network(error) => error,
            Unfit::Tensors(error) => not_a_model(path, error),
        })
    }

    /// The model of a card that was read from a file, with the tensors that `find` gives by name.
    pub(crate) fn restore(
        card: ModelCard,
        find: impl Fn(&str) -> Option<Tensor>,
        device: Device,
    ) -> Result<Self, Unfit> {
        let input = card.input().map_err(|e| Unfit::Card(e.to_string()))?;
        card.check(input).map_err(Unfit::Card)?;
        // Before a network is made, which may be much larger than the file.
        let outline = Encoder::outline(&card.encoder, input).map_err(Unfit::Network)?;
        let fits = outline.must_match(|name| Some(find(name)?.size()));
        fits.map_err(Unfit::Tensors)?;
        let encoder =
            Encoder::new(&card.encoder, input, card.seed, device).map_err(Unfit::Network)?;
        encoder.parameters().load(find).map_err(Unfit::Tensors)?;
        Ok(Self { card, encoder })
    }

    /// The network anew with the same weights, which may then be trained further without changing these.
    ///
    /// # Errors
    /// None for a card that a model came with.
    pub(crate) fn encoder_copy(&self) -> Result<Encoder, EncoderError> {
        let device = self.encoder.parameters().device();
        let input = self.encoder.input();
        let copy = Encoder::new(&self.card.encoder, input, self.card.seed, device)?;
        let named = self.encoder.parameters().named();
        let find = |name: &str| {
            let found = named.iter().find(|(known, _)| known == name);
            found.map(|(_, tensor)| tensor.shallow_clone())
        };
        copy.parameters().load(find)?;
        Ok(copy)
    }

    /// Another model with the same weights.
    ///
    /// # Errors
    /// None for a card that a model came with.
    pub fn copy(&self) -> Result<Self, EncoderError> {
        Ok(Self {
            card: self.card.clone(),
            encoder: self.encoder_copy()?,
        })
    }

    /// The same network with the weights it started from: what training has to beat.
    ///
    /// # Errors
    /// None for a card that a model came with.
    pub fn untrained(&self) -> Result<Self, EncoderError> {
        self.untrained_by_seed(self.card.seed)
    }

    /// The same network with weights drawn by `seed`.
    ///
    /// # Errors
    /// None for a card that a model came with.
    pub(crate) fn untrained_by_seed(&self, seed: u64) -> Result<Self, EncoderError> {
        let device = self.encoder.parameters().device();
        let input = self.encoder.input();
        Ok(Self {
            encoder: Encoder::new(&self.card.encoder, input, seed, device)?,
            card: self.card.clone(),
        })
    }
}

fn not_a_model(path: &Path, reason: impl ToString) -> EncoderError {
    EncoderError::NotAModel {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

fn file(path: &Path) -> impl Fn(std::io::Error) -> EncoderError {
    let path: PathBuf = path.to_owned();
    move |source| EncoderError::File {
        path: path.clone(),
        source,
    }
}

//! Clips → embeddings: the encoder over overlapping patches, pooled.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::{EncoderError, Model, Pass};
use crate::Embeddings;
use crate::features::FeatureSet;

/// How a clip's patches become one embedding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbedConfig {
    /// Frames from one patch to the next; half a patch is usual. Less costs time in proportion.
    pub hop_frames: usize,
    /// What is taken over the patches; several are put side by side. Default: mean and max.
    #[serde(default = "mean_and_max")]
    pub pool: Vec<Pool>,
}

fn mean_and_max() -> Vec<Pool> {
    vec![Pool::Mean, Pool::Max]
}

/// A statistic over patches, dimension by dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pool {
    /// The mean.
    Mean,
    /// The largest value.
    Max,
    /// The population standard deviation, 0 for a single patch.
    Std,
}

/// Patches that go through the network at a time.
const BATCH: usize = 128;

/// One embedding per clip of `clips`, in its order. `observe` hears how many clips are done.
///
/// # Errors
/// If patches are shorter than the network's minimum.
pub fn embed(
    model: &Model,
    clips: &FeatureSet<'_>,
    mut observe: impl FnMut(usize),
) -> Result<Embeddings, EncoderError> {
    let frames = model.card.frames;
    let minimum = model.encoder.min_frames();
    if frames < minimum {
        return Err(EncoderError::TooShort {
            given: frames,
            minimum,
        });
    }
    let mut pooled = Vec::new();
    let mut waiting = Waiting::default();
    for clip in 0..clips.len() {
        waiting.add(patches(clips, clip, frames, model.card.embed.hop_frames));
        if waiting.patches >= BATCH || clip + 1 == clips.len() {
            for patches in waiting.embed(model, clips.bands())? {
                pooled.push(pool(&patches, &model.card.embed.pool));
            }
            observe(clip + 1);
        }
    }
    let dim = model.encoder.dim() as usize * model.card.embed.pool.len();
    let mut values = vec![0.0; pooled.len() * dim];
    for (row, embedding) in values.chunks_exact_mut(dim).zip(&pooled) {
        embedding.f_copy_data(row, dim)?;
    }
    Ok(Embeddings::from_rows(dim, values))
}

/// The patches of clips that have not gone through the network yet.
#[derive(Default)]
struct Waiting {
    /// `[patches, frames, mels]` of each clip.
    clips: Vec<Vec<Vec<f32>>>,
    patches: usize,
}

impl Waiting {
    fn add(&mut self, clip: Vec<Vec<f32>>) {
        self.patches += clip.len();
        self.clips.push(clip);
    }

    /// Embeddings `[patches, dim]` of each waiting clip.
    fn embed(&mut self, model: &Model, bands: usize) -> Result<Vec<Tensor>, EncoderError> {
        let clips = std::mem::take(&mut self.clips);
        self.patches = 0;
        let counts: Vec<i64> = clips.iter().map(|clip| clip.len() as i64).collect();
        let all: Vec<Vec<f32>> = clips.into_iter().flatten().collect();
        let mut embedded = Vec::new();
        for chunk in all.chunks(BATCH) {
            let values = chunk.concat();
            let shape = [chunk.len() as i64, model.card.frames as i64, bands as i64];
            embedded.push(embed_patches(model, &values, shape)?);
        }
        let embedded = Tensor::f_cat(&embedded, 0)?; // [all patches, dim]
        Ok(embedded.f_split_with_sizes(counts, 0)?)
    }
}

/// `[patches, frames, mels]` → `[patches, dim]`.
fn embed_patches(model: &Model, values: &[f32], shape: [i64; 3]) -> Result<Tensor, EncoderError> {
    let device = model.encoder.parameters().device();
    let patches = Tensor::f_from_slice(values)?.view(shape).to_device(device);
    let images = patches.transpose(1, 2).unsqueeze(1).contiguous(); // [patches, 1, mels, frames]
    let images = model.card.normalization.apply(images);
    let embedded = tch::no_grad(|| model.encoder.embed(&images, Pass::INFERENCE));
    Ok(embedded.to_device(tch::Device::Cpu))
}

/// Stretches of `frames` frames, `hop` apart, the last flush with the end; a shorter clip is
/// repeated until it fills one.
fn patches(clips: &FeatureSet<'_>, clip: usize, frames: usize, hop: usize) -> Vec<Vec<f32>> {
    let last = clips.frames(clip).saturating_sub(frames);
    let starts = (0..last).step_by(hop).chain([last]);
    let cut = |start| {
        let mut patch = vec![0.0; frames * clips.bands()];
        clips.stretch(clip, start, &mut patch);
        patch
    };
    starts.map(cut).collect()
}

/// `[patches, dim]` → `[dim · statistics]`.
fn pool(patches: &Tensor, statistics: &[Pool]) -> Tensor {
    let first = [0i64].as_slice();
    let pooled = statistics.iter().map(|statistic| match statistic {
        Pool::Mean => patches.mean_dim(first, false, None),
        Pool::Max => patches.amax(first, false),
        Pool::Std => patches.std_dim(first, false, false),
    });
    Tensor::cat(&pooled.collect::<Vec<_>>(), 0)
}

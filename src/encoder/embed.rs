//! Clips → embeddings.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::{EncoderError, Model, Pass, layout::images};
use crate::Embeddings;
use crate::features::FeatureSet;

/// How a clip becomes one embedding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "kebab-case", deny_unknown_fields)]
pub enum EmbedConfig {
    /// The network's embeddings of overlapping patches as long as those it was trained on.
    Patches {
        /// Frames from one patch to the next; half a patch is usual. Less costs time in
        /// proportion.
        hop_frames: usize,
        /// What is taken over the patches.
        statistics: Vec<Statistic>,
    },
    /// The feature maps of the last stages for the whole clip at once: early stages know about
    /// texture and pitch what the last one has learned to ignore.
    Maps {
        /// How many stages, counted from the last.
        stages: usize,
        /// What is taken over each channel of each map.
        statistics: Vec<Statistic>,
    },
    /// The feature maps of one stage, for the whole clip at once.
    Stage {
        /// Which stage, counted from 1, the nearest to the input.
        stage: usize,
        /// What is taken over each channel of the map.
        statistics: Vec<Statistic>,
    },
}

impl EmbedConfig {
    /// Refuses settings that leave nothing of a clip.
    pub(crate) fn check(
        &self,
        must: &mut impl FnMut(bool, &'static str, &dyn std::fmt::Display, &'static str),
    ) {
        let (counted, count, statistics) = match self {
            Self::Patches {
                hop_frames,
                statistics,
            } => ("embed.hop_frames", *hop_frames, statistics),
            Self::Maps { stages, statistics } => ("embed.stages", *stages, statistics),
            Self::Stage { stage, statistics } => ("embed.stage", *stage, statistics),
        };
        let fine = (1..=100_000).contains(&count);
        must(fine, counted, &count, "within 1..=100000");
        must(
            !statistics.is_empty(),
            "embed.statistics",
            &"empty",
            "one or more of `mean`, `max`, `std`",
        );
    }
}

/// What is kept of several values; several statistics are put side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Statistic {
    /// The mean.
    Mean,
    /// The largest value.
    Max,
    /// The population standard deviation over time (of the mean over frequency), 0 for one frame
    /// or patch.
    Std,
}

/// Patches that go through the network at a time.
const BATCH: usize = 128;
/// Frames that go through the network at a time, at most; a longer clip is embedded in pieces of
/// this length, whose statistics are averaged.
const LONGEST: usize = 6000;

/// One embedding per clip of `clips`, in its order. `observe` is called with the number of clips done.
///
/// # Errors
/// If patches are shorter than the network's minimum.
pub fn embed(
    model: &Model,
    clips: &FeatureSet<'_>,
    mut observe: impl FnMut(usize),
) -> Result<Embeddings, EncoderError> {
    embed_by(model, clips, 1, &mut observe)
}

/// As [`embed`], with `together` clips going through the network at a time: faster for short ones, and the same but for the
/// last digits.
pub(super) fn embed_by(
    model: &Model,
    clips: &FeatureSet<'_>,
    together: usize,
    observe: &mut impl FnMut(usize),
) -> Result<Embeddings, EncoderError> {
    let frames = model.card.frames;
    let minimum = model.encoder.min_frames();
    if frames < minimum {
        return Err(EncoderError::TooShort {
            given: frames,
            minimum,
        });
    }
    let mut values = Vec::new();
    let mut dim = 1;
    let all: Vec<usize> = (0..clips.len()).collect();
    for some in all.chunks(together) {
        let pieces = some.iter().map(|&clip| match &model.card.embed {
            EmbedConfig::Patches { hop_frames, .. } => patches(clips, clip, frames, *hop_frames),
            EmbedConfig::Maps { .. } | EmbedConfig::Stage { .. } => pieces(clips, clip, minimum),
        });
        let pieces: Vec<_> = pieces.collect();
        let shape = [clips.channels(), clips.bands()];
        for embedding in tch::no_grad(|| embed_clips(model, &pieces, shape))? {
            dim = embedding.numel();
            values.resize(values.len() + dim, 0.0);
            let row = values.len() - dim;
            embedding.f_copy_data(&mut values[row..], dim)?;
        }
        observe(some[some.len() - 1] + 1);
    }
    Ok(Embeddings::from_rows(dim, values))
}

/// The `[frames, channels, mels]` pieces of each clip → `[dim]` of each; `shape`: channels and mels.
fn embed_clips(
    model: &Model,
    clips: &[Vec<Vec<f32>>],
    shape: [usize; 2],
) -> Result<Vec<Tensor>, EncoderError> {
    let pieces: Vec<&[f32]> = clips.iter().flatten().map(Vec::as_slice).collect();
    let embedded = embed_pieces(model, &pieces, shape)?;
    let counts: Vec<i64> = clips.iter().map(|pieces| pieces.len() as i64).collect();
    let of_clips = embedded.f_split_with_sizes(counts.as_slice(), 0)?;
    let pooled = of_clips.iter().map(|done| match &model.card.embed {
        EmbedConfig::Patches { statistics, .. } => over_patches(done, statistics),
        EmbedConfig::Maps { .. } | EmbedConfig::Stage { .. } => {
            done.mean_dim([0i64].as_slice(), false, None)
        }
    });
    Ok(pooled.collect())
}

/// `[frames, channels, mels]` pieces → `[pieces, dim]`; `shape`: channels and mels.
fn embed_pieces(
    model: &Model,
    pieces: &[&[f32]],
    shape: [usize; 2],
) -> Result<Tensor, EncoderError> {
    let device = model.encoder.parameters().device();
    let mut done = Vec::new();
    for same_length in pieces.chunk_by(|a, b| a.len() == b.len()) {
        for batch in same_length.chunks(BATCH) {
            let images = images(&batch.concat(), batch.len(), shape, device)?;
            let images = model.card.normalization.apply(images); // [pieces, channels, mels, frames]
            done.push(match &model.card.embed {
                EmbedConfig::Patches { .. } => model.encoder.embed(&images, Pass::INFERENCE),
                EmbedConfig::Maps { stages, statistics } => {
                    let maps = model.encoder.stages(&images, Pass::INFERENCE);
                    let last = &maps[maps.len().saturating_sub(*stages)..];
                    let of = last.iter().map(|map| over_map(map, statistics));
                    Tensor::f_cat(&of.collect::<Vec<_>>(), 1)? // [pieces, dim]
                }
                EmbedConfig::Stage { stage, statistics } => {
                    let maps = model.encoder.stages(&images, Pass::INFERENCE);
                    let stages = maps.len();
                    let map = stage.checked_sub(1).and_then(|stage| maps.get(stage));
                    over_map(
                        map.ok_or(EncoderError::NoSuchStage {
                            stage: *stage,
                            stages,
                        })?,
                        statistics,
                    )
                }
            });
        }
    }
    Ok(Tensor::f_cat(&done, 0)?.to_device(tch::Device::Cpu))
}

/// Stretches of `frames` frames, `hop` apart, the last flush with the end; a shorter clip is
/// repeated until it fills one.
fn patches(clips: &FeatureSet<'_>, clip: usize, frames: usize, hop: usize) -> Vec<Vec<f32>> {
    let last = clips.frames(clip).saturating_sub(frames);
    let starts = (0..last).step_by(hop).chain([last]);
    let cut = |start| {
        let mut patch = vec![0.0; frames * clips.frame_len()];
        clips.stretch(clip, start, &mut patch);
        patch
    };
    starts.map(cut).collect()
}

/// The whole clip, or pieces of [`LONGEST`] frames; repeated up to `minimum` frames if shorter.
fn pieces(clips: &FeatureSet<'_>, clip: usize, minimum: usize) -> Vec<Vec<f32>> {
    let held = clips.frames(clip);
    let starts = (0..held).step_by(LONGEST);
    let cut = |start: usize| {
        let frames = LONGEST.min(held - start).max(minimum);
        let mut piece = vec![0.0; frames * clips.frame_len()];
        clips.stretch(clip, start, &mut piece);
        piece
    };
    starts.map(cut).collect()
}

/// `[patches, dim]` → `[dim · statistics]`.
fn over_patches(patches: &Tensor, statistics: &[Statistic]) -> Tensor {
    let first = [0i64].as_slice();
    let pooled = statistics.iter().map(|statistic| match statistic {
        Statistic::Mean => patches.mean_dim(first, false, None),
        Statistic::Max => patches.amax(first, false),
        Statistic::Std => patches.std_dim(first, false, false),
    });
    Tensor::cat(&pooled.collect::<Vec<_>>(), 0)
}

/// `[pieces, channels, rows, frames]` → `[pieces, channels · statistics]`, fp32.
fn over_map(map: &Tensor, statistics: &[Statistic]) -> Tensor {
    let map = map.to_kind(Kind::Float);
    let (rows, frames) = (2i64, 3i64);
    let pooled = statistics.iter().map(|statistic| match statistic {
        Statistic::Mean => map.mean_dim([rows, frames].as_slice(), false, None),
        Statistic::Max => map.amax([rows, frames], false),
        Statistic::Std => map
            .mean_dim([rows].as_slice(), false, None) // [pieces, channels, frames]
            .std_dim([2i64].as_slice(), false, false),
    });
    Tensor::cat(&pooled.collect::<Vec<_>>(), 1)
}

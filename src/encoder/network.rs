//! What every network can do, and what it is made for.

use tch::Tensor;

use super::layers::Pass;

/// What the images of a network have in common; front end and normalisation decide it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputShape {
    /// Channels of a normalised image.
    pub channels: usize,
    /// Bands of each channel; 1 for sound as it is.
    pub bands: usize,
}

/// A network: images `[batch, channels, mels, frames]` in, the map of each stage and embeddings out.
pub(crate) trait Network: std::fmt::Debug {
    /// Length of an embedding.
    fn dim(&self) -> i64;

    /// The fewest bands and frames that survive its strides.
    fn min_shape(&self) -> [usize; 2] {
        [1, 1]
    }

    /// Sides of a sound that go through the network one after another, each with an equal part of the channels;
    /// embeddings are their sum.
    fn sides(&self) -> usize {
        1
    }

    /// Images of one side → the map of each stage, `[batch, channels, rows, frames]`. `pass_of` says how each stage
    /// computes.
    fn stages(&self, x: &Tensor, pass_of: &dyn Fn(usize) -> Pass) -> Vec<Tensor>;

    /// The last stage's map → embeddings `[batch, dim]`, in the pass of the last stage.
    fn pool(&self, map: &Tensor, pass: Pass) -> Tensor;

    /// How the names of each stage's tensors begin. A tensor of no stage belongs to the stem.
    fn stage_names(&self) -> &[&[&str]];

    /// How the names of tensors begin that the network has beyond the one it is made of, and that published weights
    /// therefore lack.
    fn added_names(&self) -> &[&str] {
        &[]
    }

    /// The last map → fp32 embeddings of every frame, `[batch, dim, frames]`, where frames are kept apart.
    fn pool_frames(&self) -> Option<fn(&Tensor) -> Tensor> {
        None
    }
}

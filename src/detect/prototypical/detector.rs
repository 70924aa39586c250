//! Prototypes and a recording → events.

use crate::audio::ChannelChoice;
use crate::detect::detector::Fitted;
use crate::detect::windows::patches::{Frames, Query, images};
use crate::detect::windows::runs::Runs;
use crate::detect::{DetectError, Detection, Stage};
use crate::encoder::{Model, Pass};
use crate::method::squared_distances;
use std::path::Path;
use tch::{Device, Kind, Tensor};

/// Windows that are embedded together.
const BATCH: usize = 64;

/// Prototypes, with what it takes to search the recording that they are from.
pub(super) struct PrototypeDetector {
    pub(super) embedder: Embedder,
    /// `[1, dim]`
    pub(super) positive: Tensor,
    /// Each `[1, dim]`.
    pub(super) negatives: Vec<Tensor>,
    pub(super) channel: ChannelChoice,
    /// Frames of a window.
    pub(super) window: usize,
    /// Frames from one window to the next.
    pub(super) hop: usize,
    /// The frame in which the last widened shot ends.
    pub(super) query_start: usize,
    pub(super) threshold: f32,
    /// Shorter events are dropped.
    pub(super) shortest_secs: f64,
}

impl Fitted for PrototypeDetector {
    fn detect(
        &self,
        recording: &Path,
        _observe: &mut dyn FnMut(Stage),
    ) -> Result<Detection, DetectError> {
        let front_end = &self.embedder.model.card.front_end;
        let frames = Frames::open(recording, self.channel, front_end)?;
        let query = Query::new(frames, self.query_start, self.window, self.hop);
        let frame_rate = front_end.frame_rate();
        let runs = Runs::new(self.query_start, self.hop, frame_rate, self.threshold);
        let mut events = query.events(runs, |patches| {
            let embeddings = self.embedder.embed(patches)?;
            probabilities(&embeddings, &self.positive, &self.negatives)
        })?;
        events.retain(|event| event.span.secs() >= self.shortest_secs);
        Ok(Detection::of_events(events, self.threshold))
    }
}

/// Windows → embeddings.
pub(super) struct Embedder {
    pub(super) model: Model,
    pub(super) bands: usize,
}

impl Embedder {
    /// The mean embedding of patches, `[1, dim]`.
    pub(super) fn mean(&self, patches: &[Vec<f32>]) -> Result<Tensor, DetectError> {
        let embedded = patches.chunks(BATCH).map(|batch| self.embed(batch));
        let embedded = Tensor::cat(&embedded.collect::<Result<Vec<_>, _>>()?, 0);
        Ok(embedded.mean_dim([0i64].as_slice(), true, None))
    }

    /// Patches `[window, mels]` → `[batch, dim]`.
    fn embed(&self, patches: &[Vec<f32>]) -> Result<Tensor, DetectError> {
        let Model { card, encoder } = &self.model;
        let images = images(patches, self.bands, encoder.parameters().device())?;
        let images = card.normalization.apply(images);
        Ok(tch::no_grad(|| encoder.embed(&images, Pass::INFERENCE)))
    }
}

/// `exp(−‖x − c₊‖²) / (exp(−‖x − c₊‖²) + exp(−‖x − c₋‖²))` of each of `embeddings`, `[items, dim]`, averaged over the
/// negative prototypes.
fn probabilities(
    embeddings: &Tensor,
    positive: &Tensor,
    negatives: &[Tensor],
) -> Result<Vec<f32>, DetectError> {
    let of_prototype = negatives.iter().map(|negative| {
        let prototypes = Tensor::cat(&[positive, negative], 0); // [2, dim]
        let logits = -squared_distances(embeddings, &prototypes); // [items, 2]
        logits.softmax(1, Kind::Float).select(1, 0)
    });
    let all = Tensor::stack(&of_prototype.collect::<Vec<_>>(), 0); // [negatives, items]
    let mean = all.mean_dim([0i64].as_slice(), false, None);
    Ok(Vec::try_from(&mean.to_device(Device::Cpu))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_those_of_the_formula() {
        let embeddings = Tensor::from_slice2(&[[0.0f32, 0.0], [1.0, 0.0]]);
        let positive = Tensor::from_slice2(&[[1.0f32, 0.0]]);
        let negatives = [[[0.0f32, 0.0]], [[1.0, 1.0]]].map(|n| Tensor::from_slice2(&n));
        let found = probabilities(&embeddings, &positive, &negatives).unwrap();
        let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
        let expected = [
            (sigmoid(-1.0) + sigmoid(1.0)) / 2.0,
            (sigmoid(1.0) + sigmoid(1.0)) / 2.0,
        ];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6);
        }
    }
}

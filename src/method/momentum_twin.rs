//! A second encoder that follows the first one slowly.

use rand::seq::SliceRandom;
use tch::Tensor;

use super::{MethodParts, ProjectionHead, ProjectionHeadConfig};
use crate::encoder::parameters::Parameters;
use crate::encoder::{Encoder, EncoderError, Pass};

/// Encoder and head whose weights are a moving average of the trained ones (He et al. 2020, eq. 2). They encode what the
/// trained ones are compared with, and get no gradient.
///
/// Batch normalisation keeps running statistics of its own and works as in training, by the statistics of the batch.
#[derive(Debug)]
pub(crate) struct MomentumTwin {
    encoder: Encoder,
    head: ProjectionHead,
    head_parameters: Parameters,
    momentum: f64,
}

impl MomentumTwin {
    /// A twin that starts equal to the encoder in `parts` and to the head in `head_parameters`.
    ///
    /// # Errors
    /// None for the configuration that the encoder came from.
    pub(super) fn new(
        parts: &MethodParts<'_>,
        head: &ProjectionHeadConfig,
        head_parameters: &Parameters,
        momentum: f64,
    ) -> Result<Self, EncoderError> {
        let device = parts.encoder.parameters().device();
        let encoder = Encoder::new(
            parts.encoder_config,
            parts.encoder.input(),
            parts.seed,
            device,
        )?;
        let own = Parameters::new(parts.seed, device);
        let twin = Self {
            head: ProjectionHead::new(head, encoder.dim(), &own.root()),
            encoder,
            head_parameters: own,
            momentum,
        };
        twin.encoder
            .parameters()
            .follow(parts.encoder.parameters(), 0.0);
        twin.head_parameters.follow(head_parameters, 0.0);
        Ok(twin)
    }

    /// `θ_k ← momentum·θ_k + (1 − momentum)·θ_q`.
    pub(crate) fn follow(&self, encoder: &Encoder, head: &Parameters) {
        self.encoder
            .parameters()
            .follow(encoder.parameters(), self.momentum);
        self.head_parameters.follow(head, self.momentum);
    }

    /// Embeddings and projections of `views`, `[batch, channels, mels, frames]`, without gradient.
    ///
    /// With `groups` above 1 the batch is encoded in so many parts, put together by `rng`: batch normalisation then cannot
    /// tell which view belongs to which, as it could where both views of a clip share its statistics. It stands for the
    /// shuffling between devices of the paper (section 3.3).
    pub(crate) fn encode(
        &self,
        views: &Tensor,
        pass: Pass,
        groups: usize,
        rng: &mut impl rand::Rng,
    ) -> (Tensor, Tensor) {
        tch::no_grad(|| {
            let embeddings = match groups {
                0 | 1 => self.encoder.embed(views, pass),
                groups => self.in_groups(views, pass, groups, rng),
            };
            let projections = self.head.forward(&embeddings, pass);
            (embeddings, projections)
        })
    }

    fn in_groups(
        &self,
        views: &Tensor,
        pass: Pass,
        groups: usize,
        rng: &mut impl rand::Rng,
    ) -> Tensor {
        let mut order: Vec<i64> = (0..views.size()[0]).collect();
        order.shuffle(rng);
        let order = Tensor::from_slice(&order).to_device(views.device());
        let shuffled = views.index_select(0, &order);
        let parts: Vec<Tensor> = shuffled
            .chunk(groups as i64, 0)
            .iter()
            .map(|part| self.encoder.embed(part, pass))
            .collect();
        Tensor::cat(&parts, 0).index_select(0, &order.argsort(0, false))
    }

    /// The tensors of encoder and head, with what they are called in a checkpoint.
    pub(crate) fn parameters(&self) -> [(&'static str, &Parameters); 2] {
        [
            ("twin.encoder", self.encoder.parameters()),
            ("twin.head", &self.head_parameters),
        ]
    }
}

//! Two views → their embeddings and projections.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::{ProjectionHead, StepInput};
use crate::encoder::Encoder;

/// What batch normalisation takes its statistics from while training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BatchStatistics {
    /// Both views in one pass (Chen et al., Fonseca et al.).
    #[default]
    Joint,
    /// Each view in a pass of its own (Moummad et al.).
    PerView,
}

/// What encoder and head make of the views, each `[batch, dim]`.
pub(super) struct Seen {
    pub(super) embeddings: [Tensor; 2],
    pub(super) projections: [Tensor; 2],
}

/// Embeddings of both views.
pub(super) fn embed(
    encoder: &Encoder,
    input: &StepInput<'_>,
    statistics: BatchStatistics,
) -> [Tensor; 2] {
    let [first, second] = input.views;
    match statistics {
        BatchStatistics::Joint => {
            halves(&encoder.embed(&Tensor::cat(input.views, 0), input.pass)) // of [2·batch, dim]
        }
        BatchStatistics::PerView => [first, second].map(|view| encoder.embed(view, input.pass)),
    }
}

/// Embeddings and projections of both views.
pub(super) fn project(
    encoder: &Encoder,
    head: &ProjectionHead,
    input: &StepInput<'_>,
    statistics: BatchStatistics,
) -> Seen {
    match statistics {
        BatchStatistics::Joint => {
            let embeddings = encoder.embed(&Tensor::cat(input.views, 0), input.pass); // [2·batch, dim]
            Seen {
                projections: halves(&head.forward(&embeddings, input.pass)),
                embeddings: halves(&embeddings),
            }
        }
        BatchStatistics::PerView => {
            let embeddings = embed(encoder, input, statistics);
            Seen {
                projections: (embeddings.each_ref()).map(|view| head.forward(view, input.pass)),
                embeddings,
            }
        }
    }
}

/// The first and the second half of the rows.
pub(super) fn halves(x: &Tensor) -> [Tensor; 2] {
    let half = x.size()[0] / 2;
    [x.narrow(0, 0, half), x.narrow(0, half, half)]
}

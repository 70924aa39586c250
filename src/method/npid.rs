//! Non-parametric instance discrimination: a clip attracts to what is remembered of it, and is repelled by what is
//! remembered of others.

use rand::RngExt;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::cld::{Cld, CldConfig};
use super::views::{BatchStatistics, project};
use super::{
    MemoryBank, MethodParts, Objective, ProjectionHead, ProjectionHeadConfig, Step, StepInput,
    draws,
};
use crate::augment::Purpose;
use crate::encoder::Encoder;
use crate::encoder::parameters::Parameters;
use crate::loss::{Temperature, npid_log_normaliser, npid_nce, npid_softmax, unit_rows};

/// Non-parametric instance discrimination (Wu et al. 2018), called deep learning of similarities by Hornauer et al.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NpidConfig {
    /// Of the softmax over similarities. Wu et al.: 0.07; Hornauer et al.: 0.4.
    pub temperature: Temperature,
    /// The projection head. Published: one layer of 128.
    pub head: ProjectionHeadConfig,
    /// Memory rows drawn for every clip as negatives, with replacement. Wu et al.: 4096; Hornauer et al.: 64. With 0 all
    /// rows are compared: the full softmax.
    pub negatives: usize,
    /// How much of a memory row stays when its clip is heard, 0 to 1. Published: 0.5.
    #[serde(default = "default_momentum")]
    pub momentum: f64,
    /// Cross-level discrimination beside it; both views are then heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cld: Option<CldConfig>,
}

fn default_momentum() -> f64 {
    0.5
}

#[derive(Debug)]
pub(super) struct Npid {
    config: NpidConfig,
    head: ProjectionHead,
    cld: Option<Cld>,
    bank: MemoryBank,
    /// The logarithm of the constant Z, `[]`; not a number before the first batch.
    log_partition: Tensor,
    seed: u64,
    /// Clips and embeddings of the last batch, until it is over.
    heard: Option<(Tensor, Tensor)>,
}

impl Npid {
    pub(super) fn new(
        config: &NpidConfig,
        parts: &MethodParts<'_>,
        parameters: &Parameters,
    ) -> Self {
        let (root, dim) = (parameters.root(), parts.encoder.dim());
        let (clips, projection) = (parts.clips as i64, config.head.projection());
        Self {
            head: ProjectionHead::new(&config.head, dim, &root),
            cld: (config.cld.as_ref()).map(|cld| Cld::new(cld, dim, &root.sub("cld"))),
            bank: MemoryBank::new(&root.sub("memory"), clips, projection),
            log_partition: root.buffer("log_partition", &[], f64::NAN),
            config: config.clone(),
            seed: parts.seed,
            heard: None,
        }
    }

    /// The loss of embeddings of length 1, `[batch, dim]`, of `clips`, `[batch]`.
    fn instances(&self, embeddings: &Tensor, clips: &Tensor, compared: &Tensor) -> Tensor {
        let (rows, temperature) = (self.bank.rows(), self.config.temperature);
        if self.config.negatives == 0 {
            return npid_softmax(embeddings, rows, clips, temperature);
        }
        let [batch, dim] = [embeddings.size()[0], embeddings.size()[1]];
        let chosen = rows // [batch, 1 + negatives, dim], the clip itself first
            .index_select(0, &compared.view(-1))
            .view([batch, -1, dim]);
        let items = rows.size()[0];
        if self.log_partition.double_value(&[]).is_nan() {
            let estimate = npid_log_normaliser(embeddings, &chosen, items, temperature);
            let _ = self.log_partition.shallow_clone().fill_(estimate);
        }
        let log_partition = self.log_partition.double_value(&[]);
        npid_nce(embeddings, &chosen, items, log_partition, temperature)
    }

    /// `[batch, 1 + negatives]`: each clip, then the rows drawn for it.
    fn compared(&self, clips: &Tensor, input: &StepInput<'_>) -> Tensor {
        let (batch, rows) = (input.clips.len(), self.bank.rows().size()[0]);
        let mut rng = draws(self.seed, input.step, Purpose::Negatives).rng();
        let drawn: Vec<i64> = (0..batch * self.config.negatives)
            .map(|_| rng.random_range(0..rows))
            .collect();
        let drawn = Tensor::from_slice(&drawn)
            .view([batch as i64, self.config.negatives as i64])
            .to_device(clips.device());
        Tensor::cat(&[&clips.unsqueeze(1), &drawn], 1)
    }
}

impl Objective for Npid {
    fn step(&mut self, encoder: &Encoder, _: &Parameters, input: &StepInput<'_>) -> Step {
        let clips: Vec<i64> = input.clips.iter().map(|&clip| clip as i64).collect();
        let clips = Tensor::from_slice(&clips).to_device(input.views[0].device());
        let compared = self.compared(&clips, input);
        let Some(cld) = &self.cld else {
            let embeddings = encoder.embed(&input.views[0], input.pass);
            let v = unit_rows(&self.head.forward(&embeddings, input.pass));
            let loss = self.instances(&v, &clips, &compared);
            self.heard = Some((clips, v.detach()));
            return Step::of_one_view(loss, &embeddings, &v);
        };
        let seen = project(encoder, &self.head, input, BatchStatistics::PerView);
        let [a, b] = seen.projections.each_ref().map(unit_rows);
        let instances =
            self.instances(&a, &clips, &compared) + self.instances(&b, &clips, &compared);
        let loss = instances / 2.0 + cld.loss(&seen.embeddings, input.pass);
        self.heard = Some((clips, a.detach()));
        Step::of_two_views(loss, &seen.embeddings, Some(&a))
    }

    fn finish_step(&mut self) {
        if let Some((clips, embeddings)) = self.heard.take() {
            self.bank
                .remember(&clips, &embeddings, self.config.momentum);
        }
    }
}

//! Non-parametric instance discrimination: a clip attracts to what is remembered of it, and is repelled by what is
//! remembered of others.

use rand::RngExt;
use serde::de::{self, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::num::NonZeroUsize;
use tch::Tensor;

use super::chance::guess_among;
use super::cld::{Cld, CldConfig};
use super::settings::Settings;
use super::views::{BatchStatistics, project};
use super::{
    MemoryBank, MethodParts, Must, Objective, ProjectionHead, ProjectionHeadConfig, Sizes, Step,
    StepInput, check, draws,
};
use crate::augment::Purpose;
use crate::encoder::parameters::Parameters;
use crate::encoder::{Encoder, EncoderError};
use crate::loss::{Temperature, npid_log_normaliser, npid_nce, npid_softmax, unit_rows};

/// Non-parametric instance discrimination (Wu et al. 2018), called deep learning of similarities by Hornauer et al.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NpidConfig {
    /// Of the softmax over similarities. Wu et al.: 0.07; Hornauer et al.: 0.4.
    pub temperature: Temperature,
    /// The projection head. Published: one layer of 128.
    pub head: ProjectionHeadConfig,
    /// Which rows of the memory a clip is compared with. Wu et al.: 4096; Hornauer et al.: 64.
    pub negatives: Negatives,
    /// How much of a memory row stays when its clip is heard, 0 to 1. Published: 0.5.
    #[serde(default = "default_momentum")]
    pub momentum: f64,
    /// Cross-level discrimination beside it; both views are then heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cld: Option<CldConfig>,
}

/// Which rows of the memory a clip is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "usize")]
pub enum Negatives {
    /// All: the full softmax. In files `"all"`; 0, as older versions wrote it, means the same, and is still what is
    /// written, or their runs could not be resumed.
    All,
    /// So many, drawn with replacement.
    Drawn(NonZeroUsize),
}

impl<'de> Deserialize<'de> for Negatives {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AllOrNumber)
    }
}

/// Reads [`Negatives`] as people write them.
struct AllOrNumber;

impl Visitor<'_> for AllOrNumber {
    type Value = Negatives;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`all` or a number of rows")
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<Negatives, E> {
        match word {
            "all" => Ok(Negatives::All),
            _ => Err(E::invalid_value(Unexpected::Str(word), &self)),
        }
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Negatives, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(number), &self)),
        }
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Negatives, E> {
        let rows = usize::try_from(number);
        let rows = rows.map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))?;
        Ok(NonZeroUsize::new(rows).map_or(Negatives::All, Negatives::Drawn))
    }
}

impl From<Negatives> for usize {
    fn from(negatives: Negatives) -> Self {
        negatives.drawn()
    }
}

impl Negatives {
    /// Rows that are drawn for a clip; 0 where all are compared.
    fn drawn(self) -> usize {
        match self {
            Self::All => 0,
            Self::Drawn(count) => count.get(),
        }
    }

    /// Rows of a memory of so many that a clip is compared with.
    pub(crate) fn compared(self, rows: usize) -> usize {
        match self {
            Self::All => rows,
            Self::Drawn(count) => count.get(),
        }
    }
}

fn default_momentum() -> f64 {
    0.5
}

impl Settings for NpidConfig {
    fn objective(
        &self,
        parts: &MethodParts<'_>,
        parameters: &Parameters,
    ) -> Result<Box<dyn Objective>, EncoderError> {
        Ok(Box::new(Npid::new(self, parts, parameters)))
    }

    fn check(&self, batch: usize, must: &mut Must<'_>) {
        self.head.check(must);
        check::temperature("method.temperature", self.temperature, must);
        let drawn = self.negatives.drawn();
        must(
            drawn <= 1 << 20,
            "method.negatives",
            &drawn,
            "at most 1048576",
        );
        check::share("method.momentum", self.momentum, must);
        if let Some(cld) = &self.cld {
            cld.check(batch, must);
        }
    }

    fn chance_loss(&self, sizes: &Sizes) -> Option<f64> {
        let beside = self.cld.as_ref().map_or(0.0, CldConfig::chance_loss);
        let of_instances = match self.negatives {
            Negatives::All => guess_among(sizes.clips)?,
            Negatives::Drawn(count) => {
                let m = count.get() as f64;
                m.ln_1p() + m * m.recip().ln_1p()
            }
        };
        Some(of_instances + beside)
    }

    fn must_leave_chance(&self) -> bool {
        false
    }

    fn head(&self) -> Option<&ProjectionHeadConfig> {
        Some(&self.head)
    }
}

#[derive(Debug)]
struct Npid {
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
    fn new(config: &NpidConfig, parts: &MethodParts<'_>, parameters: &Parameters) -> Self {
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
        if self.config.negatives == Negatives::All {
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
        let negatives = self.config.negatives.drawn();
        let mut rng = draws(self.seed, input.step, Purpose::Negatives).rng();
        let drawn: Vec<i64> = (0..batch * negatives)
            .map(|_| rng.random_range(0..rows))
            .collect();
        let drawn = Tensor::from_slice(&drawn)
            .view([batch as i64, negatives as i64])
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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct File {
        negatives: Negatives,
    }

    #[test]
    fn all_is_a_word_or_the_zero_of_older_files() {
        let read = |text: &str| toml::from_str::<File>(&format!("negatives = {text}"));
        let drawn = Negatives::Drawn(NonZeroUsize::new(64).unwrap());
        for (text, expected) in [
            ("\"all\"", Negatives::All),
            ("0", Negatives::All),
            ("64", drawn),
        ] {
            assert_eq!(read(text).unwrap().negatives, expected, "{text}");
        }
        let refused = read("\"some\"").unwrap_err().to_string();
        assert!(refused.contains("`all` or a number of rows"), "{refused}");
        let refused = read("-1").unwrap_err().to_string();
        assert!(refused.contains("`all` or a number of rows"), "{refused}");
        let written = toml::to_string(&File {
            negatives: Negatives::All,
        });
        assert_eq!(written.unwrap(), "negatives = 0\n");
    }
}

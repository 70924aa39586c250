//! Which protocols measure, and how they go about it.

use std::path::PathBuf;
use std::str::FromStr;

use crate::choices::{Choice, UnknownChoice};
use crate::evaluate::{
    FineTune, Forest, LinearProbe, MajorityKnn, Protocol, ProtocolName, SupportVectors, Unfreeze,
    WeightedKnn,
};
use crate::train::FreezeMode;

/// What can be asked for as a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProtocolChoice {
    /// A single protocol.
    By(ProtocolName),
    /// What MFCC statistics were measured by before networks: k-NN, support vector machines and random forest, on those
    /// alone.
    Classic,
}

impl Choice for ProtocolChoice {
    const ALL: &'static [Self] = &[
        Self::By(ProtocolName::Linear),
        Self::By(ProtocolName::Knn),
        Self::By(ProtocolName::Majority),
        Self::By(ProtocolName::Svm),
        Self::By(ProtocolName::Forest),
        Self::Classic,
        Self::By(ProtocolName::Frozen),
        Self::By(ProtocolName::Finetune),
        Self::By(ProtocolName::Scratch),
    ];

    fn name(self) -> &'static str {
        match self {
            Self::By(protocol) => protocol.name(),
            Self::Classic => "classic",
        }
    }

    fn about(self) -> &'static str {
        match self {
            Self::By(protocol) => protocol.about(),
            Self::Classic => {
                "k-NN, support vector machines and random forest on MFCC statistics alone"
            }
        }
    }
}

impl FromStr for ProtocolChoice {
    type Err = UnknownChoice;

    fn from_str(name: &str) -> Result<Self, UnknownChoice> {
        Self::named(name)
    }
}

impl From<ProtocolName> for ProtocolChoice {
    fn from(name: ProtocolName) -> Self {
        Self::By(name)
    }
}

impl ProtocolChoice {
    /// Linear probe and k-NN.
    pub const STANDARD: [Self; 2] = [Self::By(ProtocolName::Linear), Self::By(ProtocolName::Knn)];

    /// The protocol, if it goes by embeddings alone, of any encoder.
    pub(super) fn of_embeddings(self, config: &MeasureConfig) -> Option<Protocol> {
        let Self::By(name) = self else {
            return None;
        };
        Some(match name {
            ProtocolName::Linear => Protocol::Linear(LinearProbe::default()),
            ProtocolName::Knn => {
                let knn = WeightedKnn::default();
                Protocol::Knn(WeightedKnn {
                    neighbours: config.neighbours_or(knn.neighbours),
                    ..knn
                })
            }
            ProtocolName::Majority => {
                let knn = MajorityKnn::default();
                Protocol::Majority(MajorityKnn {
                    neighbours: config.neighbours_or(knn.neighbours),
                    ..knn
                })
            }
            ProtocolName::Svm => Protocol::Svm(SupportVectors::default()),
            ProtocolName::Forest => Protocol::Forest(Forest::default()),
            ProtocolName::Frozen | ProtocolName::Finetune | ProtocolName::Scratch => return None,
        })
    }
}

/// How protocols go about it.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasureConfig {
    /// For k-NN: numbers of neighbours to choose from within the training folds. Empty, the default: the protocol's own.
    pub neighbours: Vec<usize>,
    /// For protocols that are fitted by epochs: passes over the training clips. Default as [`FineTune::epochs`].
    pub epochs: u32,
    /// For fine-tuning: what learns along with the linear layer. Default all.
    pub unfreeze: Unfreeze,
    /// What stays as it is where nothing learns. Default weights and statistics.
    pub freeze: FreezeMode,
    /// For protocols that are fitted by epochs: how many seeds are measured and averaged, at least 1, the default.
    pub seeds: u64,
    /// Learn also from so few labelled clips of each class. Default: never.
    pub few_labels: Vec<usize>,
    /// How often the few clips are drawn anew. Default 5.
    pub draws: u64,
    /// Measure also the same network with the weights of this file. Default: none.
    pub imagenet: Option<PathBuf>,
    /// Add the accuracy of each fold's best epoch, which was chosen on that very fold: optimistic. Default no.
    pub best_epochs: bool,
}

impl Default for MeasureConfig {
    fn default() -> Self {
        Self {
            neighbours: Vec::new(),
            epochs: FineTune::default().epochs,
            unfreeze: Unfreeze::All,
            freeze: FreezeMode::WeightsAndBn,
            seeds: 1,
            few_labels: Vec::new(),
            draws: 5,
            imagenet: None,
            best_epochs: false,
        }
    }
}

impl MeasureConfig {
    /// What a protocol that is fitted by epochs does.
    pub(super) fn fine_tune(&self, protocol: ProtocolName) -> FineTune {
        let of = match protocol {
            ProtocolName::Frozen => FineTune::frozen(),
            _ => FineTune::default(),
        };
        FineTune {
            epochs: self.epochs,
            unfreeze: match protocol {
                ProtocolName::Finetune => self.unfreeze,
                _ => of.unfreeze,
            },
            freeze: self.freeze,
            ..of
        }
    }

    /// What every draw of fitting is keyed by, one after the other.
    pub(super) fn seeds(&self) -> Vec<u64> {
        (0..self.seeds).collect()
    }

    fn neighbours_or(&self, otherwise: Vec<usize>) -> Vec<usize> {
        match self.neighbours.is_empty() {
            true => otherwise,
            false => self.neighbours.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_is_read_by_its_name() {
        for choice in ProtocolChoice::ALL {
            assert_eq!(choice.name().parse(), Ok(*choice));
        }
        let error = "kn".parse::<ProtocolChoice>().unwrap_err().to_string();
        assert!(error.contains("linear, knn"), "{error}");
    }

    #[test]
    fn only_fine_tuning_goes_by_what_is_unfrozen() {
        let config = MeasureConfig {
            unfreeze: Unfreeze::Last,
            ..MeasureConfig::default()
        };
        let unfrozen = |name| config.fine_tune(name).unfreeze;
        assert_eq!(unfrozen(ProtocolName::Finetune), Unfreeze::Last);
        assert_eq!(unfrozen(ProtocolName::Scratch), Unfreeze::All);
        assert_eq!(unfrozen(ProtocolName::Frozen), Unfreeze::Nothing);
    }
}

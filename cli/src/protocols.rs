//! How encoders are measured, as it is said on the command line.

use anyhow::bail;
use chiffchaff::evaluate::{
    FineTune, Forest, LinearProbe, MajorityKnn, Protocol, ProtocolName, SupportVectors, Unfreeze,
    WeightedKnn,
};
use chiffchaff::train::FreezeMode;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// A protocol's name on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProtocolChoice {
    /// Logistic regression on the frozen embeddings
    Linear,
    /// Weighted vote of the nearest training clips
    Knn,
    /// Their vote, all alike
    Majority,
    /// Support vector machines on the frozen embeddings
    Svm,
    /// Random forest on the frozen embeddings
    Forest,
    /// k-NN, support vector machines and random forest on MFCC statistics alone
    Classic,
    /// A linear layer on the frozen encoder, fitted by gradient descent
    Frozen,
    /// The encoder fitted along with the linear layer
    Finetune,
    /// The same from the weights the encoder began with
    Scratch,
}

/// How protocols go about it.
#[derive(Debug, Clone, Args)]
pub(crate) struct MeasureArguments {
    /// For `knn` and `majority`: numbers of neighbours to choose from by cross-validation within the training folds; a
    /// single one is used as it is [default: 1 to 200]
    #[arg(long, value_name = "K", value_delimiter = ',')]
    neighbours: Vec<usize>,
    /// For `frozen`, `finetune` and `scratch`: passes over the training clips
    #[arg(long, value_name = "N", default_value_t = FineTune::default().epochs)]
    pub(crate) epochs: u32,
    /// For `finetune`: what learns along with the linear layer
    #[arg(long, value_enum, default_value_t = Unfrozen::All)]
    unfreeze: Unfrozen,
    /// For `frozen`, and `finetune` in part: batch normalisation goes by the batch where nothing learns, as the code of
    /// Fonseca et al. and of Moummad et al. does
    #[arg(long)]
    freeze_weights_only: bool,
    /// For `frozen`, `finetune` and `scratch`: how many seeds to measure and average
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// Learn also from so few labelled clips of each class, such as 1,5,10,20
    #[arg(long, value_name = "N", value_delimiter = ',')]
    pub(crate) few_labels: Vec<usize>,
    /// For `--few-labels`: how often to draw them anew
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) draws: u64,
    /// Measure also the same network with these weights, such as torchvision's from ImageNet (.safetensors or .pth)
    #[arg(long, value_name = "FILE")]
    pub(crate) imagenet: Option<PathBuf>,
    /// Print also the accuracy of each fold's best epoch, chosen on that very fold as Lin 2022 does: optimistic
    #[arg(long)]
    pub(crate) protocol_compat: bool,
}

/// What learns, on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Unfrozen {
    /// The whole encoder
    All,
    /// Its last stage
    Last,
    /// Its last two stages
    LastTwo,
}

impl Default for MeasureArguments {
    fn default() -> Self {
        Self {
            neighbours: Vec::new(),
            epochs: FineTune::default().epochs,
            unfreeze: Unfrozen::All,
            freeze_weights_only: false,
            seeds: 1,
            few_labels: Vec::new(),
            draws: 5,
            imagenet: None,
            protocol_compat: false,
        }
    }
}

impl MeasureArguments {
    /// What a protocol that is fitted by epochs does.
    pub(crate) fn fine_tune(&self, protocol: ProtocolName) -> FineTune {
        let of = match protocol {
            ProtocolName::Frozen => FineTune::frozen(),
            _ => FineTune::default(),
        };
        FineTune {
            epochs: self.epochs,
            unfreeze: match (protocol, self.unfreeze) {
                (ProtocolName::Finetune, Unfrozen::Last) => Unfreeze::Last,
                (ProtocolName::Finetune, Unfrozen::LastTwo) => Unfreeze::LastTwo,
                _ => of.unfreeze,
            },
            freeze: match self.freeze_weights_only {
                true => FreezeMode::WeightsOnly,
                false => FreezeMode::WeightsAndBn,
            },
            ..of
        }
    }

    /// Whether fine-tuning is of the whole encoder.
    pub(crate) fn tunes_all(&self) -> bool {
        self.unfreeze == Unfrozen::All
    }

    /// What every draw of fitting is keyed by, one after the other.
    pub(crate) fn seeds(&self) -> Vec<u64> {
        (0..self.seeds).collect()
    }

    fn neighbours(&self, otherwise: Vec<usize>) -> Vec<usize> {
        match self.neighbours.is_empty() {
            true => otherwise,
            false => self.neighbours.clone(),
        }
    }
}

impl ProtocolChoice {
    /// Whether it is the protocol of this name, which is fitted by epochs.
    pub(crate) fn is_fitted(self, name: ProtocolName) -> bool {
        matches!(
            (self, name),
            (Self::Frozen, ProtocolName::Frozen)
                | (Self::Finetune, ProtocolName::Finetune)
                | (Self::Scratch, ProtocolName::Scratch)
        )
    }

    /// The protocol, if it goes by embeddings alone.
    pub(crate) fn of_embeddings(self, arguments: &MeasureArguments) -> Option<Protocol> {
        Some(match self {
            Self::Linear => Protocol::Linear(LinearProbe::default()),
            Self::Knn => {
                let knn = WeightedKnn::default();
                Protocol::Knn(WeightedKnn {
                    neighbours: arguments.neighbours(knn.neighbours),
                    ..knn
                })
            }
            Self::Majority => {
                let knn = MajorityKnn::default();
                Protocol::Majority(MajorityKnn {
                    neighbours: arguments.neighbours(knn.neighbours),
                    ..knn
                })
            }
            Self::Svm => Protocol::Svm(SupportVectors::default()),
            Self::Forest => Protocol::Forest(Forest::default()),
            Self::Classic | Self::Frozen | Self::Finetune | Self::Scratch => return None,
        })
    }
}

impl TryFrom<ProtocolName> for ProtocolChoice {
    type Error = anyhow::Error;

    fn try_from(name: ProtocolName) -> anyhow::Result<Self> {
        Ok(match name {
            ProtocolName::Linear => Self::Linear,
            ProtocolName::Knn => Self::Knn,
            ProtocolName::Majority => Self::Majority,
            ProtocolName::Svm => Self::Svm,
            ProtocolName::Forest => Self::Forest,
            ProtocolName::Frozen => Self::Frozen,
            ProtocolName::Finetune => Self::Finetune,
            ProtocolName::Scratch => Self::Scratch,
            other => bail!("this program cannot measure by {}", other.title()),
        })
    }
}

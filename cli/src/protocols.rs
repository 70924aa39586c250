//! How encoders are measured, as it is said on the command line.

use crate::choice::choice;
use chiffchaff::evaluate::{FineTune, Unfreeze};
use chiffchaff::measure::MeasureConfig;
use chiffchaff::train::FreezeMode;
use clap::Args;
use std::path::PathBuf;

/// Headings of the help: how it is measured, and what beside it.
pub(crate) const PROTOCOLS: &str = "How to measure";
const COMPARISONS: &str = "What else to measure";

/// How protocols go about it.
#[derive(Debug, Clone, Args)]
pub(crate) struct MeasureArguments {
    /// For `knn` and `majority`: numbers of neighbours to choose from by cross-validation within the training folds; a
    /// single one is used as it is [default: 1 to 200]
    #[arg(long, value_name = "K", value_delimiter = ',', help_heading = PROTOCOLS)]
    neighbours: Vec<usize>,
    /// For `frozen`, `finetune` and `scratch`: passes over the training clips
    #[arg(long, value_name = "N", default_value_t = FineTune::default().epochs, help_heading = PROTOCOLS)]
    pub(crate) epochs: u32,
    /// For `finetune`: what learns along with the linear layer
    #[arg(long, value_parser = choice::<Unfreeze>(), default_value = "all", help_heading = PROTOCOLS)]
    unfreeze: Unfreeze,
    /// For `frozen`, and `finetune` in part: batch normalisation goes by the batch where nothing learns, as the code of
    /// Fonseca et al. and of Moummad et al. does
    #[arg(long, help_heading = PROTOCOLS)]
    freeze_weights_only: bool,
    /// For `frozen`, `finetune` and `scratch`: how many seeds to measure and average
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000), help_heading = PROTOCOLS)]
    seeds: u64,
    /// Learn also from so few labelled clips of each class, such as 1,5,10,20
    #[arg(long, value_name = "N", value_delimiter = ',', help_heading = COMPARISONS)]
    pub(crate) few_labels: Vec<usize>,
    /// For `--few-labels`: how often to draw them anew
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1000), help_heading = COMPARISONS)]
    draws: u64,
    /// Measure also the same network with these weights, such as torchvision's from ImageNet (.safetensors or .pth)
    #[arg(long, value_name = "FILE", help_heading = COMPARISONS)]
    imagenet: Option<PathBuf>,
    /// Print also the accuracy of each fold's best epoch, chosen on that very fold as Lin 2022 does: optimistic
    #[arg(long, help_heading = COMPARISONS)]
    protocol_compat: bool,
}

impl MeasureArguments {
    /// The same for the library.
    pub(crate) fn config(&self) -> MeasureConfig {
        MeasureConfig {
            neighbours: self.neighbours.clone(),
            epochs: self.epochs,
            unfreeze: self.unfreeze,
            freeze: match self.freeze_weights_only {
                true => FreezeMode::WeightsOnly,
                false => FreezeMode::WeightsAndBn,
            },
            seeds: self.seeds,
            few_labels: self.few_labels.clone(),
            draws: self.draws,
            imagenet: self.imagenet.clone(),
            best_epochs: self.protocol_compat,
        }
    }
}

//! How a recording's own classifier is made.

use crate::choices::choices;
use crate::detect::DetectError;
use crate::train::{FreezeMode, PrecisionChoice};
use serde::{Deserialize, Serialize};

/// Settings of the detector that works window by window.
///
/// [`Self::sane`] is the default; [`Self::compat`] is what the code released with the paper runs, which is the only
/// evidence of how its numbers were made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WindowsConfig {
    /// What is trained on a recording's shots. Default the last block, the paper's best.
    pub adapt: Adapt,
    /// How patches are scaled before the network. Default as the model was trained.
    pub scaling: Scaling,
    /// What stays as it is in frozen blocks. Default weights and statistics.
    pub freeze: FreezeMode,
    /// How the stretch before the first shot is used. Default once.
    pub first_gap: FirstGap,
    /// What becomes of spans marked as unknown that lie between the shots. Default left out.
    pub unknown: UnknownSpans,
    /// How errors on the few positives weigh against those on the many negatives. Default equally, as published.
    pub class_weights: ClassWeights,
    /// Whether the time crop is drawn for each patch (default) or once for a whole batch.
    pub crop_drawn_for: crate::augment::spectrogram::DrawnFor,
    /// Negatives are thinned out evenly to this many, which bounds memory and time where shots lie far apart. Default
    /// 2000; at least 1. None keeps all, as published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_negatives: Option<usize>,
    /// Number format. Default `auto`.
    pub precision: PrecisionChoice,
    /// Probability above which a window is positive, 0..=1. Default 0.5, as published: the more probable of two classes.
    pub threshold: f32,
    /// Keys every random draw. Default 0.
    pub seed: u64,
}

choices! {
    /// Which layers are trained on a recording's shots, each time anew from the pre-trained ones: the four submissions of
    /// Moummad et al. to DCASE 2023 task 5.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    pub enum Adapt {
        /// The classifier alone (submission 1)
        ///
        /// One linear layer: 20 epochs at a learning rate of 0.01, no augmentation.
        Head = "head",
        /// And the last block (submission 2)
        ///
        /// 40 epochs at 0.001, patches cropped in time.
        #[default]
        Last = "last",
        /// And the last two blocks (submission 3)
        ///
        /// Likewise.
        LastTwo = "last-two",
        /// All layers (submission 4)
        ///
        /// Likewise.
        All = "all",
    }
}

impl Adapt {
    /// Blocks that are trained, counted from the last, of `blocks`.
    pub(super) fn tuned_blocks(self, blocks: usize) -> usize {
        match self {
            Self::Head => 0,
            Self::Last => 1,
            Self::LastTwo => 2,
            Self::All => blocks,
        }
    }

    pub(super) fn epochs(self) -> u32 {
        match self {
            Self::Head => 20,
            Self::Last | Self::LastTwo | Self::All => 40,
        }
    }

    pub(super) fn learning_rate(self) -> f64 {
        match self {
            Self::Head => 0.01,
            Self::Last | Self::LastTwo | Self::All => 0.001,
        }
    }

    pub(super) fn crops(self) -> bool {
        self != Self::Head
    }
}

/// How patches are scaled before the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scaling {
    /// As in pre-training: `moummad-supcon` scales every patch to 0..=1.
    #[default]
    AsTrained,
    /// Not at all, whatever pre-training did: the released code gives decibels to a network that has only seen 0..=1.
    Raw,
}

/// How the stretch before the first shot gives negatives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FirstGap {
    /// Like every other gap.
    #[default]
    Once,
    /// Once for each shot, and with whole windows in place of repeated remainders, which therefore reach into the first
    /// shot: as released.
    OncePerShot,
}

/// What becomes of spans marked as unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownSpans {
    /// They are no negatives.
    #[default]
    LeaveOut,
    /// They are negatives like all that is not a shot: as released.
    Negative,
}

/// How much an error counts, by class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassWeights {
    /// The same for every patch.
    #[default]
    Equal,
    /// Inversely to the number of patches of its class.
    Balanced,
}

impl Default for WindowsConfig {
    fn default() -> Self {
        Self::sane(Adapt::default())
    }
}

impl WindowsConfig {
    /// The paper's system as it was meant.
    pub fn sane(adapt: Adapt) -> Self {
        Self {
            adapt,
            scaling: Scaling::AsTrained,
            freeze: FreezeMode::WeightsAndBn,
            first_gap: FirstGap::Once,
            unknown: UnknownSpans::LeaveOut,
            class_weights: ClassWeights::Equal,
            crop_drawn_for: crate::augment::spectrogram::DrawnFor::Clip,
            threshold: 0.5,
            max_negatives: Some(2000),
            precision: PrecisionChoice::Auto,
            seed: 0,
        }
    }

    /// The paper's system as released.
    pub fn compat(adapt: Adapt) -> Self {
        Self {
            scaling: Scaling::Raw,
            freeze: FreezeMode::WeightsOnly,
            first_gap: FirstGap::OncePerShot,
            unknown: UnknownSpans::Negative,
            crop_drawn_for: crate::augment::spectrogram::DrawnFor::Batch,
            max_negatives: None,
            precision: PrecisionChoice::Fp32,
            ..Self::sane(adapt)
        }
    }

    pub(super) fn check(&self) -> Result<(), DetectError> {
        if self.max_negatives == Some(0) {
            return Err(DetectError::Config {
                key: "max_negatives",
                given: "0".to_owned(),
                required: "at least 1, or absent",
            });
        }
        DetectError::check_threshold(self.threshold)
    }
}

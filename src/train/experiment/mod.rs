//! The whole configuration of a run, made of the stages' own; [`crate::experiment`] reads it from presets and files.

mod check;

use serde::{Deserialize, Serialize};

use super::{TrainConfig, ViewsConfig};
use crate::audio::ChannelChoice;
use crate::augment::AugmentConfig;
use crate::augment::spectrogram::LogUnit;
use crate::encoder::{EmbedConfig, EncoderConfig};
use crate::features::{FrontEnd, NormalizationKind};
use crate::method::MethodConfig;

/// Everything that decides what a training run does, apart from the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Experiment {
    /// Where the settings come from.
    pub preset: PresetCard,
    /// How patches are scaled.
    pub normalization: NormalizationKind,
    /// Which channel of every recording is heard, where one is. Default the mean of all.
    #[serde(default, skip_serializing_if = "ChannelChoice::is_mix")]
    pub channel: ChannelChoice,
    /// Sound → time-frequency image.
    pub features: FrontEnd,
    /// Clip → two stretches.
    pub views: ViewsConfig,
    /// What is done to each view.
    pub augment: AugmentConfig,
    /// The network.
    pub encoder: EncoderConfig,
    /// What is learned from two views.
    pub method: MethodConfig,
    /// The loop.
    pub train: TrainConfig,
    /// Patches → clip embedding, when the encoder is put to work.
    pub embed: EmbedConfig,
}

/// What a preset is and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PresetCard {
    /// Its name on the command line.
    pub name: String,
    /// One sentence.
    pub summary: String,
    /// Paper and code, or how it was found.
    pub source: String,
    /// What differs from the source, and what the source left open.
    #[serde(default)]
    pub deviations: Vec<String>,
}

impl Experiment {
    /// Whether training needs the sound of clips beside their features.
    pub fn hears_sound(&self) -> bool {
        !self.augment.waveform.is_empty() || self.method.hears_sound()
    }

    /// Which logarithm of energy the features are, if one at all.
    pub(crate) fn log_unit(&self) -> Option<LogUnit> {
        self.features.log_unit()
    }

    /// The resolved configuration as a file that repeats the run.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).expect("a configuration consists of plain tables and numbers")
    }

    /// The part of the configuration that decides the result: without the number of data threads
    /// and the pace of checkpoints.
    pub fn identity(&self) -> String {
        let mut same = self.clone();
        same.train.data_threads = 1;
        same.train.checkpoint_secs = 0.0;
        same.to_toml()
    }
}

//! All that is done to a view.

use super::{spectrogram, waveform};

/// Augmentations of one view, in the order in which they happen: of its sound, before the front end, and of its
/// features. None by default.
///
/// ```
/// use chiffchaff::augment::AugmentConfig;
///
/// let config: AugmentConfig = toml::from_str(
///     r#"
///     [[waveform]]
///     type = "time-stretch"
///     probability = 0.5
///
///     [[steps]]
///     type = "spec-augment"
///     "#,
/// )?;
/// assert_eq!((config.waveform.len(), config.steps.len()), (1, 1));
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AugmentConfig {
    /// Of the sound. With any, the front end is computed anew for every view, which takes its time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waveform: Vec<waveform::Step>,
    /// Of the features.
    pub steps: Vec<spectrogram::Step>,
}

impl AugmentConfig {
    /// What is done to the sound.
    pub fn of_waveform(&self) -> waveform::WaveformAugmentConfig {
        waveform::WaveformAugmentConfig {
            steps: self.waveform.clone(),
        }
    }

    /// What is done to the features.
    pub fn of_spectrogram(&self) -> spectrogram::SpectrogramAugmentConfig {
        spectrogram::SpectrogramAugmentConfig {
            steps: self.steps.clone(),
        }
    }
}

//! Which augmentations, in which order.

use super::{Augmentation, ChannelSwap, PadCrop, Place, Scale};
use crate::audio::SampleRate;
use crate::augment::{AugmentError, error::Problems};

/// Augmentations of one view's sound, in the order in which they happen. None by default.
///
/// ```
/// use chiffchaff::augment::waveform::WaveformAugmentConfig;
///
/// let config: WaveformAugmentConfig = toml::from_str(
///     r#"
///     [[steps]]
///     type = "time-stretch"
///     rate = [0.8, 1.25]
///
///     [[steps]]
///     type = "reverb"
///     room = { type = "synthetic", rt60_secs = [0.2, 0.6] }
///     probability = 0.5
///     views = "second"
///     "#,
/// )?;
/// assert_eq!(config.steps.len(), 2);
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WaveformAugmentConfig {
    /// The augmentations.
    pub steps: Vec<Step>,
}

/// One augmentation of sound and how often it happens.
pub type Step = crate::augment::Step<Augmentation>;

impl WaveformAugmentConfig {
    /// What the code of ESResNet (Guzhov et al. 2020) does to training clips: channels swapped half of the time, scaled,
    /// padded or cut to `length_secs`: 5 s on ESC-50, 4 s on UrbanSound8K.
    pub fn esresnet(length_secs: f64) -> Self {
        let swap = Step {
            probability: 0.5,
            ..Step::from(Augmentation::ChannelSwap(ChannelSwap {}))
        };
        let scale = Augmentation::Scale(Scale::default());
        let pad_crop = Augmentation::PadCrop(PadCrop::esresnet(length_secs, Place::Random));
        Self {
            steps: vec![swap, scale.into(), pad_crop.into()],
        }
    }

    /// All that is wrong with this configuration for sound of this rate.
    pub(crate) fn check(&self, rate: SampleRate) -> Result<(), AugmentError> {
        let mut found = Vec::new();
        for (number, step) in self.steps.iter().enumerate() {
            let table = format!("steps[{number}]");
            step.check(
                rate,
                &mut Problems {
                    table,
                    found: &mut found,
                },
            );
        }
        if found.is_empty() {
            Ok(())
        } else {
            Err(AugmentError::Config { problems: found })
        }
    }
}

impl Step {
    fn check(&self, rate: SampleRate, problems: &mut Problems<'_>) {
        self.check_probability(problems);
        self.augmentation.of_any_kind().check(rate, problems);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate() -> SampleRate {
        SampleRate::new(22_050).unwrap()
    }

    #[test]
    fn every_type_reads_with_its_defaults_and_survives_a_file() {
        for augmentation in Augmentation::all() {
            let name = augmentation.name();
            let config: WaveformAugmentConfig =
                toml::from_str(&format!("[[steps]]\ntype = \"{name}\"")).unwrap();
            config.check(rate()).unwrap();
            assert_eq!(config.steps, [Step::from(augmentation)]);
            let file = toml::to_string(&config).unwrap();
            let again: WaveformAugmentConfig = toml::from_str(&file).unwrap();
            assert_eq!(again, config, "{file}");
        }
    }

    #[test]
    fn published_settings_survive_a_file() {
        let config = WaveformAugmentConfig::esresnet(4.0);
        config.check(rate()).unwrap();
        let file = toml::to_string(&config).unwrap();
        let again: WaveformAugmentConfig = toml::from_str(&file).unwrap();
        assert_eq!(again, config, "{file}");
    }

    #[test]
    fn every_key_is_read() {
        let config: WaveformAugmentConfig = toml::from_str(
            r#"
            [[steps]]
            type = "pad-crop"
            length_secs = 2.5
            place = "centre"
            padding = "edge"
            quiet = "take-an-end"
            [[steps]]
            type = "reverb"
            drawn_for = "batch"
            room = { type = "folder", path = "rooms", at_most = 3 }
            [[steps]]
            type = "fade"
            shapes = ["half-cosine"]
            [[steps]]
            type = "noise"
            colours = ["brown"]
            snr_db = [inf, inf]
            "#,
        )
        .unwrap();
        config.check(rate()).unwrap();
        let expected = PadCrop::esresnet(2.5, Place::Centre);
        assert_eq!(
            config.steps[0].augmentation,
            Augmentation::PadCrop(expected)
        );
        let file = toml::to_string(&config).unwrap();
        let again: WaveformAugmentConfig = toml::from_str(&file).unwrap();
        assert_eq!(again, config, "{file}");
    }

    #[test]
    fn unknown_keys_and_types_are_refused() {
        for file in [
            "[[steps]]\ntype = \"time-stretch\"\nrates = [0.9, 1.1]",
            "[[steps]]\ntype = \"time-reversal\"\nprobabilty = 0.5",
            "[[steps]]\ntype = \"reverb\"\nroom = { type = \"synthetic\", rt60 = [1, 2] }",
            "[[steps]]\ntype = \"reverb\"\nroom = { type = \"folder\" }",
            "[[steps]]\ntype = \"noise\"\ncolours = [\"blue\"]",
            "[[steps]]\ntype = \"echo\"",
            "[[step]]\ntype = \"gain\"",
        ] {
            let read = toml::from_str::<WaveformAugmentConfig>(file);
            assert!(read.is_err(), "{file}");
        }
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let config: WaveformAugmentConfig = toml::from_str(
            r#"
            [[steps]]
            type = "pad-crop"
            length_secs = 0.0
            probability = -1.0
            [[steps]]
            type = "scale"
            max_factor = 0.5
            [[steps]]
            type = "time-stretch"
            rate = [0.0, 1.0]
            [[steps]]
            type = "pitch-shift"
            semitones = [4, -4]
            [[steps]]
            type = "noise"
            colours = []
            snr_db = [3, inf]
            [[steps]]
            type = "fade"
            in_share = [0, 1.5]
            out_share = [nan, 1]
            shapes = []
            [[steps]]
            type = "time-mask"
            share = [-0.5, 1]
            fills = []
            [[steps]]
            type = "time-shift"
            share = [0, 2]
            [[steps]]
            type = "gain"
            gain_db = [0, 1000]
            [[steps]]
            type = "reverb"
            room = { type = "synthetic", rt60_secs = [-1, 1], direct_db = [0, 100] }
            [[steps]]
            type = "reverb"
            room = { type = "folder", path = "rooms", at_most = 0 }
            [[steps]]
            type = "background"
            snr_db = [-inf, 0]
            "#,
        )
        .unwrap();
        let Err(AugmentError::Config { problems }) = config.check(rate()) else {
            panic!("the configuration is wrong");
        };
        let keys: Vec<_> = problems
            .iter()
            .map(|problem| problem.key.as_str())
            .collect();
        assert_eq!(
            keys,
            [
                "steps[0].probability",
                "steps[0].length_secs",
                "steps[1].max_factor",
                "steps[2].rate",
                "steps[3].semitones",
                "steps[4].colours",
                "steps[4].snr_db",
                "steps[5].in_share",
                "steps[5].out_share",
                "steps[5].shapes",
                "steps[6].share",
                "steps[6].fills",
                "steps[7].share",
                "steps[8].gain_db",
                "steps[9].room.rt60_secs",
                "steps[9].room.direct_db",
                "steps[10].room.at_most",
                "steps[11].snr_db",
            ]
        );
    }
}

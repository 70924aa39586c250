//! Which augmentations, in which order.

use super::{
    Augmentation, Background, Compression, GaussianNoise, MixBack, Patch, ResizedCrop, SpecAugment,
};
use crate::augment::{AugmentError, Problem, error::Problems};

/// Augmentations of one view, in the order in which they happen. None by default.
///
/// ```
/// use chiffchaff::augment::spectrogram::SpectrogramAugmentConfig;
///
/// let config: SpectrogramAugmentConfig = toml::from_str(
///     r#"
///     [[steps]]
///     type = "resized-crop"
///     area = [0.6, 1.0]
///
///     [[steps]]
///     type = "time-reversal"
///     probability = 0.5
///     "#,
/// )?;
/// assert_eq!(config.steps.len(), 2);
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpectrogramAugmentConfig {
    /// The augmentations.
    pub steps: Vec<Step>,
}

/// One augmentation of patches and how often it happens.
pub type Step = crate::augment::Step<Augmentation>;

impl SpectrogramAugmentConfig {
    /// The best set-up of Fonseca et al. 2020, as in the configuration of their released code:
    /// mix-back, resized crop, compression, noise.
    pub fn fonseca() -> Self {
        let crop = ResizedCrop {
            aspect_of: super::AspectOf::Bins,
            ..ResizedCrop::default()
        };
        Self::always([
            Augmentation::MixBack(MixBack::default()),
            Augmentation::ResizedCrop(crop),
            Augmentation::Compression(Compression::default()),
            Augmentation::GaussianNoise(GaussianNoise::default()),
        ])
    }

    /// [`SpectrogramAugmentConfig::fonseca`] with SpecAugment before the noise: their text lists
    /// it, their configuration leaves it off.
    pub fn fonseca_specaug() -> Self {
        let mut config = Self::fonseca();
        let before_noise = config.steps.len() - 1;
        config.steps.insert(
            before_noise,
            Augmentation::SpecAugment(SpecAugment::default()).into(),
        );
        config
    }

    fn always(augmentations: impl IntoIterator<Item = Augmentation>) -> Self {
        Self {
            steps: augmentations.into_iter().map(Step::from).collect(),
        }
    }

    /// All that is wrong with this configuration for such patches.
    pub(crate) fn check(&self, patch: &Patch) -> Result<(), AugmentError> {
        let mut found: Vec<Problem> = Vec::new();
        for (number, step) in self.steps.iter().enumerate() {
            step.check(
                patch,
                &mut Problems {
                    table: format!("steps[{number}]"),
                    found: &mut found,
                },
            );
        }
        let mixed_with = |background| {
            let mut steps = self.steps.iter().enumerate();
            steps.find(|(_, step)| step.augmentation.background() == Some(background))
        };
        let (same, other) = (Background::SameBatch, Background::OtherClips);
        if let (Some((number, step)), Some((_, other))) = (mixed_with(same), mixed_with(other)) {
            found.push(Problem {
                key: format!("steps[{number}].type"),
                given: step.augmentation.name().to_owned(),
                required: format!(
                    "without `{}`: a patch is mixed with one other",
                    other.augmentation.name()
                ),
            });
        }
        if found.is_empty() {
            Ok(())
        } else {
            Err(AugmentError::Config { problems: found })
        }
    }
}

impl Step {
    fn check(&self, patch: &Patch, problems: &mut Problems<'_>) {
        self.check_probability(problems);
        self.augmentation.of_any_kind().check(patch, problems);
    }
}

#[cfg(test)]
mod tests {
    use super::super::LogUnit;
    use super::*;

    const PATCH: Patch = Patch {
        bands: 64,
        frames: 101,
        unit: LogUnit::Log10,
    };

    #[test]
    fn published_settings_survive_a_file() {
        for config in [
            SpectrogramAugmentConfig::fonseca(),
            SpectrogramAugmentConfig::fonseca_specaug(),
        ] {
            config.check(&PATCH).unwrap();
            let file = toml::to_string(&config).unwrap();
            assert_eq!(
                toml::from_str::<SpectrogramAugmentConfig>(&file).unwrap(),
                config,
                "{file}"
            );
        }
    }

    #[test]
    fn every_type_reads_with_its_defaults_and_survives_a_file() {
        for augmentation in Augmentation::all() {
            let name = augmentation.name();
            let config: SpectrogramAugmentConfig =
                toml::from_str(&format!("[[steps]]\ntype = \"{name}\"")).unwrap();
            config.check(&PATCH).unwrap();
            assert_eq!(config.steps, [Step::from(augmentation)]);
            let file = toml::to_string(&config).unwrap();
            let again: SpectrogramAugmentConfig = toml::from_str(&file).unwrap();
            assert_eq!(again, config, "{file}");
        }
    }

    #[test]
    fn unknown_keys_and_types_are_refused() {
        for file in [
            "[[steps]]\ntype = \"resized-crop\"\nareas = [0.5, 1.0]",
            "[[steps]]\ntype = \"time-reversal\"\nprobabilty = 0.5",
            "[[steps]]\ntype = \"resize\"",
            "[[step]]\ntype = \"mix-back\"",
            "[[steps]]\ntype = \"mix\"\nview = \"first\"",
        ] {
            assert!(
                toml::from_str::<SpectrogramAugmentConfig>(file).is_err(),
                "{file}"
            );
        }
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let config: SpectrogramAugmentConfig = toml::from_str(
            r#"
            [[steps]]
            type = "mix-back"
            max_lambda = 1.5
            probability = 2.0
            [[steps]]
            type = "resized-crop"
            area = [1.0, 0.5]
            aspect = [0.0, nan]
            [[steps]]
            type = "compression"
            factor = [-1.0, 1.0]
            [[steps]]
            type = "gaussian-noise"
            std = [0.0, inf]
            [[steps]]
            type = "spec-augment"
            frequency_masks = 1000
            time_masks = 1000
            frequency_width = 65
            time_width = 102
            [[steps]]
            type = "time-shift"
            frames = [0, 102]
            [[steps]]
            type = "frequency-shift"
            bands = [0, 65]
            [[steps]]
            type = "gain"
            gain_db = [3, -3]
            [[steps]]
            type = "equalizer"
            knots = 1
            max_std_db = -1
            "#,
        )
        .unwrap();
        let Err(AugmentError::Config { problems }) = config.check(&PATCH) else {
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
                "steps[0].max_lambda",
                "steps[1].area",
                "steps[1].aspect",
                "steps[2].factor",
                "steps[3].std",
                "steps[4].frequency_masks",
                "steps[4].time_masks",
                "steps[4].frequency_width",
                "steps[4].time_width",
                "steps[5].frames",
                "steps[6].bands",
                "steps[7].gain_db",
                "steps[8].knots",
                "steps[8].max_std_db",
            ]
        );
        assert_eq!(
            problems[2].to_string(),
            "`steps[1].area` is [1, 0.5], but must be two numbers in rising order from 0.0001 to 1"
        );
    }
}

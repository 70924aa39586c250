//! Which augmentations, in which order.

use super::{
    Attenuation, Blur, Compression, Equalizer, FrequencyShift, Gain, GaussianNoise, Mix, MixBack,
    Patch, ResizedCrop, SpecAugment, TimeCrop, TimeReversal, TimeShift, TimeWarp,
};
use crate::augment::{AugmentError, Problem, Purpose, error::Problems, step::Drawable};

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

/// The augmentations there are, by `type`.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Augmentation {
    /// Another patch of the batch mixed in.
    Mix(Mix),
    /// Another clip in the background.
    MixBack(MixBack),
    /// A part, stretched to full size.
    ResizedCrop(ResizedCrop),
    /// A stretch of time, stretched to full length.
    TimeCrop(TimeCrop),
    /// Log energies times a factor.
    Compression(Compression),
    /// White noise on log energies.
    GaussianNoise(GaussianNoise),
    /// Fainter, over noise.
    Attenuation(Attenuation),
    /// Stripes masked in time and frequency.
    SpecAugment(SpecAugment),
    /// Circular shift, later.
    TimeShift(TimeShift),
    /// Circular shift, up.
    FrequencyShift(FrequencyShift),
    /// Backwards.
    TimeReversal(TimeReversal),
    /// Louder or softer.
    Gain(Gain),
    /// A smooth curve over frequency.
    Equalizer(Equalizer),
    /// Smoothed over frequency and time.
    Blur(Blur),
    /// Faster here, slower there.
    TimeWarp(TimeWarp),
}

impl Augmentation {
    /// Whether what sounds in a frame may sound in another one afterwards.
    pub fn moves_frames(&self) -> bool {
        match self {
            Self::ResizedCrop(_)
            | Self::TimeCrop(_)
            | Self::TimeShift(_)
            | Self::TimeReversal(_)
            | Self::TimeWarp(_) => true,
            Self::Mix(_)
            | Self::MixBack(_)
            | Self::Compression(_)
            | Self::GaussianNoise(_)
            | Self::Attenuation(_)
            | Self::SpecAugment(_)
            | Self::FrequencyShift(_)
            | Self::Gain(_)
            | Self::Equalizer(_)
            | Self::Blur(_) => false,
        }
    }
}

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
        let mixes = |wanted: fn(&Augmentation) -> bool| {
            self.steps
                .iter()
                .position(|step| wanted(&step.augmentation))
        };
        let mix = mixes(|step| matches!(step, Augmentation::Mix(_)));
        let mix_back = mixes(|step| matches!(step, Augmentation::MixBack(_)));
        if let (Some(number), Some(_)) = (mix, mix_back) {
            found.push(Problem {
                key: format!("steps[{number}].type"),
                given: "mix".to_owned(),
                required: "without `mix-back`: a patch is mixed with one other".to_owned(),
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
        match self.augmentation {
            Augmentation::Mix(step) => step.check(problems),
            Augmentation::MixBack(step) => step.check(problems),
            Augmentation::ResizedCrop(step) => step.check(problems),
            Augmentation::TimeCrop(step) => step.check(problems),
            Augmentation::Compression(step) => step.check(problems),
            Augmentation::GaussianNoise(step) => step.check(problems),
            Augmentation::Attenuation(step) => step.check(problems),
            Augmentation::SpecAugment(step) => step.check(patch, problems),
            Augmentation::TimeShift(step) => step.check(patch, problems),
            Augmentation::FrequencyShift(step) => step.check(patch, problems),
            Augmentation::TimeReversal(TimeReversal {}) => {}
            Augmentation::Gain(step) => step.check(problems),
            Augmentation::Equalizer(step) => step.check(problems),
            Augmentation::Blur(step) => step.check(patch, problems),
            Augmentation::TimeWarp(step) => step.check(patch, problems),
        }
    }
}

impl Drawable for Augmentation {
    fn purpose(&self) -> Purpose {
        match self {
            Self::Mix(_) => Purpose::Mix,
            Self::MixBack(_) => Purpose::MixBack,
            Self::ResizedCrop(_) => Purpose::ResizedCrop,
            Self::TimeCrop(_) => Purpose::TimeCrop,
            Self::Compression(_) => Purpose::Compression,
            Self::GaussianNoise(_) => Purpose::GaussianNoise,
            Self::Attenuation(_) => Purpose::Attenuation,
            Self::SpecAugment(_) => Purpose::SpecAugment,
            Self::TimeShift(_) => Purpose::TimeShift,
            Self::FrequencyShift(_) => Purpose::FrequencyShift,
            Self::TimeReversal(_) => Purpose::TimeReversal,
            Self::Gain(_) => Purpose::Gain,
            Self::Equalizer(_) => Purpose::Equalizer,
            Self::Blur(_) => Purpose::Blur,
            Self::TimeWarp(_) => Purpose::TimeWarp,
        }
    }

    fn is_shared_by_views(&self) -> bool {
        matches!(self, Self::MixBack(_))
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
    fn every_type_reads_with_its_defaults() {
        for name in [
            "mix",
            "mix-back",
            "resized-crop",
            "time-crop",
            "compression",
            "gaussian-noise",
            "spec-augment",
            "time-shift",
            "frequency-shift",
            "time-reversal",
            "gain",
            "equalizer",
            "blur",
            "time-warp",
        ] {
            let config: SpectrogramAugmentConfig =
                toml::from_str(&format!("[[steps]]\ntype = \"{name}\"")).unwrap();
            config.check(&PATCH).unwrap();
            assert_eq!(config.steps[0].probability, 1.0);
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

//! Settings that are of the right type but cannot work.

use super::Experiment;
use crate::audio::SoundChannels;
use crate::augment::AugmentError;
use crate::augment::spectrogram::{LogUnit, Patch};
use crate::encoder::{EncoderConfig, EncoderError};
use crate::method::{MethodConfig, Must};
use crate::train::Cut;

impl Experiment {
    /// Adds what is wrong to `problems`, each with its key.
    pub(crate) fn check(&self, problems: &mut Vec<String>) {
        let mut must = |holds: bool, key: &str, given: &dyn std::fmt::Display, allowed: &str| {
            if !holds {
                problems.push(format!("`{key}` is {given}, but must be {allowed}"));
            }
        };
        self.train.check(&mut must);
        self.views.check(&mut must);
        self.check_features(&mut must);
        self.check_augmentation(&mut must);
        if let Err(EncoderError::Setting {
            key,
            given,
            allowed,
        }) = self.encoder.check()
        {
            must(false, &format!("encoder.{key}"), &given, allowed);
        }
        self.method.check(self.train.batch_size, &mut must);
        self.embed.check(&mut must);
        self.check_small_views(&mut must);
        self.check_channel(&mut must);
        self.check_sound(&mut must);
        self.check_augmented_sound(&mut must);
        self.check_frames(&mut must);
    }

    /// The front end by itself.
    fn check_features(&self, must: &mut Must<'_>) {
        for problem in self.features.problems() {
            let key = format!("features.{}", problem.key);
            must(false, &key, &problem.given, &problem.allowed);
        }
    }

    /// The augmentations, for patches as long as the views; of features that can be.
    fn check_augmentation(&self, must: &mut Must<'_>) {
        let of_waveform = self.augment.of_waveform();
        let rate = self.features.sample_rate();
        tell("augment.waveform", of_waveform.check(rate), must);
        let mut steps = self.augment.steps.iter();
        let of_energies = steps.find(|step| step.augmentation.needs_energies());
        must(
            self.log_unit().is_some() || of_energies.is_none(),
            "augment.steps",
            &of_energies.map_or("", |step| step.augmentation.name()),
            "without it, as these features are no logarithm of energies",
        );
        if !self.features.problems().is_empty() || !self.views.has_frames() {
            return;
        }
        let small = self.views.small.map(|small| small.frames);
        let lengths = [Some(self.views.frames), small.filter(|&frames| frames > 0)];
        let of_length = |frames| {
            let patch = Patch {
                bands: self.features.bands(),
                frames,
                unit: self.log_unit().unwrap_or(LogUnit::Ln),
            };
            self.augment.of_spectrogram().check(&patch)
        };
        let found = lengths.into_iter().flatten().map(of_length);
        let found = found.collect::<Result<(), _>>();
        tell("augment.steps", found, must);
    }

    /// Views that show a part of a patch.
    fn check_small_views(&self, must: &mut Must<'_>) {
        must(
            self.views.small.is_none() || matches!(self.method, MethodConfig::Swav(_)),
            "views.small",
            &"given",
            "absent, unless `method.type` is `swav`",
        );
    }

    /// Which channel of the sound is heard.
    fn check_channel(&self, must: &mut Must<'_>) {
        must(
            self.channel.is_mix() || self.features.sound_channels() == SoundChannels::Mono,
            "channel",
            &self.channel,
            "`mix` where the features hear both sides (`features.channels = \"stereo\"`)",
        );
    }

    /// What hears sound as it is.
    fn check_sound(&self, must: &mut Must<'_>) {
        let hears_samples = matches!(self.encoder, EncoderConfig::ResNet18Samples(_));
        must(
            self.features.keeps_sound() == hears_samples,
            "encoder.type",
            &"another",
            "`resnet18-samples` where `features.type` is `samples`, and only there",
        );
        must(
            !self.method.hears_sound() || matches!(self.views.cut, Cut::Random {}),
            "views.cut",
            &"another",
            "`{ type = \"random\" }`, as the method hears the sound of clips",
        );
    }

    /// What hears augmented sound, which has other frames.
    fn check_augmented_sound(&self, must: &mut Must<'_>) {
        if self.augment.waveform.is_empty() {
            return;
        }
        let mut without = |holds: bool, reason: &str| {
            must(
                holds,
                "augment.waveform",
                &"given",
                &format!("absent{reason}"),
            );
        };
        without(
            matches!(self.views.cut, Cut::Random {}),
            ", unless `views.cut` is `{ type = \"random\" }`: augmented sound has other frames",
        );
        if let Some(key) = self.features.without_clip_rules().needs_whole_clip() {
            let reason = "that looks at whole clips, of which augmented sound is a part";
            without(false, &format!(" where `features.{key}` is set: {reason}"));
        }
    }

    /// What compares frames.
    fn check_frames(&self, must: &mut Must<'_>) {
        let MethodConfig::FrameSupCon(_) = &self.method else {
            must(
                !matches!(self.views.cut, Cut::Frames {}),
                "views.cut",
                &"frames",
                "for the method `frame-sup-con` alone",
            );
            return;
        };
        must(
            matches!(self.views.cut, Cut::Frames {}),
            "views.cut",
            &"another",
            "`{ type = \"frames\" }`, as `frame-sup-con` compares frames",
        );
        must(
            matches!(self.encoder, EncoderConfig::FrameNet(_)),
            "encoder.type",
            &"another",
            "`frame-net`, as `frame-sup-con` compares frames",
        );
        let mut steps = self.augment.steps.iter();
        let moved = steps.any(|step| step.augmentation.moves_frames());
        must(
            !moved,
            "augment.steps",
            &"one that moves frames",
            "steps that leave every frame at its place, as `frame-sup-con` compares frames",
        );
    }
}

/// Tells of the problems of a list of augmentations, which calls itself `steps`.
fn tell(list: &str, found: Result<(), AugmentError>, must: &mut Must<'_>) {
    if let Err(AugmentError::Config { problems }) = found {
        for problem in problems {
            let key = problem.key.replacen("steps", list, 1);
            must(false, &key, &problem.given, &problem.required);
        }
    }
}

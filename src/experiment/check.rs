//! Settings that are of the right type but cannot work.

use super::Experiment;
use crate::audio::SoundChannels;
use crate::augment::spectrogram::{Augmentation, Step};
use crate::encoder::EncoderConfig;
use crate::features::FrontEnd;
use crate::method::MethodConfig;
use crate::train::Cut;

impl Experiment {
    /// Adds what is wrong to `problems`, each with its key.
    pub(super) fn check(&self, problems: &mut Vec<String>) {
        let mut must = |holds: bool, key: &str, given: &dyn std::fmt::Display, allowed: &str| {
            if !holds {
                problems.push(format!("`{key}` is {given}, but must be {allowed}"));
            }
        };
        let train = &self.train;
        must(
            train.epochs >= 1,
            "train.epochs",
            &train.epochs,
            "at least 1",
        );
        must(
            train.max_steps != Some(0),
            "train.max_steps",
            &0,
            "at least 1, or absent",
        );
        must(
            train.batch_size >= 2,
            "train.batch_size",
            &train.batch_size,
            "at least 2, as a patch needs others to differ from",
        );
        must(
            train.learning_rate.is_finite() && train.learning_rate > 0.0,
            "train.learning_rate",
            &train.learning_rate,
            "above 0",
        );
        must(
            train.checkpoint_secs.is_finite() && train.checkpoint_secs >= 0.0,
            "train.checkpoint_secs",
            &train.checkpoint_secs,
            "0 or more seconds",
        );
        must(
            train.data_threads <= 256,
            "train.data_threads",
            &train.data_threads,
            "at most 256",
        );
        must(
            train.threads <= 1024,
            "train.threads",
            &train.threads,
            "at most 1024",
        );
        must(
            (1..=100_000).contains(&self.views.frames),
            "views.frames",
            &self.views.frames,
            "within 1..=100000",
        );
        must(
            (1..=10_000).contains(&self.views.patches_per_clip),
            "views.patches_per_clip",
            &self.views.patches_per_clip,
            "within 1..=10000",
        );
        if let Some(small) = &self.views.small {
            must(
                matches!(self.method, MethodConfig::Swav(_)),
                "views.small",
                &"given",
                "absent, unless `method.type` is `swav`",
            );
            must(
                (1..=32).contains(&small.count),
                "views.small.count",
                &small.count,
                "within 1..=32",
            );
            must(
                (1..=self.views.frames).contains(&small.frames),
                "views.small.frames",
                &small.frames,
                "at least 1 and at most `views.frames`",
            );
        }
        if let Cut::Windows(cut) = &self.views.cut {
            must(
                (1..=self.views.frames).contains(&cut.hop_frames),
                "views.cut.hop_frames",
                &cut.hop_frames,
                "at least 1 and at most `views.frames`",
            );
            must(
                (0.0..=10.0).contains(&cut.margin_secs),
                "views.cut.margin_secs",
                &cut.margin_secs,
                "from 0 to 10 seconds",
            );
        }
        must(
            self.channel.is_mix() || self.features.sound_channels() == SoundChannels::Mono,
            "channel",
            &self.channel,
            "`mix` where the features hear both sides (`features.channels = \"stereo\"`)",
        );
        let hears_samples = matches!(self.encoder, EncoderConfig::ResNet18Samples(_));
        must(
            matches!(self.features, FrontEnd::Samples(_)) == hears_samples,
            "encoder.type",
            &"another",
            "`resnet18-samples` where `features.type` is `samples`, and only there",
        );
        must(
            self.augment.waveform.is_empty() || matches!(self.views.cut, Cut::Random {}),
            "augment.waveform",
            &"given",
            "absent, unless `views.cut` is `{ type = \"random\" }`: augmented sound has other frames",
        );
        must(
            !self.method.hears_sound() || matches!(self.views.cut, Cut::Random {}),
            "views.cut",
            &"another",
            "`{ type = \"random\" }`, as the method hears the sound of clips",
        );
        if let MethodConfig::FrameSupCon(_) = &self.method {
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
            let moved = self
                .augment
                .steps
                .iter()
                .any(|step| step.augmentation.moves_frames());
            must(
                !moved,
                "augment.steps",
                &"one that moves frames",
                "steps that leave every frame at its place, as `frame-sup-con` compares frames",
            );
        } else {
            must(
                !matches!(self.views.cut, Cut::Frames {}),
                "views.cut",
                &"frames",
                "for the method `frame-sup-con` alone",
            );
        }
        self.method.check(train.batch_size, &mut must);
        let mixes = |step: &Step| matches!(step.augmentation, Augmentation::MixBack(_));
        must(
            self.log_unit().is_some() || !self.augment.steps.iter().any(mixes),
            "augment.steps",
            &"mix-back",
            "without it, as these features are no logarithm of energies",
        );
        self.embed.check(&mut must);
    }
}

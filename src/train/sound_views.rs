//! Views of sound, as it is or by the front end. That comes behind the augmentation, so it is computed anew for every view.

use rand::RngExt;
use std::sync::OnceLock;

use crate::audio::{SampleRate, Waveform};
use crate::augment::waveform::{Pipeline, WaveformAugmentConfig};
use crate::augment::{Purpose, ViewKey};
use crate::features::{ClipLevel, ClipRules, Extractor, FeatureSet, FrontEnd};

use super::TrainError;

/// The stretch of sound that is augmented for a view is this many times as long as the view. Some augmentations make
/// sound shorter; the margin leaves enough for a whole view.
const MARGIN: f64 = 1.5;

/// Samples of a clip that are measured together: some seconds.
const MEASURED_SAMPLES: usize = 1 << 17;

/// Sound → augmented sound (→ features). What the front end does to a clip as a whole comes first, so that a view is as
/// loud as where the clip is measured.
#[derive(Debug)]
pub(super) struct SoundViews<'a> {
    /// Samples of every clip: one band, and as many frames as samples.
    sounds: &'a FeatureSet<'a>,
    pipeline: Pipeline,
    augments: bool,
    rules: ClipRules,
    /// The level of each clip after the rules, once the clip was read.
    levels: Vec<OnceLock<ClipLevel>>,
    /// Without the rules.
    extractor: Extractor,
    rate: SampleRate,
    /// Samples from one frame of the features to the next.
    hop: f64,
}

/// Which part of a clip becomes a view, and the key of its random draws. Equal stretches give equal views.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    /// The view.
    pub view: ViewKey,
    /// The batch's number in its epoch.
    pub step: u64,
    /// The clip.
    pub clip: usize,
    /// The frame at which it begins.
    pub start: usize,
}

impl<'a> SoundViews<'a> {
    pub(super) fn new(
        sounds: &'a FeatureSet<'a>,
        config: &WaveformAugmentConfig,
        front_end: &FrontEnd,
    ) -> Result<Self, TrainError> {
        let rate = front_end.sample_rate();
        Ok(Self {
            sounds,
            pipeline: Pipeline::new(config, rate)?,
            augments: !config.steps.is_empty(),
            rules: front_end.clip_rules(),
            levels: (0..sounds.len()).map(|_| OnceLock::new()).collect(),
            extractor: front_end.without_clip_rules().extractor()?,
            rate,
            hop: f64::from(rate.hz()) / front_end.frame_rate(),
        })
    }

    /// Whether anything is done to the sound.
    pub(super) fn augment(&self) -> bool {
        self.augments
    }

    /// Samples that last as long as `frames` frames.
    pub(super) fn samples_of(&self, frames: usize) -> usize {
        (frames as f64 * self.hop).round() as usize
    }

    /// Fills `into` with the features of `stretch`; what ends up shorter is repeated.
    pub(super) fn features(&self, stretch: Stretch, into: &mut [f32]) {
        let frame_len = self.extractor.channels() * self.extractor.bands();
        let sound = self.augmented(stretch, (into.len() / frame_len) as f64 * self.hop);
        repeat_into(self.extractor.compute_sound(&sound).values(), into);
    }

    /// Fills `into` with the samples of `stretch`, of both sides together; what ends up shorter is repeated.
    pub(super) fn samples(&self, stretch: Stretch, into: &mut [f32]) {
        let sound = self.augmented(stretch, into.len() as f64).mix_down();
        repeat_into(&sound.channels()[0], into);
    }

    /// About `samples` samples, or fewer where the clip ends.
    fn augmented(&self, stretch: Stretch, samples: f64) -> Waveform {
        let Stretch {
            view,
            step,
            clip,
            start,
        } = stretch;
        let wanted = (samples * MARGIN).ceil() as usize;
        let first = (start as f64 * self.hop) as usize;
        let other = self
            .pipeline
            .needs_background()
            .then(|| self.other(view, clip, wanted));
        let sound = self.sound(clip, first, wanted);
        let draws = self.pipeline.draw_in_batch(view, step);
        self.pipeline.apply(&draws, sound, other.as_ref())
    }

    /// Up to `wanted` samples of a clip, from `first` on, by the rules for the clip.
    fn sound(&self, clip: usize, first: usize, wanted: usize) -> Waveform {
        let held = self.sounds.frames(clip);
        let first = first.min(held - 1);
        let end = held.min(first + wanted);
        if self.rules.cut_sound() {
            let whole = self.rules.apply(self.recorded(clip, 0, held));
            return whole
                .with_channels(|sides| sides.iter().map(|s| s[first..end].to_vec()).collect());
        }
        let level = self.levels[clip].get_or_init(|| self.level(clip));
        level.apply(self.recorded(clip, first, end))
    }

    /// The level of a clip, which may be too long for the memory.
    fn level(&self, clip: usize) -> ClipLevel {
        let held = self.sounds.frames(clip);
        self.rules.measure_played(|listener| {
            for side in 0..self.sounds.channels() {
                for first in (0..held).step_by(MEASURED_SAMPLES) {
                    let end = held.min(first + MEASURED_SAMPLES);
                    listener(&self.recorded(clip, first, end).channels()[side]);
                }
            }
        })
    }

    /// Samples `first..end` of a clip, as they were recorded.
    fn recorded(&self, clip: usize, first: usize, end: usize) -> Waveform {
        let sides = self.sounds.channels();
        let mut samples = vec![0.0; (end - first) * sides];
        if !samples.is_empty() {
            self.sounds.stretch(clip, first, &mut samples);
        }
        let side = |n: usize| samples.iter().skip(n).step_by(sides).copied().collect();
        let channels = (0..sides).map(side).collect();
        Waveform::from_channels(channels, self.rate).expect("sides of one clip are equally long")
    }

    /// Some of another clip, or of the same where there is but one.
    fn other(&self, view: ViewKey, clip: usize, wanted: usize) -> Waveform {
        let mut rng = view.draws(Purpose::Background).rng();
        let clips = self.sounds.len();
        let other = (clip + rng.random_range(1..clips.max(2))) % clips;
        let latest = self.sounds.frames(other).saturating_sub(wanted);
        self.sound(other, rng.random_range(0..=latest), wanted)
    }
}

/// The first of `values`, again and again where there are too few.
fn repeat_into(values: &[f32], into: &mut [f32]) {
    if values.is_empty() {
        return into.fill(0.0);
    }
    for part in into.chunks_mut(values.len()) {
        part.copy_from_slice(&values[..part.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Clip, Dataset};
    use crate::features::{
        CacheConfig, CachePrecision, FeatureCache, InputScaling, LogMelConfig, SamplesConfig,
        Silence, ThreeBandConfig,
    };

    fn of_first_clip(start: usize) -> Stretch {
        Stretch {
            view: ViewKey {
                seed: 1,
                epoch: 0,
                item: 0,
                view: 0,
            },
            step: 0,
            clip: 0,
            start,
        }
    }

    fn front_end() -> FrontEnd {
        FrontEnd::LogMel(LogMelConfig {
            sample_rate: SampleRate::new(8000).unwrap(),
            n_fft: 256,
            win_length: 256,
            hop_length: 80,
            n_mels: 16,
            f_min: 0.0,
            f_max: 4000.0,
            ..LogMelConfig::moummad()
        })
    }

    /// A second of noise with a tone that rises.
    fn sound() -> Vec<f32> {
        let sample = |i: usize| {
            let noise = ((i * 2_654_435_761) % 1000) as f32 / 5000.0 - 0.1;
            noise + 0.4 * (0.00003 * (i * i) as f32).sin()
        };
        (0..8000).map(sample).collect()
    }

    /// What `fill` gives for a view of 30 frames from frame `start` on.
    fn filled(steps: &str, start: usize) -> Vec<f32> {
        let sound = Waveform::mono(sound(), front_end().sample_rate());
        view_of(&front_end(), &sound, steps, start)
    }

    /// The same of any sound.
    fn view_of(front_end: &FrontEnd, sound: &Waveform, steps: &str, start: usize) -> Vec<f32> {
        let folder = tempfile::tempdir().unwrap();
        let config = CacheConfig {
            dir: folder.path().to_owned(),
            precision: CachePrecision::F32,
        };
        let path = folder.path().join("a.wav");
        std::fs::write(&path, "what the loader reads").unwrap();
        let dataset = Dataset::new("one", vec![Clip::unlabelled(path)], vec![]);
        let samples = FrontEnd::Samples(SamplesConfig::heard_by(front_end));
        let load = |_: &Clip| Ok::<_, std::io::Error>(sound.clone());
        let (cache, _) = FeatureCache::open(&config, &dataset, &samples, load, |_, _| {}).unwrap();
        let set = FeatureSet::of(&cache, [0]);
        let config = toml::from_str(steps).unwrap();
        let views = SoundViews::new(&set, &config, front_end).unwrap();
        let mut into = vec![0.0; 30 * views.extractor.channels() * views.extractor.bands()];
        views.features(of_first_clip(start), &mut into);
        into
    }

    /// Whether a view of unchanged sound is that stretch of the whole clip's features, as they are measured; its first and
    /// last two frames hear where it was cut.
    fn assert_is_part_of_the_whole(front_end: &FrontEnd, sound: &Waveform) {
        let whole = front_end.extractor().unwrap().compute_sound(sound);
        let size = whole.frame_len();
        for start in [0, 20, 50] {
            let view = view_of(front_end, sound, "", start);
            for frame in 2..28 {
                let wanted = whole.frame(start + frame);
                for (given, wanted) in view[frame * size..][..size].iter().zip(wanted) {
                    let near = (given - wanted).abs() < 1e-3;
                    assert!(near, "{given} and {wanted} at {frame} from {start}");
                }
            }
        }
    }

    #[test]
    fn sound_that_is_left_alone_gives_its_features_but_for_the_frames_at_the_edge() {
        let sound = Waveform::mono(sound(), front_end().sample_rate());
        assert_is_part_of_the_whole(&front_end(), &sound);
    }

    #[test]
    fn a_view_is_as_loud_as_where_its_clip_is_measured() {
        let FrontEnd::LogMel(plain) = front_end() else {
            panic!("a log-mel front end");
        };
        // The end is twelve times as loud as the rest, in which silence comes in between.
        let mut loud = sound();
        loud[2000..3500].fill(0.0);
        loud[7500..].iter_mut().for_each(|sample| *sample *= 12.0);
        let loud = Waveform::mono(loud, plain.sample_rate);
        let remove = Silence::Remove {
            below: 1e-4,
            min_secs: 0.1,
        };
        for (silence, input_scaling) in [
            (Silence::Keep {}, InputScaling::unit_norm()),
            (Silence::Keep {}, InputScaling::Peak { offset: 0.005 }),
            (
                Silence::Keep {},
                InputScaling::MinMax {
                    low: -1.0,
                    high: 1.0,
                },
            ),
            (remove, InputScaling::unit_norm()),
        ] {
            let front_end = FrontEnd::LogMel(LogMelConfig {
                silence,
                input_scaling,
                ..plain.clone()
            });
            assert_is_part_of_the_whole(&front_end, &loud);
        }
    }

    /// The front end of stereo presets, of short frames.
    fn stereo() -> FrontEnd {
        FrontEnd::ThreeBand(ThreeBandConfig {
            sample_rate: SampleRate::new(8000).unwrap(),
            n_fft: 256,
            win_length: 256,
            hop_length: 80,
            ..ThreeBandConfig::esresnet_stereo()
        })
    }

    #[test]
    fn sides_stay_apart_and_channel_swap_exchanges_them() {
        let rate = stereo().sample_rate();
        let (left, silent) = (sound(), vec![0.0; sound().len()]);
        let pair = |left: &[f32], right: &[f32]| {
            Waveform::from_channels(vec![left.to_vec(), right.to_vec()], rate).unwrap()
        };
        let on_left = pair(&left, &silent);
        let on_right = pair(&silent, &left);
        assert_is_part_of_the_whole(&stereo(), &on_left);
        let (of_left, of_right) = (
            view_of(&stereo(), &on_left, "", 20),
            view_of(&stereo(), &on_right, "", 20),
        );
        assert_ne!(of_left, of_right);
        let of_mix = view_of(&stereo(), &on_left.clone().mix_down(), "", 20);
        assert!(of_mix != of_left && of_mix != of_right);
        let swap = "[[steps]]\ntype = \"channel-swap\"";
        assert_eq!(view_of(&stereo(), &on_left, swap, 20), of_right);
        assert_eq!(view_of(&stereo(), &on_right, swap, 20), of_left);
    }

    #[test]
    fn what_ends_up_short_begins_again() {
        let steps = "[[steps]]\ntype = \"scale\"\nmax_factor = 4.0";
        let view = filled(steps, 65);
        assert!(view.iter().all(|value| value.is_finite()));
        let plain = filled("", 65);
        assert!(view != plain);
        // 35 frames are left of the clip, less than a view and a half.
        let cut = filled("", 90);
        assert_eq!(cut[..11 * 16], cut[11 * 16..22 * 16]);
    }
}

//! Drawing and applying all steps.

use super::augment::Given;
use super::reverb::Responses;
use super::{Step, WaveformAugmentConfig};
use crate::audio::{AudioError, SampleRate, Waveform};
use crate::augment::step::StepKey;
use crate::augment::{AugmentError, ViewKey};

/// The augmentations of one view's sound, ready for use on any thread.
#[derive(Debug)]
pub struct Pipeline {
    steps: Vec<Step>,
    /// The rooms of each step; none for a step that has no folder of them.
    responses: Vec<Responses>,
    rate: SampleRate,
    skipped: Vec<AudioError>,
}

/// What decides all that happens to one view: the keys of its random numbers, one a step; none where a step leaves the
/// view alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Draws {
    steps: Vec<Option<StepKey>>,
}

impl Pipeline {
    /// Sets up the steps of `config` for sound of this rate, and reads the impulse responses they name.
    ///
    /// ```
    /// use chiffchaff::audio::{SampleRate, Waveform};
    /// use chiffchaff::augment::ViewKey;
    /// use chiffchaff::augment::waveform::{Pipeline, WaveformAugmentConfig};
    ///
    /// let rate = SampleRate::new(16_000)?;
    /// let config: WaveformAugmentConfig = toml::from_str("[[steps]]\ntype = \"pitch-shift\"")?;
    /// let pipeline = Pipeline::new(&config, rate)?;
    /// let clip = Waveform::mono(vec![0.1; 16_000], rate);
    /// let view = ViewKey { seed: 1, epoch: 0, item: 12, view: 0 };
    /// let shifted = pipeline.augment(view, clip.clone(), None);
    /// assert_eq!(shifted.len(), 16_000);
    /// assert_eq!(pipeline.augment(view, clip, None), shifted);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If a value of `config` cannot be, all problems at once; or if a folder of impulse responses has none that can be read.
    pub fn new(config: &WaveformAugmentConfig, rate: SampleRate) -> Result<Self, AugmentError> {
        config.check(rate)?;
        let mut skipped = Vec::new();
        let steps = config.steps.iter();
        let responses = steps.map(|step| step.augmentation.of_any_kind().load(rate, &mut skipped));
        Ok(Self {
            responses: responses.collect::<Result<_, _>>()?,
            steps: config.steps.clone(),
            rate,
            skipped,
        })
    }

    /// The impulse responses that could not be read, with the reasons.
    pub fn skipped(&self) -> &[AudioError] {
        &self.skipped
    }

    /// Whether [`Pipeline::apply`] wants another clip.
    pub fn needs_background(&self) -> bool {
        let mut steps = self.steps.iter();
        steps.any(|step| step.augmentation.needs_background())
    }

    /// Draws for one view of one clip outside training, and does it; see [`Self::draw`] and [`Self::apply`].
    pub fn augment(&self, view: ViewKey, sound: Waveform, other: Option<&Waveform>) -> Waveform {
        self.apply(&self.draw(view), sound, other)
    }

    /// Decides what happens to one view of one clip outside training; as [`Self::draw_in_batch`] in the epoch's first
    /// batch.
    pub fn draw(&self, view: ViewKey) -> Draws {
        self.draw_in_batch(view, 0)
    }

    /// Decides what happens to one view of one clip. Depends on nothing but `view`, and on `step`, the batch's number
    /// in the epoch, where a step is drawn once for the batch; not on the sound.
    ///
    /// The same augmentation twice draws twice, and adding one leaves the draws of others alone.
    pub fn draw_in_batch(&self, view: ViewKey, step: u64) -> Draws {
        Draws {
            steps: Step::keys(&self.steps, view, step),
        }
    }

    /// Does to one clip what was drawn. `other` is another clip, for the background.
    ///
    /// # Panics
    /// If a rate is not the one the pipeline was made for, `draws` are not from this pipeline, or it needs a background
    /// and has none.
    pub fn apply(&self, draws: &Draws, sound: Waveform, other: Option<&Waveform>) -> Waveform {
        assert_eq!(
            sound.sample_rate(),
            self.rate,
            "sound of another rate than the pipeline was made for"
        );
        assert_eq!(
            draws.steps.len(),
            self.steps.len(),
            "draws of another pipeline"
        );
        let steps = self.steps.iter().zip(&self.responses).zip(&draws.steps);
        steps.fold(sound, |sound, ((step, responses), key)| {
            let Some(key) = *key else {
                return sound;
            };
            let given = Given {
                responses,
                background: other,
            };
            let augmentation = step.augmentation.of_any_kind();
            augmentation.draw_and_apply(key, sound, &given)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::super::*;
    use super::*;
    use crate::augment::step::testing::fingerprint;
    use crate::augment::{DrawnFor, StepViews};
    use proptest::prelude::*;

    fn view(item: u64, view: u32) -> ViewKey {
        ViewKey {
            seed: 5,
            epoch: 2,
            item,
            view,
        }
    }

    fn pipeline(steps: Vec<Step>) -> Pipeline {
        let rate = SampleRate::new(RATE).unwrap();
        Pipeline::new(&WaveformAugmentConfig { steps }, rate).unwrap()
    }

    /// Every augmentation, with a length that the sounds here do not have.
    fn all() -> Vec<Augmentation> {
        let mut all = Augmentation::all();
        for augmentation in &mut all {
            if let Augmentation::PadCrop(pad_crop) = augmentation {
                pad_crop.length_secs = 0.1;
            }
        }
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn strength_zero_and_probability_zero_are_the_identity(seed in 0u64..1000, channels in 1usize..4) {
            let (sound, other) = (noise(channels, SAMPLES, seed), noise(1, 3000, seed + 1));
            let never = all().into_iter().map(|augmentation| Step {
                probability: 0.0,
                ..Step::from(augmentation)
            });
            let weak = Augmentation::all_at_strength_zero();
            prop_assert!(weak.len() >= 10, "{weak:?}");
            let steps = weak.into_iter().map(Step::from).chain(never).collect();
            let same = pipeline(steps).augment(view(seed, 0), sound.clone(), Some(&other));
            prop_assert_eq!(same, sound);
        }
    }

    /// Of fixed items: among random ones, some draw a strength too small to show in 4000 samples.
    #[test]
    fn each_step_changes_the_sound_and_the_same_key_alike() {
        for item in 0..24 {
            let (sound, other) = (noise(2, 4000, item), noise(1, 3000, item + 1));
            for augmentation in all() {
                let pipeline = pipeline(vec![augmentation.clone().into()]);
                let changed = pipeline.augment(view(item, 0), sound.clone(), Some(&other));
                assert!(changed != sound, "{augmentation:?}");
                assert_eq!(changed.channels().len(), 2);
                assert!(changed.channels().iter().flatten().all(|x| x.is_finite()));
                let again = pipeline.augment(view(item, 0), sound.clone(), Some(&other));
                assert_eq!(again, changed);
            }
        }
    }

    #[test]
    fn sound_of_any_length_goes_through_every_step() {
        let steps: Vec<Step> = all().into_iter().map(Step::from).collect();
        let (pipeline, other) = (pipeline(steps), noise(2, 100, 2));
        for len in [0, 1, 2, 3, 1000] {
            let sound = noise(1, len, 1);
            let changed = pipeline.augment(view(3, 1), sound, Some(&other));
            assert!(changed.channels()[0].iter().all(|x| x.is_finite()));
        }
    }

    #[test]
    fn flipping_reversing_and_swapping_twice_gives_the_sound_back() {
        let sound = noise(2, 100, 1);
        let twice = |augmentation: Augmentation| {
            let pipeline = pipeline(vec![augmentation.into()]);
            let once = pipeline.augment(view(1, 0), sound.clone(), None);
            (once.clone(), pipeline.augment(view(1, 0), once, None))
        };
        let (flipped, back) = twice(Augmentation::PolarityFlip(PolarityFlip {}));
        assert_eq!(flipped.channels()[1][7], -sound.channels()[1][7]);
        assert_eq!(back, sound);
        let (reversed, back) = twice(Augmentation::TimeReversal(TimeReversal {}));
        assert_eq!(reversed.channels()[1][7], sound.channels()[1][92]);
        assert_eq!(back, sound);
        let (swapped, back) = twice(Augmentation::ChannelSwap(ChannelSwap {}));
        assert_eq!(swapped.channels()[1], sound.channels()[0]);
        assert_eq!(back, sound);
    }

    /// A seed means the same numbers in every version: these are fingerprints of them.
    #[test]
    fn draws_stay_what_they_were() {
        let expected: [(&str, u64); 14] = [
            ("polarity-flip", 0x07e1_1f07_b4a6_665a),
            ("time-reversal", 0x07e1_1f07_b4a6_665a),
            ("channel-swap", 0x07e1_1f07_b4a6_665a),
            ("pad-crop", 0x6a67_5b3f_254d_b49c),
            ("scale", 0x3362_00b0_4171_3cf3),
            ("time-stretch", 0xe3a0_996e_3d08_162b),
            ("pitch-shift", 0xc4c4_9243_7c72_555b),
            ("noise", 0x8fe4_33e8_58d0_3d34),
            ("fade", 0xf2af_870d_8d5c_b1fc),
            ("time-mask", 0x3edd_3212_0180_f6eb),
            ("time-shift", 0x5baa_c3f1_9a9c_e799),
            ("gain", 0xeb38_7b2f_e730_2990),
            ("reverb", 0xdc91_37fd_1366_ad68),
            ("background", 0x4f2a_ffab_8673_ba48),
        ];
        let drawn = |augmentation: Augmentation| {
            let key = pipeline(vec![augmentation.clone().into()])
                .draw(view(3, 1))
                .steps[0]
                .unwrap();
            let drawn = augmentation.of_any_kind().drawn(key);
            (augmentation.name(), fingerprint(&drawn.unwrap()))
        };
        let found: Vec<_> = all().into_iter().map(drawn).collect();
        assert_eq!(found, expected, "{found:#x?}");
    }

    #[test]
    fn draws_depend_on_their_key_alone() {
        let pipeline = pipeline(all().into_iter().map(Step::from).collect());
        assert_eq!(pipeline.draw(view(3, 1)), pipeline.draw(view(3, 1)));
        let (one, other) = (pipeline.draw(view(3, 1)), pipeline.draw(view(4, 1)));
        for (one, other) in one.steps.iter().zip(&other.steps) {
            assert_ne!(one, other);
        }
        assert_ne!(pipeline.draw(view(3, 1)), pipeline.draw(view(3, 0)));
    }

    #[test]
    fn an_added_step_leaves_the_draws_of_others_alone() {
        let noise = || Step::from(Augmentation::Noise(Noise::default()));
        let shift = Step::from(Augmentation::TimeShift(TimeShift::default()));
        let short = pipeline(vec![noise()]).draw(view(1, 0));
        let long = pipeline(vec![shift, noise(), noise()]).draw(view(1, 0));
        assert_eq!(short.steps[0], long.steps[1]);
        assert_ne!(long.steps[1], long.steps[2]);
    }

    #[test]
    fn steps_keep_to_their_views_batches_and_probability() {
        let gain = || Step::from(Augmentation::Gain(Gain::default()));
        let steps = vec![
            Step {
                views: StepViews::Second,
                ..gain()
            },
            Step {
                drawn_for: DrawnFor::Batch,
                ..gain()
            },
            Step {
                probability: 0.25,
                ..gain()
            },
        ];
        let pipeline = pipeline(steps);
        let drawn = |item, view_number, batch| {
            let draws = pipeline.draw_in_batch(view(item, view_number), batch);
            draws.steps
        };
        assert_eq!(drawn(3, 0, 7)[0], None);
        assert!(drawn(3, 1, 7)[0].is_some());
        assert_eq!(drawn(3, 0, 7)[1], drawn(4, 0, 7)[1]);
        assert_ne!(drawn(3, 0, 7)[1], drawn(3, 0, 8)[1]);
        let happened = (0..4000).filter(|&item| {
            let key = drawn(item, 0, 0)[2].unwrap();
            key.draw(|_| ()).is_some()
        });
        // Expected 1000, standard deviation 27.
        assert!((865..1135).contains(&happened.count()));
    }

    #[test]
    fn augmented_views_do_not_depend_on_order_or_thread() {
        let pipeline = pipeline(all().into_iter().map(Step::from).collect());
        let other = noise(1, 3000, 99);
        let augment = |item| pipeline.augment(view(item, 0), noise(2, 4000, item), Some(&other));
        let in_order: Vec<Waveform> = (0..6).map(augment).collect();
        let elsewhere = std::thread::scope(|scope| {
            let backwards = scope.spawn(|| (0..6).rev().map(augment).collect::<Vec<_>>());
            backwards.join().unwrap()
        });
        assert!(in_order.iter().eq(elsewhere.iter().rev()));
    }

    #[test]
    #[should_panic(expected = "background needs another clip")]
    fn a_missing_background_is_not_passed_over() {
        let step = Augmentation::Background(Background::default()).into();
        let pipeline = pipeline(vec![step]);
        assert!(pipeline.needs_background());
        pipeline.augment(view(1, 0), noise(1, 10, 1), None);
    }
}

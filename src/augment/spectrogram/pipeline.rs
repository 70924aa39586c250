//! Drawing and applying all steps.

use super::{Background, Patch, SpectrogramAugmentConfig, Step};
use crate::augment::step::StepKey;
use crate::augment::{AugmentError, ViewKey};

/// The augmentations of one view, ready for use.
#[derive(Debug, Clone, PartialEq)]
pub struct Pipeline {
    steps: Vec<Step>,
    patch: Patch,
}

/// What decides all that happens to one view: the keys of its random numbers, one a step; none where a step leaves the
/// view alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Draws {
    steps: Vec<Option<StepKey>>,
}

impl Pipeline {
    /// Sets up the steps of `config` for patches like `patch`.
    ///
    /// ```
    /// use chiffchaff::augment::ViewKey;
    /// use chiffchaff::augment::spectrogram::{LogUnit, Patch, Pipeline, SpectrogramAugmentConfig};
    ///
    /// let patch = Patch { bands: 96, frames: 101, unit: LogUnit::Log10 };
    /// let pipeline = Pipeline::new(&SpectrogramAugmentConfig::fonseca(), patch)?;
    /// let view = ViewKey { seed: 1, epoch: 0, item: 12, view: 0 };
    /// assert_eq!(pipeline.draw(view), pipeline.draw(view));
    /// # Ok::<(), chiffchaff::augment::AugmentError>(())
    /// ```
    ///
    /// # Errors
    /// If a value of `config` cannot be, or not for such patches; all problems at once.
    pub fn new(config: &SpectrogramAugmentConfig, patch: Patch) -> Result<Self, AugmentError> {
        config.check(&patch)?;
        Ok(Self {
            steps: config.steps.clone(),
            patch,
        })
    }

    /// The patches it was set up for.
    pub fn patch(&self) -> &Patch {
        &self.patch
    }

    /// Which clips [`Pipeline::apply`] wants beside the batch, if any.
    pub fn background(&self) -> Option<Background> {
        let mut steps = self.steps.iter();
        steps.find_map(|step| step.augmentation.background())
    }

    /// Decides what happens to one view of one clip outside training; as [`Self::draw_in_batch`] in the epoch's first
    /// batch.
    pub fn draw(&self, view: ViewKey) -> Draws {
        self.draw_in_batch(view, 0)
    }

    /// Decides what happens to one view of one clip. Depends on nothing but `view`, and on `step`, the batch's number
    /// in the epoch, where a step is drawn once for the batch.
    ///
    /// The same augmentation twice draws twice, and adding one leaves the draws of others alone.
    pub fn draw_in_batch(&self, view: ViewKey, step: u64) -> Draws {
        Draws {
            steps: Step::keys(&self.steps, view, step),
        }
    }

    /// Does to `batch` what was drawn, clip by clip and alike to all channels of a clip: `[batch, channels, mels, frames]`
    /// of f32, on any device, to the same. `background` are other clips, one for each, of the same shape.
    ///
    /// # Panics
    /// If the shapes are not those the pipeline was made for, `draws` are not one per clip and
    /// from this pipeline, or it needs a background and has none.
    #[cfg(feature = "nn")]
    pub fn apply(
        &self,
        batch: &tch::Tensor,
        draws: &[Draws],
        background: Option<&tch::Tensor>,
    ) -> tch::Tensor {
        let shape = [
            draws.len() as i64,
            batch.size().get(1).copied().unwrap_or(1),
            self.patch.bands as i64,
            self.patch.frames as i64,
        ];
        for (name, patches) in [("patches", Some(batch)), ("background", background)] {
            if let Some(patches) = patches {
                assert_eq!(
                    patches.size(),
                    shape,
                    "{name} for {} draws and {:?}",
                    draws.len(),
                    self.patch
                );
                assert_eq!(patches.kind(), tch::Kind::Float, "{name} are f32");
            }
        }
        if draws.is_empty() {
            return batch.shallow_clone();
        }
        let given = super::augment::Given {
            patch: self.patch,
            background,
        };
        tch::no_grad(|| {
            let steps = self.steps.iter().enumerate();
            steps.fold(batch.shallow_clone(), |batch, (number, step)| {
                let keys: Vec<_> = draws.iter().map(|draws| draws.steps[number]).collect();
                let augmentation = step.augmentation.of_any_kind();
                augmentation.draw_and_apply(&batch, &keys, &given)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::augment::testing::PATCH;
    use super::super::*;
    use super::*;
    use crate::augment::Interval;
    use crate::augment::step::testing::fingerprint;

    fn view(item: u64, view: u32) -> ViewKey {
        ViewKey {
            seed: 5,
            epoch: 2,
            item,
            view,
        }
    }

    fn pipeline(augmentations: &[Augmentation]) -> Pipeline {
        let steps = augmentations.iter().copied().map(Step::from).collect();
        Pipeline::new(&SpectrogramAugmentConfig { steps }, PATCH).unwrap()
    }

    /// All that can happen to one patch: `mix-back` rules `mix` out. The first is `mix-back`.
    fn chain() -> Vec<Augmentation> {
        let mut all = Augmentation::all();
        all.retain(|augmentation| augmentation.background() != Some(Background::SameBatch));
        all
    }

    /// A seed means the same numbers in every version: these are fingerprints of them.
    #[test]
    fn draws_stay_what_they_were() {
        let expected: [(&str, u64); 15] = [
            ("mix", 0x45c3_0e5b_a01c_6ca3),
            ("mix-back", 0xfa83_0d0b_a443_7091),
            ("resized-crop", 0x6bc7_875d_d97f_44e8),
            ("time-crop", 0xcae7_a074_3eef_f1dc),
            ("compression", 0xd79d_26c0_59e2_b7ef),
            ("gaussian-noise", 0xc0aa_c7d6_6898_c1b1),
            ("attenuation", 0x78c7_20f7_1c0e_7d2e),
            ("spec-augment", 0x955b_19bf_2979_d9b5),
            ("time-shift", 0x0803_0007_b4c3_1813),
            ("frequency-shift", 0xaf63_aa4c_8601_9796),
            ("time-reversal", 0x5b5c_98ef_514d_bfa5),
            ("gain", 0x8e91_dd75_2676_8d2b),
            ("equalizer", 0xae2f_6901_8f75_08d4),
            ("blur", 0x9bad_1ffe_0a18_1226),
            ("time-warp", 0x6bf2_1767_eded_94ec),
        ];
        let drawn = |augmentation: Augmentation| {
            let key = pipeline(&[augmentation]).draw(view(3, 1)).steps[0].unwrap();
            let drawn = augmentation.of_any_kind().drawn(key, &PATCH);
            (augmentation.name(), fingerprint(&drawn.unwrap()))
        };
        let found: Vec<_> = Augmentation::all().into_iter().map(drawn).collect();
        assert_eq!(found, expected, "{found:#x?}");
    }

    #[test]
    fn draws_depend_on_their_key_alone() {
        let pipeline = pipeline(&chain());
        assert_eq!(pipeline.draw(view(3, 1)), pipeline.draw(view(3, 1)));
        assert_ne!(pipeline.draw(view(3, 1)), pipeline.draw(view(4, 1)));
        assert_ne!(pipeline.draw(view(3, 1)), pipeline.draw(view(3, 0)));
    }

    #[test]
    fn views_share_the_weight_of_the_background_and_nothing_else() {
        let pipeline = pipeline(&chain());
        let (first, second) = (pipeline.draw(view(3, 0)), pipeline.draw(view(3, 1)));
        assert_eq!(first.steps[0], second.steps[0]);
        assert_ne!(first.steps[0], pipeline.draw(view(4, 0)).steps[0]);
        assert_ne!(first.steps[3], second.steps[3]);
    }

    #[test]
    fn an_added_step_leaves_the_draws_of_others_alone() {
        let noise = Augmentation::GaussianNoise(GaussianNoise::default());
        let shift = Augmentation::TimeShift(TimeShift {
            frames: Interval::new(0, 31),
        });
        let (short, long) = (pipeline(&[noise]), pipeline(&[shift, noise, noise]));
        let (short, long) = (short.draw(view(1, 0)), long.draw(view(1, 0)));
        assert_eq!(short.steps[0], long.steps[1]);
        assert_ne!(long.steps[1], long.steps[2]);
    }

    #[test]
    fn steps_happen_as_often_as_asked() {
        let augmentation = Augmentation::TimeReversal(TimeReversal {});
        let steps = vec![Step {
            probability: 0.25,
            ..Step::from(augmentation)
        }];
        let pipeline = Pipeline::new(&SpectrogramAugmentConfig { steps }, PATCH).unwrap();
        let happened = (0..4000).filter(|&item| {
            let key = pipeline.draw(view(item, 0)).steps[0].unwrap();
            key.draw(|_| ()).is_some()
        });
        // Expected 1000, standard deviation 27.
        assert!((865..1135).contains(&happened.count()));
    }

    #[test]
    fn a_step_for_one_view_leaves_the_other_alone() {
        let step = Step {
            views: StepViews::First,
            ..Step::from(Augmentation::Mix(Mix::default()))
        };
        let config = SpectrogramAugmentConfig { steps: vec![step] };
        let pipeline = Pipeline::new(&config, PATCH).unwrap();
        assert!(pipeline.draw(view(3, 0)).steps[0].is_some());
        assert_eq!(pipeline.draw(view(3, 1)).steps[0], None);
        assert_eq!(pipeline.background(), Some(Background::SameBatch));
    }

    #[test]
    fn what_is_drawn_for_the_batch_is_the_same_for_its_clips_and_differs_elsewhere() {
        let step = Step {
            drawn_for: DrawnFor::Batch,
            ..Step::from(Augmentation::GaussianNoise(GaussianNoise::default()))
        };
        let config = SpectrogramAugmentConfig { steps: vec![step] };
        let pipeline = Pipeline::new(&config, PATCH).unwrap();
        let draws = pipeline.draw_in_batch(view(3, 0), 7);
        assert_eq!(draws, pipeline.draw_in_batch(view(4, 0), 7));
        assert_ne!(draws, pipeline.draw_in_batch(view(3, 0), 8));
        assert_ne!(draws, pipeline.draw_in_batch(view(3, 1), 7));
    }

    #[test]
    fn a_patch_is_mixed_with_one_other_only() {
        let steps = [
            Augmentation::Mix(Mix::default()),
            Augmentation::MixBack(MixBack::default()),
        ];
        let steps = steps.map(Step::from).to_vec();
        let refused = Pipeline::new(&SpectrogramAugmentConfig { steps }, PATCH);
        assert!(refused.unwrap_err().to_string().contains("`steps[0].type`"));
    }

    #[cfg(feature = "nn")]
    mod applied {
        use tch::Tensor;

        use super::super::super::augment::testing::applied;
        use super::super::super::remap::testing::*;
        use super::*;

        fn draws(pipeline: &Pipeline, items: std::ops::Range<u64>) -> Vec<Draws> {
            items.map(|item| pipeline.draw(view(item, 0))).collect()
        }

        #[test]
        fn each_step_changes_the_patch() {
            let (patches, background) = (some_patches(4, 24, 31, 1), some_patches(4, 24, 31, 2));
            for augmentation in Augmentation::all() {
                let pipeline = pipeline(&[augmentation]);
                let changed = pipeline.apply(&patches, &draws(&pipeline, 0..4), Some(&background));
                assert_eq!(changed.size(), patches.size());
                assert!(!changed.equal(&patches), "{augmentation:?}");
            }
        }

        #[test]
        fn all_channels_of_a_clip_are_changed_alike() {
            let (patches, background) = (some_patches(4, 24, 31, 1), some_patches(4, 24, 31, 2));
            let [patches, background] = [patches, background].map(|of| of.repeat([1, 3, 1, 1]));
            for augmentation in Augmentation::all() {
                let pipeline = pipeline(&[augmentation]);
                let changed = pipeline.apply(&patches, &draws(&pipeline, 0..4), Some(&background));
                assert_eq!(changed.size(), patches.size());
                let first = changed.narrow(1, 0, 1).expand_as(&changed);
                // Noise is another number everywhere.
                let noise = ["gaussian-noise", "attenuation"].contains(&augmentation.name());
                assert!(noise || changed.equal(&first), "{augmentation:?}");
                assert!(!changed.equal(&patches), "{augmentation:?}");
            }
        }

        #[test]
        fn strength_zero_and_probability_zero_are_the_identity() {
            let (patches, background) = (some_patches(4, 24, 31, 1), some_patches(4, 24, 31, 2));
            let weak = Augmentation::all_at_strength_zero();
            assert!(weak.len() >= 10, "{weak:?}");
            let never = chain().into_iter().map(|augmentation| Step {
                probability: 0.0,
                ..Step::from(augmentation)
            });
            let steps = never.collect();
            let never = Pipeline::new(&SpectrogramAugmentConfig { steps }, PATCH).unwrap();
            for pipeline in [pipeline(&weak), never] {
                let same = pipeline.apply(&patches, &draws(&pipeline, 0..4), Some(&background));
                assert!(same.equal(&patches));
            }
        }

        #[test]
        fn a_clip_alone_equals_the_clip_in_a_batch() {
            let (patches, background) = (some_patches(5, 24, 31, 1), some_patches(5, 24, 31, 2));
            let pipeline = pipeline(&chain());
            let draws = draws(&pipeline, 0..5);
            let together = pipeline.apply(&patches, &draws, Some(&background));
            for clip in 0..5 {
                let one = |batch: &Tensor| batch.narrow(0, clip, 1);
                let alone = pipeline.apply(
                    &one(&patches),
                    &draws[clip as usize..][..1],
                    Some(&one(&background)),
                );
                // Matrix products and sums of another shape may round the last bit otherwise.
                assert_close(&alone, &one(&together), 1e-6);
            }
        }

        #[test]
        fn shifted_rows_read_from_the_shift_on_equal_the_original() {
            let patches = some_patches(2, 24, 31, 1);
            let moved = applied(&FrequencyShift::default(), &patches, &[5, 24]);
            let clip = |batch: &Tensor, clip| batch.narrow(0, clip, 1);
            assert!(
                clip(&moved, 0)
                    .narrow(2, 5, 19)
                    .equal(&clip(&patches, 0).narrow(2, 0, 19))
            );
            assert!(
                clip(&moved, 0)
                    .narrow(2, 0, 5)
                    .equal(&clip(&patches, 0).narrow(2, 19, 5))
            );
            assert!(clip(&moved, 1).equal(&clip(&patches, 1)));

            let moved = applied(&TimeShift::default(), &patches, &[7, 0]);
            assert!(clip(&moved, 0).equal(&clip(&patches, 0).roll(7, 3)));
            assert!(clip(&moved, 1).equal(&clip(&patches, 1)));

            let moved = applied(&TimeReversal {}, &patches, &[true, false]);
            assert!(clip(&moved, 0).equal(&clip(&patches, 0).flip([3])));
            assert!(clip(&moved, 1).equal(&clip(&patches, 1)));
        }

        #[test]
        fn compression_multiplies_each_clip_by_its_factor() {
            let patches = some_patches(2, 24, 31, 1);
            let changed = applied(&Compression::default(), &patches, &[0.5, 1.0]);
            assert!(
                changed
                    .narrow(0, 0, 1)
                    .equal(&(patches.narrow(0, 0, 1) * 0.5))
            );
            assert!(changed.narrow(0, 1, 1).equal(&patches.narrow(0, 1, 1)));
        }

        #[test]
        #[ignore = "measures time: run alone, optimised, with two threads"]
        fn fonseca_specaug_takes_at_most_15_ms_for_128_patches() {
            tch::set_num_threads(2);
            let patch = Patch {
                bands: 64,
                frames: 101,
                unit: LogUnit::Log10,
            };
            let pipeline =
                Pipeline::new(&SpectrogramAugmentConfig::fonseca_specaug(), patch).unwrap();
            let (patches, background) =
                (some_patches(128, 64, 101, 1), some_patches(128, 64, 101, 2));
            let draws = draws(&pipeline, 0..128);
            let mut times: Vec<_> = (0..100)
                .map(|_| {
                    let start = std::time::Instant::now();
                    let _ = pipeline.apply(&patches, &draws, Some(&background));
                    start.elapsed().as_secs_f64() * 1e3
                })
                .collect();
            times.sort_by(f64::total_cmp);
            assert!(
                times[50] <= 15.0,
                "median {:.1} ms, fastest {:.1} ms",
                times[50],
                times[0]
            );
        }
    }
}

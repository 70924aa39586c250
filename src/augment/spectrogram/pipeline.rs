//! Drawing and applying all steps.

use rand::{Rng, RngExt};

use super::{
    Augmentation, Blur, Compression, Crop, Curve, Distance, Masks, Mix, MixBack, Noise, Patch,
    SpectrogramAugmentConfig, Step, Warp,
};
use crate::augment::{AugmentError, ViewKey};

/// The augmentations of one view, ready for use.
#[derive(Debug, Clone, PartialEq)]
pub struct Pipeline {
    steps: Vec<Step>,
    patch: Patch,
}

/// What happens to one view: plain numbers, one entry per step.
#[derive(Debug, Clone, PartialEq)]
pub struct Draws {
    steps: Vec<StepDraw>,
}

/// Which clips a batch is mixed with, one for each of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Background {
    /// The clips of the batch in another order.
    SameBatch,
    /// Any others.
    OtherClips,
}

/// What one step does to one view. A step that does not happen draws what changes nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum StepDraw {
    /// α, the share of the patch itself.
    Mix(f32),
    /// λ, the share of the background.
    MixBack(f32),
    /// The part that is kept.
    ResizedCrop(Crop),
    /// The stretch that is kept.
    TimeCrop(Crop),
    /// The factor.
    Compression(f32),
    /// The noise.
    GaussianNoise(Noise),
    /// How far away.
    Attenuation(Distance),
    /// The stripes.
    SpecAugment(Masks),
    /// Number of frames.
    TimeShift(usize),
    /// Number of bands.
    FrequencyShift(usize),
    /// Whether it is reversed.
    TimeReversal(bool),
    /// Decibels.
    Gain(f32),
    /// Decibels of every band.
    Equalizer(Curve),
    /// Standard deviation, bands and frames.
    Blur(f32),
    /// Which frame goes where.
    TimeWarp(Warp),
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
        self.steps.iter().find_map(|step| match step.augmentation {
            Augmentation::Mix(_) => Some(Background::SameBatch),
            Augmentation::MixBack(_) => Some(Background::OtherClips),
            _ => None,
        })
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
        let draw = |(number, of): (usize, &Step)| match Step::rng(&self.steps, number, view, step) {
            Some(mut rng) => of.draw(&self.patch, &mut rng),
            None => of.augmentation.identity(&self.patch),
        };
        Draws {
            steps: self.steps.iter().enumerate().map(draw).collect(),
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
        tch::no_grad(|| {
            let steps = self.steps.iter().enumerate();
            steps.fold(batch.shallow_clone(), |batch, (number, step)| {
                let drawn: Vec<_> = draws.iter().map(|draws| &draws.steps[number]).collect();
                step.augmentation
                    .apply(&batch, &drawn, background, &self.patch)
            })
        })
    }
}

impl Step {
    fn draw(&self, patch: &Patch, rng: &mut impl Rng) -> StepDraw {
        let drawn = self.augmentation.draw(patch, rng);
        // After the numbers, so that another probability leaves them alone.
        if rng.random_bool(self.probability) {
            drawn
        } else {
            self.augmentation.identity(patch)
        }
    }
}

impl Augmentation {
    fn draw(&self, patch: &Patch, rng: &mut impl Rng) -> StepDraw {
        match self {
            Self::Mix(step) => StepDraw::Mix(step.draw(rng)),
            Self::MixBack(step) => StepDraw::MixBack(step.draw(rng)),
            Self::ResizedCrop(step) => StepDraw::ResizedCrop(step.draw(patch, rng)),
            Self::TimeCrop(step) => StepDraw::TimeCrop(step.draw(patch, rng)),
            Self::Compression(step) => StepDraw::Compression(step.draw(rng)),
            Self::GaussianNoise(step) => StepDraw::GaussianNoise(step.draw(rng)),
            Self::Attenuation(step) => StepDraw::Attenuation(step.draw(rng)),
            Self::SpecAugment(step) => StepDraw::SpecAugment(step.draw(patch, rng)),
            Self::TimeShift(step) => StepDraw::TimeShift(step.draw(rng)),
            Self::FrequencyShift(step) => StepDraw::FrequencyShift(step.draw(rng)),
            Self::TimeReversal(_) => StepDraw::TimeReversal(true),
            Self::Gain(step) => StepDraw::Gain(step.draw(rng)),
            Self::Equalizer(step) => StepDraw::Equalizer(step.draw(patch, rng)),
            Self::Blur(step) => StepDraw::Blur(step.draw(rng)),
            Self::TimeWarp(step) => StepDraw::TimeWarp(step.draw(patch, rng)),
        }
    }

    /// The draw that changes nothing.
    fn identity(&self, patch: &Patch) -> StepDraw {
        match self {
            Self::Mix(_) => StepDraw::Mix(Mix::IDENTITY),
            Self::MixBack(_) => StepDraw::MixBack(MixBack::IDENTITY),
            Self::ResizedCrop(_) => StepDraw::ResizedCrop(Crop::whole(patch)),
            Self::TimeCrop(_) => StepDraw::TimeCrop(Crop::whole(patch)),
            Self::Compression(_) => StepDraw::Compression(Compression::IDENTITY),
            Self::GaussianNoise(_) => StepDraw::GaussianNoise(Noise::NONE),
            Self::Attenuation(_) => StepDraw::Attenuation(Distance::NONE),
            Self::SpecAugment(_) => StepDraw::SpecAugment(Masks::default()),
            Self::TimeShift(_) => StepDraw::TimeShift(0),
            Self::FrequencyShift(_) => StepDraw::FrequencyShift(0),
            Self::TimeReversal(_) => StepDraw::TimeReversal(false),
            Self::Gain(_) => StepDraw::Gain(0.0),
            Self::Equalizer(_) => StepDraw::Equalizer(Curve::flat(patch)),
            Self::Blur(_) => StepDraw::Blur(Blur::NONE),
            Self::TimeWarp(_) => StepDraw::TimeWarp(Warp::NONE),
        }
    }

    #[cfg(feature = "nn")]
    fn apply(
        &self,
        batch: &tch::Tensor,
        draws: &[&StepDraw],
        background: Option<&tch::Tensor>,
        patch: &Patch,
    ) -> tch::Tensor {
        use super::{
            Attenuation, Equalizer, FrequencyShift, Gain, GaussianNoise, ResizedCrop, TimeReversal,
            TimeShift, TimeWarp,
        };

        /// What the draws hold, all of them of one kind.
        macro_rules! drawn {
            ($kind:ident) => {
                draws
                    .iter()
                    .map(|draw| match draw {
                        StepDraw::$kind(drawn) => drawn.clone(),
                        other => panic!("{other:?} was drawn for {self:?}"),
                    })
                    .collect::<Vec<_>>()
            };
        }
        match self {
            Self::Mix(_) => {
                let others = background.expect("mix needs the batch in another order");
                Mix::apply(batch, &drawn!(Mix), others)
            }
            Self::MixBack(_) => {
                let background = background.expect("mix-back needs clips for the background");
                MixBack::apply(batch, &drawn!(MixBack), background, patch.unit)
            }
            Self::ResizedCrop(_) => ResizedCrop::apply(batch, &drawn!(ResizedCrop)),
            Self::TimeCrop(_) => ResizedCrop::apply(batch, &drawn!(TimeCrop)),
            Self::Compression(_) => Compression::apply(batch, &drawn!(Compression)),
            Self::GaussianNoise(_) => GaussianNoise::apply(batch, &drawn!(GaussianNoise)),
            Self::Attenuation(_) => Attenuation::apply(batch, &drawn!(Attenuation)),
            Self::SpecAugment(step) => step.apply(batch, &drawn!(SpecAugment)),
            Self::TimeShift(_) => TimeShift::apply(batch, &drawn!(TimeShift)),
            Self::FrequencyShift(_) => FrequencyShift::apply(batch, &drawn!(FrequencyShift)),
            Self::TimeReversal(_) => TimeReversal::apply(batch, &drawn!(TimeReversal)),
            Self::Gain(_) => Gain::apply(batch, &drawn!(Gain), patch.unit),
            Self::Equalizer(_) => Equalizer::apply(batch, &drawn!(Equalizer), patch.unit),
            Self::Blur(_) => Blur::apply(batch, &drawn!(Blur)),
            Self::TimeWarp(_) => TimeWarp::apply(batch, &drawn!(TimeWarp)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::*;
    use super::*;
    use crate::augment::Interval;

    const PATCH: Patch = Patch {
        bands: 24,
        frames: 31,
        unit: LogUnit::Log10,
    };

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

    fn all() -> [Augmentation; 13] {
        [
            Augmentation::MixBack(MixBack::default()),
            Augmentation::ResizedCrop(ResizedCrop::default()),
            Augmentation::TimeCrop(TimeCrop::default()),
            Augmentation::Compression(Compression::default()),
            Augmentation::SpecAugment(SpecAugment::default()),
            Augmentation::GaussianNoise(GaussianNoise::default()),
            Augmentation::TimeShift(TimeShift::default()),
            Augmentation::FrequencyShift(FrequencyShift::default()),
            Augmentation::TimeReversal(TimeReversal {}),
            Augmentation::Gain(Gain::default()),
            Augmentation::Equalizer(Equalizer::default()),
            Augmentation::Blur(Blur::default()),
            Augmentation::TimeWarp(TimeWarp::default()),
        ]
    }

    #[test]
    fn draws_depend_on_their_key_alone() {
        let pipeline = pipeline(&all());
        assert_eq!(pipeline.draw(view(3, 1)), pipeline.draw(view(3, 1)));
        assert_ne!(pipeline.draw(view(3, 1)), pipeline.draw(view(4, 1)));
        assert_ne!(pipeline.draw(view(3, 1)), pipeline.draw(view(3, 0)));
    }

    #[test]
    fn views_share_the_weight_of_the_background_and_nothing_else() {
        let pipeline = pipeline(&all());
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
        let happened = (0..4000)
            .filter(|&item| pipeline.draw(view(item, 0)).steps[0] == StepDraw::TimeReversal(true));
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
        assert_ne!(
            pipeline.draw(view(3, 0)).steps[0],
            StepDraw::Mix(Mix::IDENTITY)
        );
        assert_eq!(
            pipeline.draw(view(3, 1)).steps[0],
            StepDraw::Mix(Mix::IDENTITY)
        );
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

        use super::super::super::remap::testing::*;
        use super::*;

        fn draws(pipeline: &Pipeline, items: std::ops::Range<u64>) -> Vec<Draws> {
            items.map(|item| pipeline.draw(view(item, 0))).collect()
        }

        #[test]
        fn each_step_changes_the_patch() {
            let (patches, background) = (some_patches(4, 24, 31, 1), some_patches(4, 24, 31, 2));
            for augmentation in all() {
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
            for augmentation in all() {
                let pipeline = pipeline(&[augmentation]);
                let changed = pipeline.apply(&patches, &draws(&pipeline, 0..4), Some(&background));
                assert_eq!(changed.size(), patches.size());
                let first = changed.narrow(1, 0, 1).expand_as(&changed);
                // Noise is another number everywhere.
                let noise = matches!(augmentation, Augmentation::GaussianNoise(_));
                assert!(noise || changed.equal(&first), "{augmentation:?}");
                assert!(!changed.equal(&patches), "{augmentation:?}");
            }
        }

        #[test]
        fn strength_zero_and_probability_zero_are_the_identity() {
            let (patches, background) = (some_patches(4, 24, 31, 1), some_patches(4, 24, 31, 2));
            let one = Interval::new(1.0, 1.0);
            let weak = [
                Augmentation::MixBack(MixBack { max_lambda: 0.0 }),
                Augmentation::ResizedCrop(ResizedCrop {
                    area: one,
                    aspect: one,
                    aspect_of: AspectOf::Patch,
                }),
                Augmentation::Compression(Compression { factor: one }),
                Augmentation::SpecAugment(SpecAugment {
                    frequency_width: 0,
                    time_masks: 0,
                    ..SpecAugment::default()
                }),
                Augmentation::GaussianNoise(GaussianNoise {
                    std: Interval::new(0.0, 0.0),
                }),
                Augmentation::TimeShift(TimeShift {
                    frames: Interval::new(0, 0),
                }),
                Augmentation::FrequencyShift(FrequencyShift {
                    bands: Interval::new(0, 0),
                }),
            ];
            let never: Vec<_> = all()
                .into_iter()
                .map(|augmentation| Step {
                    probability: 0.0,
                    ..Step::from(augmentation)
                })
                .collect();
            let never = Pipeline::new(&SpectrogramAugmentConfig { steps: never }, PATCH).unwrap();
            for pipeline in [pipeline(&weak), never] {
                let same = pipeline.apply(&patches, &draws(&pipeline, 0..4), Some(&background));
                assert!(same.equal(&patches));
            }
        }

        #[test]
        fn a_clip_alone_equals_the_clip_in_a_batch() {
            let (patches, background) = (some_patches(5, 24, 31, 1), some_patches(5, 24, 31, 2));
            let pipeline = pipeline(&all());
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
            let moved = FrequencyShift::apply(&patches, &[5, 24]);
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

            let moved = TimeShift::apply(&patches, &[7, 0]);
            assert!(clip(&moved, 0).equal(&clip(&patches, 0).roll(7, 3)));
            assert!(clip(&moved, 1).equal(&clip(&patches, 1)));

            let moved = TimeReversal::apply(&patches, &[true, false]);
            assert!(clip(&moved, 0).equal(&clip(&patches, 0).flip([3])));
            assert!(clip(&moved, 1).equal(&clip(&patches, 1)));
        }

        #[test]
        fn compression_multiplies_each_clip_by_its_factor() {
            let patches = some_patches(2, 24, 31, 1);
            let changed = Compression::apply(&patches, &[0.5, 1.0]);
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

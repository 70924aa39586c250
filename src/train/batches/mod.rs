//! Which stretches of which clips make a batch: a pure function of (seed, epoch, step).

mod places;
#[cfg(test)]
mod tests;

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};
use std::sync::Arc;

use super::episodes::Episodes;
use super::sound_views::{SoundViews, Stretch};
use super::views::{Placement, ViewsConfig};
use super::{Experiment, FrameLabels, TrainError, TrainingData};
use crate::augment::spectrogram::{Background, Draws, LogUnit, Patch, Pipeline};
use crate::augment::{AugmentError, Purpose, ViewKey};
use crate::features::FeatureSet;
use crate::method::{FrameSupConConfig, FrameTargets, MethodConfig, ViewForm};
use places::Places;

/// One batch, before augmentation.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Index of each patch's clip, in the first view.
    pub clips: Vec<usize>,
    /// The two views of every patch; of an episode, support and query.
    pub views: [View; 2],
    /// Views that show a part of every patch, where the method compares some.
    pub small_views: Vec<FeatureView>,
    /// Which frames of the two views are compared, for a method that compares frames and not whole patches.
    pub frames: Option<FrameTargets>,
}

/// One view of every patch of a batch.
#[derive(Debug)]
pub(crate) enum View {
    /// Features, before their augmentation.
    Features(FeatureView),
    /// Sound, augmented: `[batch, samples]`.
    Sound(Vec<f32>),
}

impl View {
    fn units(&self) -> &[i64] {
        match self {
            Self::Features(view) => &view.units,
            Self::Sound(_) => &[],
        }
    }
}

/// One view of every patch of a batch, as features.
#[derive(Debug)]
pub(crate) struct FeatureView {
    /// `[batch, frames, channels, mels]`
    pub patches: Vec<f32>,
    /// `[batch, frames, channels, mels]`: the patch that is mixed into each patch, if patches are mixed.
    pub background: Option<Vec<f32>>,
    /// The random draws of the augmentation, for each patch.
    pub draws: Vec<Draws>,
    /// `[batch, frames]`: the label of each frame, where frames have labels.
    units: Vec<i64>,
}

/// A view to be made of a batch.
struct ViewOf<'p> {
    epoch: u32,
    /// The batch's number in its epoch.
    step: u64,
    patches: &'p [usize],
    /// Its number: 0 and 1, and above those the small ones.
    view: u32,
}

/// Makes batches from cached features.
#[derive(Clone)]
pub(crate) struct Batches<'a> {
    clips: &'a FeatureSet<'a>,
    views: &'a ViewsConfig,
    pub augment: Pipeline,
    batch_size: usize,
    seed: u64,
    places: Places,
    drawn: Drawn<'a>,
    /// Where views are of sound, or of augmented sound.
    sounds: Option<Arc<SoundViews<'a>>>,
    /// In which form the first and the second view are heard.
    forms: [ViewForm; 2],
    /// How many small views there are, and their augmentations.
    small: Option<(u32, Pipeline)>,
}

/// How the patches of an epoch become batches.
#[derive(Clone)]
enum Drawn<'a> {
    /// Shuffled; both views of a patch are in the same batch.
    Shuffled,
    /// As episodes: the first views are support, the second ones queries.
    Episodes(Arc<Episodes>),
    /// Shuffled, with labels of every frame, one row of labels per clip.
    Frames(&'a [FrameLabels], &'a FrameSupConConfig),
}

impl<'a> Batches<'a> {
    /// What `experiment` makes of `data`; `labels`: one a clip.
    ///
    /// # Errors
    /// If an augmentation does not fit, there is less than one batch, or there are episodes and fewer than two classes.
    ///
    /// # Panics
    /// If sound is heard or augmented, and there is not one for each clip.
    pub(crate) fn new(
        experiment: &'a Experiment,
        data: &'a TrainingData<'a>,
        labels: &[i64],
    ) -> Result<Self, TrainError> {
        let views = &experiment.views;
        let augment = |frames| {
            let patch = Patch {
                bands: data.clips.bands(),
                frames,
                unit: experiment.log_unit().unwrap_or(LogUnit::Ln),
            };
            Pipeline::new(&experiment.augment.of_spectrogram(), patch)
        };
        let small = views
            .small
            .map(|small| Ok::<_, AugmentError>((small.count, augment(small.frames)?)));
        let mut batches = Self {
            clips: &data.clips,
            views,
            augment: augment(views.frames)?,
            batch_size: experiment.train.batch_size,
            seed: experiment.train.seed,
            places: Places::of(views, &data.clips),
            drawn: Drawn::Shuffled,
            sounds: sounds(experiment, data)?.map(Arc::new),
            forms: experiment.method.view_forms(),
            small: small.transpose()?,
        };
        batches.drawn = match &experiment.method {
            MethodConfig::Prototypical(config) => {
                let of_patch = |patch| labels[batches.clip_of(patch)];
                let labels = (0..batches.patches()).map(of_patch);
                Drawn::Episodes(Arc::new(Episodes::new(*config, labels)))
            }
            MethodConfig::FrameSupCon(config) => Drawn::Frames(&data.frame_labels, config),
            _ => Drawn::Shuffled,
        };
        batches.must_suffice()?;
        Ok(batches)
    }

    /// Refuses data that not one batch can be made of.
    fn must_suffice(&self) -> Result<(), TrainError> {
        if let Drawn::Episodes(episodes) = &self.drawn
            && episodes.classes() < 2
        {
            let classes = episodes.classes();
            return Err(TrainError::TooFewClasses { classes });
        }
        match self.steps_per_epoch() {
            0 => Err(TrainError::TooFewPatches {
                patches: self.patches(),
                batch_size: self.batch_size,
            }),
            _ => Ok(()),
        }
    }

    /// The augmentations of small views.
    pub(crate) fn augment_small(&self) -> Option<&Pipeline> {
        self.small.as_ref().map(|(_, augment)| augment)
    }

    /// Clips or windows that patches are taken from.
    fn sources(&self) -> usize {
        match &self.places {
            Places::Random => self.clips.len(),
            Places::Windows(windows) => windows.len(),
        }
    }

    /// Patches of an epoch.
    pub(crate) fn patches(&self) -> usize {
        self.sources() * self.views.patches_per_clip
    }

    /// Full batches of an epoch; the patches left over are dropped.
    pub(crate) fn steps_per_epoch(&self) -> u64 {
        match &self.drawn {
            Drawn::Episodes(episodes) if self.patches() > 0 => episodes.per_epoch(),
            _ => (self.patches() / self.batch_size) as u64,
        }
    }

    fn clip_of(&self, patch: usize) -> usize {
        let source = patch % self.sources();
        match &self.places {
            Places::Random => source,
            Places::Windows(windows) => windows[source].0,
        }
    }

    /// The order of an epoch's patches.
    pub(crate) fn order(&self, epoch: u32) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.patches()).collect();
        let key = self.batch_key(epoch, 0);
        let key = ViewKey { item: 0, ..key };
        order.shuffle(&mut key.draws(Purpose::Order).rng());
        order
    }

    /// The batch of one step, given its epoch's order.
    pub(crate) fn batch(&self, epoch: u32, order: &[usize], step: u64) -> Batch {
        let patches = match &self.drawn {
            Drawn::Shuffled | Drawn::Frames(..) => {
                let first = step as usize * self.batch_size;
                let patches = order[first..first + self.batch_size].to_vec();
                [patches.clone(), patches]
            }
            Drawn::Episodes(episodes) => {
                let key = self.batch_key(epoch, 0).shared_by_batch(step);
                episodes.draw(&mut key.draws(Purpose::Episode).rng())
            }
        };
        let view = |view: u32| ViewOf {
            epoch,
            step,
            patches: &patches[view.min(1) as usize],
            view,
        };
        let views = [0, 1].map(|number| match self.forms[number as usize] {
            ViewForm::Features => View::Features(self.features(view(number), &self.augment)),
            ViewForm::Sound => View::Sound(self.sound(view(number))),
        });
        let small = (self.small.iter()).flat_map(|(count, augment)| {
            // The first two numbers are those of the whole views.
            (2..2 + count).map(|number| self.features(view(number), augment))
        });
        Batch {
            clips: patches[0].iter().map(|&p| self.clip_of(p)).collect(),
            frames: match &self.drawn {
                Drawn::Frames(_, config) => {
                    let units = views.iter().flat_map(View::units).copied().collect();
                    let key = self.batch_key(epoch, 0).shared_by_batch(step);
                    let mut rng = key.draws(Purpose::Frames).rng();
                    Some(FrameTargets::choose(units, config, &mut rng))
                }
                Drawn::Shuffled | Drawn::Episodes(_) => None,
            },
            small_views: small.collect(),
            views,
        }
    }

    fn batch_key(&self, epoch: u32, view: u32) -> ViewKey {
        ViewKey {
            seed: self.seed,
            epoch: epoch.into(),
            item: 0,
            view,
        }
    }

    /// View number `view` of `patches`, as features of the length that `augment` is for.
    fn features(&self, of: ViewOf<'_>, augment: &Pipeline) -> FeatureView {
        let frames = augment.patch().frames;
        let size = frames * self.clips.frame_len();
        let mut stretches = vec![0.0; of.patches.len() * size];
        let mut draws = Vec::with_capacity(of.patches.len());
        let mut units = Vec::new();
        for (&patch, into) in of.patches.iter().zip(stretches.chunks_mut(size)) {
            let stretch = self.stretch(&of, patch, frames);
            let Stretch { clip, start, .. } = stretch;
            match &self.sounds {
                Some(sounds) if sounds.augment() => sounds.features(stretch, into),
                _ => self.clips.stretch(clip, start, into),
            }
            if let Drawn::Frames(labels, _) = &self.drawn {
                units.extend(labels[clip].units(clip, start, frames));
            }
            draws.push(augment.draw_in_batch(stretch.view, of.step));
        }
        let background = match augment.background() {
            None => None,
            Some(Background::OtherClips) => self.other_clips(&of, size),
            Some(Background::SameBatch) => {
                let key = self.batch_key(of.epoch, of.view).shared_by_batch(of.step);
                let mut rng = key.draws(Purpose::Background).rng();
                Some(reordered(&stretches, size, &mut rng))
            }
        };
        FeatureView {
            patches: stretches,
            background,
            draws,
            units,
        }
    }

    /// View number `view` of `patches`, as sound: `[batch, samples]`.
    fn sound(&self, of: ViewOf<'_>) -> Vec<f32> {
        let sounds = self.sounds.as_ref();
        let sounds = sounds.expect("a method that hears sound is given some");
        let frames = self.views.frames;
        let size = sounds.samples_of(frames);
        let mut values = vec![0.0; of.patches.len() * size];
        for (&patch, into) in of.patches.iter().zip(values.chunks_mut(size)) {
            sounds.samples(self.stretch(&of, patch, frames), into);
        }
        values
    }

    /// Which `frames` frames of which clip a view of a patch shows: where a whole view would lie, or anywhere within it.
    fn stretch(&self, of: &ViewOf<'_>, patch: usize, frames: usize) -> Stretch {
        let view = self.key(of.epoch, patch, of.view);
        let placed_by = match self.views.placement {
            Placement::Independent => view,
            Placement::Same => view.shared_by_views(),
        };
        let mut rng = placed_by.draws(Purpose::PatchStart).rng();
        let (clip, first) = self.place(patch % self.sources(), &mut rng);
        let whole = (self.clips.frames(clip) - first).min(self.views.frames);
        let inside = match whole.saturating_sub(frames) {
            0 => 0,
            room => {
                let mut rng = view.draws(Purpose::SmallView).rng();
                rng.random_range(0..=room)
            }
        };
        Stretch {
            view,
            step: of.step,
            clip,
            start: first + inside,
        }
    }

    /// A stretch of another clip for each patch, if there is another.
    fn other_clips(&self, of: &ViewOf<'_>, size: usize) -> Option<Vec<f32>> {
        let sources = self.sources();
        if sources < 2 {
            return None;
        }
        let mut background = vec![0.0; of.patches.len() * size];
        for (&patch, stretch) in of.patches.iter().zip(background.chunks_mut(size)) {
            let key = self.key(of.epoch, patch, of.view);
            let mut rng = key.draws(Purpose::Background).rng();
            let other = patch % sources + rng.random_range(1..sources);
            let (clip, start) = self.place(other % sources, &mut rng);
            self.clips.stretch(clip, start, stretch);
        }
        Some(background)
    }

    fn key(&self, epoch: u32, patch: usize, view: u32) -> ViewKey {
        ViewKey {
            item: patch as u64,
            ..self.batch_key(epoch, view)
        }
    }

    /// Clip and first frame of a window, or of a stretch of a clip placed at random.
    fn place(&self, source: usize, rng: &mut impl Rng) -> (usize, usize) {
        match &self.places {
            Places::Windows(windows) => windows[source],
            Places::Random => {
                let latest = self.clips.frames(source).saturating_sub(self.views.frames);
                (source, rng.random_range(0..=latest))
            }
        }
    }
}

/// The sound of the clips, if it is heard or augmented.
fn sounds<'a>(
    experiment: &'a Experiment,
    data: &'a TrainingData<'a>,
) -> Result<Option<SoundViews<'a>>, TrainError> {
    if !experiment.hears_sound() {
        return Ok(None);
    }
    assert_eq!(
        data.sounds.len(),
        data.clips.len(),
        "one sound for each clip"
    );
    let config = experiment.augment.of_waveform();
    let sounds = SoundViews::new(&data.sounds, &config, &experiment.features)?;
    Ok(Some(sounds))
}

/// The patches of `size` numbers in random order.
fn reordered(patches: &[f32], size: usize, rng: &mut impl Rng) -> Vec<f32> {
    let mut order: Vec<&[f32]> = patches.chunks(size).collect();
    order.shuffle(rng);
    order.concat()
}

//! Which stretches of which clips make a batch: a pure function of (seed, epoch, step).

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::augment::spectrogram::{Draws, Pipeline};
use crate::augment::{DrawKey, Purpose, ViewKey};
use crate::features::FeatureSet;

/// How views are cut from clips.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewsConfig {
    /// Length of a view in frames. Fonseca et al.: 101 (1 s at a hop of 10 ms). Shorter clips are
    /// repeated until they are that long.
    pub frames: usize,
    /// How often an epoch visits each clip. Default 1.
    #[serde(default = "one")]
    pub patches_per_clip: usize,
    /// Where the second view lies. Default: independent of the first.
    #[serde(default)]
    pub placement: Placement,
}

fn one() -> usize {
    1
}

/// Where the two views of a patch lie in their clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// Each anywhere in the clip; they may overlap (Fonseca et al.).
    #[default]
    Independent,
    /// Both at the same place; only augmentation tells them apart (Moummad et al.).
    Same,
}

/// One batch, before augmentation.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Index of each patch's clip.
    pub clips: Vec<usize>,
    /// The two views of every patch.
    pub views: [View; 2],
}

/// One view of every patch of a batch.
#[derive(Debug)]
pub(crate) struct View {
    /// `[batch, frames, mels]`
    pub patches: Vec<f32>,
    /// `[batch, frames, mels]`: a stretch of another clip for each patch, if mixed.
    pub background: Option<Vec<f32>>,
    /// What the augmentation draws for each patch.
    pub draws: Vec<Draws>,
}

/// Makes batches from cached features.
#[derive(Clone)]
pub(crate) struct Batches<'a> {
    pub clips: &'a FeatureSet<'a>,
    pub views: &'a ViewsConfig,
    pub augment: Pipeline,
    pub batch_size: usize,
    pub seed: u64,
}

impl Batches<'_> {
    /// Patches of an epoch.
    pub(crate) fn patches(&self) -> usize {
        self.clips.len() * self.views.patches_per_clip
    }

    /// Full batches of an epoch; the patches left over are dropped.
    pub(crate) fn steps_per_epoch(&self) -> u64 {
        (self.patches() / self.batch_size) as u64
    }

    /// The order of an epoch's patches; patch `p` belongs to clip `p % clips`.
    pub(crate) fn order(&self, epoch: u32) -> Vec<usize> {
        let key = DrawKey {
            seed: self.seed,
            epoch: epoch.into(),
            item: 0,
            view: 0,
            purpose: Purpose::Order,
        };
        let mut order: Vec<usize> = (0..self.patches()).collect();
        order.shuffle(&mut key.rng());
        order
    }

    /// The batch of one step, given its epoch's order.
    pub(crate) fn batch(&self, epoch: u32, order: &[usize], step: u64) -> Batch {
        let first = step as usize * self.batch_size;
        let patches = &order[first..first + self.batch_size];
        Batch {
            clips: patches.iter().map(|p| p % self.clips.len()).collect(),
            views: [0, 1].map(|view| self.view(epoch, patches, view)),
        }
    }

    fn view(&self, epoch: u32, patches: &[usize], view: u32) -> View {
        let size = self.views.frames * self.clips.bands();
        let mut stretches = vec![0.0; patches.len() * size];
        let mut background = (self.augment.needs_background() && self.clips.len() > 1)
            .then(|| vec![0.0; patches.len() * size]);
        let mut draws = Vec::with_capacity(patches.len());
        for (row, &patch) in patches.iter().enumerate() {
            let key = ViewKey {
                seed: self.seed,
                epoch: epoch.into(),
                item: patch as u64,
                view,
            };
            let placed_by = match self.views.placement {
                Placement::Independent => key,
                Placement::Same => key.shared_by_views(),
            };
            let clip = patch % self.clips.len();
            let mut rng = placed_by.draws(Purpose::PatchStart).rng();
            self.stretch(clip, &mut rng, &mut stretches[row * size..][..size]);
            if let Some(background) = &mut background {
                let mut rng = key.draws(Purpose::Background).rng();
                let other = clip + rng.random_range(1..self.clips.len());
                let other = other % self.clips.len();
                self.stretch(other, &mut rng, &mut background[row * size..][..size]);
            }
            draws.push(self.augment.draw(key));
        }
        View {
            patches: stretches,
            background,
            draws,
        }
    }

    /// Copies a stretch of `clip`, placed at random, into `[frames, mels]`.
    fn stretch(&self, clip: usize, rng: &mut impl Rng, into: &mut [f32]) {
        let latest = self.clips.frames(clip).saturating_sub(self.views.frames);
        self.clips.stretch(clip, rng.random_range(0..=latest), into);
    }
}

/// Calls `use_batch` with the batches of the steps from `first` to `total`, in order, while `threads` threads make the next ones. Ends early at the first error.
pub(crate) fn for_each_batch<E: Send>(
    batches: &Batches<'_>,
    first: u64,
    total: u64,
    threads: usize,
    mut use_batch: impl FnMut(u32, u64, Batch) -> Result<(), E>,
) -> Result<(), E> {
    let steps = batches.steps_per_epoch();
    let numbered = move |n: u64| ((n / steps) as u32, n % steps);
    std::thread::scope(|scope| {
        let makers: Vec<_> = (0..threads as u64)
            .map(|thread| {
                let (sender, receiver) = std::sync::mpsc::sync_channel(1);
                scope.spawn(move || {
                    let mut order = (u32::MAX, Vec::new());
                    for n in (first + thread..total).step_by(threads) {
                        let (epoch, step) = numbered(n);
                        if order.0 != epoch {
                            order = (epoch, batches.order(epoch));
                        }
                        // The receiver is gone when training has stopped.
                        if sender.send(batches.batch(epoch, &order.1, step)).is_err() {
                            return;
                        }
                    }
                });
                receiver
            })
            .collect();
        for n in first..total {
            let maker = &makers[((n - first) % threads as u64) as usize];
            let Ok(batch) = maker.recv() else {
                break; // a maker panicked; the scope passes that on
            };
            let (epoch, step) = numbered(n);
            use_batch(epoch, step, batch)?;
        }
        Ok(())
    })
}

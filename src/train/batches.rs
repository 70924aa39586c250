//! Which stretches of which clips make a batch: a pure function of (seed, epoch, step).

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};
use std::sync::Arc;

use crate::augment::spectrogram::{Background, Draws, Pipeline};
use crate::augment::{Purpose, ViewKey};
use crate::features::{FeatureSet, WindowCut};
use crate::method::{FrameSupConConfig, FrameTargets, PrototypicalConfig};

use super::FrameLabels;
use super::episodes::Episodes;
use super::sound_views::SoundViews;
use super::views::{Cut, Placement, ViewsConfig};

/// One batch, before augmentation.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Index of each patch's clip, in the first view.
    pub clips: Vec<usize>,
    /// The two views of every patch; of an episode, support and query.
    pub views: [View; 2],
    /// Which frames of the views are compared, where frames are.
    pub frames: Option<FrameTargets>,
}

/// One view of every patch of a batch.
#[derive(Debug)]
pub(crate) struct View {
    /// `[batch, frames, channels, mels]`
    pub patches: Vec<f32>,
    /// `[batch, frames, channels, mels]`: what each patch is mixed with, if mixed.
    pub background: Option<Vec<f32>>,
    /// What the augmentation draws for each patch.
    pub draws: Vec<Draws>,
    /// `[batch, frames]`: what each frame is of, where frames have labels.
    units: Vec<i64>,
}

/// Makes batches from cached features.
#[derive(Clone)]
pub(crate) struct Batches<'a> {
    clips: &'a FeatureSet<'a>,
    views: &'a ViewsConfig,
    pub augment: Pipeline,
    batch_size: usize,
    seed: u64,
    /// First frame of each window with its clip, where patches are windows.
    windows: Option<Arc<[(usize, usize)]>>,
    episodes: Option<Arc<Episodes>>,
    frames: Option<(&'a [FrameLabels], FrameSupConConfig)>,
    /// Where views are of augmented sound.
    sounds: Option<Arc<SoundViews<'a>>>,
}

impl<'a> Batches<'a> {
    pub(crate) fn new(
        clips: &'a FeatureSet<'a>,
        views: &'a ViewsConfig,
        augment: Pipeline,
        batch_size: usize,
        seed: u64,
    ) -> Self {
        let windows = match &views.cut {
            Cut::Random {} | Cut::Frames {} => None,
            Cut::Windows(cut) => Some(sounding_windows(clips, &cut.rule(views.frames)).into()),
        };
        Self {
            clips,
            views,
            augment,
            batch_size,
            seed,
            windows,
            episodes: None,
            frames: None,
            sounds: None,
        }
    }

    /// Takes views from augmented sound in place of the features.
    pub(crate) fn with_sounds(mut self, sounds: SoundViews<'a>) -> Self {
        self.sounds = Some(Arc::new(sounds));
        self
    }

    /// Labels every frame; one row of labels per clip.
    pub(crate) fn with_frame_labels(
        mut self,
        labels: &'a [FrameLabels],
        config: &FrameSupConConfig,
    ) -> Self {
        self.frames = Some((labels, config.clone()));
        self
    }

    /// Makes episodes in place of shuffled batches; `labels` are those of the clips.
    pub(crate) fn with_episodes(mut self, config: PrototypicalConfig, labels: &[i64]) -> Self {
        let labels = (0..self.patches()).map(|patch| labels[self.clip_of(patch)]);
        self.episodes = Some(Arc::new(Episodes::new(config, labels)));
        self
    }

    /// Number of classes that episodes are drawn from.
    pub(crate) fn episode_classes(&self) -> Option<usize> {
        self.episodes.as_ref().map(|e| e.classes())
    }

    /// Clips or windows that patches are taken from.
    fn sources(&self) -> usize {
        self.windows.as_ref().map_or(self.clips.len(), |w| w.len())
    }

    /// Patches of an epoch.
    pub(crate) fn patches(&self) -> usize {
        self.sources() * self.views.patches_per_clip
    }

    /// Full batches of an epoch; the patches left over are dropped.
    pub(crate) fn steps_per_epoch(&self) -> u64 {
        match &self.episodes {
            Some(episodes) if self.patches() > 0 => episodes.per_epoch(),
            _ => (self.patches() / self.batch_size) as u64,
        }
    }

    fn clip_of(&self, patch: usize) -> usize {
        let source = patch % self.sources();
        match &self.windows {
            None => source,
            Some(windows) => windows[source].0,
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
        let patches = match &self.episodes {
            None => {
                let first = step as usize * self.batch_size;
                let patches = order[first..first + self.batch_size].to_vec();
                [patches.clone(), patches]
            }
            Some(episodes) => {
                let key = self.batch_key(epoch, 0).shared_by_batch(step);
                episodes.draw(&mut key.draws(Purpose::Episode).rng())
            }
        };
        let views = [0, 1].map(|view| self.view(epoch, step, &patches[view as usize], view));
        Batch {
            clips: patches[0].iter().map(|&p| self.clip_of(p)).collect(),
            frames: self.frames.as_ref().map(|(_, config)| {
                let units = views.iter().flat_map(|view| &view.units).copied().collect();
                let key = self.batch_key(epoch, 0).shared_by_batch(step);
                FrameTargets::choose(units, config, &mut key.draws(Purpose::Frames).rng())
            }),
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

    fn view(&self, epoch: u32, step: u64, patches: &[usize], view: u32) -> View {
        let size = self.views.frames * self.clips.frame_len();
        let mut stretches = vec![0.0; patches.len() * size];
        let mut draws = Vec::with_capacity(patches.len());
        let mut units = Vec::new();
        for (&patch, stretch) in patches.iter().zip(stretches.chunks_mut(size)) {
            let key = self.key(epoch, patch, view);
            let placed_by = match self.views.placement {
                Placement::Independent => key,
                Placement::Same => key.shared_by_views(),
            };
            let mut rng = placed_by.draws(Purpose::PatchStart).rng();
            let source = patch % self.sources();
            let (clip, start) = match &self.sounds {
                None => self.cut(source, &mut rng, stretch),
                Some(sounds) => {
                    let (clip, start) = self.place(source, &mut rng);
                    sounds.fill(key, step, clip, start, stretch);
                    (clip, start)
                }
            };
            if let Some((labels, _)) = &self.frames {
                units.extend(labels[clip].units(clip, start, self.views.frames));
            }
            draws.push(self.augment.draw_in_batch(key, step));
        }
        let background = match self.augment.background() {
            None => None,
            Some(Background::OtherClips) => self.other_clips(epoch, patches, view),
            Some(Background::SameBatch) => {
                let key = self.batch_key(epoch, view).shared_by_batch(step);
                let mut rng = key.draws(Purpose::Background).rng();
                Some(reordered(&stretches, size, &mut rng))
            }
        };
        View {
            patches: stretches,
            background,
            draws,
            units,
        }
    }

    /// A stretch of another clip for each patch, if there is another.
    fn other_clips(&self, epoch: u32, patches: &[usize], view: u32) -> Option<Vec<f32>> {
        let (size, sources) = (self.views.frames * self.clips.frame_len(), self.sources());
        if sources < 2 {
            return None;
        }
        let mut background = vec![0.0; patches.len() * size];
        for (&patch, stretch) in patches.iter().zip(background.chunks_mut(size)) {
            let key = self.key(epoch, patch, view);
            let mut rng = key.draws(Purpose::Background).rng();
            let other = patch % sources + rng.random_range(1..sources);
            self.cut(other % sources, &mut rng, stretch);
        }
        Some(background)
    }

    fn key(&self, epoch: u32, patch: usize, view: u32) -> ViewKey {
        ViewKey {
            item: patch as u64,
            ..self.batch_key(epoch, view)
        }
    }

    /// Copies a window, or a stretch of a clip placed at random, into `[frames, channels, mels]`; gives clip and first frame.
    fn cut(&self, source: usize, rng: &mut impl Rng, into: &mut [f32]) -> (usize, usize) {
        let (clip, start) = self.place(source, rng);
        self.clips.stretch(clip, start, into);
        (clip, start)
    }

    /// Clip and first frame of a window, or of a stretch of a clip placed at random.
    fn place(&self, source: usize, rng: &mut impl Rng) -> (usize, usize) {
        match &self.windows {
            Some(windows) => windows[source],
            None => {
                let latest = self.clips.frames(source).saturating_sub(self.views.frames);
                (source, rng.random_range(0..=latest))
            }
        }
    }
}

/// The windows of all clips as (clip, first frame), without those that are the same everywhere: digital silence.
fn sounding_windows(clips: &FeatureSet<'_>, rule: &WindowCut) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for clip in 0..clips.len() {
        for window in rule.windows(0..clips.frames(clip)) {
            let mut values = vec![0.0; window.len() * clips.frame_len()];
            clips.stretch(clip, window.start, &mut values);
            if values.iter().any(|&value| value != values[0]) {
                found.push((clip, window.start));
            }
        }
    }
    found
}

/// The patches of `size` numbers in random order.
fn reordered(patches: &[f32], size: usize, rng: &mut impl Rng) -> Vec<f32> {
    let mut order: Vec<&[f32]> = patches.chunks(size).collect();
    order.shuffle(rng);
    order.concat()
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

#[cfg(test)]
mod tests {
    use super::super::views::WindowsCut;
    use super::*;
    use std::ops::Range;

    #[test]
    fn patches_of_events_are_windows_of_the_whole_recording_without_silence() {
        use crate::audio::{SampleRate, Waveform};
        use crate::dataset::{Clip, Dataset};
        use crate::features::{CacheConfig, CachePrecision, FeatureCache, FrontEnd, LogMelConfig};

        let mut state = 1u32;
        let mut samples: Vec<f32> = (0..3 * 22_050)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state as f32 / u32::MAX as f32 - 0.5
            })
            .collect();
        samples[22_050..44_100].fill(0.0);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recording.wav");
        std::fs::write(&path, "its sound comes from below").unwrap();
        let recordings = Dataset::new("one", vec![Clip::unlabelled(path)], Vec::new());
        let config = CacheConfig {
            dir: folder.path().join("cache"),
            precision: CachePrecision::F32,
        };
        let front_end = FrontEnd::LogMel(LogMelConfig::moummad());
        let rate = SampleRate::new(22_050).unwrap();
        let load = |_: &Clip| Ok::<_, std::io::Error>(Waveform::mono(samples.clone(), rate));
        let opened = FeatureCache::open(&config, &recordings, &front_end, load, |_, _| {});
        let (cache, _) = opened.unwrap();

        let mut events = FeatureSet::default();
        for span in [(0.2, 0.5), (1.2, 1.6), (2.5, 2.52)] {
            let frames =
                WindowsCut::MOUMMAD.event_frames(span, front_end.frame_rate(), cache.frames(0));
            if let Some(frames) = frames {
                events.push_stretch(&cache, 0, frames);
            }
        }
        // The first gives three windows; the second is silent; the third has three frames.
        assert_eq!(events.len(), 2);
        let views = ViewsConfig {
            frames: 34,
            patches_per_clip: 1,
            placement: Placement::Same,
            cut: Cut::Windows(WindowsCut::MOUMMAD),
        };
        let patch = crate::augment::spectrogram::Patch {
            bands: 128,
            frames: 34,
            unit: crate::augment::spectrogram::LogUnit::Decibel,
        };
        let augment = Pipeline::new(&Default::default(), patch).unwrap();
        let batches = Batches::new(&events, &views, augment, 3, 0);
        assert_eq!((batches.patches(), batches.steps_per_epoch()), (3, 1));

        let whole = front_end.extractor().unwrap().compute(&samples);
        let tiled = |frames: Range<usize>| -> Vec<f32> {
            let frames = frames.cycle().take(34);
            frames.flat_map(|n| whole.frame(n).to_vec()).collect()
        };
        // Frames 34 to 86: 34..68, 51..85, and the remainder 68..86, repeated.
        let expected = [tiled(34..68), tiled(51..85), tiled(68..86)];
        let order = batches.order(0);
        let batch = batches.batch(0, &order, 0);
        let [first, second] = &batch.views;
        assert_eq!(first.patches, second.patches);
        for (&window, patch) in order.iter().zip(first.patches.chunks(34 * 128)) {
            assert_eq!(patch, expected[window], "window {window}");
        }
    }

    #[test]
    fn a_batch_reordered_has_the_same_patches_elsewhere() {
        use rand::SeedableRng;
        let patches: Vec<f32> = (0..60).map(|n| n as f32).collect();
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let other = reordered(&patches, 3, &mut rng);
        assert_ne!(other, patches);
        let mut sorted: Vec<_> = other.chunks(3).collect();
        sorted.sort_by(|a, b| a[0].total_cmp(&b[0]));
        assert_eq!(sorted.concat(), patches);
    }
}

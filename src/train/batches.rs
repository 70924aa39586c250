//! Which stretches of which clips make a batch: a pure function of (seed, epoch, step).

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};
use std::sync::Arc;

use crate::augment::spectrogram::{Background, Draws, Pipeline};
use crate::augment::{Purpose, ViewKey};
use crate::features::{FeatureSet, WindowCut};
use crate::method::{FrameSupConConfig, FrameTargets, PrototypicalConfig, ViewForm};

use super::FrameLabels;
use super::episodes::Episodes;
use super::sound_views::{SoundViews, Stretch};
use super::views::{Cut, Placement, ViewsConfig};

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
    /// First frame of each window with its clip, where patches are windows.
    windows: Option<Arc<[(usize, usize)]>>,
    episodes: Option<Arc<Episodes>>,
    frames: Option<(&'a [FrameLabels], FrameSupConConfig)>,
    /// Where views are of sound, or of augmented sound.
    sounds: Option<Arc<SoundViews<'a>>>,
    /// In which form the first and the second view are heard.
    forms: [ViewForm; 2],
    /// How many small views there are, and their augmentations.
    small: Option<(u32, Pipeline)>,
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
            forms: [ViewForm::Features; 2],
            small: None,
        }
    }

    /// Takes views from augmented sound in place of the features, each in the form it is to be heard in.
    pub(crate) fn with_sounds(mut self, sounds: SoundViews<'a>, forms: [ViewForm; 2]) -> Self {
        self.sounds = Some(Arc::new(sounds));
        self.forms = forms;
        self
    }

    /// Adds small views, `count` of each patch; `augment` is for patches of their length.
    pub(crate) fn with_small_views(mut self, count: u32, augment: Pipeline) -> Self {
        self.small = Some((count, augment));
        self
    }

    /// The augmentations of small views.
    pub(crate) fn augment_small(&self) -> Option<&Pipeline> {
        self.small.as_ref().map(|(_, augment)| augment)
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
            frames: self.frames.as_ref().map(|(_, config)| {
                let units = views.iter().flat_map(View::units).copied().collect();
                let key = self.batch_key(epoch, 0).shared_by_batch(step);
                FrameTargets::choose(units, config, &mut key.draws(Purpose::Frames).rng())
            }),
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
            if let Some((labels, _)) = &self.frames {
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

#[cfg(test)]
mod tests {
    use super::super::views::WindowsCut;
    use super::*;
    use std::ops::Range;

    use crate::audio::{SampleRate, SoundChannels, Waveform};
    use crate::augment::spectrogram::{LogUnit, Patch};
    use crate::dataset::{Clip, Dataset};
    use crate::features::{
        CacheConfig, CachePrecision, FeatureCache, FrontEnd, LogMelConfig, SamplesConfig,
    };

    const LENGTHS: [usize; 3] = [9000, 8000, 3000];

    /// The features of three clips whose `n`th sample is `n`/10000.
    fn cache(folder: &std::path::Path, front_end: &FrontEnd) -> FeatureCache {
        let clip = |length: usize| {
            let path = folder.join(length.to_string());
            std::fs::write(&path, "its sound comes from below").unwrap();
            Clip::unlabelled(path)
        };
        let dataset = Dataset::new("three", LENGTHS.map(clip).to_vec(), Vec::new());
        let config = CacheConfig {
            dir: folder.join("cache"),
            precision: CachePrecision::F32,
        };
        let load = |clip: &Clip| {
            let name = clip.path.file_name().unwrap().to_str().unwrap();
            let samples = (0..name.parse().unwrap()).map(|n| n as f32 / 10_000.0);
            Ok::<_, std::io::Error>(Waveform::mono(samples.collect(), front_end.sample_rate()))
        };
        let opened = FeatureCache::open(&config, &dataset, front_end, load, |_, _| {});
        opened.unwrap().0
    }

    fn of_samples() -> FrontEnd {
        let sample_rate = SampleRate::new(8000).unwrap();
        FrontEnd::Samples(SamplesConfig {
            sample_rate,
            channels: SoundChannels::Mono,
        })
    }

    fn nothing(bands: usize, frames: usize) -> Pipeline {
        let unit = LogUnit::Ln;
        Pipeline::new(
            &Default::default(),
            Patch {
                bands,
                frames,
                unit,
            },
        )
        .unwrap()
    }

    fn views(frames: usize, placement: Placement) -> ViewsConfig {
        ViewsConfig {
            frames,
            patches_per_clip: 2,
            placement,
            small: None,
            cut: Cut::Random {},
        }
    }

    fn whole(batch: &Batch) -> [&FeatureView; 2] {
        batch.views.each_ref().map(|view| match view {
            View::Features(view) => view,
            View::Sound(_) => panic!("features are heard"),
        })
    }

    #[test]
    fn small_views_lie_within_the_patch_apart_and_leave_whole_ones_alone() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path(), &of_samples());
        let clips = FeatureSet::of(&cache, 0..3);
        let same = views(4000, Placement::Same);
        let plain = Batches::new(&clips, &same, nothing(1, 4000), 6, 7);
        let small = plain.clone().with_small_views(3, nothing(1, 1000));
        let order = plain.order(0);
        let [without, with] = [plain.batch(0, &order, 0), small.batch(0, &order, 0)];
        for (a, b) in whole(&without).iter().zip(whole(&with)) {
            assert_eq!((&a.patches, &a.draws), (&b.patches, &b.draws));
        }
        assert!(without.small_views.is_empty());
        assert_eq!(with.small_views.len(), 3);
        let mut starts = Vec::new();
        for view in &with.small_views {
            let patches = whole(&with)[0].patches.chunks(4000);
            for (patch, part) in patches.zip(view.patches.chunks(1000)) {
                let first = patch.iter().position(|sample| *sample == part[0]).unwrap();
                assert_eq!(part, &patch[first..first + 1000]);
                starts.push(first);
            }
        }
        starts.sort_unstable();
        starts.dedup();
        assert!(starts.len() > 12, "{starts:?}");
    }

    #[test]
    fn sound_lasts_as_long_as_the_features_of_the_same_place() {
        let folder = tempfile::tempdir().unwrap();
        let front_end = FrontEnd::LogMel(LogMelConfig {
            sample_rate: SampleRate::new(8000).unwrap(),
            n_fft: 128,
            win_length: 128,
            hop_length: 80,
            n_mels: 8,
            f_max: 4000.0,
            ..LogMelConfig::small()
        });
        let [features, samples] = [&front_end, &of_samples()].map(|f| cache(folder.path(), f));
        let [clips, sounds] = [&features, &samples].map(|cache| FeatureSet::of(cache, 0..3));
        let same = views(50, Placement::Same);
        let sounds = SoundViews::new(&sounds, &Default::default(), &front_end).unwrap();
        let forms = [ViewForm::Sound, ViewForm::Features];
        let batches = Batches::new(&clips, &same, nothing(8, 50), 6, 7).with_sounds(sounds, forms);
        let batch = batches.batch(0, &batches.order(0), 0);
        let [View::Sound(sound), View::Features(image)] = &batch.views else {
            panic!("sound and features are heard");
        };
        assert_eq!((sound.len(), image.patches.len()), (6 * 4000, 6 * 50 * 8));
        let patches = sound.chunks(4000).zip(image.patches.chunks(50 * 8));
        for ((sound, image), &clip) in patches.zip(&batch.clips) {
            let first = (sound[0] * 10_000.0).round() as usize;
            assert_eq!(first % 80, 0);
            let mut expected = [0.0; 50 * 8];
            clips.stretch(clip, first / 80, &mut expected);
            assert_eq!(image, expected);
            let at = |n: usize| (first + n % (LENGTHS[clip] - first).min(6000)) as f32 / 10_000.0;
            assert!(sound.iter().enumerate().all(|(n, sample)| *sample == at(n)));
        }
    }

    #[test]
    fn patches_of_events_are_windows_of_the_whole_recording_without_silence() {
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
            small: None,
            cut: Cut::Windows(WindowsCut::MOUMMAD),
        };
        let batches = Batches::new(&events, &views, nothing(128, 34), 3, 0);
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
        let [View::Features(first), View::Features(second)] = &batch.views else {
            panic!("features are heard");
        };
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

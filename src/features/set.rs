//! The clips that a run hears, wherever their features are kept.

use super::{FeatureCache, Features};
use std::hash::{DefaultHasher, Hasher};
use std::ops::Range;

/// Clips of the same front end, in one or more caches or in memory, or stretches of them, in a fixed order, each with at
/// least one frame.
#[derive(Debug, Clone, Default)]
pub struct FeatureSet<'a> {
    clips: Vec<Held<'a>>,
}

/// Frames of a clip.
#[derive(Debug, Clone)]
struct Held<'a> {
    place: Place<'a>,
    frames: Range<usize>,
}

/// Where the features of a clip are.
#[derive(Debug, Clone)]
enum Place<'a> {
    Cache(&'a FeatureCache, usize),
    Memory(Features),
}

impl Place<'_> {
    /// Channels and bands.
    fn shape(&self) -> [usize; 2] {
        match self {
            Self::Cache(cache, _) => [cache.channels(), cache.bands()],
            Self::Memory(features) => [features.channels(), features.bands()],
        }
    }

    fn checksum(&self) -> u64 {
        match self {
            Self::Cache(cache, clip) => cache.checksum(*clip),
            Self::Memory(features) => hash_of(features),
        }
    }

    /// As [`FeatureCache::crop`].
    fn crop(&self, start: usize, frames: usize, out: &mut [f32]) {
        match self {
            Self::Cache(cache, clip) => cache.crop(*clip, start, frames, out),
            Self::Memory(features) => {
                let size = features.frame_len();
                out.copy_from_slice(&features.values()[start * size..(start + frames) * size]);
            }
        }
    }
}

fn hash_of(features: &Features) -> u64 {
    let mut hash = DefaultHasher::new();
    hash.write(bytemuck::cast_slice(features.values()));
    hash.finish()
}

impl<'a> FeatureSet<'a> {
    /// The clips of `cache` with these indices; all must be usable.
    ///
    /// # Panics
    /// If a clip was skipped.
    pub fn of(cache: &'a FeatureCache, clips: impl IntoIterator<Item = usize>) -> Self {
        let mut set = Self::default();
        set.extend(cache, clips);
        set
    }

    /// Adds clips of a further cache.
    ///
    /// # Panics
    /// If a clip was skipped, or the cache has images of another number of channels or bands than those before.
    pub fn extend(&mut self, cache: &'a FeatureCache, clips: impl IntoIterator<Item = usize>) {
        for clip in clips {
            self.push_stretch(cache, clip, 0..cache.frames(clip));
        }
    }

    /// Adds some frames of a clip of `cache`, as a clip of its own: an event within its recording.
    ///
    /// # Panics
    /// If there are no such frames, or the cache has images of another number of channels or bands than those before.
    pub fn push_stretch(&mut self, cache: &'a FeatureCache, clip: usize, frames: Range<usize>) {
        let held = cache.frames(clip);
        assert!(held > 0, "clip {clip} was skipped");
        assert!(
            frames.start < frames.end && frames.end <= held,
            "frames {frames:?} of clip {clip}, which has {held}"
        );
        self.push_held(Place::Cache(cache, clip), frames);
    }

    /// Adds a clip whose features are in memory.
    ///
    /// # Panics
    /// If it has no frame, or images of another number of channels or bands than those before.
    pub fn push(&mut self, features: Features) {
        let frames = 0..features.frames();
        assert!(!frames.is_empty(), "a clip without a frame");
        self.push_held(Place::Memory(features), frames);
    }

    fn push_held(&mut self, place: Place<'a>, frames: Range<usize>) {
        assert!(
            self.is_empty() || self.shape() == place.shape(),
            "clips of {:?} and {:?} channels and bands do not mix",
            self.shape(),
            place.shape()
        );
        self.clips.push(Held { place, frames });
    }

    /// Number of clips.
    pub fn len(&self) -> usize {
        self.clips.len()
    }

    /// Whether there is no clip.
    pub fn is_empty(&self) -> bool {
        self.clips.is_empty()
    }

    /// Number of channels of the images; 0 without clips.
    pub fn channels(&self) -> usize {
        self.shape()[0]
    }

    /// Numbers in a frame: channels × bands.
    pub fn frame_len(&self) -> usize {
        self.channels() * self.bands()
    }

    /// Number of frequency bands of each channel; 0 without clips.
    pub fn bands(&self) -> usize {
        self.shape()[1]
    }

    fn shape(&self) -> [usize; 2] {
        self.clips.first().map_or([0, 0], |held| held.place.shape())
    }

    /// Number of frames of a clip.
    pub fn frames(&self, clip: usize) -> usize {
        self.clips[clip].frames.len()
    }

    /// What tells the sound of a clip from any other, wherever it is kept: a checksum of the features it is a stretch of, and
    /// which frames of them it is.
    pub fn identity(&self, clip: usize) -> (u64, Range<usize>) {
        let held = &self.clips[clip];
        (held.place.checksum(), held.frames.clone())
    }

    /// All features of a clip, `[channels, bands, frames]`.
    pub fn features(&self, clip: usize) -> Features {
        let mut values = vec![0.0; self.frames(clip) * self.frame_len()];
        self.stretch(clip, 0, &mut values);
        let [channels, bands] = self.shape();
        Features::with_channels(channels, bands, values)
    }

    /// A hash of a clip's features, by which copies of one sound are known within a run of the program.
    pub fn content(&self, clip: usize) -> u64 {
        hash_of(&self.features(clip))
    }

    /// Fills `out` with `out.len() / frame_len` frames of a clip from frame `start` on, frame after
    /// frame; begins again at `start` where the clip is too short.
    pub fn stretch(&self, clip: usize, start: usize, out: &mut [f32]) {
        let Held { place, frames } = &self.clips[clip];
        let size = self.frame_len();
        let held = (frames.len() - start).min(out.len() / size);
        let (once, rest) = out.split_at_mut(held * size);
        place.crop(frames.start + start, held, once);
        for repeat in rest.chunks_mut(once.len()) {
            repeat.copy_from_slice(&once[..repeat.len()]);
        }
    }
}

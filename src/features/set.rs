//! The clips that a run hears, wherever their features are kept.

use super::{FeatureCache, Features};

/// Clips of one or more caches of the same front end, in a fixed order, each with at least one
/// frame.
#[derive(Debug, Clone, Default)]
pub struct FeatureSet<'a> {
    clips: Vec<(&'a FeatureCache, usize)>,
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
    /// If a clip was skipped, or the cache has another number of bands than those before.
    pub fn extend(&mut self, cache: &'a FeatureCache, clips: impl IntoIterator<Item = usize>) {
        for clip in clips {
            assert!(cache.frames(clip) > 0, "clip {clip} was skipped");
            assert!(
                self.is_empty() || self.bands() == cache.bands(),
                "caches of {} and {} bands do not mix",
                self.bands(),
                cache.bands()
            );
            self.clips.push((cache, clip));
        }
    }

    /// Number of clips.
    pub fn len(&self) -> usize {
        self.clips.len()
    }

    /// Whether there is no clip.
    pub fn is_empty(&self) -> bool {
        self.clips.is_empty()
    }

    /// Number of frequency bands; 0 without clips.
    pub fn bands(&self) -> usize {
        self.clips.first().map_or(0, |(cache, _)| cache.bands())
    }

    /// Number of frames of a clip.
    pub fn frames(&self, clip: usize) -> usize {
        let (cache, clip) = self.clips[clip];
        cache.frames(clip)
    }

    /// All features of a clip, `[bands, frames]`.
    pub fn features(&self, clip: usize) -> Features {
        let (cache, clip) = self.clips[clip];
        cache.features(clip)
    }

    /// Fills `out` with `out.len() / bands` frames of a clip from frame `start` on, frame after
    /// frame; begins again at the clip's first frame where it is too short.
    pub fn stretch(&self, clip: usize, start: usize, out: &mut [f32]) {
        let (cache, index) = self.clips[clip];
        let bands = cache.bands();
        let held = (cache.frames(index) - start).min(out.len() / bands);
        let (once, rest) = out.split_at_mut(held * bands);
        cache.crop(index, start, held, once);
        for repeat in rest.chunks_mut(once.len()) {
            repeat.copy_from_slice(&once[..repeat.len()]);
        }
    }
}

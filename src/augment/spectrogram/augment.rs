//! What every augmentation of patches can do.

use rand::Rng;

use super::{Augmentation, Patch};
use crate::augment::step::Drawable;
#[cfg(any(feature = "nn", test))]
use crate::augment::step::StepKey;
use crate::augment::{Purpose, error::Problems};

/// An augmentation of patches. Its fields are its configuration.
pub(super) trait Augment {
    /// What is drawn for one clip.
    type Draw: std::fmt::Debug;

    /// What the random numbers are used for.
    const PURPOSE: Purpose;

    /// Whether what sounds in a frame may sound in another one afterwards.
    const MOVES_FRAMES: bool = false;

    /// Whether all views of a clip get the same numbers.
    const SHARED_BY_VIEWS: bool = false;

    /// Which clips a batch is mixed with, if any.
    const BACKGROUND: Option<Background> = None;

    /// Whether it computes with energies, so that values must be their logarithms.
    const NEEDS_ENERGIES: bool = false;

    /// Notes every setting that cannot be for such patches.
    fn check(&self, _patch: &Patch, _problems: &mut Problems<'_>) {}

    /// Draws for one clip.
    fn draw(&self, patch: &Patch, rng: &mut impl Rng) -> Self::Draw;

    /// The draw that leaves a clip bit for bit as it is.
    fn identity(patch: &Patch) -> Self::Draw;

    /// Does to each clip of `batch` what was drawn for it: `[batch, channels, mels, frames]` to the same.
    #[cfg(feature = "nn")]
    fn apply(&self, batch: &tch::Tensor, draws: &[Self::Draw], given: &Given<'_>) -> tch::Tensor;

    /// The settings of strength 0, by which every draw leaves a clip bit for bit as it is; none without a strength.
    #[cfg(test)]
    fn at_strength_zero() -> Option<Self>
    where
        Self: Sized;
}

/// Which clips a batch is mixed with, one for each of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Background {
    /// The clips of the batch in another order.
    SameBatch,
    /// Any others.
    OtherClips,
}

/// What an augmentation is given beside the batch and its draws.
#[cfg(feature = "nn")]
#[derive(Debug)]
pub(super) struct Given<'a> {
    /// What is known about the patches.
    pub(super) patch: Patch,
    /// Other patches, one for each of the batch and of the same shape.
    pub(super) background: Option<&'a tch::Tensor>,
}

#[cfg(feature = "nn")]
impl Given<'_> {
    /// The other patches.
    ///
    /// # Panics
    /// With `missing`, if there are none.
    pub(super) fn background(&self, missing: &str) -> &tch::Tensor {
        self.background.expect(missing)
    }
}

/// [`Augment`] without what is drawn, so that all augmentations look alike.
pub(super) trait AnyAugment {
    /// [`Augment::PURPOSE`].
    fn purpose(&self) -> Purpose;

    /// [`Augment::MOVES_FRAMES`].
    fn moves_frames(&self) -> bool;

    /// [`Augment::SHARED_BY_VIEWS`].
    fn is_shared_by_views(&self) -> bool;

    /// [`Augment::BACKGROUND`].
    fn background(&self) -> Option<Background>;

    /// [`Augment::NEEDS_ENERGIES`].
    fn needs_energies(&self) -> bool;

    /// [`Augment::check`].
    fn check(&self, patch: &Patch, problems: &mut Problems<'_>);

    /// Draws by the key of each clip, and does to `batch` what was drawn; a clip without key stays as it is.
    #[cfg(feature = "nn")]
    fn draw_and_apply(
        &self,
        batch: &tch::Tensor,
        keys: &[Option<StepKey>],
        given: &Given<'_>,
    ) -> tch::Tensor;

    /// What is drawn by the key, as text.
    #[cfg(test)]
    fn drawn(&self, key: StepKey, patch: &Patch) -> Option<String>;
}

impl<A: Augment> AnyAugment for A {
    fn purpose(&self) -> Purpose {
        A::PURPOSE
    }

    fn moves_frames(&self) -> bool {
        A::MOVES_FRAMES
    }

    fn is_shared_by_views(&self) -> bool {
        A::SHARED_BY_VIEWS
    }

    fn background(&self) -> Option<Background> {
        A::BACKGROUND
    }

    fn needs_energies(&self) -> bool {
        A::NEEDS_ENERGIES
    }

    fn check(&self, patch: &Patch, problems: &mut Problems<'_>) {
        Augment::check(self, patch, problems);
    }

    #[cfg(feature = "nn")]
    fn draw_and_apply(
        &self,
        batch: &tch::Tensor,
        keys: &[Option<StepKey>],
        given: &Given<'_>,
    ) -> tch::Tensor {
        let draw = |key: &Option<StepKey>| {
            let drawn = key.and_then(|key| key.draw(|rng| self.draw(&given.patch, rng)));
            drawn.unwrap_or_else(|| A::identity(&given.patch))
        };
        let draws: Vec<A::Draw> = keys.iter().map(draw).collect();
        self.apply(batch, &draws, given)
    }

    #[cfg(test)]
    fn drawn(&self, key: StepKey, patch: &Patch) -> Option<String> {
        let drawn = key.draw(|rng| self.draw(patch, rng))?;
        Some(format!("{drawn:?}"))
    }
}

impl Augmentation {
    /// Whether what sounds in a frame may sound in another one afterwards.
    pub(crate) fn moves_frames(&self) -> bool {
        self.of_any_kind().moves_frames()
    }

    /// Whether it computes with energies, so that the features must be their logarithms.
    pub(crate) fn needs_energies(&self) -> bool {
        self.of_any_kind().needs_energies()
    }

    /// Which clips a batch is mixed with, if any.
    pub(crate) fn background(&self) -> Option<Background> {
        self.of_any_kind().background()
    }
}

impl Drawable for Augmentation {
    fn purpose(&self) -> Purpose {
        self.of_any_kind().purpose()
    }

    fn is_shared_by_views(&self) -> bool {
        self.of_any_kind().is_shared_by_views()
    }
}

#[cfg(test)]
pub(super) mod testing {
    //! Augmentations by themselves.

    use super::super::LogUnit;
    use super::*;

    /// The patches of most tests.
    pub(in super::super) const PATCH: Patch = Patch {
        bands: 24,
        frames: 31,
        unit: LogUnit::Log10,
    };

    /// `augmentation` of a batch that is mixed with nothing, in log₁₀.
    #[cfg(feature = "nn")]
    pub(in super::super) fn applied<A: Augment>(
        augmentation: &A,
        batch: &tch::Tensor,
        draws: &[A::Draw],
    ) -> tch::Tensor {
        let (_, _, bands, frames) = batch.size4().unwrap();
        let patch = Patch {
            bands: bands as usize,
            frames: frames as usize,
            ..PATCH
        };
        let given = Given {
            patch,
            background: None,
        };
        augmentation.apply(batch, draws, &given)
    }
}

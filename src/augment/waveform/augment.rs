//! What every augmentation of sound can do.

use rand::Rng;

use super::Augmentation;
use super::reverb::Responses;
use crate::audio::{AudioError, SampleRate, Waveform};
use crate::augment::step::{Drawable, StepKey};
use crate::augment::{AugmentError, Purpose, error::Problems};

/// An augmentation of sound. Its fields are its configuration.
pub(super) trait Augment {
    /// What is drawn for one clip.
    type Draw: std::fmt::Debug;

    /// What the random numbers are used for.
    const PURPOSE: Purpose;

    /// Whether it needs another clip.
    const NEEDS_BACKGROUND: bool = false;

    /// Notes every setting that cannot be for sound of this rate.
    fn check(&self, _rate: SampleRate, _problems: &mut Problems<'_>) {}

    /// Reads the impulse responses that it names, at this rate. Those that cannot be read are added to `skipped`.
    fn load(
        &self,
        _rate: SampleRate,
        _skipped: &mut Vec<AudioError>,
    ) -> Result<Responses, AugmentError> {
        Ok(Responses::default())
    }

    /// Draws for one clip.
    fn draw(&self, rng: &mut impl Rng) -> Self::Draw;

    /// Does to one clip what was drawn.
    fn apply(&self, drawn: Self::Draw, sound: Waveform, given: &Given<'_>) -> Waveform;

    /// The settings of strength 0, by which every draw leaves a clip bit for bit as it is; none without a strength.
    #[cfg(test)]
    fn at_strength_zero() -> Option<Self>
    where
        Self: Sized;
}

/// What an augmentation is given beside the clip and its draw.
#[derive(Debug)]
pub(super) struct Given<'a> {
    /// What [`Augment::load`] read.
    pub(super) responses: &'a Responses,
    /// Another clip.
    pub(super) background: Option<&'a Waveform>,
}

/// [`Augment`] without what is drawn, so that all augmentations look alike.
pub(super) trait AnyAugment {
    /// [`Augment::PURPOSE`].
    fn purpose(&self) -> Purpose;

    /// [`Augment::NEEDS_BACKGROUND`].
    fn needs_background(&self) -> bool;

    /// [`Augment::check`].
    fn check(&self, rate: SampleRate, problems: &mut Problems<'_>);

    /// [`Augment::load`].
    fn load(
        &self,
        rate: SampleRate,
        skipped: &mut Vec<AudioError>,
    ) -> Result<Responses, AugmentError>;

    /// Draws by the key, and does to the clip what was drawn.
    fn draw_and_apply(&self, key: StepKey, sound: Waveform, given: &Given<'_>) -> Waveform;

    /// What is drawn by the key, as text.
    #[cfg(test)]
    fn drawn(&self, key: StepKey) -> Option<String>;
}

impl<A: Augment> AnyAugment for A {
    fn purpose(&self) -> Purpose {
        A::PURPOSE
    }

    fn needs_background(&self) -> bool {
        A::NEEDS_BACKGROUND
    }

    fn check(&self, rate: SampleRate, problems: &mut Problems<'_>) {
        Augment::check(self, rate, problems);
    }

    fn load(
        &self,
        rate: SampleRate,
        skipped: &mut Vec<AudioError>,
    ) -> Result<Responses, AugmentError> {
        Augment::load(self, rate, skipped)
    }

    fn draw_and_apply(&self, key: StepKey, sound: Waveform, given: &Given<'_>) -> Waveform {
        match key.draw(|rng| self.draw(rng)) {
            Some(drawn) => self.apply(drawn, sound, given),
            None => sound,
        }
    }

    #[cfg(test)]
    fn drawn(&self, key: StepKey) -> Option<String> {
        let drawn = key.draw(|rng| self.draw(rng))?;
        Some(format!("{drawn:?}"))
    }
}

impl Augmentation {
    /// Whether it needs another clip.
    pub(crate) fn needs_background(&self) -> bool {
        self.of_any_kind().needs_background()
    }
}

impl Drawable for Augmentation {
    fn purpose(&self) -> Purpose {
        self.of_any_kind().purpose()
    }
}

//! Random draws that depend only on what they are for.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// One view of one clip in one epoch: whose draws are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ViewKey {
    /// The run's seed.
    pub seed: u64,
    /// Epoch, from 0.
    pub epoch: u64,
    /// The clip's place in its data set, from 0.
    pub item: u64,
    /// The view, from 0.
    pub view: u32,
}

impl ViewKey {
    /// Stands for all views of the clip at once, for what they share.
    const ALL_VIEWS: u32 = u32::MAX;

    /// The key of what all views of the clip have in common.
    pub(crate) fn shared_by_views(self) -> Self {
        Self {
            view: Self::ALL_VIEWS,
            ..self
        }
    }

    /// The key of what all clips of a batch have in common in this view; `step` is the batch's number within the epoch,
    /// from 0. Counted from the end, where no clip's number reaches.
    pub(crate) fn shared_by_batch(self, step: u64) -> Self {
        Self {
            item: u64::MAX - step,
            ..self
        }
    }

    /// The key of this view's draws for `purpose`.
    pub(crate) fn draws(self, purpose: Purpose) -> DrawKey {
        let Self {
            seed,
            epoch,
            item,
            view,
        } = self;
        DrawKey {
            seed,
            epoch,
            item,
            view,
            purpose,
        }
    }
}

/// Everything a random draw may depend on.
///
/// The key is the generator's whole seed, not a hash of it: different keys give independent
/// numbers, equal keys equal ones, whatever was drawn before, on which thread, or after how many
/// interruptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct DrawKey {
    /// The run's seed.
    pub(crate) seed: u64,
    /// Epoch, from 0.
    pub(crate) epoch: u64,
    /// The clip's place in its data set, from 0; 0 for draws about the whole epoch.
    pub(crate) item: u64,
    /// The view, from 0; 0 for draws about the whole clip.
    pub(crate) view: u32,
    /// What the numbers are used for.
    pub(crate) purpose: Purpose,
}

impl DrawKey {
    /// The generator of this key, at its beginning.
    pub(crate) fn rng(self) -> ChaCha8Rng {
        ChaCha8Rng::from_seed(self.bytes())
    }

    /// As [`DrawKey::rng`], for the `nth` use of the same purpose, from 0: independent streams.
    pub(crate) fn rng_of_use(self, nth: u64) -> ChaCha8Rng {
        let mut rng = self.rng();
        rng.set_stream(nth);
        rng
    }

    /// The fields one after another, little-endian: exactly the 32 bytes of a ChaCha key.
    fn bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[0..8].copy_from_slice(&self.seed.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.epoch.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.item.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.view.to_le_bytes());
        bytes[28..32].copy_from_slice(&self.purpose.number().to_le_bytes());
        bytes
    }
}

/// What random numbers are used for.
///
/// Each has a number, which is part of what a seed means: never change or reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(
    not(feature = "nn"),
    allow(dead_code, reason = "without the engine nothing is trained")
)]
pub(crate) enum Purpose {
    /// An augmentation, by the number that its own file gives it.
    Augmentation(u32),
    /// The order of clips in an epoch.
    Order,
    /// Where a patch is cut from its clip.
    PatchStart,
    /// Which clip is mixed in as background, and from where.
    Background,
    /// First weights of an encoder or head.
    Weights,
    /// Which classes and patches an episode of few-shot learning has.
    Episode,
    /// Which patches of a recording a detector compares with.
    Reference,
    /// Which frames of a batch are compared.
    Frames,
    /// Which remembered clips a clip is compared with.
    Negatives,
    /// In which order the keys of a batch are normalised.
    KeyOrder,
    /// Where a small view lies within a patch.
    SmallView,
    /// Which blocks of a network a patch leaves out.
    StochasticDepth,
}

impl Purpose {
    fn number(self) -> u32 {
        match self {
            Self::Augmentation(number) => number,
            Self::Order => 1,
            Self::PatchStart => 2,
            Self::Background => 3,
            Self::Weights => 4,
            Self::Episode => 22,
            Self::Reference => 23,
            Self::Frames => 24,
            Self::Negatives => 28,
            Self::KeyOrder => 29,
            Self::SmallView => 30,
            Self::StochasticDepth => 60,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::{Rng, RngExt};

    use super::*;
    use crate::augment::{spectrogram, step::Drawable, waveform};

    const KEY: DrawKey = DrawKey {
        seed: 1,
        epoch: 2,
        item: 3,
        view: 4,
        purpose: Purpose::Augmentation(6),
    };

    #[test]
    fn a_key_is_the_whole_seed_of_its_generator() {
        let mut seed = [0; 32];
        (seed[0], seed[8], seed[16], seed[24], seed[28]) = (1, 2, 3, 4, 6);
        assert_eq!(KEY.bytes(), seed);
        assert_eq!(KEY.rng(), ChaCha8Rng::from_seed(seed));
    }

    #[test]
    fn no_number_has_two_purposes() {
        let fixed = [
            Purpose::Order,
            Purpose::PatchStart,
            Purpose::Background,
            Purpose::Weights,
            Purpose::Episode,
            Purpose::Reference,
            Purpose::Frames,
            Purpose::Negatives,
            Purpose::KeyOrder,
            Purpose::SmallView,
            Purpose::StochasticDepth,
        ];
        let of_features = spectrogram::Augmentation::all();
        let of_features = of_features.iter().map(Drawable::purpose);
        let of_sound = waveform::Augmentation::all();
        let of_sound = of_sound.iter().map(Drawable::purpose);
        let all = fixed.into_iter().chain(of_features).chain(of_sound);
        let mut numbers: Vec<u32> = all.map(Purpose::number).collect();
        let of_all = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), of_all);
    }

    #[test]
    fn every_field_and_every_use_gives_other_numbers() {
        let others = [
            DrawKey { seed: 9, ..KEY },
            DrawKey { epoch: 9, ..KEY },
            DrawKey { item: 9, ..KEY },
            DrawKey { view: 9, ..KEY },
            DrawKey {
                purpose: Purpose::Order,
                ..KEY
            },
        ];
        let mut first: HashSet<u64> = others.into_iter().map(|key| key.rng().next_u64()).collect();
        first.extend((0..3).map(|nth| KEY.rng_of_use(nth).next_u64()));
        assert_eq!(first.len(), others.len() + 3);
    }

    #[test]
    fn draws_do_not_depend_on_order_or_thread() {
        let draw = |item| DrawKey { item, ..KEY }.rng().random_range(0..1_000_000);
        let in_order: Vec<i32> = (0..64).map(draw).collect();
        let backwards: Vec<i32> = (0..64).rev().map(draw).collect();
        let elsewhere = std::thread::spawn(move || (0..64).map(draw).collect::<Vec<i32>>());
        assert!(in_order.iter().eq(backwards.iter().rev()));
        assert_eq!(in_order, elsewhere.join().unwrap());
    }

    #[test]
    fn what_views_share_is_no_view() {
        let view = |view| ViewKey {
            seed: 1,
            epoch: 2,
            item: 3,
            view,
        };
        assert_eq!(view(0).shared_by_views(), view(1).shared_by_views());
        assert_ne!(view(0).shared_by_views(), view(0));
        assert_eq!(view(4).draws(Purpose::Augmentation(6)), KEY);
    }
}

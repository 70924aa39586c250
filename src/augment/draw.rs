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
        bytes[28..32].copy_from_slice(&(self.purpose as u32).to_le_bytes());
        bytes
    }
}

/// What random numbers are used for.
///
/// The numbers are part of what a seed means: never change or reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u32)]
#[cfg_attr(
    not(feature = "nn"),
    allow(dead_code, reason = "without the engine nothing is trained")
)]
pub(crate) enum Purpose {
    /// The order of clips in an epoch.
    Order = 1,
    /// Where a patch is cut from its clip.
    PatchStart = 2,
    /// Which clip is mixed in as background, and from where.
    Background = 3,
    /// First weights of an encoder or head.
    Weights = 4,
    /// [`super::spectrogram::MixBack`].
    MixBack = 5,
    /// [`super::spectrogram::ResizedCrop`].
    ResizedCrop = 6,
    /// [`super::spectrogram::Compression`].
    Compression = 7,
    /// [`super::spectrogram::GaussianNoise`].
    GaussianNoise = 8,
    /// [`super::spectrogram::SpecAugment`].
    SpecAugment = 9,
    /// [`super::spectrogram::TimeShift`].
    TimeShift = 10,
    /// [`super::spectrogram::FrequencyShift`].
    FrequencyShift = 11,
    /// [`super::spectrogram::TimeReversal`].
    TimeReversal = 12,
    /// [`super::spectrogram::Gain`].
    Gain = 13,
    /// [`super::spectrogram::Equalizer`].
    Equalizer = 14,
    /// [`super::spectrogram::Mix`].
    Mix = 20,
    /// [`super::spectrogram::TimeCrop`].
    TimeCrop = 21,
    /// Which classes and patches an episode of few-shot learning has.
    Episode = 22,
    /// Which patches of a recording a detector compares with.
    Reference = 23,
    /// Which frames of a batch are compared.
    Frames = 24,
    /// [`super::spectrogram::Attenuation`].
    Attenuation = 25,
    /// [`super::spectrogram::Blur`].
    Blur = 26,
    /// [`super::spectrogram::TimeWarp`].
    TimeWarp = 27,
    /// Which remembered clips a clip is compared with.
    Negatives = 28,
    /// In which order the keys of a batch are normalised.
    KeyOrder = 29,
    /// Where a small view lies within a patch.
    SmallView = 30,
    /// [`super::waveform::PolarityFlip`].
    PolarityFlip = 40,
    /// [`super::waveform::TimeReversal`].
    WaveformTimeReversal = 41,
    /// [`super::waveform::ChannelSwap`].
    ChannelSwap = 42,
    /// [`super::waveform::PadCrop`].
    PadCrop = 43,
    /// [`super::waveform::Scale`].
    Scale = 44,
    /// [`super::waveform::TimeStretch`].
    TimeStretch = 45,
    /// [`super::waveform::PitchShift`].
    PitchShift = 46,
    /// [`super::waveform::Noise`].
    Noise = 47,
    /// [`super::waveform::Fade`].
    Fade = 48,
    /// [`super::waveform::TimeMask`].
    TimeMask = 49,
    /// [`super::waveform::TimeShift`].
    WaveformTimeShift = 50,
    /// [`super::waveform::Gain`].
    WaveformGain = 51,
    /// [`super::waveform::Reverb`].
    Reverb = 52,
    /// [`super::waveform::Background`].
    BackgroundNoise = 53,
    /// Which blocks of a network a patch leaves out.
    StochasticDepth = 60,
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::{Rng, RngExt};

    use super::*;

    const KEY: DrawKey = DrawKey {
        seed: 1,
        epoch: 2,
        item: 3,
        view: 4,
        purpose: Purpose::ResizedCrop,
    };

    #[test]
    fn a_key_is_the_whole_seed_of_its_generator() {
        let mut seed = [0; 32];
        (seed[0], seed[8], seed[16], seed[24], seed[28]) = (1, 2, 3, 4, 6);
        assert_eq!(KEY.bytes(), seed);
        assert_eq!(KEY.rng(), ChaCha8Rng::from_seed(seed));
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
        assert_eq!(view(4).draws(Purpose::ResizedCrop), KEY);
    }
}

//! One augmentation in a list of them: how often, to which views, and drawn for whom.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{DrawKey, Purpose, ViewKey, error::Problems};

/// One augmentation and how often it happens.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Step<A> {
    /// How many of the views it happens to; 0 to 1, default 1.
    #[serde(default = "always")]
    pub probability: f64,
    /// Which views it happens to. Default both.
    #[serde(default, skip_serializing_if = "StepViews::is_both")]
    pub views: StepViews,
    /// For whom its numbers are drawn. Default for each clip.
    #[serde(default, skip_serializing_if = "DrawnFor::is_clip")]
    pub drawn_for: DrawnFor,
    /// What happens; its own keys stand beside `probability`.
    #[serde(flatten)]
    pub augmentation: A,
}

/// The views a step happens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepViews {
    /// Both.
    #[default]
    Both,
    /// The first alone.
    First,
    /// The second alone.
    Second,
}

impl StepViews {
    fn is_both(&self) -> bool {
        *self == Self::Both
    }

    /// Whether view number `view`, from 0, is among them.
    fn contain(self, view: u32) -> bool {
        match self {
            Self::Both => true,
            Self::First => view == 0,
            Self::Second => view == 1,
        }
    }
}

/// For whom the numbers of a step are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DrawnFor {
    /// Each clip its own.
    #[default]
    Clip,
    /// Once for all clips of a batch, anew for each view, as the code of Moummad et al. 2023 does; even noise is the
    /// same then, value by value.
    Batch,
}

impl DrawnFor {
    fn is_clip(&self) -> bool {
        *self == Self::Clip
    }
}

/// What a step may be of.
pub(super) trait Drawable {
    /// What its numbers are used for.
    fn purpose(&self) -> Purpose;

    /// Whether all views of a clip are treated alike.
    fn is_shared_by_views(&self) -> bool {
        false
    }
}

impl<A> From<A> for Step<A> {
    fn from(augmentation: A) -> Self {
        Self {
            probability: always(),
            views: StepViews::default(),
            drawn_for: DrawnFor::default(),
            augmentation,
        }
    }
}

impl<A> Step<A> {
    pub(super) fn check_probability(&self, problems: &mut Problems<'_>) {
        problems.require(
            (0.0..=1.0).contains(&self.probability),
            "probability",
            self.probability,
            "a number from 0 to 1",
        );
    }
}

#[expect(
    private_bounds,
    reason = "the generator is for the pipelines of this stage alone"
)]
impl<A: Drawable> Step<A> {
    /// The keys of all `steps` for one view, in the epoch's batch `batch`.
    pub(super) fn keys(steps: &[Self], view: ViewKey, batch: u64) -> Vec<Option<StepKey>> {
        let numbers = 0..steps.len();
        numbers
            .map(|number| Self::key(steps, number, view, batch))
            .collect()
    }

    /// The key of step `number` of `steps` for one view, in the epoch's batch `batch`; none where the step leaves the
    /// view alone.
    ///
    /// The same augmentation twice draws twice, and adding one leaves the draws of others alone.
    fn key(steps: &[Self], number: usize, view: ViewKey, batch: u64) -> Option<StepKey> {
        let step = &steps[number];
        if !step.views.contain(view.view) {
            return None;
        }
        let purpose = step.augmentation.purpose();
        let earlier = steps[..number].iter();
        let nth_use = earlier
            .filter(|step| step.augmentation.purpose() == purpose)
            .count();
        let drawn_for = match step.drawn_for {
            DrawnFor::Clip => view,
            DrawnFor::Batch => view.shared_by_batch(batch),
        };
        let drawn_for = if step.augmentation.is_shared_by_views() {
            drawn_for.shared_by_views()
        } else {
            drawn_for
        };
        Some(StepKey {
            key: drawn_for.draws(purpose),
            nth_use: nth_use as u64,
            probability: step.probability,
        })
    }
}

/// What a step's numbers for one view depend on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct StepKey {
    key: DrawKey,
    /// How many earlier steps are the same augmentation.
    nth_use: u64,
    /// That the step happens.
    probability: f64,
}

impl StepKey {
    /// What `draw` draws; none where chance leaves the view alone.
    pub(super) fn draw<D>(self, draw: impl FnOnce(&mut ChaCha8Rng) -> D) -> Option<D> {
        let mut rng = self.key.rng_of_use(self.nth_use);
        let drawn = draw(&mut rng);
        // After the numbers, so that another probability leaves them alone.
        rng.random_bool(self.probability).then_some(drawn)
    }
}

fn always() -> f64 {
    1.0
}

#[cfg(test)]
pub(super) mod testing {
    /// FNV-1a of a text.
    pub(in crate::augment) fn fingerprint(text: &str) -> u64 {
        let bytes = text.bytes().map(u64::from);
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ byte).wrapping_mul(0x0100_0000_01b3)
        })
    }
}

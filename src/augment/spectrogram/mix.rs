//! Another patch of the batch mixed in.

use rand::Rng;
use rand_distr::{Beta, Distribution};

use super::Patch;
#[cfg(feature = "nn")]
use super::augment::Given;
use super::augment::{Augment, Background};
use crate::augment::{Purpose, error::Problems};

/// Mixes another patch of the batch in, value by value (mixup of the first view; Moummad et al. 2023).
///
/// ```text
/// out = α x₁ + (1 − α) x₂,   α ~ Beta(a, b)
/// ```
/// `x₂` is the same view of another patch, the batch in random order; the label stays that of `x₁`. Unlike
/// [`MixBack`](super::MixBack) it mixes what the patches are given as, decibels or numbers in 0..=1, not energies.
/// Comes first: later steps are not done to `x₂`. The paper does it to the first view alone: `views = "first"`.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mix {
    /// `a` and `b` of the distribution of α, each above 0; default `[5, 2]` as in the paper: α is 0.71 on average.
    pub beta: [f64; 2],
}

impl Default for Mix {
    fn default() -> Self {
        Self { beta: [5.0, 2.0] }
    }
}

impl Mix {
    const IDENTITY: f32 = 1.0;
}

impl Augment for Mix {
    type Draw = f32;

    const PURPOSE: Purpose = Purpose::Augmentation(20);
    const BACKGROUND: Option<Background> = Some(Background::SameBatch);

    fn check(&self, _: &Patch, problems: &mut Problems<'_>) {
        let [a, b] = self.beta;
        let allowed = 1e-3..=1e6;
        problems.require(
            allowed.contains(&a) && allowed.contains(&b),
            "beta",
            format!("[{a}, {b}]"),
            "two numbers from 0.001 to 1000000",
        );
    }

    /// α, the share of the patch itself.
    fn draw(&self, _: &Patch, rng: &mut impl Rng) -> f32 {
        let [a, b] = self.beta;
        // The set-up has checked that there is such a distribution.
        Beta::new(a, b).map_or(1.0, |beta| beta.sample(rng)) as f32
    }

    fn identity(_: &Patch) -> Self::Draw {
        Self::IDENTITY
    }

    /// The other patches, one `x₂` for each, are the background.
    #[cfg(feature = "nn")]
    fn apply(&self, batch: &tch::Tensor, alphas: &[f32], given: &Given<'_>) -> tch::Tensor {
        let others = given.background("mix needs the batch in another order");
        if alphas.iter().all(|&alpha| alpha == Self::IDENTITY) {
            return batch.shallow_clone();
        }
        let alpha = super::remap::per_clip(alphas, batch); // [batch, 1, 1, 1]
        let mixed = &alpha * batch + (1.0 - &alpha) * others;
        batch.where_self(&alpha.eq(1.0), &mixed)
    }

    #[cfg(test)]
    fn at_strength_zero() -> Option<Self> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn alphas_have_the_moments_of_their_distribution() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let drawn: Vec<f64> = (0..20_000)
            .map(|_| {
                Mix::default()
                    .draw(&super::super::augment::testing::PATCH, &mut rng)
                    .into()
            })
            .collect();
        let mean = drawn.iter().sum::<f64>() / 2e4;
        let variance = drawn.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 2e4;
        // a/(a+b) and ab/((a+b)²(a+b+1)); five standard errors of the mean are 0.006.
        assert!((mean - 5.0 / 7.0).abs() < 0.006, "{mean}");
        assert!((variance - 10.0 / 392.0).abs() < 0.002, "{variance}");
    }

    #[cfg(feature = "nn")]
    #[test]
    fn a_share_of_each_patch_is_that_of_another() {
        use super::super::augment::testing::PATCH;
        use super::super::remap::testing::*;
        let (patches, others) = (some_patches(2, 4, 5, 1), some_patches(2, 4, 5, 2));
        let given = Given {
            patch: PATCH,
            background: Some(&others),
        };
        let mixed = Mix::default().apply(&patches, &[0.75, 1.0], &given);
        let expected = patches.select(0, 0) * 0.75 + others.select(0, 0) * 0.25;
        assert_close(&mixed.select(0, 0), &expected, 1e-6);
        assert!(mixed.select(0, 1).equal(&patches.select(0, 1)));
    }
}

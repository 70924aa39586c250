//! Another clip in the background.

use rand::Rng;
#[cfg(feature = "nn")]
use tch::Tensor;

use super::Patch;
#[cfg(feature = "nn")]
use super::augment::Given;
use super::augment::{Augment, Background};
use crate::augment::{Interval, Purpose, error::Problems};

/// Mixes another clip into the background, in linear energies (Fonseca et al. 2020, section 2.2,
/// arXiv:2011.07616).
///
/// ```text
/// out = log( (1 − λ) X + λ · E(X)/E(B) · B ),   λ ~ U(0, max_lambda)
/// ```
///
/// `X` and `B` are the linear energies of patch and background, `E` their sum, which the mixture
/// keeps. All views of a clip share one λ; their backgrounds differ. A background that is the same
/// everywhere is digital silence at the front end's floor, not sound, and is not mixed in.
/// Comes first: later steps leave no energies to keep.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MixBack {
    /// The largest share λ of the background; 0 to 1, default 0.05 as in the paper's code. More
    /// makes views harder to match and whole clips harder to tell apart. 0 does nothing.
    pub max_lambda: f64,
}

impl Default for MixBack {
    fn default() -> Self {
        Self { max_lambda: 0.05 }
    }
}

impl MixBack {
    const IDENTITY: f32 = 0.0;
}

impl Augment for MixBack {
    type Draw = f32;

    const PURPOSE: Purpose = Purpose::Augmentation(5);
    const SHARED_BY_VIEWS: bool = true;
    const BACKGROUND: Option<Background> = Some(Background::OtherClips);
    const NEEDS_ENERGIES: bool = true;

    fn check(&self, _: &Patch, problems: &mut Problems<'_>) {
        let holds = (0.0..=1.0).contains(&self.max_lambda);
        problems.require(holds, "max_lambda", self.max_lambda, "a number from 0 to 1");
    }

    /// λ, the share of the background.
    fn draw(&self, _: &Patch, rng: &mut impl Rng) -> f32 {
        Interval::new(0.0, self.max_lambda).draw(rng) as f32
    }

    fn identity(_: &Patch) -> Self::Draw {
        Self::IDENTITY
    }

    #[cfg(feature = "nn")]
    fn apply(&self, batch: &Tensor, lambdas: &[f32], given: &Given<'_>) -> Tensor {
        let background = given.background("mix-back needs clips for the background");
        let unit = given.patch.unit;
        if lambdas.iter().all(|&lambda| lambda == Self::IDENTITY) {
            return batch.shallow_clone();
        }
        let lambda = super::remap::per_clip(lambdas, batch); // [batch, 1, 1, 1]
        let patch = Energies::of(batch, unit);
        let back = Energies::of(background, unit);
        // X is relative to the patch's own peak; λ · E(X)/E(B) · B does not depend on B's scale.
        let back_share = &lambda * &patch.sum / &back.sum;
        let mixed: Tensor = patch.linear * (1.0 - &lambda) + back.linear * back_share;
        let mixed = mixed.log() / unit.nepers() + patch.peak;
        let keeps = lambda
            .eq(0.0)
            .logical_or(&patch.silent)
            .logical_or(&back.silent)
            .logical_or(&back.flat);
        batch.where_self(&keeps, &mixed)
    }

    #[cfg(test)]
    fn at_strength_zero() -> Option<Self> {
        Some(Self { max_lambda: 0.0 })
    }
}

/// A batch in linear energies, each clip relative to its own peak so that nothing overflows.
#[cfg(feature = "nn")]
struct Energies {
    /// `[batch, 1, mels, frames]`, at most 1.
    linear: Tensor,
    /// Sum over a patch, `[batch, 1, 1, 1]`.
    sum: Tensor,
    /// The largest logarithm in a patch, `[batch, 1, 1, 1]`.
    peak: Tensor,
    /// Whether a patch has no energy at all, `[batch, 1, 1, 1]`.
    silent: Tensor,
    /// Whether a patch is the same everywhere, `[batch, 1, 1, 1]`.
    flat: Tensor,
}

#[cfg(feature = "nn")]
impl Energies {
    fn of(batch: &Tensor, unit: super::LogUnit) -> Self {
        let clip = [1i64, 2, 3];
        let peak = batch.amax(clip.as_slice(), true);
        let linear = ((batch - &peak) * unit.nepers()).exp_();
        Self {
            sum: linear.sum_dim_intlist(clip.as_slice(), true, None),
            silent: peak.isfinite().logical_not(),
            flat: peak.eq_tensor(&batch.amin(clip.as_slice(), true)),
            linear,
            peak,
        }
    }
}

#[cfg(all(test, feature = "nn"))]
mod tests {
    use proptest::prelude::*;
    use tch::Kind;

    use super::super::LogUnit;
    use super::super::augment::testing::PATCH;
    use super::super::remap::testing::*;
    use super::*;

    const UNITS: [LogUnit; 3] = [LogUnit::Log10, LogUnit::Decibel, LogUnit::Ln];

    fn mixed(batch: &Tensor, lambdas: &[f32], background: &Tensor, unit: LogUnit) -> Tensor {
        let given = Given {
            patch: Patch { unit, ..PATCH },
            background: Some(background),
        };
        MixBack::default().apply(batch, lambdas, &given)
    }

    fn energy(batch: &Tensor, unit: LogUnit) -> Vec<f64> {
        let linear = (batch.to_kind(Kind::Double) * unit.nepers()).exp();
        Vec::try_from(linear.sum_dim_intlist([1i64, 2, 3].as_slice(), false, None)).unwrap()
    }

    #[test]
    fn agrees_with_the_formula_in_double_precision() {
        for case in golden("mix_back") {
            let unit = serde_json::from_value(case["unit"].clone()).unwrap();
            let lambdas: Vec<f32> = serde_json::from_value(case["lambdas"].clone()).unwrap();
            let given = mixed(
                &tensor(&case["patches"]),
                &lambdas,
                &tensor(&case["background"]),
                unit,
            );
            // f32 carries 24 bits; values reach 100 (dB) and pass through exp and log.
            assert_close(&given, &tensor(&case["mixed"]), 5e-5);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn keeps_the_energy(seed in 0i64..1000, lambda in 0f32..1.0, unit in 0usize..3) {
            let (patches, background) = (some_patches(3, 5, 7, seed), some_patches(3, 5, 7, seed + 1));
            let given = mixed(&patches, &[lambda, 0.5, 1.0], &background, UNITS[unit]);
            for (before, after) in energy(&patches, UNITS[unit]).into_iter().zip(energy(&given, UNITS[unit])) {
                prop_assert!((after / before - 1.0).abs() < 1e-5, "{before} {after}");
            }
        }
    }

    #[test]
    fn without_background_a_clip_stays_as_it_is() {
        let patches = some_patches(4, 5, 7, 1);
        let background = some_patches(4, 5, 7, 2);
        let _ = background.select(0, 1).fill_(-100.0);
        let _ = background.select(0, 2).fill_(f64::NEG_INFINITY);
        let _ = patches.select(0, 3).fill_(f64::NEG_INFINITY);
        // No share; a background at the floor; one without energy; a clip without energy.
        let given = mixed(
            &patches,
            &[0.0, 0.05, 0.05, 0.05],
            &background,
            LogUnit::Decibel,
        );
        assert!(given.equal(&patches));
    }

    #[test]
    fn stays_finite_at_the_ends_of_what_front_ends_give() {
        let patches = some_patches(2, 4, 4, 1) * 40.0 + 600.0;
        let given = mixed(&patches, &[0.05, 0.05], &(&patches * -1.0), LogUnit::Ln);
        assert!(bool::try_from(given.isfinite().all()).unwrap());
    }
}

//! Is the encoder learning, or has it collapsed? Four numbers of a batch of embeddings, and one of what the loss compares.

use tch::{Device, Kind, Tensor};

use crate::loss::unit_rows;
use crate::method::Step;

/// What a batch of embeddings looks like on the unit sphere.
///
/// All four look at L2-normalised embeddings: lengths do not matter to cosine losses.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Diagnostics {
    /// See [`embedding_std`]; 0 when collapsed, about `1 / √dim` when spread out.
    pub embedding_std: f64,
    /// See [`effective_rank`]; 1 when collapsed, at most `min(items, dim)`.
    pub effective_rank: f64,
    /// See [`alignment`]; 0 when both views of each clip coincide, at most 4. Absent where the method looks at one view.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alignment: Option<f64>,
    /// See [`uniformity`]; 0 when collapsed, at least −8.
    pub uniformity: f64,
    /// Length of an embedding: what `embedding_std` is to be compared with.
    pub dim: usize,
    /// Spread of what the loss compares in place of the embeddings, such as projections: [`embedding_std`]` · √dim`. A head
    /// can collapse alone, and what it hides from the loss the encoder never learns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projection_spread: Option<f64>,
}

impl Diagnostics {
    /// Measures one or two views `[batch, dim]` of the same clips, row by row. Standard deviation, rank
    /// and uniformity are those of the first view.
    ///
    /// The rank takes a singular value decomposition, on the CPU in fp64: do not call it each step.
    ///
    /// # Panics
    /// If the two shapes differ or are not `[batch, dim]`.
    pub fn of_views(first: &Tensor, second: Option<&Tensor>) -> Self {
        let (_, dim) = first.size2().expect("embeddings are [batch, dim]");
        Self {
            embedding_std: embedding_std(first),
            effective_rank: effective_rank(first),
            alignment: second.map(|second| alignment(first, second)),
            uniformity: uniformity(first),
            dim: dim as usize,
            projection_spread: None,
        }
    }

    /// Measures what a step of a method looked at.
    pub fn of_step(step: &Step) -> Self {
        let (first, second) = &step.embeddings;
        Self {
            projection_spread: step.projections.as_ref().map(spread),
            ..Self::of_views(first, second.as_ref())
        }
    }

    /// Whether these numbers say that the encoder has collapsed, and how.
    pub fn collapse(&self) -> Option<Collapse> {
        let spread = self.embedding_std * (self.dim as f64).sqrt();
        if spread < Collapse::LEAST_SPREAD {
            Some(Collapse::Constant { spread })
        } else if self.dim > 1 && self.effective_rank < Collapse::LEAST_RANK {
            Some(Collapse::Dimensional {
                effective_rank: self.effective_rank,
            })
        } else {
            let spread = self.projection_spread?;
            (spread < Collapse::LEAST_SPREAD).then_some(Collapse::Projections { spread })
        }
    }
}

/// How an encoder stopped telling clips apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Collapse {
    /// All clips get nearly the same embedding: [`embedding_std`]` · √dim` is below
    /// [`Collapse::LEAST_SPREAD`].
    Constant {
        /// `embedding_std · √dim`, about 1 when healthy.
        spread: f64,
    },
    /// All embeddings lie nearly on one line: [`effective_rank`] is below [`Collapse::LEAST_RANK`].
    Dimensional {
        /// The rank that was measured.
        effective_rank: f64,
    },
    /// The embeddings differ, but the loss sees nearly the same for all clips: the spread of their projections is below
    /// [`Collapse::LEAST_SPREAD`].
    Projections {
        /// Of the projections, about 1 when healthy.
        spread: f64,
    },
}

impl Collapse {
    /// Spread below which embeddings count as constant. Its square is about 1 − mean cosine
    /// similarity, so that this stands for a similarity of 0.9996. Our choice, not from a paper.
    pub const LEAST_SPREAD: f64 = 0.02;
    /// Rank below which embeddings count as one line: two equally strong directions have rank 2.
    /// Our choice, not from a paper.
    pub const LEAST_RANK: f64 = 1.5;
}

impl std::fmt::Display for Collapse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Constant { spread } => write!(
                f,
                "all clips get nearly the same embedding: their spread is {spread:.4}, but should be above {}",
                Self::LEAST_SPREAD
            ),
            Self::Dimensional { effective_rank } => write!(
                f,
                "all embeddings lie nearly on one line: their effective rank is {effective_rank:.2}, but should be above {}",
                Self::LEAST_RANK
            ),
            Self::Projections { spread } => write!(
                f,
                "all clips look nearly the same to the loss: the spread of their projections is {spread:.4}, but should be above {}",
                Self::LEAST_SPREAD
            ),
        }
    }
}

/// Mean over dimensions of the standard deviation over items, of `[items, dim]` at unit length.
///
/// 0 means that all embeddings are the same; embeddings spread evenly over the sphere have
/// `1 / √dim` (Chen & He 2021, section 4.1, arXiv:2011.10566). Divides by the number of items, so
/// one item has 0.
pub fn embedding_std(embeddings: &Tensor) -> f64 {
    wide_unit_rows(embeddings)
        .std_dim([0i64].as_slice(), false, false)
        .mean(None)
        .double_value(&[])
}

/// [`embedding_std`]` · √dim`: 0 when collapsed, about 1 when spread out.
fn spread(embeddings: &Tensor) -> f64 {
    let dim = embeddings.size()[1];
    embedding_std(embeddings) * (dim as f64).sqrt()
}

/// The number of directions that `[items, dim]` at unit length make use of: the exponential of the
/// entropy of the singular values, taken as shares of their sum.
///
/// ```text
/// erank = exp( −Σₖ pₖ ln pₖ ),   pₖ = σₖ / Σⱼ σⱼ
/// ```
///
/// Between 1 and `min(items, dim)`. Roy & Vetterli 2007; for choosing encoders Garrido et al. 2023
/// (arXiv:2210.02885), who do not normalise rows. NaN if a value is not finite, or all are 0.
pub fn effective_rank(embeddings: &Tensor) -> f64 {
    let rows = wide_unit_rows(embeddings);
    let all_finite = rows.isfinite().all().int64_value(&[]) == 1;
    if !all_finite {
        return f64::NAN; // The decomposition would fail.
    }
    let (_, sigma, _) = rows.svd(true, false); // [min(items, dim)]
    let p = &sigma / sigma.sum(None);
    p.special_entr().sum(None).exp().double_value(&[])
}

/// Mean squared distance of positive pairs on the unit sphere (Wang & Isola 2020, section 4.1,
/// α = 2, arXiv:2005.10242).
///
/// ```text
/// E ‖f(x) − f(x⁺)‖²
/// ```
///
/// `first`, `second`: `[batch, dim]`, row by row two views of the same clip. Between 0 and 4.
pub fn alignment(first: &Tensor, second: &Tensor) -> f64 {
    let difference = wide_unit_rows(first) - wide_unit_rows(second);
    let squared = difference.square().sum_dim_intlist(1, false, None); // [batch]
    squared.mean(None).double_value(&[])
}

/// How evenly `[items, dim]` cover the unit sphere (Wang & Isola 2020, section 4.1, t = 2,
/// arXiv:2005.10242).
///
/// ```text
/// log E exp( −2 ‖f(x) − f(y)‖² )   over pairs x ≠ y
/// ```
///
/// 0 when all are the same, −8 at the least; NaN for fewer than two items.
pub fn uniformity(embeddings: &Tensor) -> f64 {
    let z = wide_unit_rows(embeddings);
    let items = z.size()[0];
    if items < 2 {
        return f64::NAN;
    }
    let squared: Tensor = 2.0 - 2.0 * z.matmul(&z.transpose(0, 1)); // [items, items]
    let itself = Tensor::eye(items, (Kind::Bool, z.device()));
    let log_sum = (squared.clamp_min(0.0) * -2.0)
        .masked_fill(&itself, f64::NEG_INFINITY)
        .logsumexp([0i64, 1].as_slice(), false);
    log_sum.double_value(&[]) - ((items * (items - 1)) as f64).ln()
}

/// Unit rows on the CPU in fp64, outside of any gradient.
fn wide_unit_rows(embeddings: &Tensor) -> Tensor {
    unit_rows(
        &embeddings
            .detach()
            .to_device(Device::Cpu)
            .to_kind(Kind::Double),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(values: &[f64], dim: i64) -> Tensor {
        Tensor::from_slice(values).view([-1, dim])
    }

    /// Evenly spread over the circle.
    fn circle(items: i64) -> Tensor {
        let angle = Tensor::arange(items, (Kind::Double, Device::Cpu))
            * (2.0 * std::f64::consts::PI / items as f64);
        Tensor::stack(&[angle.cos(), angle.sin()], 1)
    }

    #[test]
    fn one_direction_for_all_is_a_constant_collapse() {
        // Lengths differ, directions do not.
        let embeddings = rows(&[1.0, 2.0, 3.0, 6.0, 0.5, 1.0], 2);
        let seen = Diagnostics::of_views(&embeddings, Some(&embeddings));
        assert!(seen.embedding_std < 1e-12);
        assert!((seen.effective_rank - 1.0).abs() < 1e-6, "{seen:?}");
        assert!(seen.alignment.unwrap().abs() < 1e-12);
        assert!(seen.uniformity.abs() < 1e-12);
        assert!(matches!(seen.collapse(), Some(Collapse::Constant { .. })));
    }

    #[test]
    fn two_poles_are_a_dimensional_collapse() {
        let embeddings = rows(&[1.0, 0.0, -1.0, 0.0, 1.0, 0.0, -1.0, 0.0], 2);
        let seen = Diagnostics::of_views(&embeddings, Some(&embeddings));
        assert!(seen.embedding_std * 2f64.sqrt() > 0.5);
        assert!(
            matches!(seen.collapse(), Some(Collapse::Dimensional { .. })),
            "{seen:?}"
        );
    }

    #[test]
    fn a_head_that_shows_the_loss_one_thing_for_all_is_told() {
        let of = |projections: &Tensor| {
            Diagnostics::of_step(&Step {
                loss: Tensor::from(0.0),
                embeddings: (circle(8), None),
                projections: Some(projections.shallow_clone()),
            })
        };
        assert_eq!(of(&circle(8)).collapse(), None);
        let nearly_one: Tensor = circle(8) * 0.01 + 1.0;
        let collapse = of(&nearly_one).collapse();
        assert!(
            matches!(collapse, Some(Collapse::Projections { .. })),
            "{collapse:?}"
        );
    }

    #[test]
    fn an_even_spread_is_healthy_and_measures_as_the_formulas_say() {
        let embeddings = circle(8);
        let seen = Diagnostics::of_views(&embeddings, Some(&embeddings.roll(2, 0)));
        assert!(
            (seen.embedding_std - 1.0 / 2f64.sqrt()).abs() < 1e-12,
            "{seen:?}"
        );
        assert!((seen.effective_rank - 2.0).abs() < 1e-9, "{seen:?}");
        // Positives a quarter turn apart: ‖x − y‖² = 2.
        assert!((seen.alignment.unwrap() - 2.0).abs() < 1e-12, "{seen:?}");
        let mean: f64 = (1..8)
            .map(|k| {
                (-2.0 * (2.0 - 2.0 * (f64::from(k) * std::f64::consts::FRAC_PI_4).cos())).exp()
            })
            .sum::<f64>()
            / 7.0;
        assert!((seen.uniformity - mean.ln()).abs() < 1e-12, "{seen:?}");
        assert_eq!(seen.collapse(), None);
    }

    #[test]
    fn rank_counts_the_axes_in_use() {
        let axes = Tensor::eye(6, (Kind::Double, Device::Cpu));
        for used in 1..=6 {
            let rank = effective_rank(&axes.narrow(0, 0, used));
            assert!((rank - used as f64).abs() < 1e-9, "{rank} of {used}");
        }
        // Singular values 1 and 2 (one axis hit once, the other four times): shares 1/3 and 2/3.
        let uneven = rows(&[1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0], 2);
        let expected = (3f64.ln() - 2.0 / 3.0 * 2f64.ln()).exp();
        assert!((effective_rank(&uneven) - expected).abs() < 1e-9);
    }

    #[test]
    fn values_that_are_not_finite_do_not_end_the_run() {
        let broken = rows(&[1.0, f64::NAN, 0.0, 1.0], 2);
        assert!(effective_rank(&broken).is_nan());
        assert!(
            Diagnostics::of_views(&broken, Some(&broken))
                .collapse()
                .is_none()
        );
        assert!(uniformity(&rows(&[1.0, 0.0], 2)).is_nan());
    }

    #[test]
    fn opposite_views_are_as_far_apart_as_can_be() {
        let embeddings = circle(5);
        assert!((alignment(&embeddings, &-&embeddings) - 4.0).abs() < 1e-12);
    }
}

//! Directions that embeddings are assigned to.

use tch::Tensor;

use crate::encoder::parameters::{Init, Scope};
use crate::loss::unit_rows;

/// Rows of length 1, `[count, dim]`, learned with the encoder (Caron et al. 2020).
#[derive(Debug)]
pub(crate) struct Prototypes {
    rows: Tensor,
}

impl Prototypes {
    /// `count` prototypes for embeddings of `dim` numbers.
    pub(crate) fn new(scope: &Scope<'_>, count: i64, dim: i64) -> Self {
        Self {
            rows: scope.weight("rows", &[count, dim], Init::linear(dim)),
        }
    }

    /// Brings every row back to length 1, as before every step.
    pub(crate) fn normalise(&mut self) {
        tch::no_grad(|| self.rows.copy_(&unit_rows(&self.rows)));
    }

    /// `z·Cᵀ`: `[batch, dim]` → `[batch, count]`. While `frozen`, the prototypes get no gradient.
    pub(crate) fn scores(&self, z: &Tensor, frozen: bool) -> Tensor {
        let rows = match frozen {
            true => self.rows.detach(),
            false => self.rows.shallow_clone(),
        };
        z.matmul(&rows.transpose(0, 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::parameters::Parameters;
    use tch::Device;

    #[test]
    fn a_prototype_scores_one_with_itself_and_no_more_with_others() {
        let parameters = Parameters::new(0, Device::Cpu);
        let mut prototypes = Prototypes::new(&parameters.root(), 5, 3);
        prototypes.normalise();
        let rows = prototypes.rows.detach();
        let scores = prototypes.scores(&rows, false).detach();
        let own = scores.diagonal(0, 0, 1);
        assert!(own.allclose(&own.ones_like(), 1e-6, 1e-6, false));
        assert!(scores.max().double_value(&[]) <= 1.0 + 1e-6);
    }

    #[test]
    fn frozen_prototypes_get_no_gradient() {
        let parameters = Parameters::new(0, Device::Cpu);
        let prototypes = Prototypes::new(&parameters.root(), 5, 3);
        let z = Tensor::ones([2, 3], (tch::Kind::Float, Device::Cpu)).set_requires_grad(true);
        prototypes.scores(&z, true).sum(None).backward();
        assert!(!prototypes.rows.grad().defined());
        prototypes.scores(&z, false).sum(None).backward();
        assert!(prototypes.rows.grad().defined());
    }
}

//! One remembered embedding for every clip.

use tch::Tensor;

use crate::encoder::parameters::{Init, Scope};
use crate::loss::unit_rows;

/// A row for each clip, `[clips, dim]`: its embeddings of past epochs, averaged (Wu et al. 2018, section 3.1).
///
/// Rows start uniform in ±1/√(dim/3), about of length 1. They are buffers of the method's parameters, and so part of a
/// checkpoint.
#[derive(Debug)]
pub(crate) struct MemoryBank {
    rows: Tensor,
}

impl MemoryBank {
    /// A bank of `clips` rows of `dim` numbers.
    pub(crate) fn new(scope: &Scope<'_>, clips: i64, dim: i64) -> Self {
        let bound = 1.0 / (dim as f64 / 3.0).sqrt();
        Self {
            rows: scope.drawn_buffer("rows", &[clips, dim], Init::Uniform(bound)),
        }
    }

    /// All rows, `[clips, dim]`.
    pub(crate) fn rows(&self) -> &Tensor {
        &self.rows
    }

    /// `mᵢ ← normalise(momentum·mᵢ + (1 − momentum)·vᵢ)` for the clips of a batch, `[batch]`, and their embeddings of length
    /// 1, `[batch, dim]`. Of a clip that is in the batch twice, one embedding counts.
    pub(crate) fn remember(&mut self, clips: &Tensor, embeddings: &Tensor, momentum: f64) {
        tch::no_grad(|| {
            let old = self.rows.index_select(0, clips);
            let new = unit_rows(&(old * momentum + embeddings.detach() * (1.0 - momentum)));
            let _ = self.rows.index_copy_(0, clips, &new);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::parameters::Parameters;
    use tch::Device;

    #[test]
    fn only_the_rows_of_the_batch_move_half_way_and_have_length_one() {
        let parameters = Parameters::new(0, Device::Cpu);
        let mut bank = MemoryBank::new(&parameters.root(), 4, 3);
        let before = bank.rows().copy();
        assert!(before.abs().max().double_value(&[]) <= 1.0);
        let clips = Tensor::from_slice(&[2i64, 0]);
        let seen = Tensor::from_slice(&[1.0f32, 0.0, 0.0, 0.0, 1.0, 0.0]).view([2, 3]);
        bank.remember(&clips, &seen, 0.5);
        for row in [1, 3] {
            assert_eq!(bank.rows().get(row), before.get(row));
        }
        let expected = unit_rows(&(before.index_select(0, &clips) + &seen));
        let moved = bank.rows().index_select(0, &clips);
        assert!(moved.allclose(&expected, 1e-6, 1e-6, false));
    }
}

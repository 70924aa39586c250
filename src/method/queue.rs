//! The newest embeddings of past batches, first in, first out.

use tch::{Kind, Tensor};

use crate::encoder::parameters::{Init, Scope};
use crate::loss::unit_rows;

/// A ring of rows of length 1, `[entries, dim]` (He et al. 2020, algorithm 1): what a batch is compared with beyond itself.
///
/// It starts with random directions. Rows and place are buffers of the method's parameters, and so part of a checkpoint.
#[derive(Debug)]
pub(crate) struct Queue {
    rows: Tensor,
    /// Where the next row goes, `[]`.
    next: Tensor,
}

impl Queue {
    /// A queue of `entries` rows of `dim` numbers.
    pub(crate) fn new(scope: &Scope<'_>, entries: i64, dim: i64) -> Self {
        let mut rows = scope.drawn_buffer("rows", &[entries, dim], Init::Normal(1.0));
        tch::no_grad(|| rows.copy_(&unit_rows(&rows)));
        Self {
            rows,
            next: scope.counter("next"),
        }
    }

    /// All rows, `[entries, dim]`, in no order that matters.
    pub(crate) fn rows(&self) -> &Tensor {
        &self.rows
    }

    /// Puts `rows`, `[batch, dim]`, brought to length 1, in the place of the oldest ones.
    pub(crate) fn push(&mut self, rows: &Tensor) {
        let (entries, count) = (self.rows.size()[0], rows.size()[0]);
        let next = self.next.int64_value(&[]);
        let places = Tensor::arange(count, (Kind::Int64, self.rows.device())) + next;
        tch::no_grad(|| {
            let _ =
                self.rows
                    .index_copy_(0, &places.remainder(entries), &unit_rows(&rows.detach()));
            let _ = self.next.fill_((next + count) % entries);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::parameters::Parameters;
    use tch::Device;

    fn rows(values: &[f32]) -> Tensor {
        Tensor::from_slice(values).view([-1, 2])
    }

    #[test]
    fn the_oldest_rows_are_forgotten_first() {
        let parameters = Parameters::new(0, Device::Cpu);
        let mut queue = Queue::new(&parameters.root(), 3, 2);
        let lengths = queue.rows().norm_scalaropt_dim(2.0, [1], false);
        assert!(lengths.allclose(&lengths.ones_like(), 1e-6, 1e-6, false));
        queue.push(&rows(&[1.0, 0.0, 0.0, 2.0]));
        queue.push(&rows(&[-1.0, 0.0, 0.0, -3.0]));
        let expected = rows(&[0.0, -1.0, 0.0, 1.0, -1.0, 0.0]);
        assert_eq!(*queue.rows(), expected);
    }

    #[test]
    fn what_is_saved_is_all_there_is() {
        let parameters = [0, 1].map(|seed| Parameters::new(seed, Device::Cpu));
        let [mut first, mut second] = [0, 1].map(|i| Queue::new(&parameters[i].root(), 3, 2));
        first.push(&rows(&[1.0, 0.0]));
        let saved = parameters[0].named();
        let find = |name: &str| Some(saved.iter().find(|(n, _)| n == name)?.1.copy());
        parameters[1].load(find).unwrap();
        for queue in [&mut first, &mut second] {
            queue.push(&rows(&[0.0, 1.0]));
        }
        assert_eq!(first.rows(), second.rows());
    }
}

//! Batches made ahead of the step that uses them.

use super::batches::{Batch, Batches};

/// Calls `use_batch` with the batches of the steps from `first` to `total`, in order, while `threads` threads make the next ones. Ends early at the first error.
pub(crate) fn for_each_batch<E: Send>(
    batches: &Batches<'_>,
    first: u64,
    total: u64,
    threads: usize,
    mut use_batch: impl FnMut(u32, u64, Batch) -> Result<(), E>,
) -> Result<(), E> {
    let steps = batches.steps_per_epoch();
    let numbered = move |n: u64| ((n / steps) as u32, n % steps);
    std::thread::scope(|scope| {
        let makers: Vec<_> = (0..threads as u64)
            .map(|thread| {
                let (sender, receiver) = std::sync::mpsc::sync_channel(1);
                scope.spawn(move || {
                    let mut order = (u32::MAX, Vec::new());
                    for n in (first + thread..total).step_by(threads) {
                        let (epoch, step) = numbered(n);
                        if order.0 != epoch {
                            order = (epoch, batches.order(epoch));
                        }
                        // The receiver is gone when training has stopped.
                        if sender.send(batches.batch(epoch, &order.1, step)).is_err() {
                            return;
                        }
                    }
                });
                receiver
            })
            .collect();
        for n in first..total {
            let maker = &makers[((n - first) % threads as u64) as usize];
            let Ok(batch) = maker.recv() else {
                break; // a maker panicked; the scope passes that on
            };
            let (epoch, step) = numbered(n);
            use_batch(epoch, step, batch)?;
        }
        Ok(())
    })
}

//! Fourier transforms, planned once per thread and length.

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use std::{cell::RefCell, sync::Arc};

thread_local! {
    static PLANNER: RefCell<RealFftPlanner<f32>> = RefCell::new(RealFftPlanner::new());
}

/// The transform of `len` real samples. Plans are kept for the life of the thread: ask for few different lengths,
/// such as powers of two.
pub(crate) fn forward(len: usize) -> Arc<dyn RealToComplex<f32>> {
    PLANNER.with_borrow_mut(|planner| planner.plan_fft_forward(len))
}

/// The way back from [`forward`], not scaled: there and back is `len` times the samples.
pub(crate) fn inverse(len: usize) -> Arc<dyn ComplexToReal<f32>> {
    PLANNER.with_borrow_mut(|planner| planner.plan_fft_inverse(len))
}

//! The training loop.

mod diagnostics;

pub use diagnostics::{
    Collapse, Diagnostics, alignment, effective_rank, embedding_std, uniformity,
};

//! Which clips there are, with their labels and official folds.

mod clip;
mod error;

pub use clip::{Clip, Dataset};
pub use error::DatasetError;

//! A few marked events and a recording → every other event of that kind.

mod detection;
mod error;
mod event;
#[cfg(feature = "nn")]
pub mod frames;

pub use detection::{Detection, Track};
pub use error::DetectError;
pub use event::Event;

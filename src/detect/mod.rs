//! A few marked events and a recording → every other event of that kind.
//!
//! | want | use |
//! |---|---|
//! | events found frame by frame, our own | `frames` |
//! | events found window by window, as Moummad et al. 2023 published it | `windows` |
//! | events found by their distance from prototypes, the baseline of DCASE task 5 | `prototypical` |
//! | events that look like one of the marked ones | [`template`] |
//! | whether the marked ones can be heard at all | [`shots_unheard`] |
//! | found events in a table, or as sound | [`mod@write`] |
//! | how well they were found | [`score`] |

mod detection;
mod error;
mod event;
#[cfg(feature = "nn")]
pub mod frames;
#[cfg(feature = "nn")]
pub mod prototypical;
pub mod score;
mod shots_band;
mod shots_heard;
pub mod template;
#[cfg(feature = "nn")]
pub mod windows;
pub mod write;

pub use detection::{Detection, Track};
pub use error::DetectError;
pub use event::Event;
pub use shots_band::OutOfHearing;
pub use shots_heard::{ShotsUnheard, shots_unheard};

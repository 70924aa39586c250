//! A few marked events and a recording → every other event of that kind.
//!
//! | want | use |
//! |---|---|
//! | events that look like one of the marked ones | [`template`] |
//! | found events in a table, or as sound | [`write`] |
//! | how well they were found | [`score`] |

mod error;
mod event;
pub mod score;
pub mod template;
pub mod write;

pub use error::DetectError;
pub use event::Event;

//! A few marked events and a recording → every other event of that kind.
//!
//! | want | use |
//! |---|---|
//! | events that look like one of the marked ones | [`template`] |
//! | how well they were found | [`score`] |

mod error;
mod event;
pub mod score;
pub mod template;

pub use error::DetectError;
pub use event::Event;

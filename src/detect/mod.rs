//! A few marked events and a recording → every other event of that kind.
//!
//! | want | use |
//! |---|---|
//! | how well they were found | [`score`] |

mod error;
mod event;
pub mod score;

pub use error::DetectError;
pub use event::Event;

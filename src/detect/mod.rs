//! A few marked events and a recording → every other event of that kind.

mod event;

pub use event::Event;

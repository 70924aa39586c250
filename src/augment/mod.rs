//! Sound or features → two views.
//!
//! A view is made in two halves. *Drawing* decides what happens to one clip: plain numbers from a
//! generator that depends only on what the draw is for ([`DrawKey`]), made on any thread in any
//! order. *Applying* does it: [`waveform`] to the sound of one clip, before the front end, on the thread that read it;
//! [`spectrogram`] to a whole batch of tensors on whatever device they are on.

mod config;
mod draw;
mod error;
mod interval;
pub mod spectrogram;
mod step;
pub mod waveform;

pub use config::AugmentConfig;
pub use draw::{DrawKey, Purpose, ViewKey};
pub use error::{AugmentError, Problem};
pub use interval::Interval;
pub use step::{DrawnFor, Step, StepViews};

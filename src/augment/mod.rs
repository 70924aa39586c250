//! Sound or features → two views.
//!
//! A view is made in two halves. *Drawing* decides what happens to one clip: plain numbers from a
//! generator that depends only on what the draw is for ([`ViewKey`]), in any order and on any thread.
//! *Applying* does it: [`waveform`] to the sound of one clip, before the front end, on the thread that read it;
//! [`spectrogram`] to a whole batch of tensors on whatever device they are on.
//!
//! To add an augmentation, write its file, in which its draws get a number one above the highest there is (a test compares them;
//! gaps belong to earlier versions and stay empty), and name it in the table of its half.

mod config;
mod draw;
mod error;
mod interval;
#[cfg_attr(
    not(feature = "nn"),
    allow(dead_code, reason = "without the engine nothing reads what is drawn")
)]
pub mod spectrogram;
mod step;
mod table;
pub mod waveform;

pub use config::AugmentConfig;
pub use draw::ViewKey;
pub(crate) use draw::{DrawKey, Purpose};
pub use error::{AugmentError, Problem};
pub use interval::Interval;
pub use step::{DrawnFor, Step, StepViews};

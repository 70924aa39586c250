//! Sound files in, [`Waveform`]s out.

mod error;
mod waveform;

pub use error::AudioError;
pub use waveform::{SampleRate, Waveform};

//! Waveform → [`Features`].

mod matrix;

pub use matrix::Features;

//! Few-shot detection by prototypes, the trained baseline of DCASE task 5.
//!
//! A model of the preset `prototypical` embeds windows. A window is positive where it lies nearer to the mean of the
//! shots than to the mean of other windows. A recording is read three times as a stream: memory does not grow with its
//! length.
//!
//! | part | file |
//! |---|---|
//! | settings, with every published quirk | `config.rs` |
//! | which windows are embedded | `plan.rs`, `reservoir.rs` |
//! | shots → prototypes | `fitter.rs` |
//! | prototypes → events | `detector.rs` |
//!
//! # Source
//! Snell et al. 2017 (arXiv:1703.05175), section 2.3, as in the baseline repository of DCASE task 5.

mod config;
mod detector;
mod fitter;
mod plan;
mod reservoir;

pub use config::{Prototypes, PrototypesConfig, ShortestEvent};
pub(super) use fitter::PrototypeFitter;

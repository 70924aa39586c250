//! Few-shot detection by classified windows, as published by Moummad et al. 2023 (DCASE task 5).
//!
//! ```text
//! shots ──→ window length, positives, negatives ──→ classifier on a pre-trained encoder
//! rest of the recording ──→ windows, half of one apart ──→ positive or not ──→ runs are events
//! ```
//! | part | file |
//! |---|---|
//! | which windows are examples | `examples.rs` |
//! | the four adaptations, and every published quirk as a setting | `config.rs`, `classifier.rs` |
//! | shots → a fitted classifier | `fitter.rs` |
//! | windows → events | `detector.rs`, `runs.rs` |
//!
//! A recording is read as a stream: memory depends on the shots, not on its length.
//!
//! # Source
//! Moummad, Serizel and Farrugia 2023 (arXiv:2309.00878) and the code released with it.

mod classifier;
mod config;
mod detector;
mod examples;
mod fitter;
pub(in crate::detect) mod patches;
pub(in crate::detect) mod runs;

pub use config::{Adapt, ClassWeights, FirstGap, Scaling, UnknownSpans, WindowsConfig};
pub(super) use fitter::{WindowFitter, refuse_shots_outside};

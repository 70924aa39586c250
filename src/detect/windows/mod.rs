//! Few-shot detection by classified windows, as published by Moummad et al. 2023 (DCASE task 5).
//!
//! ```text
//! shots ──→ window length, positives, negatives ──→ classifier on a pre-trained encoder
//! rest of the recording ──→ windows, half of one apart ──→ positive or not ──→ runs are events
//! ```
//! | part | file |
//! |---|---|
//! | which windows are examples | `support.rs` |
//! | the four adaptations, and every published quirk as a setting | `config.rs`, `classifier.rs` |
//! | windows → events | `runs.rs` |

mod classifier;
mod config;
pub(in crate::detect) mod detector;
pub(in crate::detect) mod patches;
pub(in crate::detect) mod runs;
mod support;

pub use config::{Adapt, ClassWeights, FirstGap, Scaling, UnknownSpans, WindowsConfig};
pub use detector::WindowDetector;
pub use support::{Support, window_length};

//! Our own detector: every frame of a recording gets a score.
//!
//! An encoder that keeps frames apart is fine-tuned to the shots for a few seconds: frames inside a shot against all
//! others up to the end of the last one. Then it scores the whole recording, stretch by stretch, in memory that does not
//! grow with its length, and scores become events.
//!
//! | part | file |
//! |---|---|
//! | which frames of the recording are examples | `region.rs`, `fitter.rs` |
//! | what is background | `stretch.rs`, `drift.rs` |
//! | which bands are heard | `focus.rs` |
//! | fine-tuning | `fit.rs` |
//! | the score of every frame | `detector.rs` |
//! | scores → events | `segment.rs` |
//! | events of several kinds at once → one | `rivals.rs` |
//! | a detector in a file | `kept.rs` |

mod config;
mod detector;
mod drift;
mod fit;
mod fitter;
mod focus;
mod kept;
mod region;
mod rivals;
mod segment;
mod stretch;

pub use config::FrameConfig;
pub use fit::FitConfig;
pub(super) use fitter::FrameFitter;
pub(super) use kept::load;
pub use segment::SegmentConfig;

use crate::dataset::Span;
use crate::encoder::{EncoderError, Model};
use std::ops::Range;
use tch::Device;

/// The encoder built into the program: what `--preset calls` learned from imagined animals (`models/calls.md`).
///
/// # Errors
/// If libtorch refuses the device.
pub(super) fn calls_model(device: Device) -> Result<Model, EncoderError> {
    let bytes = include_bytes!("../../../models/calls.safetensors");
    Model::parse("models/calls.safetensors", bytes, device)
}

/// Frames of context on either side that a score of the network depends on.
const FRAME_RADIUS: usize = crate::encoder::FrameNet::RADIUS;

/// The standard deviation of a recording's features, by which all of them are divided. It is measured once, in the first
/// stretch of the recording.
#[derive(Clone, Copy)]
struct Scale(f32);

/// The frames that `span` lies in, at least one; `recording` is the recording's length in frames.
fn frames_of(span: &Span, frame_rate: f64, recording: usize) -> Range<usize> {
    let frame = |secs: f64| (secs * frame_rate).round() as usize;
    let onset = frame(span.onset()).min(recording.saturating_sub(1));
    onset..frame(span.offset()).min(recording).max(onset + 1)
}

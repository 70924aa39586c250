//! A few marked events and a recording → every other event of that kind.
//!
//! ```text
//! DetectorConfig ──→ Fitter ──(MarkedRecording)──→ Detector ──(recording)──→ Detection
//! ```
//!
//! ```no_run
//! use chiffchaff::detect::{DetectorConfig, Fitter, MarkedRecording};
//!
//! let marked = MarkedRecording::read("dawn.wav".as_ref(), "dawn.csv".as_ref(), &Default::default())?;
//! let fitter = Fitter::new(DetectorConfig::default())?;
//! let detector = fitter.fit(std::slice::from_ref(&marked), |_| {})?;
//! let detection = detector.detect(&marked.path, |_| {})?;
//! println!("{} events", detection.events.len());
//! # Ok::<(), chiffchaff::detect::DetectError>(())
//! ```
//!
//! | want | use |
//! |---|---|
//! | a method with its settings | [`DetectorConfig`] |
//! | a detector fitted to marks, or why it cannot learn from them | [`Fitter`] |
//! | every event like them | [`Detector`] |
//! | a detector in a file, for next season | [`Detector::save`], [`LearnedFrom`] |
//! | found events in a table, or as sound | [`mod@write`] |
//! | how many a day and an hour | [`EventCounts`] |
//! | between which frequencies they lie | [`Detector::band`], [`EventBand`] |
//! | how many are right, from their scores | [`expected_precision`], [`Detection::by_threshold`] |
//! | how well they were found | [`score`] |
//!
//! | method | finds events |
//! |---|---|
//! | `frames` | frame by frame, our own |
//! | `windows` | window by window, as Moummad et al. 2023 published it |
//! | [`template`] | that look like one of the marked ones, the baseline of DCASE task 5 |
//! | `prototypical` | by their distance from prototypes, the other baseline |
//!
//! The methods in plain type need the tensor engine, cargo feature `nn`.

mod config;
mod detection;
mod detector;
mod error;
mod event;
mod event_band;
mod event_counts;
mod fitter;
#[cfg(feature = "nn")]
pub mod frames;
mod kinds;
mod learned;
mod precision;
#[cfg(feature = "nn")]
pub mod prototypical;
pub mod score;
mod shots_band;
mod shots_heard;
pub mod template;
#[cfg(feature = "nn")]
mod threshold;
#[cfg(feature = "nn")]
pub mod windows;
pub mod write;

pub use config::DetectorConfig;
#[cfg(feature = "nn")]
pub use config::Method;
pub use detection::{Detection, Stage, Track};
pub use detector::Detector;
#[cfg(feature = "nn")]
pub use detector::KeptOptions;
pub use error::DetectError;
pub use event::Event;
pub use event_band::EventBand;
pub use event_counts::{EventCounts, Tally};
pub use fitter::{Fitter, MarkedRecording};
pub use learned::{LearnedFrom, LearnedRecording, ShotPicture};
pub use precision::{AtThreshold, expected_precision};
pub use shots_band::OutOfHearing;
pub use shots_heard::{LookedAt, ShotsUnheard};
#[cfg(feature = "nn")]
pub use threshold::{NoThreshold, Threshold};

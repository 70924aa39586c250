//! Teaches a computer to hear from your own recordings: audio encoders learned by contrastive
//! learning, measured honestly, put to work.
//!
//! A few marked calls of a recording in, every other call of that kind out:
//!
//! ```no_run
//! use chiffchaff::detect::{DetectorConfig, Fitter, MarkedRecording};
//!
//! let marked = MarkedRecording::read("dawn.wav".as_ref(), "dawn.csv".as_ref(), &Default::default())?;
//! let detector = Fitter::new(DetectorConfig::default())?.fit(&[marked], |_| {})?;
//! for event in detector.detect("dawn.wav".as_ref(), |_| {})?.events {
//!     println!("{:.2} to {:.2} s", event.span.onset(), event.span.offset());
//! }
//! # Ok::<(), chiffchaff::detect::DetectError>(())
//! ```
//!
//! The pages of the stages go on from here: [`audio`] reads a file, [`dataset`] finds clips, `train` makes an encoder of
//! them, `encoder` puts it to use, and `measure` says how good it is.
//!
//! The folders are the stages, in the order in which data flows through them; a stage uses only
//! stages above it:
//!
//! | stage | in → out |
//! |---|---|
//! | [`audio`] | a file → [`audio::Waveform`] |
//! | [`dataset`] | a folder or table → [`dataset::Clip`]s with labels and official folds; tables of marks |
//! | [`signal`] | mathematics on samples: windows, mel scales, convolution, time stretch |
//! | [`features`] | waveform → [`features::Features`] (`[channels, bands, frames]`), cached on disk |
//! | [`corpus`] | a dataset → its clips with their features, and what cannot be used |
//! | [`augment`] | sound or features → two views, by draws that depend only on what they are for |
//! | `encoder` | `[batch, channels, mels, frames]` → [`Embeddings`] (`[items, dim]`) |
//! | `loss` | embeddings → scalar |
//! | `method` | views → loss by each method's rule, and what it keeps between steps |
//! | `train` | clips → an encoder: gathering, the loop, optimiser, schedule, checkpoint, diagnostics |
//! | `experiment` | a preset or file → the whole configuration of a run |
//! | [`evaluate`] | embeddings and labels → accuracies, beside their baselines |
//! | [`detect`] | a few marked events and a recording → [`detect::Event`]s |
//! | [`report`] | results → JSON, Markdown and one self-contained HTML page |
//! | `measure` | an encoder and a dataset → scores beside their baselines, as a report has them |
//! | `study` | several experiments, and how they are measured |
//!
//! Beside them, [`cores`] shares the machine with other programs.
//!
//! The stages in plain type need the tensor engine, cargo feature `nn` (on by default).

pub mod audio;
pub mod augment;
mod choices;
pub mod cores;
pub mod corpus;
pub mod dataset;
pub mod detect;
mod embeddings;
#[cfg(feature = "nn")]
pub mod encoder;
mod error;
pub mod evaluate;
#[cfg(feature = "nn")]
pub mod experiment;
pub mod features;
#[cfg(feature = "nn")]
pub mod loss;
#[cfg(feature = "nn")]
pub mod measure;
#[cfg(feature = "nn")]
pub mod method;
pub mod output;
mod parquet_columns;
pub mod report;
pub mod signal;
#[cfg(feature = "nn")]
pub mod study;
#[cfg(feature = "nn")]
pub mod train;
mod whole_file;

pub use choices::{Choice, UnknownChoice};
pub use embeddings::Embeddings;
pub use error::{Error, Result};
pub use whole_file::write_whole;

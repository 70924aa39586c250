//! The loop that turns features into an encoder: draw views, compare them, descend, checkpoint.
//!
//! Every random draw is keyed by what it is for (seed, epoch, patch, view, purpose), so neither the
//! number of data threads nor an interruption shows in the result.
//!
//! ```no_run
//! use chiffchaff::corpus::LoadedDataset;
//! use chiffchaff::encoder::DeviceName;
//! use chiffchaff::experiment::Experiment;
//! use chiffchaff::train::{RunDir, Start, TrainingCorpora, pretrain};
//! use std::ops::ControlFlow;
//!
//! let experiment = Experiment::preset("small", &["train.epochs=50".to_owned()])?;
//! let found = [LoadedDataset::load(&"folder:recordings".parse()?)?];
//! let corpora = TrainingCorpora::open(&experiment, &found, "cache".as_ref(), |_, _| {})?;
//! let (data, _) = corpora.training_data(&experiment, &[], Start::New)?;
//! let (run, device) = (RunDir::new("runs/mine"), DeviceName::Cpu.open()?);
//! pretrain(&experiment, &data, &run, Start::New, device, |_| ControlFlow::Continue(()))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod batches;
mod checkpoint;
mod classifier;
#[cfg(test)]
mod collapse_tests;
mod config;
mod data;
mod diagnostics;
mod episodes;
mod error;
mod experiment;
mod feed;
mod frame_labels;
mod gather;
mod learning;
mod memory;
mod memory_need;
mod metrics;
mod optimizer;
mod preview;
mod run;
mod run_dir;
mod schedule;
mod sound_views;
mod training;
mod views;

pub use classifier::FreezeMode;
pub(crate) use classifier::{Classifier, ClassifierParts};
pub use config::{DecayScope, PrecisionChoice, TrainConfig};
pub use data::TrainingData;
pub use diagnostics::{
    Collapse, Diagnostics, alignment, effective_rank, embedding_std, uniformity,
};
pub use error::TrainError;
pub use experiment::{Experiment, PresetCard};
pub use frame_labels::FrameLabels;
pub use gather::{GatherRemark, TrainingCorpora};
pub use learning::{AlikeClips, AtChance, LearningWatch};
pub use memory::keep_memory;
pub use metrics::Metrics;
pub use optimizer::{Optimizer, OptimizerConfig};
pub use preview::augmented;
pub use run::{Outcome, Progress, Start, pretrain};
pub use run_dir::RunDir;
pub(crate) use schedule::Moment;
pub use schedule::Schedule;
pub use views::{Cut, Placement, Rounding, SmallViews, ViewsConfig, WindowsCut};

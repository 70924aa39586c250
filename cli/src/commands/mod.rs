//! One file per command: arguments in, library calls, a [`crate::Finish`] out.

pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod evaluate;
pub(crate) mod features;
pub(crate) mod presets;
pub(crate) mod pretrain;
pub(crate) mod report;
pub(crate) mod score;

use clap::ValueEnum;

/// How to print data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON document.
    Json,
}

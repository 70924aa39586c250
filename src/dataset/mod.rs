//! Which clips there are, with their labels and official folds.
//!
//! A [`DatasetSource`] (`KIND:PATH`) is loaded into a [`Dataset`], a list of [`Clip`]s. Loading reads tables and
//! folders only; what is wrong with a single file shows when it is read, and [`scan()`] reads every one and says what is
//! wrong before a long run does.
//!
//! | kind | layout |
//! |---|---|
//! | `esc50` | `audio/`, `meta/esc50.csv` |
//! | `esc10` | the same, or `audio/` beside `esc10.csv` |
//! | `folder` | any tree; sub-folder = label |
//! | `csv` | a table `path,label[,fold][,source][,onset,offset]` |
//! | `fewshot` | recordings, each with its table of marked events (DCASE task 5); an event = a clip |

mod annotation;
mod clip;
mod error;
mod esc;
mod few_shot;
mod folder;
mod folds;
mod scan;
mod source;
mod synthetic;
mod table;

pub use annotation::{
    Annotation, Mark, MarkFormat, MarkWarning, MarkedEvent, ShotChoice, ShotCount, Span,
    SpanProblem, Support, SupportError, SupportProblem, SupportWarning, parse_marks, read_marks,
    recording_stem, table_about,
};
pub use clip::{Clip, Dataset};
pub use error::{DatasetError, RowProblem};
pub use folds::SplitSource;
pub use scan::{
    ClassCount, ClipOutcome, ClipProblem, DatasetScan, FileFacts, FoldCount, Lengths, ValueCount,
    scan,
};
pub use source::{DatasetKind, DatasetSource};
pub use synthetic::{SyntheticConfig, SyntheticRecording};
pub(crate) use table::read_pairs;

//! Results → files a person or program can read.
//!
//! [`Run::read`] gathers what a run or evaluation directory holds, [`write_html`] makes one
//! self-contained page of several runs. [`table()`], [`markdown()`] and [`csv()`] show the same numbers
//! on a terminal, in a text and to other programs. [`DetectionPage`] draws what was found in recordings,
//! [`calendar()`] when, [`FeaturePicture`] what a front end makes of a clip.
//!
//! ```no_run
//! use chiffchaff::report::{Run, write_html};
//!
//! let run = Run::read("runs/mine".as_ref())?;
//! write_html("report.html".as_ref(), &[run])?;
//! # Ok::<(), chiffchaff::report::ReportError>(())
//! ```

mod adpcm;
mod audit;
mod calendar;
mod chart;
mod comparison;
mod confusion;
mod curves;
mod detection;
mod embedding_table;
mod error;
mod event_list;
mod event_sounds;
mod exploration;
mod frequency_axis;
mod gallery;
mod grid;
mod html;
mod lettering;
mod npy;
mod paired;
mod picture;
mod run;
#[cfg(test)]
mod sample;
mod spectrogram;
mod strips;
mod table;
mod tags;
mod text;
mod threshold_table;
mod time_axis;

pub use audit::{Audit, Finding};
pub use calendar::calendar;
pub use comparison::{comparison, comparison_markdown};
pub use detection::{DetectionPage, Drawn, RecordingPicture, ShotsPicture};
pub use embedding_table::{EmbeddedRecording, EmbeddingFormat, EmbeddingTable};
pub use error::ReportError;
pub use gallery::{EmbeddingMap, Exhibit, Exhibitor, Gallery};
pub use html::{html, write_html};
pub use npy::{AxisOrder, npy_head};
pub use paired::{Pair, paired, paired_markdown, paired_text};
pub use picture::FeaturePicture;
pub use run::{Measurement, Provenance, Run};
pub use table::{csv, markdown, table};
pub use tags::{tag_markdown, tag_table};

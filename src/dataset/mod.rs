//! Which clips there are, with their labels and official folds.
//!
//! A [`DatasetSource`] (`KIND:PATH`) is loaded into a [`Dataset`], a list of [`Clip`]s. Loading reads tables and
//! folders only; what is wrong with a single file shows when it is read, and [`scan()`] reads every one and says what is
//! wrong before a long run does.
//!
//! ```
//! use chiffchaff::dataset::DatasetSource;
//!
//! let folder = tempfile::tempdir()?;
//! for bird in ["robin", "wren"] {
//!     std::fs::create_dir(folder.path().join(bird))?;
//!     std::fs::write(folder.path().join(bird).join("1.wav"), "")?; // loading reads no sound
//! }
//! let source: DatasetSource = format!("folder:{}", folder.path().display()).parse()?;
//! let dataset = source.load()?;
//! assert_eq!(dataset.classes, ["robin", "wren"]);
//! assert_eq!(dataset.clips[1].label, Some(1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | kind | layout |
//! |---|---|
//! | `esc50` | `audio/`, `meta/esc50.csv` |
//! | `esc10` | the same, or `audio/` beside `esc10.csv` |
//! | `us8k` | `audio/fold1/` to `fold10/`, `metadata/UrbanSound8K.csv` |
//! | `dcase13` | `scenes_stereo/` and `scenes_stereo_testset/` (two folds) |
//! | `gtzan` | `genres/{genre}/`; the lists of the fault-filtered split beside it, if any |
//! | `fsd50k` | `FSD50K.dev_audio/`, `FSD50K.eval_audio/`, `FSD50K.ground_truth/` |
//! | `fsdnoisy18k` | `FSDnoisy18k.audio_train/`, `FSDnoisy18k.audio_test/`, `FSDnoisy18k.meta/` |
//! | `audioset` | `*_segments.csv`, `class_labels_indices.csv`, sound files anywhere below |
//! | `desed` | `audio/` and `metadata/` of the same structure |
//! | `fsdd` | `recordings/{digit}_{speaker}_{index}.wav` |
//! | `folder` | any tree; sub-folder = label |
//! | `csv` | a table `path,label[,fold][,source][,onset,offset]` |
//! | `fewshot` | recordings, each with its table of marked events (DCASE task 5); an event = a clip |

mod annotation;
mod audioset;
mod clip;
mod count;
mod dcase2013;
mod delimited;
mod desed;
mod error;
mod esc;
mod few_shot;
mod first_bytes;
mod folder;
mod folds;
mod fsd50k;
mod fsdd;
mod fsdnoisy18k;
mod gtzan;
mod layout;
mod recording;
mod scan;
mod source;
mod synthetic;
mod table;
mod urbansound8k;
mod walk;

pub use annotation::{
    Annotation, FoundEvent, KindSupport, LabelChoice, Mark, MarkFormat, MarkWarning, Marked,
    MarkedEvent, MatchError, Matching, NoShotCount, RecordingMarks, ShotChoice, ShotCount, Span,
    SpanProblem, Support, SupportError, SupportProblem, SupportWarning, parse_marks,
    read_found_events, read_marks,
};
pub(crate) use annotation::{Named, USED_MARK};
pub(crate) use clip::remarks_of;
pub use clip::{Clip, ClipSound, Dataset, OpenClip, Split, Tag};
pub use count::Count;
pub(crate) use delimited::{guarded, looks_quoted};
pub use error::{DatasetError, RowProblem};
pub use folds::SplitSource;
pub(crate) use folds::{listed_folds, split_sources};
pub use layout::{LayoutFault, LayoutProblem};
pub(crate) use recording::Place;
pub use recording::{OutputName, output_names, recording_stem};
pub use scan::{ClipOutcome, ClipProblem, DatasetScan, FileFacts, Lengths, SplitDuplicate, scan};
pub use source::DatasetSource;
pub use synthetic::{SyntheticConfig, SyntheticRecording};
pub(crate) use table::read_pairs;

source::dataset_kinds! {
    /// The kinds of dataset that can be read.
    enum DatasetKind {
        /// ESC-50: 2000 environmental clips of 50 classes, five official folds.
        "esc50" => Esc50(esc::load_esc50),
        /// ESC-10: the 400 clips of 10 classes in it, as part of ESC-50 or alone.
        "esc10" => Esc10(esc::load_esc10),
        /// UrbanSound8K: 8732 slices of 10 classes, ten official folds.
        "us8k" or "urbansound8k" => UrbanSound8k(urbansound8k::load),
        /// DCASE 2013 scenes: 10 classes, development and test archive side by side as two folds.
        "dcase13" or "dcase2013" => Dcase2013(dcase2013::load),
        /// GTZAN: 1000 pieces of music of 10 genres; the fault-filtered split, or a random one.
        "gtzan" => Gtzan(gtzan::load),
        /// FSD50K: Freesound clips with several of 200 classes each, official split.
        "fsd50k" => Fsd50k(fsd50k::load),
        /// FSDnoisy18k: Freesound clips of 20 classes, most labels unchecked, official split.
        "fsdnoisy18k" => FsdNoisy18k(fsdnoisy18k::load),
        /// AudioSet: segments of videos with several of 527 classes each, as far as their sound is here.
        "audioset" => AudioSet(audioset::load),
        /// DESED: domestic sounds with weak, strong or no labels.
        "desed" => Desed(desed::load),
        /// Free Spoken Digit Dataset: one fold per speaker, and the official split.
        "fsdd" => Fsdd(fsdd::load),
        /// Any tree of sound files; the sub-folder is the label.
        "folder" => Folder(folder::load),
        /// A table with the columns `path,label[,fold][,source][,onset,offset]`.
        "csv" => Csv(table::load),
        /// A tree of recordings with their tables of marked events (DCASE task 5); every positive event is a clip.
        "fewshot" => FewShot(few_shot::load),
    }
}

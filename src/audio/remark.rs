//! What is not as a file promises though its sound could be read.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// Something about a file that its user should know: sound may be missing, or its header says other than its content. Its
/// text leaves out the file's name.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ReadRemark {
    /// The header states no length: the recording was not closed, or written to a pipe.
    NoLength {
        /// What could be read, in seconds.
        read_secs: f64,
    },
    /// There is more sound than the header states.
    LongerThanStated {
        /// What could be read, in seconds.
        read_secs: f64,
        /// What the header states, in seconds.
        stated_secs: f64,
    },
    /// The size of a part of the file is wrong, and its sound is there nevertheless.
    WrongSize {
        /// The part's name.
        part: &'static str,
        /// What could be read, in seconds.
        read_secs: f64,
    },
    /// The file ends before its sound does.
    CutOff {
        /// What could be read, in seconds.
        read_secs: f64,
        /// What the file promises, in seconds, if it does.
        promised_secs: Option<f64>,
    },
    /// What the file wants to be heard begins where its sound has ended already.
    NothingKept {
        /// From where on it is to be heard, in seconds.
        from_secs: f64,
        /// Where its sound ends, in seconds.
        held_secs: f64,
    },
    /// Bytes that are no sound, or belong to another file.
    LeftOut {
        /// Where they lie, in seconds.
        at_secs: f64,
        /// How many.
        bytes: u64,
    },
    /// A stretch that cannot be decoded; silence stands in its place where its length is known.
    Damaged {
        /// Where it begins, in seconds.
        at_secs: f64,
        /// How long it is, in seconds; 0 if that is not known.
        lost_secs: f64,
        /// What the decoder said.
        reason: String,
    },
    /// Sound that was lost when the file was written or copied: what follows comes too early.
    Gap {
        /// Where it should be, in seconds.
        at_secs: f64,
        /// How long it was, in seconds; 0 if that is not known.
        lost_secs: f64,
    },
    /// A decoder other than ours complained.
    Complaint {
        /// Its words.
        text: String,
    },
}

impl fmt::Display for ReadRemark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLength { read_secs } => write!(
                f,
                "states no length, as if it had not been closed; read to the end of the file, {read_secs:.3} s"
            ),
            Self::LongerThanStated {
                read_secs,
                stated_secs,
            } => write!(
                f,
                "states a length of {stated_secs:.3} s but goes on; read to the end of the file, {read_secs:.3} s"
            ),
            Self::WrongSize { part, read_secs } => write!(
                f,
                "states a wrong size of its part `{part}`; its sound is read whole, {read_secs:.3} s"
            ),
            Self::CutOff {
                read_secs,
                promised_secs: Some(promised),
            } => write!(
                f,
                "is cut off: {read_secs:.3} s can be read of the {promised:.3} s that its header announces"
            ),
            Self::CutOff {
                read_secs,
                promised_secs: None,
            } => {
                write!(f, "is cut off: {read_secs:.3} s can be read")
            }
            Self::NothingKept {
                from_secs,
                held_secs,
            } => write!(
                f,
                "is to be heard from {from_secs:.3} s on by its edit list, but its sound ends at {held_secs:.3} s: nothing is read"
            ),
            Self::LeftOut { at_secs, bytes } => {
                write!(
                    f,
                    "has {bytes} bytes after {at_secs:.3} s that are not read as sound"
                )
            }
            Self::Damaged {
                at_secs,
                lost_secs,
                reason,
            } => {
                write!(f, "is damaged after {at_secs:.3} s: {reason}")?;
                if *lost_secs > 0.0 {
                    write!(f, "; {lost_secs:.3} s of silence stand there")?;
                }
                Ok(())
            }
            Self::Gap { at_secs, lost_secs } => {
                write!(f, "lacks sound after {at_secs:.3} s")?;
                if *lost_secs > 0.0 {
                    write!(f, " ({lost_secs:.3} s)")?;
                }
                write!(f, "; what follows comes too early")
            }
            Self::Complaint { text } => write!(f, "may be damaged: ffmpeg says `{text}`"),
        }
    }
}

/// Remarks on files that were read, until they are told.
///
/// Files are read deep inside, on many threads, as spans and as streams; a remark that had to be handed up through all that would be
/// lost somewhere. As with logging, the reader leaves it here and the program collects it.
static UNTOLD: Mutex<BTreeMap<PathBuf, Vec<ReadRemark>>> = Mutex::new(BTreeMap::new());

/// Leaves a remark to be told; one remark is kept once.
pub(super) fn leave(path: &Path, remark: ReadRemark) {
    let mut untold = UNTOLD.lock().unwrap_or_else(PoisonError::into_inner);
    let remarks = untold.entry(path.to_owned()).or_default();
    if !remarks.contains(&remark) {
        remarks.push(remark);
    }
}

/// Everything that readers of this process found and that nobody has taken yet, by file.
///
/// A program that reads sound calls this when it is done, prints what it gets and does not end as if nothing had been.
pub fn take_remarks() -> Vec<(PathBuf, Vec<ReadRemark>)> {
    let mut untold = UNTOLD.lock().unwrap_or_else(PoisonError::into_inner);
    std::mem::take(&mut *untold).into_iter().collect()
}

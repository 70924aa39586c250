//! How far a measurement has come.

/// What a measurement is doing, for whoever shows it.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// Features are read, or computed where they are not kept.
    Reading {
        /// Clips done.
        done: usize,
        /// Clips in all.
        of: usize,
    },
    /// Every file is examined.
    Examining {
        /// Files done.
        done: usize,
        /// Files in all.
        of: usize,
    },
    /// Clips are embedded.
    Embedding {
        /// By which encoder.
        what: &'a str,
        /// Clips done.
        done: usize,
        /// Clips in all.
        of: usize,
    },
    /// A protocol is fitted by epochs.
    Fitting {
        /// The protocol, and of which encoder.
        what: &'a str,
        /// Epochs done, of all folds by all seeds.
        done: u64,
        /// Epochs in all.
        of: u64,
        /// Accuracy on the current fold, 0..=1.
        accuracy: f64,
        /// After the last epoch of a fold: folds done and folds in all, by all seeds.
        folds: Option<(u64, u64)>,
    },
    /// Clips are drawn for the report.
    Drawing {
        /// Clips done.
        done: usize,
        /// Clips in all.
        of: usize,
    },
    /// Maps of the clips are made.
    Mapping,
    /// A score is there already, of a measurement that was interrupted.
    Known {
        /// Which one.
        what: &'a str,
    },
    /// A score is done and kept; so many are.
    Kept(usize),
}

/// Whoever hears of [`Progress`], from any thread.
pub type Observer<'a> = dyn Fn(Progress<'_>) + Sync + 'a;

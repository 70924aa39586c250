//! How tables of marks are written, and how they are told apart.
//!
//! To add a format, write its file and name it in the table below, before those that take more tables.

mod audacity;
mod dcase;
mod plain;
mod raven;

use csv::StringRecord;

/// Makes of a table of formats, one line each, the enum [`MarkFormat`] and the way from it to its rules.
macro_rules! mark_formats {
    (
        $(#[$about:meta])*
        enum MarkFormat {
            $( $(#[$what:meta])* $kind:ident => $rules:path, )+
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum MarkFormat {
            $( $(#[$what])* $kind, )+
        }

        impl MarkFormat {
            /// In the order in which a table is held against them.
            const ALL: &[Self] = &[$( Self::$kind ),+];

            /// What tells it from the others.
            pub(super) fn rules(self) -> &'static dyn Rules {
                match self {
                    $( Self::$kind => &$rules, )+
                }
            }
        }
    };
}

mark_formats! {
    /// How a table of marks is written.
    enum MarkFormat {
        /// `Audiofilename,Starttime,Endtime` and one column per class, of the DCASE few-shot task.
        Dcase => dcase::Dcase,
        /// A selection table of Raven: `Begin Time (s)`, `End Time (s)`.
        Raven => raven::Raven,
        /// Labels of Audacity: tabs, no header; onset, offset, label.
        Audacity => audacity::Audacity,
        /// Any other with a header that names onset and offset, or onset and duration; or `onset,offset[,label]` without one.
        Plain => plain::Plain,
    }
}

impl MarkFormat {
    /// That of a table with a header, by the name of its onset, as written and [simplified](super::columns::simplified).
    pub(super) fn with_header(onset: &str, simplified: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|format| format.rules().has_header(onset, simplified))
    }

    /// That of a table whose first line has two numbers, by what separates them.
    pub(super) fn without_header(separator: u8) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|format| format.rules().has_numbers(separator))
    }
}

impl MarkFormat {
    /// The headers that are known, for messages.
    pub(in crate::dataset) fn examples() -> String {
        let all = Self::ALL.iter();
        let examples = all.filter_map(|format| format.rules().example());
        examples.collect::<Vec<_>>().join("; ")
    }

    /// Whether a program calls its tables so.
    pub(super) fn is_word(word: &str) -> bool {
        let all = Self::ALL.iter();
        let mut words = all.filter_map(|format| format.rules().word());
        words.any(|known| known.eq_ignore_ascii_case(word))
    }
}

/// What tells a format from the others.
pub(super) trait Rules {
    /// Whether a table whose header calls the onset so is one.
    fn has_header(&self, _onset: &str, _simplified: &str) -> bool {
        false
    }

    /// Whether a table without header is one whose values are separated so.
    fn has_numbers(&self, _separator: u8) -> bool {
        false
    }

    /// Its own columns, where `find` finds them by their simplified names.
    fn own_columns(&self, _find: &dyn Fn(&str) -> Option<usize>) -> OwnColumns {
        OwnColumns::default()
    }

    /// Whether every further column is a class.
    fn has_class_columns(&self) -> bool {
        false
    }

    /// The limits of frequency, Hz as written, that the line gives to the event above it; it is then none itself.
    fn limits_above(&self, _record: &StringRecord) -> Option<[String; 2]> {
        None
    }

    /// Whether times count from the start of the first file of several, unless a column says otherwise.
    fn counts_through_files(&self) -> bool {
        false
    }

    /// How messages show its header, if it has one.
    fn example(&self) -> Option<&'static str> {
        None
    }

    /// What its program puts between the name of a recording and the ending of its table, beside words for tables.
    fn word(&self) -> Option<&'static str> {
        None
    }
}

/// Columns that one format alone has.
#[derive(Debug, Default)]
pub(super) struct OwnColumns {
    /// The onset within the recording.
    pub(super) onset_in_file: Option<usize>,
    /// The row's number.
    pub(super) selection: Option<usize>,
    /// The picture that the event was drawn in.
    pub(super) view: Option<usize>,
}

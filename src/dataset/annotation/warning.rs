//! What is odd about a table of marks.

use super::{Mark, MarkedEvent, support::listed};
use std::{collections::BTreeMap, fmt};

/// What is odd about a table of marks, and no reason to refuse it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MarkWarning {
    /// Not one byte: read as a table of no events.
    Empty,
    /// Neither UTF-8 nor UTF-16: letters beyond ASCII may be wrong.
    Encoding {
        /// What it was read as.
        name: &'static str,
    },
    /// Columns of which nothing is used.
    Unused {
        /// Their names.
        columns: Vec<String>,
    },
    /// Columns that may tell kinds of events apart, and are not used.
    MayBeLabel {
        /// Their names.
        columns: Vec<String>,
        /// The column that was taken for the label, if one was.
        label: Option<String>,
    },
    /// Limits of frequency that may be Hz or kHz, and are not used.
    UnclearBand {
        /// The names of their columns.
        columns: [String; 2],
    },
    /// Raven: times that may count from the start of the first of several files, in a table without `File Offset (s)`.
    ThroughFiles {
        /// The first two of the recordings.
        recordings: [String; 2],
    },
    /// Rows whose offset is their onset, taken for events of a microsecond.
    NoLength {
        /// The first of them.
        line: u64,
        /// How many there are.
        count: usize,
    },
    /// A row whose onset is before that of the row above, of the same recording and label.
    Unsorted {
        /// The first such line.
        line: u64,
    },
    /// Positive marks of the same recording and label that overlap.
    Overlapping {
        /// The first of them that starts inside another.
        line: u64,
        /// The other.
        inside: u64,
        /// How many start inside another.
        count: usize,
    },
}

impl fmt::Display for MarkWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "is empty"),
            Self::Encoding { name } => {
                write!(f, "is neither UTF-8 nor UTF-16, and was read as {name}")
            }
            Self::Unused { columns } => write!(f, "not used: {}", listed(columns)),
            Self::MayBeLabel { columns, label } => {
                let columns = listed(columns);
                match label {
                    Some(label) => write!(
                        f,
                        "the label is `{label}`; not used, though it may tell events apart: {columns}"
                    ),
                    None => write!(
                        f,
                        "no label is used, though one of these may tell events apart: {columns}; call the right one `Annotation`"
                    ),
                }
            }
            Self::UnclearBand {
                columns: [low, high],
            } => write!(
                f,
                "not used, as they may be Hz or kHz: `{low}`, `{high}`; call them `Low Freq (Hz)`, `High Freq (Hz)` or with `(kHz)`"
            ),
            Self::ThroughFiles {
                recordings: [first, second],
            } => write!(
                f,
                "the times of `{second}` may count from the start of `{first}`, as they go on where those end and there is no column `File Offset (s)`: if so, save the table with that column"
            ),
            Self::NoLength { line, count } => {
                write!(f, "line {line}: ends where it starts")?;
                match count {
                    0 | 1 => Ok(()),
                    _ => write!(f, ", and {} more do", count - 1),
                }
            }
            Self::Unsorted { line } => {
                write!(
                    f,
                    "line {line}: starts before the line above; order does not matter"
                )
            }
            Self::Overlapping {
                line,
                inside,
                count,
            } => {
                write!(f, "line {line}: overlaps the event of line {inside}")?;
                match count {
                    0 | 1 => Ok(()),
                    _ => write!(f, ", and {} more do", count - 1),
                }
            }
        }
    }
}

/// Whether the times of several files, in the order of the table, may count on from file to file: they never step back, and
/// no file starts before the one before ends.
pub(super) fn through_files(events: &[MarkedEvent]) -> Option<MarkWarning> {
    let mut of_files: Vec<(&str, f64)> = Vec::new();
    let mut last_onset = 0.0;
    for event in events {
        let name = event.recording.as_deref()?;
        let is_known = of_files.iter().any(|(known, _)| *known == name);
        match of_files.last_mut() {
            _ if event.span.onset() < last_onset => return None,
            Some((file, end)) if *file == name => *end = end.max(event.span.offset()),
            Some((_, end)) if is_known || event.span.onset() < *end => return None,
            _ => of_files.push((name, event.span.offset())),
        }
        last_onset = event.span.onset();
    }
    match of_files[..] {
        [(first, _), (second, _), ..] => Some(MarkWarning::ThroughFiles {
            recordings: [first, second].map(str::to_owned),
        }),
        _ => None,
    }
}

/// The events that are about the same thing, in the order of their lines.
type Group<'a> = Vec<&'a MarkedEvent>;

/// Looks for rows out of order and for overlapping marks, among those of the same recording and label.
pub(super) fn find_oddities(events: &[MarkedEvent]) -> Vec<MarkWarning> {
    let mut groups: BTreeMap<_, Group> = BTreeMap::new();
    for event in events {
        let key = (event.recording.as_deref(), event.label.as_deref());
        groups.entry(key).or_default().push(event);
    }
    let unsorted = groups.values().filter_map(first_unsorted).min();
    let unsorted = unsorted.map(|line| MarkWarning::Unsorted { line });
    let overlaps: Vec<_> = groups.into_values().flat_map(overlaps).collect();
    let first = overlaps.iter().min();
    let overlapping = first.map(|&(line, inside)| MarkWarning::Overlapping {
        line,
        inside,
        count: overlaps.len(),
    });
    unsorted.into_iter().chain(overlapping).collect()
}

fn first_unsorted(group: &Group) -> Option<u64> {
    let pairs = group.windows(2);
    pairs
        .filter_map(|pair| match pair {
            [above, below] if below.span.onset() < above.span.onset() => Some(below.line),
            _ => None,
        })
        .next()
}

/// Each positive that starts before another has ended, with that one.
fn overlaps(mut group: Group) -> Vec<(u64, u64)> {
    group.retain(|event| event.mark == Mark::Positive);
    group.sort_by(|a, b| a.span.onset().total_cmp(&b.span.onset()));
    let mut last: Option<&MarkedEvent> = None; // of those so far, the one that ends last
    let mut found = Vec::new();
    for event in group {
        match last {
            Some(other) if event.span.onset() < other.span.offset() => {
                found.push((event.line, other.line));
            }
            _ => {}
        }
        if last.is_none_or(|other| event.span.offset() > other.span.offset()) {
            last = Some(event);
        }
    }
    found
}

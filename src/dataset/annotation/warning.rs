//! What is odd about a table of marks.

use super::{Mark, MarkedEvent};
use std::{collections::BTreeMap, fmt};

/// What is odd about a table of marks, and no reason to refuse it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MarkWarning {
    /// Not one byte: read as a table of no events.
    Empty,
    /// Neither UTF-8 nor UTF-16: read as Latin-1, so that letters beyond ASCII may be wrong.
    Encoding,
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
        match *self {
            Self::Empty => write!(f, "is empty"),
            Self::Encoding => write!(f, "is neither UTF-8 nor UTF-16, and was read as Latin-1"),
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

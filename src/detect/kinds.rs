//! The kinds of event that a detector learns, over all its recordings.

use super::MarkedRecording;
use std::collections::BTreeSet;

/// The labels of the kinds, each once and in order; `None` is that of marks without one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kinds(Vec<Option<String>>);

impl Kinds {
    /// Those of some recordings. Where each has marks of one kind, marks without a label are of the only label that others
    /// have.
    pub(super) fn of<'a>(marked: impl Iterator<Item = &'a MarkedRecording>) -> Self {
        let (mut labels, mut has_one_each) = (BTreeSet::new(), true);
        for marked in marked {
            let kinds = marked.support.kinds();
            has_one_each &= kinds.len() == 1;
            labels.extend(kinds.iter().map(|kind| kind.label.clone()));
        }
        if has_one_each && labels.len() == 2 {
            labels.remove(&None::<String>);
        }
        Self(labels.into_iter().collect())
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The number of the kind that marks of this label are of.
    pub(super) fn number(&self, label: Option<&str>) -> usize {
        let own = self.0.iter().position(|own| own.as_deref() == label);
        own.unwrap_or(0)
    }

    pub(super) fn into_labels(self) -> Vec<Option<String>> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{LabelChoice, ShotChoice, parse_marks};

    fn marked(table: &str) -> MarkedRecording {
        let all = ShotChoice {
            label: LabelChoice::All,
            ..ShotChoice::default()
        };
        let marks = parse_marks("a.csv".as_ref(), table.as_bytes()).unwrap();
        MarkedRecording {
            path: "a.wav".into(),
            channel: None,
            time_scale: None,
            support: marks.support("a.wav".as_ref(), 10.0, &all).unwrap(),
        }
    }

    fn kinds(tables: &[&str]) -> Kinds {
        let recordings: Vec<_> = tables.iter().map(|table| marked(table)).collect();
        Kinds::of(recordings.iter())
    }

    #[test]
    fn a_label_is_one_kind_in_all_recordings() {
        let kinds = kinds(&["1,2,wren\n3,4,robin\n", "1,2,owl\n3,4,wren\n"]);
        assert_eq!(kinds.len(), 3);
        let numbers = ["owl", "robin", "wren"].map(|label| kinds.number(Some(label)));
        assert_eq!(numbers, [0, 1, 2]);
    }

    #[test]
    fn marks_without_label_are_of_the_only_label_of_others() {
        let one = kinds(&["1,2\n3,4\n", "1,2,wren\n"]);
        assert_eq!((one.number(None), one.number(Some("wren"))), (0, 0));
        assert_eq!(one.into_labels(), [Some("wren".to_owned())]);
        let two = kinds(&["1,2\n3,4\n", "1,2,wren\n3,4,robin\n"]);
        assert_eq!((two.len(), two.number(None)), (3, 0));
    }
}

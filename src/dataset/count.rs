//! How many clips have what in common.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// How many clips have a value: a class, a fold, a sample rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count<T> {
    /// What they have in common.
    pub of: T,
    /// Clips with it.
    pub clips: usize,
}

/// One count for each value, ascending.
pub(super) fn counts<T: Ord>(values: impl Iterator<Item = T>) -> Vec<Count<T>> {
    let mut counts = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_insert(0) += 1;
    }
    let counts = counts.into_iter();
    counts.map(|(of, clips)| Count { of, clips }).collect()
}

/// A count as it stands in a file: what is counted has the name of its kind.
struct Named<'a, T> {
    kind: &'static str,
    count: &'a Count<T>,
}

impl<T: Serialize> Serialize for Named<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Count", 2)?;
        fields.serialize_field(self.kind, &self.count.of)?;
        fields.serialize_field("clips", &self.count.clips)?;
        fields.end()
    }
}

/// Writers of lists of counts, by what is counted.
pub(super) mod written {
    use super::*;

    fn as_kind<T: Serialize, S: Serializer>(
        kind: &'static str,
        counts: &[Count<T>],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(counts.iter().map(|count| Named { kind, count }))
    }

    macro_rules! kinds {
        ($($kind:ident),+) => {
            $(
                pub(in crate::dataset) fn $kind<T: Serialize, S: Serializer>(
                    counts: &[Count<T>],
                    serializer: S,
                ) -> Result<S::Ok, S::Error> {
                    as_kind(stringify!($kind), counts, serializer)
                }
            )+
        };
    }

    kinds!(value, class, fold, split, subset);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct File {
        #[serde(serialize_with = "written::fold")]
        folds: Vec<Count<u32>>,
    }

    #[test]
    fn counts_ascend_and_are_written_by_kind() {
        let folds = counts([2, 1, 2].into_iter());
        assert_eq!(folds[1], Count { of: 2, clips: 2 });
        let file = serde_json::to_string(&File { folds }).unwrap();
        let expected = r#"{"folds":[{"fold":1,"clips":1},{"fold":2,"clips":2}]}"#;
        assert_eq!(file, expected);
    }
}

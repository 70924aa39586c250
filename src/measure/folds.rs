//! Which folds are scored.

use std::str::FromStr;

use crate::corpus::Corpus;
use crate::dataset::Dataset;
use crate::encoder::ModelCard;

/// Which folds are to be scored; the others still train.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Folds {
    /// All that the encoder's training leaves to score: those that it never used, if it used the others; of an official
    /// split the last part; else every fold.
    All,
    /// These.
    Only(Vec<u32>),
}

impl FromStr for Folds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::All);
        }
        let folds = text.split(',').map(|fold| fold.trim().parse());
        let folds = folds.collect::<Result<_, _>>();
        folds
            .map(Self::Only)
            .map_err(|_| "must be `all` or fold numbers such as 1,2".to_owned())
    }
}

impl Folds {
    /// The folds of a task with the folds `known`; `None`: all.
    pub(super) fn scored(
        &self,
        corpus: &Corpus,
        card: &ModelCard,
        known: &[u32],
    ) -> Option<Vec<u32>> {
        let trained_on = &card.provenance;
        let has_left_out = trained_on.datasets.contains(&corpus.dataset.name);
        match (self, trained_on.excluded_folds.as_slice()) {
            (Self::Only(folds), _) => Some(folds.clone()),
            (Self::All, unused) if !unused.is_empty() && has_left_out => Some(unused.to_vec()),
            (Self::All, _) if corpus.by_split => split_scored(known).map(|fold| vec![fold]),
            (Self::All, _) => None,
        }
    }
}

/// Of the parts of an official split that are there, as folds, the one that is scored; none where they are folds of another
/// kind, dealt from a single part.
pub(super) fn split_scored(known: &[u32]) -> Option<u32> {
    let last = known.iter().max().copied();
    last.filter(|&last| last <= Dataset::TEST_FOLD)
}

/// What a part of an official split is called, given its fold.
pub(super) fn split_part(fold: u32) -> &'static str {
    match fold {
        1 => "train",
        2 => "validation",
        _ => "test",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_are_read_as_they_are_typed() {
        assert_eq!("all".parse(), Ok(Folds::All));
        assert_eq!("1, 3".parse(), Ok(Folds::Only(vec![1, 3])));
        assert!("first".parse::<Folds>().is_err());
    }

    #[test]
    fn of_a_split_the_last_part_is_scored() {
        assert_eq!(split_scored(&[1, 2]), Some(2));
        assert_eq!(split_scored(&[1, 2, 3]), Some(3));
        assert_eq!(split_scored(&[1, 2, 3, 4, 5]), None, "dealt");
    }
}

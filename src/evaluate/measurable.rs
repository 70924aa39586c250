//! Whether a task can tell encoders apart at all.

use std::collections::BTreeSet;

use super::{Label, Task};

/// Classes that are named; of more, the number is told.
const NAMED: usize = 5;

impl<L: Label> Task<L> {
    /// What makes scores of this task say less than they seem to, each as a sentence; nothing for a task that can be measured.
    pub fn remarks(&self) -> Vec<String> {
        let all: Vec<usize> = (0..self.clips()).collect();
        if let Some(heard) = self.same_everywhere(&all) {
            return vec![format!(
                "all {} clips are {heard}: there is nothing to tell apart, so that every encoder is right, and the scores say \
                 nothing",
                all.len()
            )];
        }
        let scored = self.scored_folds().to_vec();
        let of_one = scored.iter().filter_map(|&fold| {
            let training = self.clips_where(|other| other != fold);
            let heard = self.same_everywhere(&training)?;
            Some(format!(
                "fold {fold} is predicted from clips that are all {heard}: nothing tells classes apart there"
            ))
        });
        let mut remarks: Vec<String> = of_one.collect();
        let tested: Vec<usize> = scored
            .iter()
            .flat_map(|&fold| self.clips_in(fold))
            .collect();
        if let Some(heard) = self.same_everywhere(&tested) {
            remarks.push(format!(
                "all {} scored clips are {heard}: who always says so is right",
                tested.len()
            ));
        }
        remarks.extend(self.unlearned());
        remarks
    }

    /// If these clips all have the same classes: words for the classes, to end a sentence. Otherwise `None`.
    fn same_everywhere(&self, clips: &[usize]) -> Option<String> {
        let labels = self.labels();
        let first = labels[*clips.first()?].classes();
        let same = clips.iter().all(|&clip| labels[clip].classes() == first);
        same.then(|| match first {
            [] => "without any class".to_owned(),
            classes => format!("of {}", self.named(classes)),
        })
    }

    /// A remark on scored clips whose classes no clip outside their fold has.
    fn unlearned(&self) -> Option<String> {
        let (mut of, mut lost, mut tested) = (BTreeSet::new(), 0, 0);
        for &fold in self.scored_folds() {
            let training = self.clips_where(|other| other != fold);
            let learned: BTreeSet<usize> = self.classes_of(&training).collect();
            for clip in self.clips_in(fold) {
                let classes = self.labels()[clip].classes().iter().copied();
                let new: Vec<usize> = classes.filter(|class| !learned.contains(class)).collect();
                tested += 1;
                lost += usize::from(!new.is_empty());
                of.extend(new);
            }
        }
        let classes: Vec<usize> = of.into_iter().collect();
        (lost > 0).then(|| {
            format!(
                "{lost} of {tested} scored clips are of classes that no clip outside their fold is of ({}): what was never \
                 learned cannot be recognised, so they count as wrong whatever the encoder; give each class clips in several folds",
                self.named(&classes)
            )
        })
    }

    fn classes_of(&self, clips: &[usize]) -> impl Iterator<Item = usize> {
        clips
            .iter()
            .flat_map(|&clip| self.labels()[clip].classes().to_vec())
    }

    /// The names of classes, the first of many.
    fn named(&self, classes: &[usize]) -> String {
        let names: Vec<String> = (classes.iter().take(NAMED))
            .map(|&class| format!("`{}`", self.classes()[class]))
            .collect();
        let names = names.join(", ");
        match classes.len().saturating_sub(NAMED) {
            0 => names,
            more => format!("{names} and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(classes: usize, labels: Vec<usize>, folds: Vec<u32>) -> Task {
        let names = (0..classes).map(|class| format!("c{class}"));
        Task::new("t", names.collect(), labels, folds).unwrap()
    }

    #[test]
    fn a_task_of_two_classes_in_every_fold_needs_no_remark() {
        let ten = task(
            2,
            (0..20).map(|n| n % 2).collect(),
            (0..20).map(|n| n / 4 + 1).collect(),
        );
        assert!(ten.remarks().is_empty());
    }

    #[test]
    fn one_class_says_nothing() {
        let remarks = task(2, vec![1; 6], vec![1, 1, 2, 2, 3, 3]).remarks();
        assert_eq!(remarks.len(), 1);
        assert!(
            remarks[0].starts_with("all 6 clips are of `c1`"),
            "{remarks:?}"
        );
    }

    #[test]
    fn classes_of_one_clip_cannot_be_learned() {
        let remarks = task(5, (0..5).collect(), (1..=5).collect()).remarks();
        let [told] = &remarks[..] else {
            panic!("{remarks:?}")
        };
        assert!(
            told.starts_with("5 of 5 scored clips are of classes"),
            "{told}"
        );
        assert!(told.contains("`c0`, `c1`, `c2`, `c3`, `c4`"), "{told}");
    }

    #[test]
    fn folds_of_one_class_are_told_where_they_teach_and_where_they_test() {
        // Fold 2 is learned from class 0 alone; tested alone, fold 1 is class 0 alone.
        let folds = task(2, vec![0, 0, 0, 1], vec![1, 1, 2, 2]);
        let remarks = folds.clone().scoring_only(&[1]).unwrap().remarks();
        assert!(
            remarks[0].starts_with("all 2 scored clips are of `c0`"),
            "{remarks:?}"
        );
        let remarks = folds.scoring_only(&[2]).unwrap().remarks();
        assert!(
            remarks[0].starts_with("fold 2 is predicted from clips that are all of `c0`"),
            "{remarks:?}"
        );
        assert!(remarks[1].starts_with("1 of 2 scored clips"), "{remarks:?}");
    }

    #[test]
    fn clips_of_several_classes_may_share_one_but_not_all() {
        let tags = |labels: Vec<Vec<usize>>| {
            let names = vec!["a".to_owned(), "b".to_owned()];
            Task::new("t", names, labels, vec![1, 1, 2, 2])
                .unwrap()
                .remarks()
        };
        assert!(tags(vec![vec![0], vec![], vec![0], vec![]]).is_empty());
        assert!(tags(vec![vec![]; 4])[0].contains("without any class"));
    }
}
